"""What ADD does to the node itself: forwarding, recorded as found; the log; and nothing of another's."""

import json
import time

from world import V4, V6, World, conf, ipam


# inet slash32 as the first version left it: made anew, with "slash32 1" as user data.
OLD_TABLE = """
import socket, struct
def attribute(number, value):
    return struct.pack("=HH", len(value) + 4, number) + value + bytes(-len(value) % 4)
def message(kind, flags, family, subsystem=0, body=b""):
    return struct.pack("=IHHII", 20 + len(body), kind, flags, 0, 0) + struct.pack(">BBH", family, 0, subsystem) + body
NFT, INET, CREATE = 10, 1, 0x400
name = attribute(1, b"slash32\\0")
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netfilter:
    netfilter.send(message(16, 1, 0, NFT) + message(NFT << 8 | 2, 1, INET, 0, name)
                   + message(NFT << 8, 1 | CREATE, INET, 0, name + attribute(6, b"slash32 1")) + message(17, 1, 0, NFT))
"""


def found(world):
    return json.loads(world.run("cat", "/var/lib/slash32/found.json").stdout)["settings"]


def test_forwarding_is_recorded_once_and_never_again(world):
    world.add("c1", "p1", conf(section=ipam(V4)))
    assert found(world) == {"/proc/sys/net/ipv4/ip_forward": "0"}
    world.add("c2", "p2", conf(section=ipam(V4, V6)))
    assert found(world) == {"/proc/sys/net/ipv4/ip_forward": "0", "/proc/sys/net/ipv6/conf/all/forwarding": "0"}
    world.sh("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 2 > /proc/sys/net/ipv6/conf/all/forwarding")
    world.add("c3", "p3")
    assert found(world) == {"/proc/sys/net/ipv4/ip_forward": "0", "/proc/sys/net/ipv6/conf/all/forwarding": "0"}
    assert world.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"


def test_a_damaged_found_json_stops_add_before_anything_changes(world):
    world.sh("mkdir -p /var/lib/slash32 && echo '{' > /var/lib/slash32/found.json")
    world.pod("p1")
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1")
    assert not answer.ok and "found.json" in answer.json["msg"]
    assert world.snapshot() == before
    assert world.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"


