"""A pod comes, and goes, on one node: until its route is in another node's kernel, and out of it again."""

import contextlib
import tempfile

from bgpbench import daemons, latency
from bgpbench.report import heading
from bgpbench.tester import Tester, arguments
from bgpbench.world import RELAY
from world.host import Host, cable, wait_until
from world.speaker import ASN, Speaker, neighbor

OURS, BIRD = "slash32", "bird"
BAR = 1.0
ADDRESSES = {4: ("10.9.0.1", "10.9.0.2"), 6: ("fd09::1", "fd09::2")}  # the nodes'
POD = {4: "10.244.0.1", 6: "fd44::1"}  # the first one's
UPLINK, POD_LINK = "up0", "pod0"


def ends(family, number):
    """Of the session, as node 1 or 2 sees it: its own, the other's."""
    return ADDRESSES[family] if number == 1 else ADDRESSES[family][::-1]


def router_id(number):
    """Of node 1 or 2."""
    return f"10.9.0.{number}"


class Slash32:
    """slash32-bgpd: what its plugin writes (protocol 132) it announces."""

    def __init__(self, host, binary, family, number):
        own, other = ends(family, number)
        one = neighbor("peer", other, ASN, passive=number == 2, families=[f"ipv{family}"], localAddress=own)
        self._speaker = Speaker(host, binary, routerId=router_id(number), neighbors=[one])

    def start(self):
        """Starts it."""
        self._speaker.start()

    def is_up(self):
        """Whether the session is."""
        return self._speaker.state("peer") == "Established"


class Bird(daemons.Bird):
    """BIRD 2: `learn` makes routes of others its own as the kernel tells of them; it looks by itself once an hour."""

    def __init__(self, host, binary, family, number):
        super().__init__(host, binary, None)
        own, other = ends(family, number)
        self._conf = f"""router id {router_id(number)};
protocol device {{ }}
protocol kernel {{ learn; scan time 3600; ipv{family} {{ import all; export where source = RTS_BGP; }}; }}
protocol bgp peer {{ local {own} as {ASN}; neighbor {other} as {ASN}; direct; connect retry time 1;
  {"passive on;" if number == 2 else ""} ipv{family} {{ import all; export all; next hop self; }}; }}
"""

    def _write(self, _):
        return self.file("bird.conf", self._conf)

    def is_up(self):
        """Whether the session is."""
        return "Established" in self._birdc("show", "protocols", "peer")


NODES = {OURS: Slash32, BIRD: Bird}


class Nodes:
    """Two nodes with a cable, a speaker of one kind on each, or the relay's halves; and the tester, which sees both kernels."""

    def __init__(self, bench, kind, family):
        self._bench, self._kind, self._family = bench, kind, family
        self._stack = contextlib.ExitStack()
        self._speakers = []
        self.tester = None

    def __enter__(self):
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _open(self):
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="slash32-bgp-bench-"))
        hosts = [self._stack.enter_context(Host(name, directory)) for name in ("here", "there")]
        cable(hosts[0], UPLINK, hosts[1], UPLINK)
        for host, address in zip(hosts, ADDRESSES[self._family]):
            host.ip(f"addr add {address}/{24 if self._family == 4 else 64} dev {UPLINK}")
        hosts[0].ip(f"link add {POD_LINK} type veth peer name pod", "link set pod up", f"link set {POD_LINK} up")
        if self._kind == RELAY:
            self._start_relay(hosts)
        else:
            for number, host in enumerate(hosts, 1):
                self._speakers.append(NODES[self._kind](host, self._bench.binary, self._family, number))
                self._speakers[-1].start()
        self.tester = Tester(self._kind, self._bench.tester, hosts[0], part="pods", dev=POD_LINK, pods=POD[self._family],
                             other=f"/proc/{hosts[1].holder_pid()}/ns/net")
        self._stack.callback(self.tester.close)

    def _start_relay(self, hosts):
        address = ADDRESSES[self._family][0]
        halves = [hosts[0].spawn(self._bench.tester, *arguments("tell-pods", address=address, family=self._family)),
                  hosts[1].spawn(self._bench.tester, *arguments("install-pods", address=address, dev=UPLINK))]
        for half in halves:
            wait_until(lambda half=half: "ready" in half.log() or not half.is_running(), 10, "the relay")
            if not half.is_running():
                raise SystemExit(f"the relay ended: {half.log()}")

    def connect(self):
        """Waits for the session, and for the first pod's route, which says that all is in place."""
        for speaker in self._speakers:
            wait_until(speaker.is_up, 30, f"{self._kind}: the session")
        self.tester.order("latency", 1, timeout=10)


def pods(bench):
    """(l) From a pod's route in one kernel to the route in another node's, and until it is gone there."""
    kinds = [kind for kind in bench.options.speakers if kind in NODES] + [RELAY]
    for family in bench.options.families:
        heading(f"a pod's route from node to node: IPv{family}, blocks of {bench.options.block}, {bench.options.blocks} of each")
        ratios = latency.in_blocks(bench, {kind: Nodes(bench, kind, family) for kind in kinds})
        for (step, rival), ratio in ratios.items():
            if ratio is not None and not bench.options.quick:
                bench.judge(f"IPv{family}: p50 to {step} a pod, less the relay's, {ratio:.2f} x {rival}'s (at most {BAR})", ratio <= BAR)
