"""What further keys of the plugin's section do: `routes`, `hostSysctl`, `allowIpForwarding`. `ipMasq` has test_masquerade.py."""

import re

import pytest

from outside import NODE4, NODE6, OUTSIDE4, OUTSIDE6, checked, knows_the_way_to_pods, outside, seen, tellers  # noqa: F401
from world import REPOSITORY, V4, V6, conf, ipam

# ---- routes

ROUTES = [{"dst": "10.8.0.0/16"}, {"dst": "10.9.0.0/16", "mtu": 1400, "advmss": 1340, "priority": 7},
          {"dst": "10.10.0.0/16", "table": 77}, {"dst": "fd08::/32", "priority": 9, "mtu": 1300},
          {"dst": "10.11.0.0/16", "gw": "169.254.1.1"}, {"dst": "10.12.0.1/32", "scope": 253},
          {"dst": "10.13.0.0/16", "gw": "10.12.0.1", "scope": 0}]


def routes_of(world, pod, family="-4", table="main"):
    return {r["dst"]: r for r in world.show(f"{family} route show table {table}", pod)}


def test_routes_are_in_the_pod_as_asked_for(world):
    answer = world.add("c1", "p1", conf(routes=ROUTES))
    v4, v6, other = routes_of(world, "p1"), routes_of(world, "p1", "-6"), routes_of(world, "p1", table="77")
    assert v4["10.8.0.0/16"]["gateway"] == v4["10.11.0.0/16"]["gateway"] == "169.254.1.1"
    assert v4["10.9.0.0/16"]["metric"] == 7
    assert v4["10.9.0.0/16"]["metrics"] == [{"mtu": 1400, "advmss": 1340}]
    assert other["10.10.0.0/16"]["gateway"] == "169.254.1.1"
    assert v4["10.12.0.1"]["scope"] == "link" and "gateway" not in v4["10.12.0.1"]
    assert v4["10.13.0.0/16"]["gateway"] == "10.12.0.1"
    assert v6["fd08::/32"]["gateway"] == "fe80::1" and v6["fd08::/32"]["metric"] == 9
    assert v4["default"]["gateway"] == "169.254.1.1" and v6["default"]["gateway"] == "fe80::1"
    assert checked(world, "c1", "p1", conf(routes=ROUTES), answer).ok


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_the_result_has_the_routes_as_its_version_knows_them(world, version):
    given = world.add("c1", "p1", conf(version, routes=ROUTES)).json["routes"]
    assert given[:2] == [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}, {"dst": "::/0", "gw": "fe80::1"}]
    second, on_link = given[3], given[7]
    assert (second["dst"], second["gw"]) == ("10.9.0.0/16", "169.254.1.1") and on_link["dst"] == "10.12.0.1/32"
    more = {key: value for key, value in second.items() if key not in ("dst", "gw")}
    assert more == ({"mtu": 1400, "advmss": 1340, "priority": 7} if version == "1.1.0" else {})
    assert on_link.get("scope") == (253 if version == "1.1.0" else None) and "gw" not in on_link


LOST = ["route del 10.8.0.0/16", "route change 10.9.0.0/16 via 169.254.1.1 dev eth0 metric 7 mtu 1200",
        "route del 10.10.0.0/16 table 77", "-6 route del fd08::/32", "route del 10.12.0.1/32"]


@pytest.mark.parametrize("damage", LOST)
def test_check_finds_a_route_that_is_gone_or_changed(world, damage):
    network = conf(routes=ROUTES)
    answer = world.add("c1", "p1", network)
    world.ip(f"-n p1 {damage}")
    told = checked(world, "c1", "p1", network, answer)
    assert not told.ok and "route to " in told.json["msg"] and "missing or changed" in told.json["msg"]
    assert checked(world, "c1", "p1", conf(routes=ROUTES[:0]), answer).ok, "not asked for any more"


