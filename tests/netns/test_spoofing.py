"""A pod cannot send from another's address, IPv4 or IPv6, however loose the node's rp_filter is."""

import subprocess

import pytest

from world import HOST4, HOST6

PATIENCE = 30  # seconds; only a broken node makes anyone wait so long
SNIFF = """
import socket, sys
address, last, patience = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((address, 9999))
print("ready", flush=True)
s.settimeout(float(patience))
heard = ""
while heard != last:
    heard = s.recvfrom(100)[1][0]
    print(heard, flush=True)
"""
SEND = """
import socket, sys
target, sources = sys.argv[1], sys.argv[2:]
for source in sources:
    s = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, 0))
    for _ in range(3):
        s.sendto(b"x", (target, 9999))
"""


def heard(world, pod, sources, target, at=None):
    """Whom a listener at `target` hears when `pod` sends from each of `sources` in turn, until it hears the last: what
    went before it on the same way either came before it or not at all."""
    inside = ["ip", "netns", "exec", at] if at else []
    listener = subprocess.Popen(world.inside(*inside, "python3", "-c", SNIFF, target, sources[-1], str(PATIENCE)),
                                stdout=subprocess.PIPE, text=True)
    assert listener.stdout.readline() == "ready\n"
    world.in_pod(pod, "python3", "-c", SEND, target, *sources)
    return set(listener.communicate()[0].split())


@pytest.mark.parametrize("rp_filter", ["0", "1", "2"])
def test_only_its_own_addresses_leave_a_pod(world, rp_filter):
    world.sh(f"echo {rp_filter} > /proc/sys/net/ipv4/conf/all/rp_filter")
    one, two, three = (world.add(f"c{i}", f"p{i}") for i in (1, 2, 3))
    for index, host in ((0, HOST4), (1, HOST6)):
        own, other, target = one.addresses[index], two.addresses[index], three.addresses[index]
        stranger = "192.0.2.77" if index == 0 else "2001:db8::77"
        for spoofed in (other, stranger):
            world.ip(f"-n p1 addr add {spoofed}/{'32' if index == 0 else '128 nodad'} dev eth0")
        assert heard(world, "p1", [other, stranger, own], target, at="p3") == {own}
        assert heard(world, "p1", [other, stranger, own], host) == {own}


def test_the_rule_itself_drops_not_only_rp_filter(world):
    world.sh("echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter")
    one, two = world.add("c1", "p1"), world.add("c2", "p2")
    world.ip("route add default via 10.0.1.254 dev up0")  # any source has a route somewhere: loose mode lets it pass
    world.ip("-n p1 addr add 192.0.2.77/32 dev eth0")
    assert heard(world, "p1", ["192.0.2.77", one.addresses[0]], two.addresses[0], at="p2") == {one.addresses[0]}
    assert "packets 3" in world.run("nft", "list", "table", "inet", "slash32").stdout


def test_neighbour_discovery_and_link_local_from_the_pod_still_work(world):
    answer = world.add("c1", "p1")
    world.ip("-n p1 neigh del fe80::1 dev eth0")  # so that it must be resolved: NS from link-local and global sources
    assert world.pings("fe80::1%eth0", pod="p1")
    world.ip("-n p1 neigh flush dev eth0")
    assert world.pings(HOST6, pod="p1")
    # Duplicate detection asks from the unspecified address (RFC 4862 section 5.4.2); multicast listener reports too.
    world.sh("ip netns exec p1 sh -c 'echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_dad'")
    assert world.pings(answer.addresses[1])


def test_a_flushed_ruleset_is_put_back_by_the_next_add(world):
    world.add("c1", "p1")
    world.run("nft", "flush", "ruleset")
    world.run("nft", "add", "table", "inet", "foreign")
    world.add("c2", "p2")
    rules = world.run("nft", "list", "ruleset").stdout
    assert "table inet slash32" in rules and "table inet foreign" in rules and "fib saddr . iif oif missing" in rules
