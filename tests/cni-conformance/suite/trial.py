"""One fact's try: a node, and what a runtime does there with the network under test. Verbs go to the whole list, in the
order and with the keys of the specification's section 3, or, where a fact is about one call, to its first plugin.
"""

import copy
import hashlib
import json
import os
import subprocess
import time

from .facts import Broken, NotApplicable, expect, number
from .node import difference

PATIENCE = 60  # seconds until a verb counts as hanging
SETTLE = 1     # seconds that what the kernel finishes by itself may take


def container(name):
    """A container ID as containerd and CRI-O make them: 64 hexadecimal digits."""
    return hashlib.sha256(name.encode()).hexdigest()


class Answer:
    """How one call ended."""

    def __init__(self, what, code, out, err, seconds):
        self.what, self.code, self.out, self.err, self.seconds = what, code, out, err, seconds

    @property
    def ok(self):
        return self.code == 0

    def document(self):
        """The one JSON object on stdout."""
        try:
            document = json.loads(self.out)
        except ValueError:
            raise Broken(f"{self}: stdout is not one JSON document") from None
        expect(isinstance(document, dict), f"{self}: stdout is not a JSON object")
        return document

    def must_succeed(self):
        expect(self.ok, f"{self}")
        return self

    def must_be_silent(self):
        self.must_succeed()
        expect(not self.out.strip(), f"{self.what} succeeded but printed {self.out.strip()[:80]!r} on stdout")
        return self

    def must_fail(self, *codes, naming=()):
        """Non-zero exit and the specification's error object on stdout, with one of the codes (any when none is given)
        and each of the texts in its message."""
        expect(not self.ok, f"{self.what} succeeded")
        error = self.document()
        expect(isinstance(error.get("code"), int) and not isinstance(error["code"], bool) and error["code"] > 0,
               f"{self}: \"code\" is not a positive number")
        expect(isinstance(error.get("msg"), str) and error["msg"], f"{self}: no \"msg\"")
        expect(isinstance(error.get("details", ""), str), f"{self}: \"details\" is not a string")
        if codes:
            expect(error["code"] in codes, f"{self}: code is not {' or '.join(map(str, codes))}")
        text = error["msg"] + " " + error.get("details", "")
        for name in naming:
            expect(name in text, f"{self}: does not name {name}")
        return error

    def __str__(self):
        said = " ".join((self.out.strip() or self.err.strip() or "nothing").split())
        return f"{self.what} ended with {self.code} and said {said[:200]}"


class Attachment:
    """A container's interface as the runtime remembers it."""

    def __init__(self, pod, cid, netns, ifname, result):
        self.pod, self.cid, self.netns, self.ifname, self.result = pod, cid, netns, ifname, result

    @property
    def ips(self):
        """[("10.0.0.7", 24)] of the result."""
        return [(ip["address"].split("/")[0], int(ip["address"].split("/")[1])) for ip in self.result.get("ips", [])]

    def interfaces(self, host):
        return [i for i in self.result.get("interfaces", []) if bool(i.get("sandbox")) != host]