def test_a_second_interface_reaches_what_its_routes_say(world, outside):
    knows_the_way_to_pods(world)
    world.sh(f"ip -n outside route add 10.99.0.0/24 via {NODE4}; ip -n outside route add fd99::/64 via {NODE6}")
    world.add("c1", "p1")
    second = conf(name="other", section=ipam("10.99.0.0/24", "fd99::/64"),
                  routes=[{"dst": "198.51.100.0/24"}, {"dst": "fd02::/64"}])
    answer = world.add("c1", "p1", second, ifname="net1")
    assert [r["dst"] for r in answer.json["routes"]] == ["198.51.100.0/24", "fd02::/64"]
    assert seen(world, "p1", OUTSIDE4, OUTSIDE6) == answer.addresses
    assert checked(world, "c1", "p1", second, answer, ifname="net1").ok
    assert world.cni("DEL", "c1", "p1", second, ifname="net1").ok
    assert "198.51.100.0/24" not in routes_of(world, "p1")


def test_the_same_network_twice_in_a_pod_leaves_the_first_ones_routes(world):
    network = conf(routes=[{"dst": "198.51.100.0/24"}, {"dst": "0.0.0.0/0"}, {"dst": "203.0.113.0/24", "table": 9}])
    first = world.add("c1", "p1", network)
    second = world.add("c1", "p1", network, ifname="net1")
    assert len(first.json["routes"]) == 4 and "routes" not in second.json
    assert [r["dev"] for r in world.show("-4 route show 198.51.100.0/24", "p1")] == ["eth0"]
    assert [r["dev"] for r in world.show("-4 route show default", "p1")] == ["eth0"]
    assert "198.51.100.0/24" in world.log()
    for answer, ifname in ((first, "eth0"), (second, "net1")):
        assert checked(world, "c1", "p1", network, answer, ifname=ifname).ok


def test_without_a_default_route_routes_are_the_only_way(world, outside):
    network = conf(section=ipam(V4), defaultRoute=False, routes=[{"dst": "198.51.100.0/24"}])
    knows_the_way_to_pods(world)
    answer = world.add("c1", "p1", network)
    assert "default" not in routes_of(world, "p1")
    assert seen(world, "p1", OUTSIDE4) == answer.addresses
    assert checked(world, "c1", "p1", network, answer).ok


def test_a_default_route_among_them_takes_the_place_of_the_plugins_own(world, outside):
    network = conf("1.0.0", routes=[{"dst": "0.0.0.0/0", "mtu": 1400}, {"dst": "0.0.0.0/0", "table": 9}], ipMasq=True)
    answer = world.add("c1", "p1", network)
    defaults = world.show("-4 route show default", "p1")
    assert len(defaults) == 1 and defaults[0]["metrics"] == [{"mtu": 1400}]
    assert len(world.show("-6 route show default", "p1")) == 1
    assert seen(world, "p1", OUTSIDE4) == [NODE4]
    assert checked(world, "c1", "p1", network, answer).ok
    world.ip("-n p1 route del default")
    assert not checked(world, "c1", "p1", network, answer).ok


def test_a_default_route_in_another_table_leaves_the_plugins_own_and_check_wants_both(world):
    network = conf("1.0.0", routes=[{"dst": "0.0.0.0/0", "table": 9}])
    answer = world.add("c1", "p1", network)
    assert checked(world, "c1", "p1", network, answer).ok
    world.ip("-n p1 route del default")
    assert "default route" in checked(world, "c1", "p1", network, answer).json["msg"]
    world.ip("-n p1 route add default via 169.254.1.1")
    world.ip("-n p1 route del default table 9")
    assert "route to 0.0.0.0/0" in checked(world, "c1", "p1", network, answer).json["msg"]


def test_a_later_plugin_may_move_a_route_that_named_no_table_to_one_of_its_own(world):
    network = conf(routes=[{"dst": "203.0.113.0/24"}, {"dst": "198.51.100.0/24", "table": 77}])
    answer = world.add("c1", "p1", network)
    world.ip("-n p1 route add 203.0.113.0/24 via 169.254.1.1 table 100")
    world.ip("-n p1 route del 203.0.113.0/24")
    assert checked(world, "c1", "p1", network, answer).ok
    world.ip("-n p1 route add 198.51.100.0/24 via 169.254.1.1 table 100")
    world.ip("-n p1 route del 198.51.100.0/24 table 77")
    assert not checked(world, "c1", "p1", network, answer).ok


