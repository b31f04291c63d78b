"""What real runtimes and their other plugins do beside the specification's plain calls: second interfaces, capabilities in
any case of letters, CNI_ARGS, chains with upstream's plugins, user namespaces.
"""

import json
import subprocess

import pytest

from world import FOREIGN, V4, V6, Answer, conf, ipam

SECOND = conf("1.0.0", name="other", section=ipam("10.99.0.0/24", "fd99::/64"))
CONTAINERD = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u-1"


def upstream(world, kind, verb, cid, pod, ifname="eth0", prev=None, **keys):
    """One call of a plugin of Debian's package, chained after `prev`."""
    network = {"cniVersion": "1.0.0", "name": "k8s", "type": kind, **keys, **({"prevResult": prev} if prev else {})}
    return Answer(subprocess.run(world.inside(f"{FOREIGN}/{kind}"), input=json.dumps(network), capture_output=True, text=True,
                                 timeout=60, env=world.environment(verb, cid, f"/run/netns/{pod}", ifname)))


def default_routes(world, pod):
    return [(r["dev"], family) for family in ("-4", "-6") for r in world.show(f"{family} route show default", pod)]


# ---- second interfaces

def test_a_second_interface_leaves_the_first_ones_default_route(world):
    first = world.add("c1", "p1", conf("1.0.0"))
    second = world.add("c1", "p1", SECOND, ifname="net1")
    assert default_routes(world, "p1") == [("eth0", "-4"), ("eth0", "-6")]
    assert "routes" not in second.json
    assert [ip["gateway"] for ip in second.json["ips"]] == ["169.254.1.1", "fe80::1"]
    assert world.cni("CHECK", "c1", "p1", {**SECOND, "prevResult": second.json}, ifname="net1").ok
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0"), "prevResult": first.json}).ok
    assert world.cni("DEL", "c1", "p1", SECOND, ifname="net1").ok
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0"), "prevResult": first.json}).ok
    assert all(world.pings(a) for a in first.addresses)


def test_a_third_interface_works_as_the_second(world):
    world.add("c1", "p1")
    world.add("c1", "p1", SECOND, ifname="net1")
    third = world.add("c1", "p1", conf("1.0.0", name="third"), ifname="net2")
    assert default_routes(world, "p1") == [("eth0", "-4"), ("eth0", "-6")]
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0", name="third"), "prevResult": third.json}, ifname="net2").ok


def test_a_second_interface_answers_through_itself_with_sbr_after_it(world):
    world.add("c1", "p1")
    second = world.add("c1", "p1", SECOND, ifname="net1")
    assert upstream(world, "sbr", "ADD", "c1", "p1", "net1", second.json).ok
    assert all(world.pings(a) for a in second.addresses)
    assert world.cni("CHECK", "c1", "p1", {**SECOND, "prevResult": second.json}, ifname="net1").ok


def test_net1_alone_has_the_default_route_that_the_pod_lacks(world):
    only = world.add("c1", "p1", ifname="net1")
    assert default_routes(world, "p1") == [("net1", "-4"), ("net1", "-6")]
    assert all(world.pings(a) for a in only.addresses)


def test_the_default_route_can_be_refused_and_demanded(world):
    none = world.add("c1", "p1", conf("1.0.0", defaultRoute=False))
    assert default_routes(world, "p1") == [] and "routes" not in none.json
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0", defaultRoute=False), "prevResult": none.json}).ok
    world.add("c1", "p1", {**SECOND, "defaultRoute": True}, ifname="net1")
    assert default_routes(world, "p1") == [("net1", "-4"), ("net1", "-6")]
    before = world.snapshot()
    refused = world.cni("ADD", "c1", "p1", conf(name="third", defaultRoute=True), ifname="net2")
    assert not refused.ok and "route" in refused.json["msg"]
    assert world.snapshot() == before and "net2" not in world.ip("-n p1 link")


def test_only_the_family_without_a_default_route_gets_one(world):
    world.add("c1", "p1", conf("1.0.0", section=ipam(V4)))
    second = world.add("c1", "p1", SECOND, ifname="net1")
    assert default_routes(world, "p1") == [("eth0", "-4"), ("net1", "-6")]
    assert [r["dst"] for r in second.json["routes"]] == ["::/0"]
    checked = world.cni("CHECK", "c1", "p1", {**SECOND, "prevResult": second.json}, ifname="net1")
    assert checked.ok, checked
    world.ip("-n p1 -6 route del default")
    assert "default route via fe80::1" in world.cni("CHECK", "c1", "p1", {**SECOND, "prevResult": second.json},
                                                    ifname="net1").json["msg"]