class Trial:
    """What a fact's function gets."""

    def __init__(self, node, network, version, supported):
        self.node, self.network, self.version, self.supported = node, network, version, supported
        self._askers = 0

    # configurations and calls -------------------------------------------------------------------------------------

    def conf(self, index=0, version=None, name=None, **more):
        """The request configuration of one plugin of the list (section 3, "Deriving request configuration")."""
        plugin = copy.deepcopy(self.network.plugins[index])
        declared = plugin.pop("capabilities", {})
        plugin.update({"cniVersion": version or self.version, "name": name or self.network.name}, **more)
        if "runtimeConfig" in plugin:
            plugin["runtimeConfig"] = {k: v for k, v in plugin["runtimeConfig"].items() if declared.get(k)}
        return plugin

    def with_ipam(self, **changes):
        """The first plugin's configuration with keys of its `ipam` changed."""
        conf = self.conf()
        if not isinstance(conf.get("ipam"), dict) or "type" not in conf["ipam"]:
            raise NotApplicable("the configuration names no ipam.type")
        conf["ipam"].update(changes)
        return conf

    def start(self, verb, conf, cid="", netns="", ifname="", program=None, env=None, without=(), **streams):
        """Starts a plugin as libcni does: all variables set, empty where they do not apply. `conf` may be bytes."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CNI_")}
        environment.update({"CNI_COMMAND": verb, "CNI_CONTAINERID": cid, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
                            "CNI_ARGS": "", "CNI_PATH": self.network.path, **(env or {})})
        for name in without:
            environment.pop(name, None)
        program = program or self.network.program(self.network.plugins[0]["type"])
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        process = subprocess.Popen(self.node.inside([program]), env=environment, start_new_session=True, **streams)
        process.given = conf if isinstance(conf, bytes) else json.dumps(conf).encode()
        process.what, process.began = verb or "no CNI_COMMAND", time.monotonic()
        return process

    def finish(self, process):
        """Waits for a started plugin; its Answer."""
        try:
            out, err = process.communicate(process.given if process.stdin else None, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            raise Broken(f"{process.what} had not ended after {PATIENCE} s") from None
        took = time.monotonic() - process.began
        return Answer(process.what, process.returncode, (out or b"").decode("utf-8", "replace"),
                      (err or b"").decode("utf-8", "replace"), took)

    def call(self, verb, conf, *args, **more):
        """One call of the first plugin, or of `program`."""
        return self.finish(self.start(verb, conf, *args, **more))

    # the runtime's operations ---------------------------------------------------------------------------------------

    def start_add(self, pod, ifname="eth0", name=None, **more):
        """Only the first plugin's ADD, started."""
        return self.start("ADD", self.conf(name=name), container(pod), f"/run/netns/{pod}", ifname, **more)

    def add(self, pod, ifname="eth0", name=None, netns=None, cid=None, make=True, extra=None, **more):
        """ADD through the list into a new pod; an Attachment. A failure is Broken."""
        if not netns:
            netns = self.node.pod(pod) if make else f"/run/netns/{pod}"
        cid, result = cid or container(pod), None
        for index, plugin in enumerate(self.network.plugins):
            conf = self.conf(index, name=name, **(extra or {}))
            if result is not None:
                conf["prevResult"] = result
            result = self.call("ADD", conf, cid, netns, ifname, program=self.network.program(plugin["type"]),
                               **more).must_succeed().document()
        return Attachment(pod, cid, netns, ifname, result)

    def delete(self, attachment, name=None, prev=True, netns=None, extra=None, **more):
        """DEL through the list, last plugin first; every one must succeed."""
        for index in reversed(range(len(self.network.plugins))):
            conf = self.conf(index, name=name, **(extra or {}))
            if prev and number(self.version) >= (0, 4, 0):
                conf["prevResult"] = attachment.result if prev is True else prev
            self.call("DEL", conf, attachment.cid, attachment.netns if netns is None else netns, attachment.ifname,
                      program=self.network.program(self.network.plugins[index]["type"]), **more).must_succeed()

    def check(self, attachment):
        """CHECK through the list; the first Answer that is an error, else the last."""
        for index, plugin in enumerate(self.network.plugins):
            conf = self.conf(index, prevResult=attachment.result)
            answer = self.call("CHECK", conf, attachment.cid, attachment.netns, attachment.ifname,
                               program=self.network.program(plugin["type"]))
            if not answer.ok:
                break
        return answer

    def still_good(self, attachment):
        """Broken unless the attachment is what ADD made it: by CHECK where the version has it, else by its addresses."""
        if number(self.version) >= (0, 4, 0):
            answer = self.check(attachment)
            expect(answer.ok, f"{attachment.pod} is damaged: {answer}")
        have = self.node.addresses(attachment.ifname, attachment.pod)
        for ip in attachment.ips:
            expect(ip in have, f"{attachment.pod} lost its address {ip[0]}")

    # what is left ---------------------------------------------------------------------------------------------------

    def must_become(self, before, pod=None, what="afterwards"):
        """Broken unless the node (or pod) is as in the snapshot, at once or when the kernel has finished."""
        end = time.monotonic() + SETTLE
        while True:
            found = difference(before, self.node.snapshot(pod))
            if not found:
                return
            expect(time.monotonic() < end, f"{what}: {found}")
            time.sleep(0.05)

    def may_have(self, address):
        """Whether a new container gets this address when it asks for it, as CONVENTIONS.md lets it ask. Removed again."""
        self._askers += 1
        pod = f"asker{self._askers}"
        self.node.pod(pod)
        conf = self.conf(args={"cni": {"ips": [address]}})
        answer = self.call("ADD", conf, container(pod), f"/run/netns/{pod}", "eth0",
                           env={"CNI_ARGS": f"IgnoreUnknown=1;IP={address}"})
        got = answer.ok and address in [ip["address"].split("/")[0] for ip in answer.document().get("ips", [])]
        self.call("DEL", self.conf(), container(pod), f"/run/netns/{pod}", "eth0")
        if answer.ok and not got:
            raise NotApplicable("the IPAM does not grant addresses that are asked for")
        return got

    def must_be_held(self, *attachments):
        """Broken when somebody else may have an address of theirs."""
        for attachment in attachments:
            for address, _ in attachment.ips:
                expect(not self.may_have(address), f"{attachment.pod}'s address {address} was given to another container")

    def must_be_free(self, *attachments):
        """Broken unless their addresses can be had again."""
        for attachment in attachments:
            for address, _ in attachment.ips:
                expect(self.may_have(address), f"{attachment.pod}'s address {address} was not given back")
