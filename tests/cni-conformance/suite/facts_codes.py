"""What an error's number promises a runtime, for the codes that no input provokes in every plugin: 2, 3, 11 and 51. Where
the plugin gives the code by itself, its promise is tried; where not, that an IPAM plugin's code reaches the runtime.
"""

from .facts import QUALITY, NotApplicable, expect, fact, number, rows
from .facts_delegation import Delegate
from .facts_del import _gone
from .trial import container

WHERE = "1.1.0 §5 Error"
ODD_FIELDS = {"fluxCapacitor": "gigawatts-1210", "mtu": "gigawatts-1210", "dns": "gigawatts-1210",
              "capabilities": "gigawatts-1210", "runtimeConfig": {"fluxCapacitor": "gigawatts-1210"}}


def _code(answer):
    """The code of an error; None for a success."""
    return None if answer.ok else answer.must_fail()["code"]


@fact("code.2-names-key-and-value", "ADD", "error 2, a field that is not supported, names the field's key and its value",
      f"{WHERE} 2")
def unsupported_field(trial):
    tried = []
    configurations = {key: trial.conf(**{key: value}) for key, value in ODD_FIELDS.items()}
    if isinstance(trial.conf().get("ipam"), dict):
        configurations["fluxCapacitor of ipam"] = trial.with_ipam(fluxCapacitor="gigawatts-1210")
    for index, (key, conf) in enumerate(configurations.items()):
        answer = trial.call("ADD", conf, container(f"p{index}"), trial.node.pod(f"p{index}"), "eth0")
        tried.append(_code(answer))
        if tried[-1] == 2:
            answer.must_fail(2, naming=(key.split()[0], "gigawatts-1210"))
    if 2 not in tried:
        raise NotApplicable(f"no field that was tried is error 2 to it, but {sorted({str(c) for c in tried if c})}")


def _without(trial, pod):
    """Calls for a container that is not there: {what: Answer}."""
    calls = {"ADD into a namespace that is not there": trial.call("ADD", trial.conf(), container(pod), "/run/netns/nowhere",
                                                                   "eth0")}
    if number(trial.version) >= (0, 4, 0):
        interface = {"name": "eth0", "sandbox": f"/run/netns/{pod}"}
        previous = {"cniVersion": trial.version, "interfaces": [interface], "ips": []}
        calls["CHECK of what was never added"] = trial.call("CHECK", trial.conf(prevResult=previous), container(pod),
                                                            trial.node.pod(pod), "eth0")
    return calls


@fact("code.3-needs-no-cleanup", "ADD", "error 3, a container that is not known, leaves nothing for a DEL to clean up",
      f"{WHERE} 3", since="0.4.0")
def unknown_container(trial):
    trial.add("other")
    before = trial.node.snapshot()
    codes = {what: _code(answer) for what, answer in _without(trial, "p1").items()}
    if 3 not in codes.values():
        raise NotApplicable("; ".join(f"{what} is {code}" for what, code in codes.items()))
    trial.must_become(before)


@fact("code.3-is-true", "CHECK", "where something of a container is left, an error is not 3, which tells the runtime that it "
      "need not call DEL", f"{WHERE} 3", since="0.4.0")
def known_container(trial):
    trial.add("other")
    before = trial.node.snapshot()
    attachment = trial.add("p1")
    answers = {"a second ADD": trial.call("ADD", trial.conf(), attachment.cid, attachment.netns, "eth0")}
    trial.node.ip("link del eth0", "p1")
    answers["CHECK with the link gone"] = trial.check(attachment)
    trial.node.ip("netns del p1")
    answers["CHECK with the namespace gone"] = trial.check(attachment)
    answers["ADD with the namespace gone"] = trial.call("ADD", trial.conf(), attachment.cid, attachment.netns, "eth0")
    for what, answer in answers.items():
        expect(_code(answer) != 3, f"{what} is error 3, though DEL has yet to come: {answer}")
    trial.delete(attachment)
    _gone(trial, attachment, before)


@fact("code.11-passes", "ADD", "an ADD that error 11 puts off succeeds when what was in its way is gone", f"{WHERE} 11",
      since="0.4.0")
