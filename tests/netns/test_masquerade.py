"""`ipMasq`, `masqueradeExempt` and node.json's `masquerade`: which address a host outside sees, and whose the table is."""

import json
import subprocess

import pytest

from outside import (NODE4, NODE6, OUTSIDE4, OUTSIDE6, checked, knows_the_way_to_pods, outside, seen,  # noqa: F401
                     tellers)
from world import BIN, V4, conf, ipam

MASQ = conf(ipMasq=True)
TABLE = "slash32-masq-k8s"


def group(world, answer):
    return world.show(f"link show {answer.host_link}")[0]["group"]


def tables(world):
    return world.run("nft", "list", "tables").stdout


def test_what_a_pod_sends_outside_carries_the_nodes_address_in_both_families(world, outside):
    answer = world.add("c1", "p1", MASQ)
    assert seen(world, "p1", OUTSIDE4, OUTSIDE6) == [NODE4, NODE6]
    assert checked(world, "c1", "p1", MASQ, answer).ok
    assert world.cni("DEL", "c1", "p1", MASQ).ok
    assert "s32" not in world.ip("-br link")


def test_a_network_without_it_is_untouched_on_the_same_node(world, outside):
    world.add("c1", "p1", MASQ)
    plain = conf(name="plain", section=ipam("10.55.0.0/24", "fd55::/64"))
    answer = world.add("c2", "p2", plain)
    assert group(world, answer) == "default"
    world.sh(f"ip -n outside route add 10.55.0.0/24 via {NODE4}; ip -n outside route add fd55::/64 via {NODE6}")
    assert seen(world, "p2", OUTSIDE4, OUTSIDE6) == answer.addresses
    assert seen(world, "p1", OUTSIDE4, OUTSIDE6) == [NODE4, NODE6]


def test_pods_see_each_other_and_the_node_sees_them_as_they_are(world, tellers):
    first = world.add("c1", "p1", MASQ)
    other = world.add("c2", "p2", conf(name="other", section=ipam("10.55.0.0/24", "fd55::/64"), ipMasq=True))
    tellers.start("p2")
    assert seen(world, "p1", *other.addresses) == first.addresses
    assert all(world.pings(address, "p1") for address in ("10.0.1.1", "fd00:1::1"))


def test_exempt_destinations_see_the_pods_own_address(world, outside):
    knows_the_way_to_pods(world)
    network = {**MASQ, "masqueradeExempt": ["198.51.100.0/25", "fd02::/66"]}  # one that ends within an octet
    answer = world.add("c1", "p1", network)
    assert seen(world, "p1", OUTSIDE4, OUTSIDE6) == answer.addresses
    world.sh("ip -n outside addr add 198.51.100.130/24 dev eth0; ip -n outside addr add fd02:0:0:0:8000::2/64 dev eth0 nodad")
    assert seen(world, "p1", "198.51.100.130", "fd02:0:0:0:8000::2") == [NODE4, NODE6]


def test_the_ranges_of_the_ipam_and_of_node_json_are_exempt(world, outside):
    """Their addresses may be on other nodes: outside plays one."""
    world.run("tee", "/run/slash32/node.json", input=json.dumps(
        {"podCidrs": ["10.66.0.0/16"], "masquerade": True, "masqueradeExempt": ["10.77.0.0/16"]}))
    knows_the_way_to_pods(world)
    elsewhere = ["10.244.1.200", "10.66.0.9", "10.77.0.9"]
    for address in elsewhere:
        world.sh(f"ip -n outside addr add {address}/32 dev eth0; ip route add {address}/32 via {OUTSIDE4}")
    answer = world.add("c1", "p1")
    assert seen(world, "p1", *elsewhere) == [answer.addresses[0]] * 3
    assert seen(world, "p1", OUTSIDE4) == [NODE4]


def test_node_json_asks_for_it_where_the_conflist_says_nothing(world, outside):
    world.run("tee", "/run/slash32/node.json", input='{"podCidrs": [], "masquerade": true}')
    world.add("c1", "p1", conf())
    assert seen(world, "p1", OUTSIDE4) == [NODE4]
    answer = world.add("c2", "p2", conf(ipMasq=False))
    knows_the_way_to_pods(world)
    assert seen(world, "p2", OUTSIDE4) == answer.addresses[:1]
    assert world.cni("STATUS").ok


def test_what_comes_from_outside_to_a_pod_is_answered_under_its_own_address(world, outside, tellers):
    answer = world.add("c1", "p1", MASQ)
    knows_the_way_to_pods(world)
    tellers.start("p1")
    assert seen(world, "outside", *answer.addresses) == [OUTSIDE4, OUTSIDE6]


NODE_JSON = {"podCidrs": ["10.66.0.0/16"], "masqueradeExempt": ["198.51.100.0/24"]}


def put_node_json(world, text):
    world.run("tee", "/run/slash32/node.json", input=text)


