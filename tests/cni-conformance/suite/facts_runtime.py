"""What runtimes do beside the plain calls: user namespaces, loopback at the same time, capabilities, chains."""

from .facts import QUALITY, NotApplicable, expect, fact, number
from .trial import container

CAPABILITIES = {  # CONVENTIONS.md, with the keys in the case that a runtime sends
    "portMappings": [[{"hostPort": 18080, "containerPort": 80, "protocol": "tcp", "hostIP": ""}],
                     [{"HostPort": 18081, "ContainerPort": 81, "Protocol": "tcp", "HostIP": ""}]],
    "bandwidth": [{"ingressRate": 8000000, "ingressBurst": 8000000, "egressRate": 8000000, "egressBurst": 8000000}],
    "dns": [{"servers": ["192.0.2.53"], "searches": ["example.net"], "options": ["ndots:5"]}],
    "mac": ["02:12:34:56:78:9a"],
    "aliases": [["my-container"]],
    "cgroupPath": ["/kubelet.slice/pod1"],
    "io.kubernetes.cri.pod-annotations": [{"example.net/key": "value"}],
}


@fact("runtime.user-namespace", "ADD", "a network namespace that belongs to a user namespace works like any other",
      "pods with user namespaces; rootless podman", kind=QUALITY)
def user_namespace(trial):
    trial.add("other")
    before = trial.node.snapshot()
    netns = trial.node.user_pod("p1")
    attachment = trial.add("p1", netns=netns)
    trial.still_good(attachment)
    trial.delete(attachment)
    trial.must_become(before)
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")


@fact("runtime.loopback", "ADD", "loopback's ADD may run at the same time in the same namespace", "containerd",
      kind=QUALITY)
def loopback(trial):
    program = trial.network.find("loopback")
    if not program:
        raise NotApplicable("no plugin \"loopback\" in the directories")
    for index in range(4):
        pod = f"p{index}"
        netns = trial.node.pod(pod)
        version = trial.version if number(trial.version) < (1, 1, 0) else "1.0.0"
        conf = {"cniVersion": version, "name": "cni-loopback", "type": "loopback"}
        beside = trial.start("ADD", conf, container(pod), netns, "lo", program=program)
        beside.stdin.write(beside.given)
        beside.stdin.close()
        beside.stdin = None
        attachment = trial.add(pod, make=False)
        trial.finish(beside).must_succeed()
        expect("UP" in trial.node.link("lo", pod)["flags"], "lo is down")
        trial.still_good(attachment)
        trial.delete(attachment)


@fact("runtime.capabilities", "ADD", "runtimeConfig of every capability that the configuration declares is taken, in "
      "containerd's and in CRI-O's case of letters", "1.1.0 §3 Deriving runtimeConfig; CONVENTIONS.md")
def capabilities(trial):
    declared = [c for p in trial.network.plugins for c, on in p.get("capabilities", {}).items() if on and c in CAPABILITIES]
    if not declared:
        raise NotApplicable("the configuration declares no capability that CONVENTIONS.md has a value for")
    for index in range(max(len(CAPABILITIES[c]) for c in declared)):
        config = {c: CAPABILITIES[c][min(index, len(CAPABILITIES[c]) - 1)] for c in declared}
        attachment = trial.add(f"p{index}", extra={"runtimeConfig": config})
        trial.still_good(attachment)
        trial.delete(attachment, extra={"runtimeConfig": config})


@fact("runtime.chain", "ADD", "the list works as a whole: ADD, CHECK right after it, DEL, and nothing is left",
      "1.1.0 §3")
def chain(trial):
    if len(trial.network.plugins) < 2:
        raise NotApplicable("the list has one plugin")
    trial.add("other")
    before = trial.node.snapshot()
    attachment = trial.add("p1")
    trial.still_good(attachment)
    trial.delete(attachment)
    trial.must_become(before)


@fact("runtime.cycles", "ADD", "twenty pods in a row come and go, and the last finds the node as the first did",
      "nodes that live long", kind=QUALITY)
def cycles(trial):
    trial.add("other")
    before = trial.node.snapshot()
    for index in range(20):
        trial.delete(trial.add(f"p{index}"))
        trial.node.ip(f"netns del p{index}")
    trial.must_become(before)


@fact("runtime.restart", "ADD", "the same container can be added again after its DEL", "1.1.0 §2 ADD")
def restart(trial):
    attachment = trial.add("p1")
    trial.delete(attachment)
    again = trial.add("p1", make=False)
    trial.still_good(again)
