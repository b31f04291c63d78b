"""Delegation to an IPAM plugin, tried with one of our own that writes down how it was called. The specification's section 4."""

import json

from .facts import QUALITY, expect, fact, number
from .trial import container

WHERE = "1.1.0 §4"
PLACE = "/run/conformance"
# Keeps every call's verb, variables and configuration; fails the verb named in the file `fail`.
PLUGIN = """#!/bin/sh
n=$(ls {place} | wc -l)
cat > {place}/$n.stdin
env | grep ^CNI_ > {place}/$n.env
echo heard by the delegate >&2
if [ "$(cat {place}-fail 2>/dev/null)" = "$CNI_COMMAND" ]; then
  echo '{{"cniVersion": "{version}", "code": {code}, "msg": "the delegate will not"}}'
  exit 1
fi
[ "$CNI_COMMAND" != ADD ] || echo '{result}'
"""


class Delegate:
    """The recording IPAM plugin in the trial's node. `code` is what it fails with, where it is to fail."""

    def __init__(self, trial, code=None):
        self.trial = trial
        trial.with_ipam()
        ip = {"address": "198.51.100.7/24", "gateway": "198.51.100.1"}
        if number(trial.version) < (1, 0, 0):
            ip["version"] = "4"
        result = {"cniVersion": trial.version, "ips": [ip], "routes": [{"dst": "0.0.0.0/0"}],
                  "dns": {"nameservers": ["198.51.100.53"]}}
        trial.node.run("mkdir", "-p", PLACE, PLACE + "-bin")
        text = PLUGIN.format(place=PLACE, version=trial.version, code=code or (50 if number(trial.version) >= (1, 1, 0) else 11),
                             result=json.dumps(result))
        trial.node.run("tee", f"{PLACE}-bin/recorder", input=text)
        trial.node.run("chmod", "+x", f"{PLACE}-bin/recorder")
        self.env = {"CNI_PATH": f"/nowhere:{PLACE}-bin:{trial.network.path}"}
        self.conf = trial.with_ipam(type="recorder")
        trial.node.pod("p1")

    def call(self, verb, **more):
        return self.trial.call(verb, {**self.conf, **more}, container("p1"), "/run/netns/p1", "eth0", env=self.env)

    def add(self):
        return self.call("ADD").must_succeed().document()

    def fail(self, verb):
        self.trial.node.run("tee", PLACE + "-fail", input=verb + "\n")

    def calls(self, verb=None):
        """[(variables, configuration)] of the calls so far."""
        out = []
        names = sorted({n.split(".")[0] for n in self.trial.node.run("ls", PLACE).stdout.split()}, key=int)
        for name in names:
            env = dict(line.split("=", 1) for line in self.trial.node.run("cat", f"{PLACE}/{name}.env").stdout.splitlines())
            if verb in (None, env["CNI_COMMAND"]):
                out.append((env, self.trial.node.run("cat", f"{PLACE}/{name}.stdin").stdout))
        return out


@fact("delegation.result", "ADD", "the address that the IPAM plugin gives is the result's and the pod's", WHERE)
def result(trial):
    delegate = Delegate(trial)
    document = delegate.add()
    addresses = [ip["address"].split("/")[0] for ip in document["ips"]]
    expect(addresses == ["198.51.100.7"], f"the addresses are {addresses}, not the 198.51.100.7 that was given")
    expect("198.51.100.7" in [a for a, _ in trial.node.addresses("eth0", "p1")], "the pod does not have it")


@fact("delegation.same-call", "ADD", "the IPAM plugin gets the same variables and the complete configuration", WHERE)
def same_call(trial):
    delegate = Delegate(trial)
    delegate.add()
    calls = delegate.calls()
    expect(len(calls) == 1, f"it was called {len(calls)} times")
    env, text = calls[0]
    wanted = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": container("p1"), "CNI_NETNS": "/run/netns/p1", "CNI_IFNAME": "eth0",
              **delegate.env}
    for name, value in wanted.items():
        expect(env.get(name) == value, f"{name} was {env.get(name)!r}, not {value!r}")
    expect(json.loads(text) == delegate.conf, f"its configuration was {text}")


@fact("delegation.dns", "ADD", "the dns that the IPAM plugin gives is the result's", "0.4.0 Result", only=("0.3.1", "0.4.0"))
def dns(trial):
    got = Delegate(trial).add().get("dns")
    expect((got or {}).get("nameservers") == ["198.51.100.53"], f"dns is {got}")


