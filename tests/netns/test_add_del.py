"""ADD and DEL: what must stand in the kernel, for every version and family, and that nothing stays behind."""

import ipaddress
import os
import signal
import struct
import subprocess

import pytest

from world import FOREIGN, HOST4, HOST6, V4, V6, World, conf, ipam

VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]
FAMILIES = {"v4": [V4], "v6": [V6], "dual": [V4, V6]}
# Fills namespaces with links and leaves them: what the kernel then does holds its networking lock for long.
LOCK_TAKER = """while :; do
  for i in $(seq 150); do echo "link add d$i type veth peer name e$i"; done | unshare --net ip -batch -
done"""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("families", FAMILIES)
def test_add_prints_the_versions_shape_and_del_leaves_nothing(world, version, families):
    network = conf(version, ipam(*FAMILIES[families]))
    world.add("warm", "p0", network)
    assert world.cni("DEL", "warm", "p0", network).ok
    before = world.snapshot()
    answer = world.add("c1", "p1", network)
    assert answer.json["cniVersion"] == version
    host, pod = answer.json["interfaces"]
    assert host["name"].startswith("s32") and len(host["name"]) == 15 and "sandbox" not in host
    assert (pod["name"], pod["sandbox"]) == ("eth0", "/run/netns/p1")
    assert ("mtu" in pod) == (version == "1.1.0")
    for ip in answer.json["ips"]:
        assert ip["interface"] == 1
        assert ip["address"].endswith("/32" if "." in ip["address"] else "/128")
        assert ("version" in ip) == version.startswith("0.")
    assert len(answer.json["ips"]) == len(FAMILIES[families])
    assert {r["dst"] for r in answer.json["routes"]} == {"0.0.0.0/0" if "." in s else "::/0" for s in FAMILIES[families]}
    assert world.cni("DEL", "c1", "p1", network).ok
    assert world.snapshot() == before
    assert "eth0" not in world.ip("-n p1 link")


def test_the_wiring_is_the_designs(world):
    answer = world.add("c1", "p1")
    name = answer.host_link
    host = world.show(f"-d link show {name}")[0]
    assert host["address"] == "ee:ee:ee:ee:ee:ee"
    assert host["ifalias"] == f"s32:1:k8s:c1:eth0:{answer.addresses[0]}:{answer.addresses[1]}"
    setting = lambda path: world.run("cat", f"/proc/sys/net/{path}").stdout.strip()
    assert setting(f"ipv4/conf/{name}/forwarding") == "1"
    assert setting(f"ipv4/conf/{name}/proxy_arp") == "1"
    assert setting(f"ipv4/conf/{name}/rp_filter") == "1"
    assert setting(f"ipv4/neigh/{name}/proxy_delay") == "0"
    assert setting(f"ipv6/conf/{name}/accept_ra") == "0"
    for family, address, source in (("-4", answer.addresses[0], HOST4), ("-6", answer.addresses[1], HOST6)):
        (route,) = world.show(f"{family} -N route show {address}")
        assert (route["protocol"], route["metric"], route.get("prefsrc"), route["dev"]) == ("132", 64, None, name)
        assert world.show(f"route get {address}")[0]["prefsrc"] == source
    mac = world.show("link show eth0", pod="p1")[0]["address"]
    assert mac == "02:32:" + ":".join(f"{o:02x}" for o in ipaddress.ip_address(answer.addresses[0]).packed)
    permanent = {(n["dst"], n["lladdr"]) for n in world.show("neigh show nud permanent")}
    assert {(a, mac) for a in answer.addresses} <= permanent
    inside = {(n["dst"], n["lladdr"]) for n in world.show("neigh show nud permanent", pod="p1")}
    assert inside == {("169.254.1.1", host["address"]), ("fe80::1", host["address"])}
    (default,) = world.show("route show default", pod="p1")
    assert (default["gateway"], default["dev"]) == ("169.254.1.1", "eth0")
    (default,) = world.show("-6 route show default", pod="p1")
    assert (default["gateway"], default["dev"]) == ("fe80::1", "eth0")