@pytest.mark.parametrize("asked", [{"ipMasq": True}, {}])
def test_a_node_json_that_cannot_be_read_is_an_error_and_leaves_running_pods_alone(world, outside, asked):
    knows_the_way_to_pods(world)
    network = conf(mtu=1400, **asked)
    put_node_json(world, json.dumps({**NODE_JSON, "masquerade": True}))
    first = world.add("c1", "p1", network)
    assert seen(world, "p1", OUTSIDE4) == first.addresses[:1]
    world.pod("p2")
    before = world.snapshot(), world.run("nft", "-a", "list", "ruleset").stdout
    for wrong in ("{", '{"podCidrs": "10.66.0.0/16"}', '{"podCidrs": [], "masqueradeExempt": ["::/0"]}'):
        put_node_json(world, wrong)
        refused = world.cni("ADD", "c2", "p2", network)
        assert refused.json["code"] == 7 and "/run/slash32/node.json" in refused.json["msg"], refused
        assert world.cni("STATUS", network=network).json["code"] == 50
        assert (world.snapshot(), world.run("nft", "-a", "list", "ruleset").stdout) == before
        assert checked(world, "c1", "p1", network, first).ok
    assert seen(world, "p1", OUTSIDE4) == first.addresses[:1]
    world.add("c3", "p3", {**network, "ipMasq": False})  # asks nothing of the file
    assert seen(world, "p1", OUTSIDE4) == first.addresses[:1]


def test_a_node_json_that_vanishes_takes_no_exemption_from_running_pods(world, outside):
    knows_the_way_to_pods(world)
    put_node_json(world, json.dumps(NODE_JSON))
    first = world.add("c1", "p1", MASQ)
    handles = world.run("nft", "-a", "list", "ruleset").stdout
    world.run("rm", "/run/slash32/node.json")
    second = world.add("c2", "p2", MASQ)
    assert world.run("nft", "-a", "list", "ruleset").stdout == handles and "node.json is gone" in world.log()
    assert [seen(world, pod, OUTSIDE4) for pod in ("p1", "p2")] == [first.addresses[:1], second.addresses[:1]]
    assert checked(world, "c1", "p1", MASQ, first).ok and checked(world, "c2", "p2", MASQ, second).ok
    put_node_json(world, '{"podCidrs": []}')  # it is there again and says otherwise
    world.add("c3", "p3", MASQ)
    assert seen(world, "p1", OUTSIDE4) == [NODE4]


def test_an_exemption_that_the_conflist_has_no_more_goes_where_there_is_no_node_json(world, outside):
    knows_the_way_to_pods(world)
    first = world.add("c1", "p1", {**MASQ, "masqueradeExempt": ["198.51.100.0/24"]})
    assert seen(world, "p1", OUTSIDE4) == first.addresses[:1]
    world.add("c2", "p2", MASQ)
    assert seen(world, "p1", OUTSIDE4) == [NODE4]


@pytest.mark.parametrize("now", [conf(), conf(ipMasq=False), conf(ipMasq="yes", ipam=7), {**conf(), "ipMasq": True,
                                                                                        "masqueradeExempt": ["0.0.0.0/0"]}])
def test_del_removes_it_whatever_the_configuration_says_by_then(world, now):
    world.add("c0", "p0", MASQ)
    before = world.snapshot(), world.run("nft", "-s", "list", "ruleset").stdout
    world.add("c1", "p1", MASQ)
    assert world.cni("DEL", "c1", "p1", now).ok
    assert (world.snapshot(), world.run("nft", "-s", "list", "ruleset").stdout) == before


def test_a_new_pod_with_an_old_pods_address_is_not_masqueraded_by_its_leavings(world, outside):
    network = {**MASQ, "ipam": ipam("10.244.1.0/30", coolDown=0)}
    world.add("c1", "p1", network)
    world.ip("netns del p1")  # no DEL: the link goes with the namespace
    assert world.cni("DEL", "c1").ok
    knows_the_way_to_pods(world)
    answer = world.add("c2", "p2", {**network, "ipMasq": False})
    assert seen(world, "p2", OUTSIDE4) == answer.addresses


def test_changed_exemptions_hold_for_all_pods_from_the_next_add_on(world, outside):
    knows_the_way_to_pods(world)
    first = world.add("c1", "p1", MASQ)
    assert seen(world, "p1", OUTSIDE4) == [NODE4]
    changed = {**MASQ, "masqueradeExempt": ["198.51.100.0/24"]}
    assert checked(world, "c1", "p1", changed, first).ok  # CRI-O asks with one of the two, who knows which
    world.add("c2", "p2", changed)
    assert seen(world, "p1", OUTSIDE4) == first.addresses[:1]
    assert checked(world, "c1", "p1", MASQ, first).ok


