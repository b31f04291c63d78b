"""GC: releases what nobody claims, of this network alone. Whether an address was released shows when it is asked for."""

from .facts import QUALITY, Broken, NotApplicable, expect, fact, rows

WHERE = "1.1.0 §2 GC"
NOW, TAGGED = "cni.dev/valid-attachments", "cni.dev/attachments"
LISTS = {"valid-attachments": NOW, "attachments": TAGGED}


def _entries(*attachments):
    return [{"containerID": a.cid, "ifname": a.ifname} for a in attachments]


def _gc(trial, **keys):
    return trial.call("GC", {**trial.conf(), **keys})


def _pods(trial, *names):
    """Pods whose namespaces, but the first one's, are gone without a DEL."""
    pods = [trial.add(name) for name in names]
    for pod in pods[1:]:
        trial.node.ip(f"netns del {pod.pod}")
        trial.must_be_held(pod)
    return pods


@rows(LISTS, "gc.{row}", "GC", "what cni.dev/{row} does not name is released, and what it names stays", WHERE)
def by_list(trial, key):
    kept, lost = _pods(trial, "kept", "lost")
    _gc(trial, **{key: _entries(kept)}).must_succeed()
    trial.still_good(kept)
    trial.must_be_held(kept)
    trial.must_be_free(lost)


@fact("gc.union", "GC", "with both keys what either names stays", "1.1.0 §2 GC; its tag spec-v1.1.0", kind=QUALITY)
def union(trial):
    one, two, lost = _pods(trial, "one", "two", "lost")
    _gc(trial, **{NOW: _entries(one), TAGGED: _entries(two)}).must_succeed()
    trial.still_good(one)
    trial.must_be_held(one, two)
    trial.must_be_free(lost)


@rows({"empty": ([],), "null": (None,)}, "gc.list-{row}", "GC", "a list that is {row} releases all of this network", WHERE)
def nothing_valid(trial, nothing):
    pods = _pods(trial, "first", "lost")
    trial.node.ip("netns del first")
    _gc(trial, **{NOW: nothing}).must_succeed()
    trial.must_be_free(*pods)


@fact("gc.no-list", "GC", "without a list nothing is released, and stderr says so", "cnitool, whose gc sends none", kind=QUALITY)
def no_list(trial):
    kept, lost = _pods(trial, "kept", "lost")
    answer = _gc(trial)
    expect(answer.err.strip() or answer.out.strip(), "it said nothing")
    trial.still_good(kept)
    trial.must_be_held(lost)


@fact("gc.silent", "GC", "it prints nothing on stdout", WHERE)
def silent(trial):
    kept, _ = _pods(trial, "kept", "lost")
    _gc(trial, **{NOW: _entries(kept)}).must_be_silent()


@fact("gc.bare-environment", "GC", "needs no variable but CNI_COMMAND and CNI_PATH", WHERE)
def bare_environment(trial):
    kept = trial.add("kept")
    trial.call("GC", {**trial.conf(), NOW: _entries(kept)},
               without=("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS")).must_succeed()
    trial.still_good(kept)


@fact("gc.twice", "GC", "it succeeds again, on a node with nothing stale, and for attachments that never were", WHERE)
def twice(trial):
    kept = trial.add("kept")
    before = trial.node.snapshot()
    for _ in range(2):
        _gc(trial, **{NOW: _entries(kept) + [{"containerID": "never", "ifname": "eth0"}]}).must_succeed()
    trial.must_become(before)
    trial.still_good(kept)


@fact("gc.fresh-node", "GC", "it succeeds where there was never an ADD", WHERE)
def fresh_node(trial):
    _gc(trial, **{NOW: []}).must_succeed()


@fact("gc.other-network", "GC", "nothing of another network's name is ever released", WHERE)
def other_network(trial):
    try:
        foreign = trial.add("foreign", name="conformance-other")
    except Broken as broken:
        raise NotApplicable(f"the same configuration under another name does not work: {broken}") from broken
    _gc(trial, **{NOW: []}).must_succeed()
    for ip in foreign.ips:
        expect(ip in trial.node.addresses("eth0", "foreign"), f"it lost its address {ip[0]}")
    answer = trial.call("CHECK", trial.conf(name="conformance-other", prevResult=foreign.result), foreign.cid, foreign.netns,
                        "eth0")
    expect(answer.ok, f"a pod of another network was damaged: {answer}")


@fact("gc.by-interface", "GC", "an attachment is container and interface: another name of the same container is released", WHERE)
def by_interface(trial):
    first = trial.add("p1")
    second = trial.add("p1", ifname="net1", make=False)
    trial.node.ip("link del net1", "p1")
    _gc(trial, **{NOW: _entries(first)}).must_succeed()
    trial.still_good(first)
    trial.must_be_free(second)


@fact("gc.links", "GC", "links and routes of the node that belong to no valid attachment go too", WHERE, kind=QUALITY)
def links(trial):
    kept = trial.add("kept")
    before = trial.node.snapshot()
    trial.add("lost")
    _gc(trial, **{NOW: _entries(kept)}).must_succeed()
    trial.must_become(before)
    trial.still_good(kept)


@rows({"text": "all", "of-texts": (["p1/eth0"],), "without-ifname": ([{"containerID": "x"}],), "number": 7},
      "gc.bad-list-{row}", "GC", "a list that cannot be read ({row}) is error 6 or 7 and releases nothing",
      "1.1.0 §5 Error; live pods", kind=QUALITY)
def bad_list(trial, value):
    kept, lost = _pods(trial, "kept", "lost")
    _gc(trial, **{NOW: value}).must_fail(6, 7)
    trial.still_good(kept)
    trial.must_be_held(lost)


@fact("gc.unknown-key", "GC", "an unknown key does not hold it up", "nodes whose file was changed", kind=QUALITY)
def unknown_key(trial):
    kept, lost = _pods(trial, "kept", "lost")
    _gc(trial, fluxCapacitor="on", **{NOW: _entries(kept)}).must_succeed()
    trial.still_good(kept)
    trial.must_be_free(lost)


@fact("gc.del-afterwards", "GC", "DEL of what GC released succeeds", "1.1.0 §2 DEL")
def del_afterwards(trial):
    kept, lost = _pods(trial, "kept", "lost")
    _gc(trial, **{NOW: _entries(kept)}).must_succeed()
    trial.delete(lost)
    trial.still_good(kept)