def test_pings_work_both_ways_without_proxy_arp_and_without_a_default_route(world):
    one, two = world.add("c1", "p1"), world.add("c2", "p2")
    for answer in (one, two):
        world.sh(f"echo 0 > /proc/sys/net/ipv4/conf/{answer.host_link}/proxy_arp")
    for index in (0, 1):
        assert world.pings(two.addresses[index], pod="p1")
        assert world.pings(one.addresses[index], pod="p2")
        assert world.pings(one.addresses[index])
    assert world.pings(HOST4, pod="p1") and world.pings(HOST6, pod="p1")
    assert world.pings("fe80::1%eth0", pod="p1")


def test_ipv6_works_in_a_namespace_that_had_it_disabled(world):
    world.pod("p1")
    world.in_pod("p1", "sh", "-c", "for i in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done")
    answer = world.add("c1", "p1")
    assert world.pings(answer.addresses[1])


def test_probes_from_the_node_carry_its_own_address_and_not_a_bridges(world):
    world.ip("link add docker0 type bridge")
    world.ip("addr add 172.17.0.1/16 dev docker0")
    world.ip("link set docker0 up")
    answer = world.add("c1", "p1")
    assert [world.show(f"route get {a}")[0]["prefsrc"] for a in answer.addresses] == [HOST4, HOST6]


def test_a_bridge_that_is_the_kernels_first_choice_gets_the_nodes_address_pinned():
    with World(uplink=False) as world:
        world.sh("ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up; "
                 f"ip link add up0 type veth peer name up1; ip addr add {HOST4}/24 dev up0; "
                 "ip link set up0 up; ip link set up1 up")
        network = conf(section=ipam(V4))
        answer = world.add("c1", "p1", network)
        assert world.show(f"route show {answer.addresses[0]}")[0]["prefsrc"] == HOST4
        assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json}).ok


@pytest.mark.parametrize("name", ["kube-ipvs0", "kube-dummy-if"])
def test_service_addresses_that_ipvs_has_on_a_link_are_not_the_nodes(name):
    """Where the uplink was made anew, its index is the higher one. The name counts, not the kind."""
    with World(uplink=False) as world:
        world.sh(f"ip link add {name} type veth peer name other; ip link set {name} up; ip link set other up; "
                 f"ip addr add 10.96.0.1/32 dev {name}; ip addr add fd96::1/128 dev {name} nodad; "
                 "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; "
                 f"ip addr add {HOST4}/24 dev up0; ip addr add {HOST6}/64 dev up0 nodad")
        answer = world.add("c1", "p1")
        assert [world.show(f"route get {a}")[0]["prefsrc"] for a in answer.addresses] == [HOST4, HOST6]


def test_pod_routes_outlive_the_nodes_address(world):
    answer = world.add("c1", "p1")
    world.sh(f"ip addr del {HOST4}/24 dev up0; ip addr add {HOST4}/24 dev up0; "
             f"ip addr del {HOST6}/64 dev up0; ip addr add {HOST6}/64 dev up0 nodad")
    assert all(world.pings(a) for a in answer.addresses)
    assert [world.show(f"route get {a}")[0]["prefsrc"] for a in answer.addresses] == [HOST4, HOST6]
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": answer.json}).ok


def test_ipv6_works_on_a_node_where_new_links_have_it_disabled(world):
    world.sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    assert world.pings(world.add("c1", "p1").addresses[1])


def test_the_first_packet_to_a_new_pod_arrives_however_busy_the_networking_lock_is(world):
    busy = [subprocess.Popen(["sh", "-c", LOCK_TAKER], start_new_session=True) for _ in range(6)]
    try:
        for i in range(60):
            answer = world.add(f"c{i}", f"p{i}")
            assert all(world.pings(address) for address in answer.addresses), f"pod {i}"
    finally:
        for process in busy:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_an_mtu_too_small_for_ipv6_is_refused(world):
    world.pod("p1")
    answer = world.cni("ADD", "c1", "p1", conf(mtu=1279))
    assert answer.json["code"] == 7 and "/mtu" in answer.json["msg"]
    world.add("c1", "p1", conf(section=ipam(V4), mtu=1279))


def test_a_host_source_that_is_not_the_nodes_is_named(world):
    world.pod("p1")
    answer = world.cni("ADD", "c1", "p1", conf(hostSource={"v4": "10.9.9.9"}))
    assert answer.json["code"] == 7 and "/hostSource/v4" in answer.json["msg"]