@fact("delegation.failed-add", "ADD", "an ADD that the IPAM plugin fails is an error, and its DEL is called", WHERE)
def failed_add(trial):
    delegate = Delegate(trial)
    delegate.fail("ADD")
    delegate.call("ADD").must_fail()
    expect(delegate.calls("DEL"), "its DEL was not called")


@fact("delegation.failed-add-is-told", "ADD", "the IPAM plugin's code and message are the error's, and nothing is left",
      "runtimes, which try again after 11", kind=QUALITY)
def failed_add_is_told(trial):
    trial.add("other")
    delegate = Delegate(trial)
    delegate.fail("ADD")
    before = trial.node.snapshot()
    error = delegate.call("ADD").must_fail()
    expect("the delegate will not" in error["msg"] + error.get("details", ""), f"its message is lost: {error}")
    expect(error["code"] in (11, 50), f"its code is lost: {error}")
    trial.must_become(before)


@fact("delegation.del", "DEL", "the IPAM plugin's DEL is called, also without a namespace, and its error is DEL's", WHERE)
def forwards_del(trial):
    delegate = Delegate(trial)
    delegate.add()
    delegate.call("DEL").must_succeed()
    expect(len(delegate.calls("DEL")) == 1, f"it was called {len(delegate.calls('DEL'))} times")
    trial.node.ip("netns del p1")
    delegate.call("DEL").must_succeed()
    expect(len(delegate.calls("DEL")) == 2, "it was not called when the namespace was gone")
    delegate.fail("DEL")
    delegate.call("DEL").must_fail()


@fact("delegation.check", "CHECK", "the IPAM plugin's CHECK is called and its error is CHECK's", WHERE)
def forwards_check(trial):
    delegate = Delegate(trial)
    document = delegate.add()
    delegate.call("CHECK", prevResult=document).must_succeed()
    expect(delegate.calls("CHECK"), "it was not called")
    delegate.fail("CHECK")
    delegate.call("CHECK", prevResult=document).must_fail()


@fact("delegation.status", "STATUS", "the IPAM plugin's STATUS is called and its error is STATUS's", "1.1.0 §2 STATUS")
def forwards_status(trial):
    delegate = Delegate(trial)
    trial.call("STATUS", delegate.conf, env=delegate.env).must_succeed()
    expect(delegate.calls("STATUS"), "it was not called")
    delegate.fail("STATUS")
    trial.call("STATUS", delegate.conf, env=delegate.env).must_fail()


@fact("delegation.gc", "GC", "the IPAM plugin's GC is called with the list, and its error is reported", "1.1.0 §2 GC, §4")
def forwards_gc(trial):
    delegate = Delegate(trial)
    conf = {**delegate.conf, "cni.dev/valid-attachments": [{"containerID": "x", "ifname": "eth0"}]}
    trial.call("GC", conf, env=delegate.env).must_succeed()
    calls = delegate.calls("GC")
    expect(calls, "it was not called")
    expect(json.loads(calls[0][1]).get("cni.dev/valid-attachments") == conf["cni.dev/valid-attachments"],
           f"its configuration was {calls[0][1]}")
    delegate.fail("GC")
    trial.call("GC", conf, env=delegate.env).must_fail()


@fact("delegation.stderr", "ADD", "what the IPAM plugin says on stderr is passed on", WHERE)
def stderr(trial):
    delegate = Delegate(trial)
    answer = delegate.call("ADD").must_succeed()
    expect("heard by the delegate" in answer.err, f"stderr was {answer.err.strip()!r}")


@fact("delegation.nonsense", "ADD", "an IPAM plugin that prints no result makes ADD an error that is undone", WHERE, kind=QUALITY)
def nonsense(trial):
    trial.add("other")
    delegate = Delegate(trial)
    before = trial.node.snapshot()
    for output in ("hello", '{"cniVersion": "%s"}' % trial.version, ""):
        trial.node.run("tee", f"{PLACE}-bin/recorder", input=f"#!/bin/sh\ncat > /dev/null\necho '{output}'\n")
        delegate.call("ADD").must_fail()
        trial.must_become(before)
    expect(not trial.node.link("eth0", "p1"), "eth0 is left in the pod")
