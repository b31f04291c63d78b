"""Beside IPVS as kube-proxy has it: services' addresses by the hundred on a dummy link, translated before POSTROUTING.
Collected where the kernel has IPVS."""

import pytest

from outside import NODE4, OUTSIDE4, knows_the_way_to_pods, outside, seen, tellers  # noqa: F401
from world import HOST4, HOST6, World, conf

SERVICE, SERVICE_OUTSIDE, ELSEWHERE = "10.96.0.10", "10.96.0.11", "10.244.1.200"
# linux/ip_vs.h: struct ip_vs_service_user and ip_vs_dest_user by IP_VS_SO_SET_ADD and _ADDDEST.
BALANCE = """
import socket, struct, sys
address, target = map(socket.inet_aton, sys.argv[1:3])
port = struct.pack("!H", 7777)
service = struct.pack("=H2x4s2s2xI16sII4s", socket.IPPROTO_TCP, address, port, 0, b"rr", 0, 0, b"\\xff" * 4)
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
    asked.setsockopt(socket.IPPROTO_IP, 1154, service)
    asked.setsockopt(socket.IPPROTO_IP, 1159, service + struct.pack("=4s2s2xIiII", target, port, 0, 1, 0, 0))
"""


def bind(world, *addresses, up=False):
    """As kube-proxy in mode ipvs: the link stays down. Others take it up."""
    world.sh("ip link add kube-ipvs0 type dummy" + ("; ip link set kube-ipvs0 up" if up else ""))
    lines = [f"addr add {address} dev kube-ipvs0\n" for address in addresses]
    world.run("ip", "-batch", "-", input="".join(lines))


def balance(world, address, target):
    """A service of one endpoint; its connections are tracked, as kube-proxy wants it."""
    world.sh("sysctl -qw net.ipv4.vs.conntrack=1")
    world.run("python3", "-c", BALANCE, address, target)


def test_a_service_sees_the_pod_and_what_is_outside_sees_the_node_once(world, outside):
    """ELSEWHERE is a pod of another node, which the host outside plays."""
    bind(world, f"{SERVICE}/32", f"{SERVICE_OUTSIDE}/32")
    knows_the_way_to_pods(world)
    world.sh(f"ip -n outside addr add {ELSEWHERE}/32 dev eth0; ip route add {ELSEWHERE}/32 via {OUTSIDE4}")
    pod = world.add("c1", "p1", conf(ipMasq=True)).addresses[0]
    balance(world, SERVICE, ELSEWHERE)
    balance(world, SERVICE_OUTSIDE, OUTSIDE4)
    assert seen(world, "p1", SERVICE, ELSEWHERE) == [pod, pod]
    assert seen(world, "p1", SERVICE_OUTSIDE, OUTSIDE4) == [NODE4, NODE4]


def test_a_service_leads_to_a_pod_of_the_same_node_which_sees_who_asks(world, tellers):
    bind(world, f"{SERVICE}/32")
    asking, asked = (world.add(f"c{n}", f"p{n}", conf(ipMasq=True)).addresses[0] for n in (1, 2))
    balance(world, SERVICE, asked)
    tellers.start("p2")
    assert seen(world, "p1", SERVICE) == [asking]


@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_no_service_address_is_taken_for_the_nodes(up):
    """As preferred source of pods' routes: where the uplink is made anew its index is the higher one."""
    with World(uplink=False) as world:
        bind(world, *(f"10.96.{i}.{j}/32" for i in range(3) for j in range(1, 100)), "fd96::1/128", up=up)
        world.sh("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; "
                 f"ip addr add {HOST4}/24 dev up0; ip addr add {HOST6}/64 dev up0 nodad")
        answer = world.add("c1", "p1")
        assert [world.show(f"route get {a}")[0]["prefsrc"] for a in answer.addresses] == [HOST4, HOST6]