def test_a_chained_add_keeps_the_dns_of_what_came_before(world):
    dns = {"nameservers": ["192.0.2.53"]}
    previous = {"cniVersion": "1.1.0", "interfaces": [], "ips": [], "dns": dns}
    assert world.add("c1", "p1", conf(prevResult=previous)).json["dns"] == dns
    told = world.add("c2", "p2", conf(prevResult=previous, dns={"nameservers": ["192.0.2.54"]}))
    assert told.json["dns"]["nameservers"] == ["192.0.2.54"]


def test_two_networks_with_stores_of_their_own_do_not_share_an_address_when_routes_are_lost(world):
    one, two = (conf(name=n, section=ipam(V4, V6, dataDir=f"/run/{n}")) for n in ("one", "two"))
    first = world.add("c1", "p1", one)
    world.sh("ip route flush proto 132; ip -6 route flush proto 132")
    second = world.add("c2", "p2", two)
    assert not set(first.addresses) & set(second.addresses)


def test_host_source_mtu_and_gateways_can_be_configured(world):
    world.ip("addr add 10.9.9.9/32 dev lo")
    network = conf(section=ipam(V4, V6), mtu=1400, hostSource={"v4": "10.9.9.9"},
                   gateway={"v4": "169.254.7.7", "v6": "fe80::7"})
    answer = world.add("c1", "p1", network)
    assert {ip["gateway"] for ip in answer.json["ips"]} == {"169.254.7.7", "fe80::7"}
    assert world.show(f"route get {answer.addresses[0]}")[0]["prefsrc"] == "10.9.9.9"
    assert world.show("link show eth0", pod="p1")[0]["mtu"] == 1400
    assert all(world.pings(a) for a in answer.addresses)
    assert world.pings(HOST4, pod="p1") and world.pings("fe80::7%eth0", pod="p1")
    assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json}).ok


def test_the_mtu_is_the_uplinks_unless_told(world):
    world.ip("link set up0 mtu 1380")
    world.ip("route add default via 10.0.1.254 dev up0")
    world.add("c1", "p1")
    assert world.show("link show eth0", pod="p1")[0]["mtu"] == 1380
    world.sh("""echo '{"nodeName": "n1", "podCidrs": ["10.244.1.0/24"], "mtu": 1300}' > /run/slash32/node.json""")
    world.add("c2", "p2")
    assert world.show("link show eth0", pod="p2")[0]["mtu"] == 1300


def test_the_uplinks_mtu_is_found_on_a_node_that_has_a_documentation_address(world):
    world.sh("ip addr add 192.0.2.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad; ip link set up0 mtu 1400;"
             "ip route add default via 192.0.2.254; ip route add default via 2001:db8::fe dev up0")
    world.add("c1", "p1")
    assert world.show("link show eth0", "p1")[0]["mtu"] == 1400


def test_ranges_come_from_node_json_when_the_conflist_has_none(world):
    world.sh("""echo '{"nodeName": "n1", "podCidrs": ["10.88.0.0/24", "fd88::/64"]}' > /run/slash32/node.json""")
    answer = world.add("c1", "p1", conf(section={"type": "slash32-ipam"}))
    assert answer.addresses[0].startswith("10.88.0.") and answer.addresses[1].startswith("fd88::")


def test_when_node_json_has_another_range_pods_of_the_former_one_are_left_alone(world):
    network = conf(section={"type": "slash32-ipam"})
    world.sh("""echo '{"podCidrs": ["10.88.0.0/24", "fd88::/64"]}' > /run/slash32/node.json""")
    old = world.add("c1", "p1", network)
    world.sh("""echo '{"podCidrs": ["10.99.0.0/24", "fd99::/64"]}' > /run/slash32/node.json""")
    new = world.add("c2", "p2", network)
    assert new.addresses[0].startswith("10.99.0.") and new.addresses[1].startswith("fd99::")
    assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": old.json}).ok
    assert all(world.pings(address, "p2") for address in old.addresses)
    gc = {**network, "cni.dev/valid-attachments": [{"containerID": cid, "ifname": "eth0"} for cid in ("c1", "c2")]}
    assert world.cni("GC", network=gc).ok
    assert all(world.pings(address) for address in old.addresses + new.addresses)
    assert world.cni("DEL", "c1", "p1", network).ok
    assert not any(address in world.ip("route") + world.ip("-6 route") for address in old.addresses)
    assert all(world.pings(address) for address in new.addresses)


