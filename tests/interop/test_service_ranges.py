"""A range of services is announced whole: the addresses that a service has are reached as ever, the others no longer go
back and forth between the node and its router. Translation is played by nftables, as kube-proxy does it."""

import contextlib
import json
import subprocess

import pytest

from world import speaker
from world.host import Host, cable, wait_until
from world.pair import connect, external, peer_address, peer_address6

FAMILIES = {4: dict(range="10.96.0.0/24", used="10.96.0.10", refused="10.96.0.20", unused="10.96.0.99", pod="10.244.1.5",
                    gateway="169.254.1.1", node=speaker.ADDRESS, router=peer_address(1), client="198.51.100.2",
                    behind="198.51.100.1", ip="ip", inner="ip"),
            6: dict(range="fd96::/120", used="fd96::10", refused="fd96::20", unused="fd96::99", pod="fd00:10:244:1::5",
                    gateway="fe80::1", node=speaker.ADDRESS6, router=peer_address6(1), client="2001:db8::2",
                    behind="2001:db8::1", ip="ip6", inner="ip -6")}
PORT, POD_PORT = 80, 8080
TABLE = "slash32-unused"


def proxy(v):
    """What kube-proxy makes of a service with an endpoint, and of one without."""
    where = f"[{v['pod']}]" if ":" in v["pod"] else v["pod"]
    translate = f"{v['ip']} daddr {v['used']} tcp dport {PORT} dnat to {where}:{POD_PORT}"
    return f"""table {v['ip']} proxy {{
        chain pre {{ type nat hook prerouting priority dstnat; {translate}; }}
        chain out {{ type nat hook output priority -100; {translate}; }}
        chain post {{ type nat hook postrouting priority srcnat; oifname "s32pod" masquerade; }}
        chain refuse {{ type filter hook forward priority filter; {v['ip']} daddr {v['refused']} reject; }}
    }}"""


class World:
    """A node with a pod, a router that sends the range to the node and gets everything the node has no route for, and a
    client behind it."""

    def __init__(self, pair, directory, stack):
        self.pair = pair
        self.pod = stack.enter_context(Host("pod", directory))
        cable(pair.node, "s32pod", self.pod, "eth0")
        self.client = stack.enter_context(Host("client", directory))
        cable(pair.outside, "client0", self.client, "eth0")
        for family, v in FAMILIES.items():
            length = 32 if family == 4 else 128
            pair.node.ip(f"addr add {v['gateway']}/{length} dev s32pod")
            pair.node.run(*f"{v['inner']} route add {v['pod']} dev s32pod proto 132 metric 64".split())
            pair.node.run(*f"{v['inner']} route add default via {v['router']}".split())
            self.pod.ip(f"addr add {v['pod']}/{length} dev eth0")
            self.pod.run(*f"{v['inner']} route add {v['gateway']} dev eth0".split())
            self.pod.run(*f"{v['inner']} route add default via {v['gateway']} dev eth0".split())
            for prefix in (v["range"], v["pod"]):
                pair.outside.run(*f"{v['inner']} route add {prefix} via {v['node']}".split())
            pair.outside.ip(f"addr add {v['behind']}/{length - 8} dev client0")
            self.client.ip(f"addr add {v['client']}/{length - 8} dev eth0")
            self.client.run(*f"{v['inner']} route add default via {v['behind']}".split())
            subprocess.run(["nsenter", f"--net=/proc/{pair.node.holder_pid()}/ns/net", "nft", "-f", "-"],
                           input=proxy(v), text=True, check=True)
            server = stack.enter_context(contextlib.closing(self.pod.socket(10 if family == 6 else 2)))
            server.bind((v["pod"], POD_PORT))
            server.listen(8)

    def originate(self, drop):
        prefixes = [{"prefix": v["range"], "blackhole": False, "dropForwarded": drop} for v in FAMILIES.values()]
        return {"prefixes": prefixes, "podRoutes": "none"}

    def loops(self, host, v):
        """Whether a packet for an unused address goes around until its hops are used up."""
        heard = host.run("ping", "-c1", "-W1", "-t9", v["unused"], check=False).stdout
        return "Time to live exceeded" in heard or "Hop limit" in heard

    def dropped(self):
        """How many packets each family's rule has dropped; None without the table."""
        done = self.pair.node.run("nft", "-j", "list", "table", "inet", TABLE, check=False)
        if done.returncode:
            return None
        rules = [one["rule"]["expr"] for one in json.loads(done.stdout)["nftables"] if "rule" in one]
        return [part["counter"]["packets"] for rule in rules for part in rule if "counter" in part]

    def reaches(self, v):
        """Connects to the used address from outside, from the node itself and from a pod."""
        for host, source in ((self.client, v["client"]), (self.pair.node, v["node"]), (self.pod, v["pod"])):
            connect(host, source, v["used"], port=PORT).close()

    def refuses(self, v):
        """A service without endpoints is refused at once, not left in silence."""
        for host, source in ((self.client, v["client"]), (self.pod, v["pod"])):
            with pytest.raises(OSError) as refused:
                connect(host, source, v["refused"], port=PORT)
            assert "refused" in str(refused.value), refused.value


@pytest.fixture
def world(pair, tmp_path):
    with contextlib.ExitStack() as stack:
        yield World(pair, tmp_path, stack)


def reload(world, drop):
    """Takes the other setting live."""
    world.pair.speaker.reload({**world.pair.speaker.document, "originate": world.originate(drop)})
    wait_until(lambda: (world.dropped() is not None) == drop, 5, f"table {TABLE} {'there' if drop else 'gone'}")


def test_unused_addresses_loop_without_it_and_are_dropped_with_it(world):
    world.pair.start(external(1), originate=world.originate(False))
    assert world.dropped() is None
    for v in FAMILIES.values():
        assert world.loops(world.client, v), "the test's own world"
        world.reaches(v)
    reload(world, True)
    for v in FAMILIES.values():
        assert not world.loops(world.client, v)
        assert not world.loops(world.pod, v)
        assert not world.loops(world.pair.node, v)  # leaves the node, and goes no further when it is back
        world.reaches(v)
        world.refuses(v)
    # One packet each from outside and the pod; of the node's own, IPv4 refuses what comes back with its own source.
    assert world.dropped() == [2, 3]
    reload(world, False)
    assert all(world.loops(world.client, v) for v in FAMILIES.values())


def test_the_drops_outlive_a_restart_and_a_kill_and_go_when_the_speaker_leaves(world):
    world.pair.start(external(1), originate=world.originate(True))
    wait_until(world.dropped, 5, "the table")
    assert world.pair.speaker.terminate() == 0
    assert world.dropped() == [0, 0]
    world.pair.speaker.start()
    assert not world.loops(world.client, FAMILIES[4])
    world.pair.speaker.process.kill()
    assert not world.loops(world.client, FAMILIES[6])
    assert world.dropped() == [1, 1]
    world.pair.speaker.start()
    world.pair.speaker.shutdown()
    wait_until(lambda: world.dropped() is None, 5, "the table gone")


def test_what_cannot_be_dropped_is_announced_all_the_same_and_a_condition_says_why(world):
    world.pair.node.run("nft", "add", "table", "inet", TABLE)
    world.pair.start(external(1), originate=world.originate(True))
    peer = world.pair.peer(1).establish()
    peer.pump(lambda: FAMILIES[4]["range"] in peer.rib)
    found = wait_until(lambda: [why for why in world.pair.speaker.get("/v1/status")["conditions"] if "unused" in why], 5)
    assert f"table inet {TABLE} is not ours" in found[0]
