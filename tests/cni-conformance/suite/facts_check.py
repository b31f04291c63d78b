"""CHECK of what is in order, and of what it cannot know."""

from .facts import QUALITY, expect, fact, number
from .trial import container

WHERE = "1.1.0 §2 CHECK"


@fact("check.after-add", "CHECK", "right after ADD it succeeds and prints nothing", WHERE)
def after_add(trial):
    trial.check(trial.add("p1")).must_be_silent()


@fact("check.repeated", "CHECK", "it changes nothing, and succeeds again", WHERE, kind=QUALITY)
def repeated(trial):
    attachment = trial.add("p1")
    before, inside = trial.node.snapshot(), trial.node.snapshot("p1")
    for _ in range(3):
        trial.check(attachment).must_succeed()
    trial.must_become(before)
    trial.must_become(inside, "p1")


@fact("check.no-prev-result", "CHECK", "without prevResult, which it must consult, it is an error", WHERE)
def no_prev_result(trial):
    attachment = trial.add("p1")
    trial.call("CHECK", trial.conf(), attachment.cid, attachment.netns, "eth0").must_fail()


@fact("check.wrong-address", "CHECK", "a prevResult with an address that the pod does not have is an error", WHERE)
def wrong_address(trial):
    attachment = trial.add("p1")
    for entry in attachment.result["ips"]:
        entry["address"] = "203.0.113.77/32" if "." in entry["address"] else "2001:db8:77::77/128"
    trial.check(attachment).must_fail()


@fact("check.never-added", "CHECK", "a container that was never added is an error", WHERE)
def never_added(trial):
    attachment = trial.add("p1")
    netns = trial.node.pod("p2")
    result = {**attachment.result, "interfaces": [{**i, **({"sandbox": netns} if i.get("sandbox") else {})}
                                                  for i in attachment.result.get("interfaces", [])]}
    trial.call("CHECK", trial.conf(prevResult=result), container("p2"), netns, "eth0").must_fail()


@fact("check.deleted", "CHECK", "a container that was deleted is an error", WHERE)
def deleted(trial):
    attachment = trial.add("p1")
    trial.delete(attachment)
    trial.check(attachment).must_fail()


@fact("check.netns-gone", "CHECK", "a namespace that is gone is an error", WHERE)
def netns_gone(trial):
    attachment = trial.add("p1")
    trial.node.ip("netns del p1")
    trial.check(attachment).must_fail()


@fact("check.others-additions", "CHECK", "addresses, routes and links that later plugins of the chain added are tolerated",
      WHERE)
def others_additions(trial):
    attachment = trial.add("p1")
    for words in ("link add extra9 type veth peer name extra9-b", "link set extra9 up", "link set extra9-b up",
                  "addr add 198.51.100.9/24 dev extra9", "addr add 203.0.113.9/32 dev eth0",
                  "route add 203.0.113.64/26 dev extra9"):
        trial.node.ip(words, "p1")
    trial.check(attachment).must_succeed()


@fact("check.others-results", "CHECK", "a result to which later plugins added interfaces, addresses and routes is tolerated",
      WHERE)
def others_results(trial):
    attachment = trial.add("p1")
    for words in ("link add extra9 type veth peer name extra9-b", "link set extra9 up", "link set extra9-b up",
                  "addr add 198.51.100.9/24 dev extra9", "route add 203.0.113.64/26 dev extra9"):
        trial.node.ip(words, "p1")
    result = attachment.result
    result["interfaces"].append({"name": "extra9", "sandbox": attachment.netns})
    result["ips"].append({"address": "198.51.100.9/24", "interface": len(result["interfaces"]) - 1,
                          **({"version": "4"} if number(trial.version) < (1, 0, 0) else {})})
    result.setdefault("routes", []).append({"dst": "203.0.113.64/26"})
    result["dns"] = {"nameservers": ["192.0.2.53"]}
    trial.check(attachment).must_succeed()


@fact("check.other-pods-damage", "CHECK", "another pod's damage is not this one's", WHERE)
def other_pods_damage(trial):
    attachment = trial.add("p1")
    trial.add("p2")
    trial.node.ip("link del eth0", "p2")
    trial.check(attachment).must_succeed()


@fact("check.second-interface", "CHECK", "each of two interfaces of a container has its own verdict", WHERE)
def second_interface(trial):
    first = trial.add("p1")
    second = trial.add("p1", ifname="net1", make=False)
    trial.node.ip("link del net1", "p1")
    trial.check(second).must_fail()
    answer = trial.check(first)
    expect(answer.ok, f"net1 is gone, but eth0 is good: {answer}")