def test_a_second_add_is_refused_and_changes_nothing(world):
    first = world.add("c1", "p1")
    before = world.snapshot()
    for cid in ("c1", "c2"):
        second = world.cni("ADD", cid, "p1")
        assert second.code == 1 and second.json["code"] == 4
        assert "eth0 already exists" in second.json["msg"]
    assert world.snapshot() == before
    assert world.pings(first.addresses[0])
    # The refused ADD of c2 holds no address: only c1's does.
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": first.json}).ok


@pytest.mark.parametrize("netns", ["", "/run/netns/never", "/etc/passwd"])
def test_del_works_without_a_namespace_twice_and_for_what_never_was(world, netns):
    world.add("warm", "p0")
    assert world.cni("DEL", "warm").ok
    before = world.snapshot()
    world.add("c1", "p1")
    for cid in ("c1", "c1", "never"):
        answer = world.cni("DEL", cid, netns)
        assert answer.ok and not answer.text, answer
    assert world.snapshot() == before


def test_del_returns_before_the_kernel_is_through_and_leaves_no_name_and_no_route(world):
    for _ in range(10):
        answer = world.add("c1", "p1")
        assert world.cni("DEL", "c1", "p1").ok
        # /proc/net is read without the lock that the removal still holds.
        for table in ("dev", "route", "ipv6_route"):
            assert answer.host_link not in world.run("cat", f"/proc/net/{table}").stdout
        assert "eth0" not in world.in_pod("p1", "cat", "/proc/net/dev").stdout
    world.add("c1", "p1")  # and the same again at once


def test_del_after_the_namespace_went_frees_the_address(world):
    network = conf(section=ipam("10.244.1.0/30", coolDown=0))  # two addresses
    first = world.add("c1", "p1", network)
    world.add("c2", "p2", network)
    world.ip("netns del p1")
    assert world.cni("DEL", "c1", "/run/netns/p1", network).ok
    assert world.add("c3", "p3", network).addresses == first.addresses


def test_del_is_not_held_up_by_mistakes_in_todays_file(world):
    world.add("warm", "p0")
    assert world.cni("DEL", "warm").ok
    before = world.snapshot()
    world.add("c1", "p1")
    broken = conf(mtu="many", typo=True, gateway={"v4": "::1"}, log=7)
    assert world.cni("DEL", "c1", "p1", broken).ok
    assert world.snapshot() == before
    for path in ("/typo", "/mtu", "/gateway/v4", "/log"):
        assert path in world.log()


def test_podmans_sequence_works(world):
    """podman 4.3: 0.4.0 conflists, ADD with CNI_ARGS IP and MAC, then CHECK-free DEL with prevResult."""
    network = conf("0.4.0", ipam(V4))
    args = "IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.244.1.77;MAC=02:11:22:33:44:55"
    answer = world.add("c1", "p1", network, CNI_ARGS=args)
    assert answer.addresses == ["10.244.1.77"]
    assert world.show("link show eth0", pod="p1")[0]["address"] == "02:11:22:33:44:55"
    assert world.pings("10.244.1.77")
    assert world.cni("DEL", "c1", "p1", {**network, "prevResult": answer.json}, CNI_ARGS=args).ok


def needs_a_loader(path):
    """Whether an ELF file names a program interpreter (PT_INTERP), as every dynamic executable does."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x7fELF\x02\x01", f"{path} is not a 64-bit little-endian ELF file"
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    return any(struct.unpack_from("<I", data, offset + i * size)[0] == 3 for i in range(count))


def test_the_binary_runs_without_any_library():
    from world import BIN
    names = ("slash32", "slash32-ipam")
    needed = {name: needs_a_loader(f"{BIN}/{name}") for name in names}
    if all(needed.values()) and not os.environ.get("SLASH32_SHIPPED"):
        pytest.skip("built with SLASH32_STATIC=OFF, as the binaries themselves say")
    assert not any(needed.values()), needed
    assert FOREIGN
