"""The pod annotation `slash32.io/ip`, as a runtime hands it in for a network with the capability."""

import pytest

from world import V4, conf, ipam

CAPABILITY = "io.kubernetes.cri.pod-annotations"


def asking(text, **more):
    annotations = {"kubernetes.io/config.seen": "2026-01-01", "Slash32.io/IP": "10.244.1.66", "slash32.io/ip": text}
    return conf("1.0.0", capabilities={CAPABILITY: True}, runtimeConfig={CAPABILITY: annotations, **more})


def test_annotated_addresses_are_granted(world):
    both = world.add("c1", "p1", asking("10.244.1.77, fd00:10:244:1::77"))
    assert both.addresses == ["10.244.1.77", "fd00:10:244:1::77"]
    one = world.add("c2", "p2", asking("10.244.1.78"))
    assert one.addresses[0] == "10.244.1.78" and one.addresses[1].startswith("fd00:10:244:1::")
    assert all(world.pings(a) for a in both.addresses + one.addresses)
    assert world.cni("CHECK", "c1", "p1", {**asking("10.244.1.77"), "prevResult": both.json}).ok


@pytest.mark.parametrize("text, code, reason", [
    ("10.244.1.1", 11, "held by container c1"), ("10.0.1.1", 7, "in none of the ranges"),
    ("192.0.2.1", 7, "in none of the ranges"), ("nonsense", 7, "/runtimeConfig/io.kubernetes.cri.pod-annotations"),
    ("10.244.1.8,10.244.1.9", 7, "at most one address of each family")])
def test_what_cannot_be_granted_is_refused_with_the_reason(world, text, code, reason):
    world.add("c1", "p1")
    before = world.snapshot()
    refused = world.cni("ADD", "c2", world.pod("p2"), asking(text))
    assert refused.json["code"] == code and reason in refused.json["msg"], refused
    assert world.snapshot() == before


def test_everything_else_that_asks_comes_first(world):
    assert world.add("c1", "p1", asking("10.244.1.77", ips=["10.244.1.80"])).addresses[0] == "10.244.1.80"
    assert world.add("c2", "p2", asking("10.244.1.77"), CNI_ARGS="IP=10.244.1.81").addresses[0] == "10.244.1.81"


def test_del_needs_no_readable_annotation(world):
    world.add("c1", "p1")
    assert world.cni("DEL", "c1", "p1", asking("nonsense")).ok


def test_the_log_tells_addresses_that_were_passed_over(world):
    world.sh("ip addr add 10.244.1.1/32 dev lo; ip route add 10.244.1.2/32 dev up0")
    assert world.add("c1", "p1", conf(section=ipam(V4))).addresses == ["10.244.1.3"]
    line = next(l for l in world.log().splitlines() if "passed over" in l)
    assert "count=2" in line and "first=10.244.1.1" in line and "container=c1" in line