def test_the_table_stays_as_it_is_and_survives_being_saved_and_restored(world, outside):
    network = {**MASQ, "masqueradeExempt": ["10.0.0.0/8", "172.16.0.0/12", "192.168.7.7/32", "fd00::/8", "fd02:1::/47"]}
    answer = world.add("c1", "p1", network)
    world.run("nft", "add", "table", "inet", "mine")
    handles = world.run("nft", "-a", "list", "ruleset").stdout
    world.add("c2", "p2", network)
    assert world.run("nft", "-a", "list", "ruleset").stdout == handles, "a table that is right was made again"
    world.sh("nft list ruleset > /run/saved.nft; nft flush ruleset; nft -f /run/saved.nft")
    assert checked(world, "c1", "p1", network, answer).ok
    handles = world.run("nft", "-a", "list", "ruleset").stdout
    world.add("c3", "p3", network)
    assert world.run("nft", "-a", "list", "ruleset").stdout == handles, "restored, it was made again"
    assert seen(world, "p1", OUTSIDE4) == [NODE4]
    assert "table inet mine" in tables(world)


def test_as_many_exemptions_and_routes_as_there_may_be(world):
    world.run("tee", "/run/slash32/node.json", input=json.dumps(
        {"podCidrs": [], "masqueradeExempt": [f"10.{i}.0.0/16" for i in range(256)]}))
    network = {**MASQ, "masqueradeExempt": [f"fd00:{i:x}::/32" for i in range(256)],
               "routes": [{"dst": f"10.9.{i}.0/24"} for i in range(128)]}
    answer = world.add("c1", "p1", network)
    assert world.run("nft", "list", "table", "inet", TABLE).stdout.count("return") == 1 + 512 + 2  # and the IPAM's ranges
    assert len(world.show("-4 route show", "p1")) == 128 + 2
    assert checked(world, "c1", "p1", network, answer).ok


def test_a_damaged_table_is_told_by_check_and_mended_by_the_next_add(world):
    answer = world.add("c1", "p1", MASQ)
    chain = f"inet {TABLE} pods-leaving"
    for damage in (f"nft delete table inet {TABLE}", f"nft flush chain {chain}",
                   f"nft flush chain {chain}; nft add rule {chain} iifgroup 7 masquerade fully-random"):
        world.sh(damage)
        told = checked(world, "c1", "p1", MASQ, answer)
        assert not told.ok and f"nftables table inet {TABLE}" in told.json["msg"]
        assert not checked(world, "c1", "p1", conf(), answer).ok, "the pod's link says that it is masqueraded"
        world.cni("DEL", "c2", "")
        world.run("ip", "netns", "del", "p2", check=False)
        world.add("c2", "p2", MASQ)
        assert checked(world, "c1", "p1", MASQ, answer).ok
    world.ip(f"link set {answer.host_link} group 0")
    assert "not masqueraded" in checked(world, "c1", "p1", MASQ, answer).json["msg"]


def test_a_table_of_that_name_that_is_not_ours_is_never_touched(world):
    world.run("nft", "add", "table", "inet", TABLE)
    world.add("c0", "p0")  # without ipMasq nobody looks
    world.pod("p1")
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1", MASQ)
    assert answer.json["code"] == 999 and f"is not ours: remove it with nft delete table inet {TABLE}" in answer.json["msg"]
    assert "since Linux 5.10" in answer.json["details"], "where an older kernel lost the mark of ours"
    assert world.snapshot() == before and f"table inet {TABLE}" in tables(world)


def test_without_it_add_and_del_call_the_kernel_no_more_often(world):
    """DEL of a masqueraded pod makes the calls of any other's; so does an ADD that says false. IPv4 alone: how often ADD
    looks whether the kernel has taken an IPv6 address is the kernel's affair."""
    v4 = {"section": ipam(V4)}

    def calls(verb, cid, pod, network):
        words = ["strace", "-f", "-qq", "-o", "/run/trace", "-e", "trace=socket,openat,sendto,setns", f"{BIN}/slash32"]
        done = subprocess.run(world.inside(*words), input=json.dumps(network), text=True, capture_output=True, timeout=60,
                              env=world.environment(verb, cid, f"/run/netns/{pod}"))
        assert done.returncode == 0, done.stdout
        trace = world.run("cat", "/run/trace").stdout
        # DEL looks for the link's name by sockets of another family, as often as the kernel lets it wait.
        return {call: trace.count(f" {call}") for call in ("openat(", "sendto(", "setns(", "socket(AF_NETLINK")}

    for pod in ("p0", "p1", "p2"):
        world.pod(pod)
    world.add("warm", "warm", MASQ)  # both tables stand
    world.add("warm4", "warm4", conf(ipMasq=True, **v4))
    plain = calls("ADD", "c0", "p0", conf(**v4))
    off = conf(ipMasq=False, routes=[], hostSysctl={}, masqueradeExempt=["10.0.0.0/8"], **v4)
    assert calls("ADD", "c1", "p1", off) == plain
    more = calls("ADD", "c2", "p2", conf(ipMasq=True, **v4))
    assert more["socket(AF_NETLINK"] == plain["socket(AF_NETLINK"] + 1
    assert calls("DEL", "c0", "p0", MASQ) == calls("DEL", "c2", "p2", MASQ) == calls("DEL", "c1", "p1", MASQ)