WRONG = {"a family the pod lacks": ([{"dst": "10.8.0.0/16"}, {"dst": "fd08::/32"}], 7, "/routes/1/dst: the pod has no IPv6"),
         "an MTU above the link's": ([{"dst": "10.8.0.0/16", "mtu": 9000}], 7, "/routes/0/mtu: 9000 is more than"),
         "a gateway nobody reaches": ([{"dst": "10.8.0.0/16", "gw": "192.0.2.77"}], None, "add route 10.8.0.0/16")}


@pytest.mark.parametrize("name", WRONG)
def test_a_route_that_cannot_be_undoes_the_add(world, name):
    routes, code, complaint = WRONG[name]
    world.add("warm", "p0", conf(section=ipam(V4), mtu=1500))
    world.pod("p1")
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1", conf(section=ipam(V4), routes=routes, mtu=1500))
    assert not answer.ok and complaint in answer.json["msg"] and code in (None, answer.json["code"])
    assert world.snapshot() == before and "eth0" not in world.ip("-n p1 link")


def test_a_delegated_ipams_routes_are_not_taken_over(world):
    """They lead through a gateway in the subnet, which a pod with a /32 does not have."""
    section = {"type": "host-local", "dataDir": "/run/hl", "ranges": [[{"subnet": "10.55.0.0/24"}]],
               "routes": [{"dst": "10.8.0.0/16", "gw": "10.55.0.1"}]}
    network = conf("1.0.0", section, routes=[{"dst": "10.9.0.0/16"}])
    answer = world.add("c1", "p1", network)
    assert [r["dst"] for r in answer.json["routes"]] == ["0.0.0.0/0", "10.9.0.0/16"]
    assert checked(world, "c1", "p1", network, answer).ok


# ---- hostSysctl

SYSCTL = {"net.ipv4.conf.IFNAME.rp_filter": 2, "net.ipv4.conf.IFNAME.log_martians": "1",
          "net.ipv6.conf.IFNAME.proxy_ndp": 1, "net.ipv4.neigh.IFNAME.unres_qlen_bytes": 4096}


def sysctl(world, name, link):
    return world.run("cat", "/proc/sys/" + name.replace(".", "/").replace("IFNAME", link)).stdout.strip()


@pytest.mark.parametrize("families", [[V4], [V4, V6]])
def test_settings_are_those_of_the_pods_host_end_alone(world, families):
    everything = "cd /proc/sys/net && grep -r . ipv4/conf/all ipv4/conf/default ipv6/conf/all ipv6/conf/default ipv4/conf/up0 " \
                 "ipv6/conf/up0 ipv4/neigh/default ipv6/neigh/default 2>/dev/null | grep -v stable_secret"
    world.add("warm", "p0", conf(section=ipam(*families)))
    before = world.sh(everything, check=False).stdout
    network = conf(section=ipam(*families), hostSysctl=SYSCTL)
    answer = world.add("c1", "p1", network)
    for name, value in SYSCTL.items():
        assert sysctl(world, name, answer.host_link) == str(value), name
    assert sysctl(world, "net.ipv4.conf.IFNAME.forwarding", answer.host_link) == "1"
    assert world.sh(everything, check=False).stdout == before
    assert checked(world, "c1", "p1", network, answer).ok
    assert all(world.pings(address) for address in answer.addresses)


def documented():
    """The names in the plugin's README."""
    with open(f"{REPOSITORY}/plugin/README.md", encoding="utf-8") as file:
        lists = file.read().split("## Settings", 1)[1].split("What the wiring lives on", 1)[0].split("\n- ")[1:]
    for text in lists:
        groups, names = re.findall(r"net[.]ipv[46][.]\w+[.]IFNAME[.]", text), re.findall(r"`(\w+)`", text)
        yield from (group + name for group in groups for name in names)


def test_every_setting_of_the_readme_is_what_its_name_says(world):
    names = list(documented())
    assert len(names) == 44 and "net.ipv6.neigh.IFNAME.ucast_solicit" in names
    network = conf(hostSysctl={name: 1 for name in names})
    answer = world.add("c1", "p1", network)
    assert {name: sysctl(world, name, answer.host_link) for name in names} == dict.fromkeys(names, "1")
    assert checked(world, "c1", "p1", network, answer).ok


