"""DEL: best effort, any number of times, with little or nothing to go by, and thorough."""

from .facts import QUALITY, NotApplicable, expect, fact, number, rows
from .trial import Attachment, container

WHERE = "1.1.0 §2 DEL"


def _gone(trial, attachment, before, addresses=True):
    """Broken unless nothing of the attachment is left. `before` was taken with another pod there, so that what a node
    has once for all pods is in it."""
    trial.must_become(before, what="on the node")
    for entry in attachment.interfaces(host=True):
        if entry["name"] not in [l[0] for l in before["links"]]:
            expect(not trial.node.link(entry["name"]), f"{entry['name']} is still on the node")
    if addresses:
        trial.must_be_free(attachment)


def _two(trial):
    """A pod that stays, the node's snapshot, and a pod to delete."""
    other = trial.add("other")
    before = trial.node.snapshot()
    return other, before, trial.add("p1")


@fact("del.after-add", "DEL", "it takes the interface, and the node and the pod are as before", WHERE)
def after_add(trial):
    trial.add("other")
    trial.node.pod("p1")
    before, inside = trial.node.snapshot(), trial.node.snapshot("p1")
    attachment = trial.add("p1", make=False)
    trial.delete(attachment)
    _gone(trial, attachment, before)
    trial.must_become(inside, "p1", what="in the pod")


@fact("del.silent", "DEL", "it prints nothing on stdout", WHERE, kind=QUALITY)
def silent(trial):
    attachment = trial.add("p1")
    trial.call("DEL", trial.conf(prevResult=attachment.result), attachment.cid, attachment.netns, "eth0").must_be_silent()


@fact("del.at-once", "DEL", "when it returns the interface's name is free in the pod, and ADD works again", WHERE)
def at_once(trial):
    attachment = trial.add("p1")
    trial.delete(attachment)
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")
    trial.add("p1", make=False)


@fact("del.first-pod-leaves-no-link", "DEL", "after the last pod's DEL the node has its links, addresses and routes of before",
      "those who uninstall it", kind=QUALITY)
def first_pod(trial):
    before = trial.node.snapshot()
    trial.delete(trial.add("p1"))
    trial.must_become({k: before[k] for k in ("links", "addresses", "routes", "neighbours", "rules")})


@fact("del.twice", "DEL", "a second and a third DEL succeed", WHERE)
def twice(trial):
    attachment = trial.add("p1")
    for _ in range(3):
        trial.delete(attachment)


@fact("del.never-added", "DEL", "it succeeds for what never was, with a namespace and without", WHERE)
def never_added(trial):
    trial.add("other")
    before = trial.node.snapshot()
    netns = trial.node.pod("p1")
    for path in (netns, "", "/run/netns/nowhere"):
        trial.delete(Attachment("p1", container("p1"), path, "eth0", {}), prev=False)
    trial.must_become(before)


@fact("del.no-netns", "DEL", "without CNI_NETNS everything is given back but what lies in the namespace", WHERE)
def no_netns(trial):
    _, before, attachment = _two(trial)
    trial.node.ip("netns del p1")
    trial.delete(attachment, netns="")
    _gone(trial, attachment, before)


@fact("del.netns-unset", "DEL", "the same when the variable is not set at all", WHERE)
def netns_unset(trial):
    _, before, attachment = _two(trial)
    trial.node.ip("netns del p1")
    trial.delete(attachment, without=("CNI_NETNS",))
    _gone(trial, attachment, before)


@fact("del.no-netns-while-it-lives", "DEL", "without CNI_NETNS, while the namespace still lives, the address is given back "
      "and no route to it is left", WHERE)
def no_netns_while_it_lives(trial):
    _, before, attachment = _two(trial)
    trial.delete(attachment, netns="")
    left = [r for r in trial.node.routes() if any(r["dst"].split("/")[0] == a for a, _ in attachment.ips)]
    expect(not left, f"still routed to the pod: {[r['dst'] for r in left]}")
    trial.must_be_free(attachment)


@fact("del.dangling-netns", "DEL", "with a CNI_NETNS that leads nowhere everything is given back", WHERE)
def dangling_netns(trial):
    _, before, attachment = _two(trial)
    trial.node.ip("netns del p1")
    trial.delete(attachment)
    _gone(trial, attachment, before)


@rows({"a-file": "/etc/passwd", "a-directory": "/run"}, "del.netns-{row}", "DEL",
      "with a CNI_NETNS that is no namespace it succeeds: {row}", WHERE, kind=QUALITY)
def netns_odd(trial, path):
    _, before, attachment = _two(trial)
    trial.node.ip("netns del p1")
    trial.delete(attachment, netns=path)
    _gone(trial, attachment, before)


@fact("del.no-prev-result", "DEL", "without prevResult everything is given back", WHERE)
def no_prev_result(trial):
    _, before, attachment = _two(trial)
    trial.delete(attachment, prev=False)
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")
    _gone(trial, attachment, before)


@fact("del.empty-prev-result", "DEL", "the same with an empty one", WHERE, since="0.4.0")
def empty_prev_result(trial):
    _, before, attachment = _two(trial)
    trial.delete(attachment, prev={"cniVersion": trial.version})
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")
    _gone(trial, attachment, before)


@fact("del.nothing-to-go-by", "DEL", "without CNI_NETNS and prevResult the address is given back", WHERE)
def nothing_to_go_by(trial):
    _, before, attachment = _two(trial)
    trial.node.ip("netns del p1")
    trial.delete(attachment, netns="", prev=False)
    _gone(trial, attachment, before)