def test_nothing_is_recorded_where_all_was_set_already(world):
    world.sh("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
    world.add("c1", "p1")
    assert world.run("test", "-e", "/var/lib/slash32/found.json", check=False).returncode == 1


ADVERTISE = """
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("out1"))
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, socket.if_nametoindex("out1")))
"""


def advertise(world, pod="router", link="out1"):
    """One router advertisement; False while the sender's link-local address is still being checked for duplicates."""
    return world.in_pod(pod, "python3", "-c", ADVERTISE.replace("out1", link), check=False).returncode == 0


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_default_route_from_router_advertisements_survives(world):
    world.pod("router")
    world.sh("ip link add out0 type veth peer name out1 netns router; ip link set out0 up; ip -n router link set out1 up")
    defaults = lambda: world.show("-6 route show default proto ra")
    wait_for(lambda: advertise(world) and defaults())
    world.add("c1", "p1")
    assert defaults(), "the default route is gone"
    assert found(world)["/proc/sys/net/ipv6/conf/out0/accept_ra"] == "1"
    world.ip("-6 route del default")
    wait_for(lambda: advertise(world) and defaults())


def test_a_pods_router_advertisement_does_not_reach_the_node(world):
    for pod, subnets in (("p1", [V4]), ("p2", [V4, V6])):  # the first on a node that does not forward IPv6
        world.add(pod, pod, conf(section=ipam(*subnets)))
        wait_for(lambda: advertise(world, pod, "eth0"))
        assert world.show("-6 route show default") == []


def test_the_log_tells_each_verb_and_rotates(world):
    network = conf(log={"maxSize": 4096, "file": "/var/log/mine/cni.log"}, args={"cni": {"secret": "hunter2"}})
    world.add("c1", "p1", network)
    assert world.cni("DEL", "c1", "p1", network).ok
    log = world.run("cat", "/var/log/mine/cni.log").stdout
    assert " ADD network=k8s container=c1 " in log and " DEL network=k8s container=c1 " in log
    assert "hunter2" not in log
    for _ in range(40):
        world.cni("DEL", "never", "", network)
    assert world.run("test", "-s", "/var/log/mine/cni.log.1", check=False).returncode == 0


def test_an_unwritable_log_fails_nothing(world):
    for file in ("/proc/nowhere/cni.log", "/dev/full", "/var/log"):
        network = conf(log={"file": file})
        world.add("c1", "p1", network)
        assert world.cni("DEL", "c1", "p1", network).ok
        world.ip("netns del p1")


def test_paths_can_come_from_the_environment(world):
    env = {"SLASH32_STATE_DIR": "/run/a", "SLASH32_LOG_FILE": "/run/b.log", "SLASH32_DATA_DIR": "/run/c"}
    world.add("c1", "p1", **env)
    for path in ("/run/a/found.json", "/run/b.log", "/run/c"):
        world.run("test", "-e", path)
    assert world.cni("DEL", "c1", "p1", **env).ok


def test_foreign_links_routes_and_tables_stay_as_they_are(world):
    world.sh("nft add table inet mine; ip link add s32foreign type veth peer name x0; ip link set s32foreign alias keep; "
             "ip route add blackhole 10.244.1.0/24 proto 133 metric 128")
    world.add("c0", "p0")
    assert world.cni("DEL", "c0", "p0").ok

    def state():  # without the uplink's link-local addresses, which the kernel makes usable in its own time
        return [r for r in world.ip("route show table all").splitlines() if "fe80:" not in r], world.ip("-br link")

    before = state()
    world.add("c1", "p1")
    assert world.cni("DEL", "c1", "p1").ok
    world.cni("GC", network={**conf(), "cni.dev/valid-attachments": []})
    assert state() == before
    assert "table inet mine" in world.run("nft", "list", "tables").stdout


def test_two_first_adds_at_once_record_what_was_there():
    import json as j
    import subprocess

    from world import BIN
    with World() as world:
        calls = []
        for i in range(8):
            path = world.pod(f"p{i}")
            calls.append(subprocess.Popen(world.inside(f"{BIN}/slash32"), stdin=subprocess.PIPE, text=True,
                                          stdout=subprocess.PIPE, env=world.environment("ADD", f"c{i}", path)))
        for call in calls:
            call.stdin.write(j.dumps(conf()))
            call.stdin.close()
        addresses = set()
        for call in calls:
            answer = j.loads(call.stdout.read())
            call.stdout.close()
            assert call.wait(30) == 0, answer
            addresses |= {ip["address"] for ip in answer["ips"]}
        assert len(addresses) == 16
        assert set(found(world).values()) == {"0"}


def test_add_puts_back_the_rule_of_a_flushed_table_and_refuses_a_foreign_one(world):
    world.add("c1", "p1")
    rules = lambda: world.run("nft", "list", "table", "inet", "slash32").stdout.count("drop")
    before = world.run("nft", "-a", "list", "tables").stdout
    world.add("c2", "p2")
    assert world.run("nft", "-a", "list", "tables").stdout == before, "a table that is right was made again"
    world.sh("nft flush table inet slash32")
    world.add("c3", "p3")
    assert rules() == 1
    world.sh("nft insert rule inet slash32 pods-source accept")
    world.add("c4", "p4")
    assert rules() == 1 and "accept" not in world.run("nft", "list", "table", "inet", "slash32").stdout.split("policy")[1][8:]
    world.sh("nft delete table inet slash32; nft add table inet slash32; nft add chain inet slash32 theirs")
    world.pod("p5")
    answer = world.cni("ADD", "c5", "p5")
    assert answer.json["code"] == 999 and "is not ours: remove it with nft delete table" in answer.json["msg"]
    assert "theirs" in world.run("nft", "list", "table", "inet", "slash32").stdout


def test_a_table_that_nft_saved_and_restored_is_still_ours(world):
    world.add("c1", "p1")
    assert 'comment "slash32 ' in world.run("nft", "list", "table", "inet", "slash32").stdout
    world.sh("nft list ruleset > /run/saved.nft; nft flush ruleset; nft -f /run/saved.nft")
    world.add("c2", "p2")
    assert world.run("nft", "list", "table", "inet", "slash32").stdout.count("drop") == 1
    world.sh("sed -i '/comment/d' /run/saved.nft; nft flush ruleset; nft -f /run/saved.nft")
    world.pod("p3")
    assert "is not ours" in world.cni("ADD", "c3", "p3").json["msg"], "without the comment anybody may have made it"


def test_the_table_of_the_first_version_is_replaced_by_one_with_a_comment(world):
    """Its mark was bare user data, which nft neither shows nor saves."""
    world.add("c1", "p1")
    world.run("/usr/bin/python3", "-c", OLD_TABLE)
    assert "comment" not in world.run("nft", "list", "table", "inet", "slash32").stdout
    world.add("c2", "p2")
    assert 'comment "slash32 ' in world.run("nft", "list", "table", "inet", "slash32").stdout


def test_a_node_file_with_unknown_keys_is_read_and_a_wrong_one_refused(world):
    put = lambda text: world.run("tee", "/run/slash32/node.json", input=text)
    put('{"podCidrs": ["10.244.1.0/24"], "mtu": 1400, "zone": "a"}')
    world.add("c1", "p1")
    assert world.show("link show eth0", pod="p1")[0]["mtu"] == 1400 and "zone" in world.log()
    put('{"podCidrs": [], "masqueradeExempt": ["::/0"]}')
    world.pod("p2")
    answer = world.cni("ADD", "c2", "p2")
    assert answer.json["code"] == 7 and "/masqueradeExempt/0" in answer.json["msg"]
    status = world.cni("STATUS")
    assert status.json["code"] == 50 and "/masqueradeExempt/0" in status.json["msg"]


def test_a_broken_node_file_is_a_warning_where_nothing_of_it_is_needed(world):
    world.run("tee", "/run/slash32/node.json", input="{")
    world.pod("p1")
    assert world.cni("STATUS").json["code"] == 50
    assert not world.cni("ADD", "c1", "p1").ok
    assert world.cni("STATUS", network=conf(mtu=1400, ipMasq=False)).ok
    world.add("c1", "p1", conf(mtu=1400, ipMasq=False))


def test_the_gateway_is_never_a_pods_address(world):
    network = conf(section=ipam("10.244.1.0/29"), gateway={"v4": "10.244.1.1"})
    answer = world.add("c1", "p1", network)
    assert answer.addresses == ["10.244.1.2"]
    assert world.pings("10.244.1.2")
    for bad in ("255.255.255.255", "240.0.0.1"):
        refused = world.cni("STATUS", network=conf(gateway={"v4": bad}))
        assert "/gateway/v4" in refused.json["msg"]
