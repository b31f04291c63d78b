"""GC releases what nobody claims, of this network only; STATUS is red only when ADD could never work."""

import pytest

from world import V4, V6, conf, ipam


def links(world):
    return {link["ifalias"].split(":")[3] for link in world.show("link") if link.get("ifalias", "").startswith("s32:")}


def attachments(*cids):
    return [{"containerID": cid, "ifname": "eth0"} for cid in cids]


@pytest.fixture
def three(world):
    """c1 and c2 of network k8s, c3 of another network."""
    world.add("c1", "p1")
    world.add("c2", "p2")
    world.add("c3", "p3", conf(name="other"))
    return world


@pytest.mark.parametrize("key", ["cni.dev/valid-attachments", "cni.dev/attachments"])
def test_gc_keeps_what_is_claimed_and_other_networks(three, key):
    assert three.cni("GC", network={**conf(), key: attachments("c1")}).ok
    assert links(three) == {"c1", "c3"}
    three.add("c4", "p4")


def test_gc_with_both_keys_keeps_their_union(three):
    network = {**conf(), "cni.dev/valid-attachments": attachments("c1"), "cni.dev/attachments": attachments("c2")}
    assert three.cni("GC", network=network).ok
    assert links(three) == {"c1", "c2", "c3"}


@pytest.mark.parametrize("nothing", [None, []])
def test_gc_of_an_empty_list_releases_all_of_this_network(three, nothing):
    assert three.cni("GC", network={**conf(), "cni.dev/valid-attachments": nothing}).ok
    assert links(three) == {"c3"}


def test_gc_without_a_list_releases_nothing(three):
    three.cni("GC", network=conf())
    assert links(three) == {"c1", "c2", "c3"}


def test_gc_with_mistakes_in_the_file_still_collects(three):
    assert three.cni("GC", network={**conf(typo=1), "cni.dev/valid-attachments": attachments("c2")}).ok
    assert links(three) == {"c2", "c3"}


def test_gc_frees_addresses_of_dead_pods(world):
    network = conf(section=ipam("10.244.1.0/30", coolDown=0))
    world.add("c1", "p1", network)
    world.add("c2", "p2", network)
    world.ip("netns del p1")
    assert world.cni("GC", network={**network, "cni.dev/valid-attachments": attachments("c2")}).ok
    world.add("c3", "p3", network)


def test_status_is_green_with_ranges_or_a_node_file_and_when_full(world):
    assert world.cni("STATUS").ok
    network = conf(section=ipam("10.244.1.0/30"))
    world.add("c1", "p1", network)
    world.add("c2", "p2", network)
    world.pod("p3")
    full = world.cni("ADD", "c3", "p3", network)
    assert full.json["code"] == 11
    assert world.cni("STATUS", network=network).ok


@pytest.mark.parametrize("network, complaint", [
    (conf(section={"type": "slash32-ipam"}), "node.json"),
    (conf(typo=1), "/typo"),
    (conf(section=ipam(V4, typo=1)), "/ipam/typo"),
    (conf(section=ipam(V4, V6, dataDir="/proc/nowhere")), "/proc/nowhere"),
    (conf(section={"type": "no-such-plugin"}), "no-such-plugin"),
    (conf(section=ipam("10.244.1.0/24", V6, ranges=[[{"subnet": "10.244.1.4/31", "exclude": ["10.244.1.4/32"]}]]), gateway={"v4": "10.244.1.5"}), "/gateway"),
    (conf(section=ipam(V4), routes=[{"dst": "2001:db8::/32"}]), "/routes/0"),
    (conf(section=ipam(V4, V6), mtu=1200), "/mtu"),
])
def test_status_is_50_when_add_cannot_work(world, network, complaint):
    answer = world.cni("STATUS", network=network)
    assert answer.code == 1 and answer.json["code"] == 50
    assert complaint in answer.json["msg"]


def test_status_stays_green_where_an_address_of_the_node_is_away_for_a_moment(world):
    assert world.cni("STATUS", network=conf(hostSource={"v4": "192.0.2.77"})).ok


def test_status_and_gc_exist_since_1_1_0(world):
    for verb in ("STATUS", "GC"):
        assert world.cni(verb, network=conf("1.0.0")).json["code"] == 1
