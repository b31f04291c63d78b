"""ADD: what it must refuse, and what it must leave alone."""

from .facts import QUALITY, expect, fact, number
from .trial import container

WHERE = "1.1.0 §2 ADD"
FOREIGN = {"interfaces": [{"name": "first9", "sandbox": "/run/netns/p1"}],
           "ips": [{"address": "198.51.100.9/24", "interface": 0}], "dns": {"nameservers": ["198.51.100.53"]}}


@fact("add.works", "ADD", "it succeeds and prints one JSON object", WHERE)
def works(trial):
    attachment = trial.add("p1")
    expect(trial.node.link("eth0", "p1"), "there is no eth0 in the pod")
    expect(attachment.result, "the result is empty")


@fact("add.ifname-taken", "ADD", "where the interface exists already it is an error that changes nothing", WHERE)
def ifname_taken(trial):
    trial.add("other")
    netns = trial.node.pod("p1")
    trial.node.ip("link add eth0 type veth peer name eth0-b", "p1")
    before, inside = trial.node.snapshot(), trial.node.snapshot("p1")
    trial.call("ADD", trial.conf(), container("p1"), netns, "eth0").must_fail()
    trial.must_become(before, what="on the node")
    trial.must_become(inside, "p1", what="in the pod")


@fact("add.twice", "ADD", "a second ADD for the same attachment is an error and the first one stays as it is", WHERE)
def twice(trial):
    trial.add("other")
    attachment = trial.add("p1")
    before, inside = trial.node.snapshot(), trial.node.snapshot("p1")
    trial.call("ADD", trial.conf(), attachment.cid, attachment.netns, attachment.ifname).must_fail()
    trial.must_become(before, what="on the node")
    trial.must_become(inside, "p1", what="in the pod")
    trial.still_good(attachment)
    trial.must_be_held(attachment)


@fact("add.second-interface", "ADD", "the same container gets a second interface of another name", WHERE)
def second_interface(trial):
    first = trial.add("p1")
    second = trial.add("p1", ifname="net1", make=False)
    expect(not set(first.ips) & set(second.ips), f"both got {first.ips}")
    trial.still_good(first)
    trial.still_good(second)
    trial.delete(second)
    trial.still_good(first)


@fact("add.net1-alone", "ADD", "it is content to make net1 where there is no eth0", "Multus and other secondary users",
      kind=QUALITY)
def net1_alone(trial):
    attachment = trial.add("p1", ifname="net1")
    trial.still_good(attachment)
    trial.delete(attachment)


@fact("add.two-containers", "ADD", "two containers get different addresses and do not disturb each other", WHERE)
def two_containers(trial):
    first, second = trial.add("p1"), trial.add("p2")
    expect(not set(first.ips) & set(second.ips), f"both got {first.ips}")
    trial.still_good(first)
    trial.still_good(second)


@fact("add.parallel", "ADD", "eight at once for different containers succeed with different addresses",
      "1.1.0 §3 Lifecycle & Ordering")
def parallel(trial):
    pods = [f"p{i}" for i in range(8)]
    for pod in pods:
        trial.node.pod(pod)
    started = [trial.start_add(pod) for pod in pods]
    for process in started:
        process.stdin.write(process.given)
        process.stdin.close()
        process.stdin = None
    answers = [trial.finish(p) for p in started]
    addresses = [ip["address"] for a in answers for ip in a.must_succeed().document().get("ips", [])]
    expect(len(addresses) == len(set(addresses)), f"given twice: {sorted(a for a in addresses if addresses.count(a) > 1)}")


@fact("add.prev-result", "ADD", "what an earlier plugin of the chain made is in the result still",
      "1.1.0 §2 ADD, §5 ADD Success")
def prev_result(trial):
    netns = trial.node.pod("p1")
    trial.node.ip("link add first9 type veth peer name first9-b", "p1")
    before = {**FOREIGN, "cniVersion": trial.version}
    if number(trial.version) < (1, 0, 0):
        before["ips"] = [{**FOREIGN["ips"][0], "version": "4"}]
    result = trial.call("ADD", trial.conf(prevResult=before), container("p1"), netns, "eth0").must_succeed().document()
    names = [i.get("name") for i in result.get("interfaces", [])]
    expect("first9" in names, f"interface first9 of prevResult is not in the result: {names}")
    ips = {ip.get("address"): ip.get("interface") for ip in result.get("ips", [])}
    expect("198.51.100.9/24" in ips, f"address 198.51.100.9/24 of prevResult is not in the result: {list(ips)}")
    expect(names[ips["198.51.100.9/24"]] == "first9", "prevResult's address stands on another interface now")
    expect("eth0" in names, f"eth0 is not in the result: {names}")


@fact("add.failed-is-undone", "ADD", "an ADD whose IPAM plugin is missing fails and leaves nothing",
      "runtimes whose DEL gets lost", kind=QUALITY)
def failed_is_undone(trial):
    trial.add("other")
    conf = trial.with_ipam(type="no-such-ipam")
    netns = trial.node.pod("p1")
    before, inside = trial.node.snapshot(), trial.node.snapshot("p1")
    trial.call("ADD", conf, container("p1"), netns, "eth0").must_fail()
    trial.must_become(before, what="on the node")
    trial.must_become(inside, "p1", what="in the pod")


@fact("add.foreign-untouched", "ADD", "ADD and DEL leave the node's own links, addresses, routes and rules alone",
      "everybody else on the node", kind=QUALITY)
def foreign_untouched(trial):
    for words in ("link add mine0 type veth peer name mine0-b", "addr add 203.0.113.1/24 dev mine0", "link set mine0 up",
                  "link set mine0-b up",
                  "route add 203.0.113.128/25 via 203.0.113.9", "route add blackhole 198.51.100.0/24",
                  "rule add from 203.0.113.0/24 table 100", "neigh add 203.0.113.7 lladdr 02:00:00:00:00:07 dev mine0"):
        trial.node.ip(words)
    before = trial.node.snapshot()
    attachment = trial.add("p1")
    after = trial.node.snapshot()
    for part in ("links", "addresses", "routes", "neighbours", "rules"):
        lost = [entry for entry in before[part] if entry not in after[part]]
        expect(not lost, f"ADD removed or changed {part}: {lost[:2]}")
    trial.delete(attachment)
    after = trial.node.snapshot()
    for part in ("links", "addresses", "routes", "neighbours", "rules"):
        lost = [entry for entry in before[part] if entry not in after[part]]
        expect(not lost, f"DEL removed or changed {part}: {lost[:2]}")