@fact("del.link-gone", "DEL", "it succeeds when the interface is gone already", WHERE)
def link_gone(trial):
    _, before, attachment = _two(trial)
    trial.node.ip("link del eth0", "p1")
    trial.delete(attachment)
    _gone(trial, attachment, before)


@fact("del.host-link-gone", "DEL", "it succeeds when the node's end is gone already", WHERE)
def host_link_gone(trial):
    _, before, attachment = _two(trial)
    mine = [i["name"] for i in attachment.interfaces(host=True) if i["name"] not in [l[0] for l in before["links"]]]
    if not mine:
        raise NotApplicable("the result names no link of the node that is this pod's own")
    trial.node.ip(f"link del {mine[0]}")
    trial.delete(attachment)
    _gone(trial, attachment, before)


@fact("del.after-failed-add", "DEL", "it succeeds after an ADD that failed, and leaves nothing", "1.1.0 §3 Lifecycle & Ordering")
def after_failed_add(trial):
    trial.add("other")
    before = trial.node.snapshot()
    trial.node.pod("p1")
    conf = trial.conf(prevResult="not a result")
    if trial.call("ADD", conf, container("p1"), "/run/netns/p1", "eth0").ok:
        conf = trial.with_ipam(type="no-such-ipam")
        trial.node.pod("p2")
        trial.call("ADD", conf, container("p2"), "/run/netns/p2", "eth0").must_fail()
    for pod in ("p1", "p2"):
        trial.delete(Attachment(pod, container(pod), f"/run/netns/{pod}", "eth0", {}), prev=False)
    trial.must_become(before)


@fact("del.others-untouched", "DEL", "the other pods stay as they are, and keep their addresses", WHERE)
def others_untouched(trial):
    other, _, attachment = _two(trial)
    trial.delete(attachment)
    trial.still_good(other)
    trial.must_be_held(other)


@fact("del.same-container-other-interface", "DEL", "DEL of another interface name of the container leaves this one alone",
      WHERE)
def same_container(trial):
    attachment = trial.add("p1")
    trial.delete(Attachment("p1", attachment.cid, attachment.netns, "net7", {}), prev=False)
    trial.still_good(attachment)


@fact("del.same-interface-other-container", "DEL", "DEL of another container with this one's CNI_NETNS: a late call for a "
      "process that is gone takes nothing from a container that is there", "runtimes with /proc/PID paths", kind=QUALITY)
def other_container(trial):
    attachment = trial.add("p1")
    trial.delete(Attachment("p1", container("old"), attachment.netns, "eth0", {}), prev=False)
    trial.still_good(attachment)


@fact("del.name-changed", "DEL", "it succeeds when the network has another name by now, and other pods stay",
      "1.1.0 §2 DEL: best effort; edited files")
def name_changed(trial):
    other, before, attachment = _two(trial)
    trial.delete(attachment, name="renamed")
    trial.still_good(other)
    trial.node.ip("netns del p1")
    trial.must_become({k: before[k] for k in ("links", "routes")}, what="when the namespace is gone too")


@fact("del.data-dir-changed", "DEL", "it succeeds when the IPAM's dataDir is another by now; link and routes go",
      "1.1.0 §2 DEL: best effort; edited files")
def data_dir_changed(trial):
    if "dataDir" not in trial.with_ipam()["ipam"]:
        raise NotApplicable("the configuration has no ipam.dataDir")
    _, before, attachment = _two(trial)
    trial.call("DEL", {**trial.with_ipam(dataDir="/run/elsewhere"), "prevResult": attachment.result}, attachment.cid,
               attachment.netns, "eth0").must_succeed()
    trial.must_become(before)
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")


@fact("del.ipam-type-changed", "DEL", "it succeeds when ipam.type names a plugin that is not there; link and routes go",
      "edited files; pods that cannot go", kind=QUALITY)
def ipam_type_changed(trial):
    conf = trial.with_ipam(type="no-such-ipam")
    _, before, attachment = _two(trial)
    trial.call("DEL", {**conf, "prevResult": attachment.result}, attachment.cid, attachment.netns, "eth0").must_succeed()
    trial.must_become(before)
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")


@fact("del.foreign-pod", "DEL", "it succeeds for a container that another plugin wired", "nodes that change their plugin")
def foreign_pod(trial):
    trial.add("other")
    before = trial.node.snapshot()
    netns = trial.node.pod("p1")
    trial.node.ip("link add eth0 type veth peer name eth0-b", "p1")
    result = {"cniVersion": trial.version, "interfaces": [{"name": "eth0", "sandbox": netns}],
              "ips": [{"address": "198.51.100.9/24", "interface": 0,
                       **({"version": "4"} if number(trial.version) < (1, 0, 0) else {})}]}
    trial.delete(Attachment("p1", container("p1"), netns, "eth0", result))
    trial.must_become(before)


@fact("del.parallel", "DEL", "eight at once for different containers succeed and leave nothing", "1.1.0 §3 Lifecycle & Ordering")
def parallel(trial):
    trial.add("other")
    before = trial.node.snapshot()
    pods = [trial.add(f"p{i}") for i in range(8)]
    started = [trial.start("DEL", trial.conf(prevResult=a.result), a.cid, a.netns, "eth0") for a in pods]
    for process in started:
        process.stdin.write(process.given)
        process.stdin.close()
        process.stdin = None
    for process in started:
        trial.finish(process).must_succeed()
    trial.must_become(before)