def try_again_later(trial):
    holder = trial.add("p1")
    if not holder.ips:
        raise NotApplicable("the result has no address to be short of")
    address = holder.ips[0][0]
    conf = trial.conf(args={"cni": {"ips": [address]}})
    arguments = (conf, container("p2"), trial.node.pod("p2"), "eth0")
    env = {"CNI_ARGS": f"IgnoreUnknown=1;IP={address}"}
    answer = trial.call("ADD", *arguments, env=env)
    if answer.ok and address not in [ip["address"].split("/")[0] for ip in answer.document().get("ips", [])]:
        raise NotApplicable("the IPAM does not grant addresses that are asked for")
    expect(not answer.ok, f"{address} was given twice")
    if _code(answer) != 11:
        raise NotApplicable(f"an address that is asked for and held is {_code(answer)} to it, not 11")
    trial.delete(holder)
    again = trial.call("ADD", *arguments, env=env)
    expect(again.ok, f"{address} is free again, and still: {again}")


@fact("code.51-passes", "STATUS", "error 51, containers may be cut off, comes only while they are, and STATUS is well again "
      "afterwards", f"{WHERE} 51; §2 STATUS")
def limited(trial):
    trial.add("p1")
    trial.call("STATUS", trial.conf()).must_succeed()
    switches = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
    was = [trial.node.run("cat", switch).stdout.strip() for switch in switches]

    def turn(values):
        for switch, value in zip(switches, values):
            trial.node.run("sh", "-c", f"echo {value} > {switch}")

    if was[0] != "1":
        raise NotApplicable("ADD did not turn forwarding on: there is no simple way to cut its containers off")
    turn("00")
    code = _code(trial.call("STATUS", trial.conf()))
    turn(was)
    trial.call("STATUS", trial.conf()).must_succeed()
    if code is None:
        raise NotApplicable("its STATUS does not look at what containers have (it need not)")
    expect(code in (50, 51), f"a node that forwards nothing any more is {code} to STATUS")


CODES = {"ADD": (2, 3, 11), "CHECK": (3, 11), "DEL": (11,), "STATUS": (50, 51), "GC": (11,)}


def _is_passed_on(trial, verb, code):
    delegate = Delegate(trial, code)
    arguments, more = (container("p1"), "/run/netns/p1", "eth0"), {}
    if verb in ("CHECK", "DEL"):
        more = {"prevResult": delegate.add()}
    elif verb in ("STATUS", "GC"):
        arguments = ()
        more = {"cni.dev/valid-attachments": [{"containerID": container("other"), "ifname": "eth0"}]} if verb == "GC" else {}
    delegate.fail(verb)
    error = trial.call(verb, {**delegate.conf, **more}, *arguments, env=delegate.env).must_fail()
    expect(error["code"] == code, f"it said {code}, the runtime is told {error['code']}: {error}")
    expect("the delegate will not" in error["msg"] + error.get("details", ""), f"its message is lost: {error}")
    if code == 3:  # then no DEL need follow
        expect(verb != "ADD" or not trial.node.link("eth0", "p1"), "error 3 with eth0 left in the pod")


for command, codes in CODES.items():
    rows({str(code): (command, code) for code in codes}, f"delegation.code-{command}-{{row}}", command,
         f"the code of an IPAM plugin whose {command} fails reaches the runtime, with its message: {{row}}",
         "1.1.0 §4, §5 Error: runtimes act on the number", kind=QUALITY)(_is_passed_on)


@fact("delegation.try-again", "ADD", "an ADD that failed because the IPAM plugin said 11 succeeds when it is tried again",
      f"{WHERE} 11: the runtime should re-try", kind=QUALITY)
def delegate_tries_again(trial):
    delegate = Delegate(trial, 11)
    delegate.fail("ADD")
    for _ in range(2):
        delegate.call("ADD").must_fail(11)
    delegate.fail("nothing")
    delegate.add()
    expect("198.51.100.7" in [a for a, _ in trial.node.addresses("eth0", "p1")], "the pod has no address after all")
