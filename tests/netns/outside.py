"""A host behind the node, `outside`, and servers that tell whoever connects which address they see."""

import subprocess

import pytest

from world import V4, V6

NODE4, NODE6, OUTSIDE4, OUTSIDE6 = "198.51.100.1", "fd02::1", "198.51.100.2", "fd02::2"
TELL = """
import socket
with socket.create_server(("", 7777), family=socket.AF_INET6, dualstack_ipv6=True) as server:
    print("ready", flush=True)
    while True:
        with server.accept()[0] as caller:
            caller.sendall(caller.getpeername()[0].removeprefix("::ffff:").encode())
"""
ASK = "import socket, sys; print(socket.create_connection((sys.argv[1], 7777), 20).recv(99).decode())"


class Tellers:
    """Servers that tell their callers' addresses; they end with the test."""

    def __init__(self, world):
        self._world, self._servers = world, []

    def start(self, pod):
        server = subprocess.Popen(self._world.inside("ip", "netns", "exec", pod, "python3", "-c", TELL),
                                  stdout=subprocess.PIPE, text=True)
        self._servers.append(server)
        assert server.stdout.readline() == "ready\n"

    def stop(self):
        for server in self._servers:
            server.kill()
            server.wait()
            server.stdout.close()


@pytest.fixture
def tellers(world):
    servers = Tellers(world)
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture
def outside(world, tellers):
    """The host outside, which knows no way to pods."""
    world.pod("outside")
    world.sh("ip link add out0 type veth peer name eth0 netns outside; ip link set out0 up; ip -n outside link set eth0 up;"
             f"ip addr add {NODE4}/24 dev out0; ip addr add {NODE6}/64 dev out0 nodad; ip -n outside link set lo up;"
             f"ip -n outside addr add {OUTSIDE4}/24 dev eth0; ip -n outside addr add {OUTSIDE6}/64 dev eth0 nodad")
    tellers.start("outside")
    return "outside"


def knows_the_way_to_pods(world):
    world.sh(f"ip -n outside route add {V4} via {NODE4}; ip -n outside route add {V6} via {NODE6}")


def seen(world, pod, *targets):
    """As whom the targets see the pod."""
    return [world.in_pod(pod, "python3", "-c", ASK, target).stdout.strip() for target in targets]


def checked(world, cid, pod, network, answer, **more):
    return world.cni("CHECK", cid, pod, {**network, "prevResult": answer.json}, **more)