@pytest.mark.parametrize("name", SYSCTL)
def test_check_finds_a_setting_that_was_changed(world, name):
    network = conf(hostSysctl=SYSCTL)
    answer = world.add("c1", "p1", network)
    world.run("tee", "/proc/sys/" + name.replace(".", "/").replace("IFNAME", answer.host_link), input="0")
    told = checked(world, "c1", "p1", network, answer)
    assert not told.ok and name.rsplit(".", 1)[1] in told.json["msg"] and "hostSysctl" in told.json["msg"]


def test_settings_the_wiring_lives_on_and_those_of_the_node_are_refused(world):
    world.pod("p1")
    for name, why in {"net.ipv4.conf.IFNAME.forwarding": "nothing goes from or to the pod",
                      "net.ipv6.conf.IFNAME.accept_ra": "must not become the node's router",
                      "net.ipv4.ip_forward": "whole node", "net.ipv4.conf.all.rp_filter": "whole node",
                      "net.ipv4.conf.IFNAME.tag": "none of the settings"}.items():
        answer = world.cni("ADD", "c1", "p1", conf(hostSysctl={name: 1}))
        assert answer.json["code"] == 7 and f"/hostSysctl/{name}: " in answer.json["msg"] and why in answer.json["msg"]


# ---- allowIpForwarding

def forwarding(world, pod):
    return [world.in_pod(pod, "cat", f"/proc/sys/net/{name}").stdout.strip()
            for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding")]


def set_forwarding(world, pod, *values):
    for name, value in zip(("ipv4/ip_forward", "ipv6/conf/all/forwarding"), values):
        world.in_pod(pod, "sh", "-c", f"echo {value} > /proc/sys/net/{name}")


@pytest.mark.parametrize("families, given, wanted", [([V4, V6], ["0", "0"], ["1", "1"]), ([V4], ["0", "0"], ["1", "0"]),
                                                     ([V6], ["0", "0"], ["0", "1"])])
def test_the_pods_namespace_forwards_in_its_families_when_it_may(world, families, given, wanted):
    world.pod("p1")
    set_forwarding(world, "p1", *given)
    network = conf(section=ipam(*families), allowIpForwarding=True)
    answer = world.add("c1", "p1", network)
    assert forwarding(world, "p1") == wanted
    assert world.in_pod("p1", "cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").stdout.strip() in ("0", "1")
    assert checked(world, "c1", "p1", network, answer).ok
    set_forwarding(world, "p1", "0", "0")
    told = checked(world, "c1", "p1", network, answer)
    assert not told.ok and "is 0 in the pod" in told.json["msg"]


def test_it_is_turned_off_only_where_the_key_says_so(world):
    """A new namespace has the initial one's net.ipv4.ip_forward: on a node, 1."""
    for pod in ("p1", "p2"):
        world.pod(pod)
        set_forwarding(world, pod, "1", "1")
    world.add("c1", "p1", conf())
    assert forwarding(world, "p1") == ["1", "1"]
    answer = world.add("c2", "p2", conf(allowIpForwarding=False))
    assert forwarding(world, "p2") == ["0", "0"]
    set_forwarding(world, "p2", "1", "1")  # the pod's own sysctl, set after us
    assert checked(world, "c2", "p2", conf(allowIpForwarding=False), answer).ok


def test_a_failed_add_puts_forwarding_back(world):
    """A route stands where the pod's is to be: the last step fails."""
    network = conf("1.0.0", {"type": "host-local", "dataDir": "/run/hl", "ranges": [[{"subnet": "10.55.0.0/24"}]]},
                   allowIpForwarding=True)
    world.ip("route add 10.55.0.2/32 dev up0 metric 64")
    world.pod("p1")
    set_forwarding(world, "p1", "0", "0")
    refused = world.cni("ADD", "c1", "p1", network)
    assert not refused.ok and "not ours to replace" in refused.json["msg"]
    assert forwarding(world, "p1") == ["0", "0"]
