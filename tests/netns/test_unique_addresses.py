"""No address is held by two live pods of a node, whatever their networks, stores and IPAM plugins, and whatever became of
their routes."""

import pytest
from world import V4, V6, World, conf, ipam

STORES = {"red": "/run/red", "blue": "/run/blue"}


@pytest.fixture
def world():
    with World() as w:
        yield w


def network(name, **more):
    """One with a store of its own and the ranges that all have."""
    return conf(name=name, section=ipam(V4, V6, dataDir=STORES[name], **more))


def foreign(name):
    """The same with host-local, which sees nothing but its own files."""
    return conf("1.0.0", name=name, section={"type": "host-local", "dataDir": STORES[name], "ranges": [[{"subnet": V4}], [{"subnet": V6}]]})


def make_stores(world):
    """Both stores while there is no pod, so that neither is filled from the kernel."""
    for name in STORES:
        world.add(name, f"first-{name}", network(name))
        assert world.cni("DEL", name, f"first-{name}", network(name)).ok


def flap(world, link):
    """Takes the host end down and up, and with that its routes away."""
    world.ip(f"link set {link} down")
    world.ip(f"link set {link} up")
    assert not [r for r in world.show("route show table all") if r.get("dev") == link and r.get("table") != "local"]


def test_two_networks_with_stores_of_their_own_share_no_address_though_a_host_end_was_down_and_up(world):
    make_stores(world)
    red = world.add("a", "a", network("red"))
    flap(world, red.host_link)
    blue = world.add("b", "b", network("blue"))
    assert not set(red.addresses) & set(blue.addresses)
    assert "addresses passed over" in world.log()


def test_an_address_of_a_pod_whose_routes_are_lost_is_refused_to_another_network_that_asks_for_it(world):
    make_stores(world)
    red = world.add("a", "a", network("red"))
    flap(world, red.host_link)
    world.pod("b")
    refused = world.cni("ADD", "b", "b", network("blue"), CNI_ARGS=f"IP={red.addresses[0]}")
    assert refused.json["code"] == 11 and red.addresses[0] in refused.json["msg"]
    assert world.cni("DEL", "a", "a", network("red")).ok
    assert world.add("b", "b", network("blue"), CNI_ARGS=f"IP={red.addresses[0]}").addresses[0] == red.addresses[0]


def test_what_a_foreign_ipam_gives_twice_is_refused_though_the_first_pods_routes_are_lost(world):
    red = world.add("a", "a", foreign("red"))
    flap(world, red.host_link)
    world.pod("b")
    before = world.snapshot()
    refused = world.cni("ADD", "b", "b", foreign("blue"))
    assert refused.json["code"] == 11, refused
    assert any(address in refused.json["msg"] for address in red.addresses), refused
    assert red.host_link in refused.json["msg"] + refused.json.get("details", ""), refused
    assert world.snapshot() == before
    assert world.run("ls", "-A", STORES["blue"] + "/blue").stdout.split() == ["last_reserved_ip.0", "last_reserved_ip.1", "lock"]


def test_a_pods_link_is_found_by_its_address(world):
    answer = world.add("a", "a")
    names = world.show(f"link show {answer.host_link}")[0]["altnames"]
    four = "s32-" + "".join(f"{int(part):02x}" for part in answer.addresses[0].split("."))
    assert len(names) == 2 and four in names and all(len(name) <= 15 and name.startswith("s32-") for name in names)
    assert world.cni("DEL", "a", "a").ok
    assert world.run("ip", "link", "show", four, check=False).returncode != 0


def test_an_address_is_free_again_at_once_where_nothing_cools_down(world):
    one = conf(section=ipam("10.244.1.0/30", coolDown=0))
    for turn in range(5):
        answer = world.add(f"c{turn}", "a", one)
        assert world.cni("DEL", f"c{turn}", "a", one).ok
        again = world.add(f"d{turn}", "a", one, CNI_ARGS=f"IP={answer.addresses[0]}")
        assert again.addresses == answer.addresses
        assert world.cni("DEL", f"d{turn}", "a", one).ok
