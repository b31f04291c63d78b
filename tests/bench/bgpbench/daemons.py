"""Who is measured. Each takes routes from one source (AS 65001) and tells them to sinks (AS 65002), itself as next hop, all
accepted, nothing filtered, everything else as shipped. The classes that start them are the interop tests'."""

import copy

from world import routers
from world.host import wait_until
from world.pair import peer_address, peer_address6
from world.speaker import ADDRESS, ADDRESS6, ASN, POLICIES, Speaker, neighbor

SOURCE, FIRST_SINK = 1, 2  # peers' numbers
SOURCE_ASN, SINK_ASN = 65001, 65002
FIRST_ASN = 4200000000  # of a fleet's peers
EXTRA = (64999, 7)  # the community that a change of policy adds
NO_LIMIT = 10_000_000


class Setting:
    """What a daemon is started for."""

    reflect = dynamic = False
    paths = 1
    only = {}  # by a peer's number: the one whose routes it is told, and no other's

    def __init__(self, family, sinks, fib):
        self.family, self.sinks, self.fib = family, sinks, fib

    def own(self):
        """The speaker's address."""
        return ADDRESS if self.family == 4 else ADDRESS6

    def peers(self):
        """(number, address) of everyone, the source first."""
        address = peer_address if self.family == 4 else peer_address6
        return [(number, address(number)) for number in range(SOURCE, FIRST_SINK + self.sinks)]

    def remote_as(self, number):
        """A peer's AS."""
        return SOURCE_ASN if number == SOURCE else SINK_ASN


class Fleet(Setting):
    """Peers with an AS each; or, `reflect`, clients of a route reflector, which tells them `paths` to a prefix. `dynamic`:
    the daemon knows their range only (ours)."""

    def __init__(self, family, peers, *, reflect=False, paths=1, dynamic=False):
        super().__init__(family, peers - 1, False)
        self.reflect, self.paths, self.dynamic = reflect, paths, dynamic

    def remote_as(self, number):
        return ASN if self.reflect else FIRST_ASN + number - SOURCE


class Loaded(Setting):
    """Two sources with a sink each, and one who only listens. `only`: number of a peer to that of the one whose routes it is
    told, and no other's (ours and BIRD)."""

    def __init__(self, family, only):
        super().__init__(family, 4, False)
        self.only = only | {5: 5}  # its own: nothing

    def remote_as(self, number):
        return SINK_ASN if number in (2, 4) else SOURCE_ASN


class Alternate(Setting):
    """A source, a sink, and another source with the same routes."""

    def __init__(self, family, fib):
        super().__init__(family, 2, fib)

    def remote_as(self, number):
        return SINK_ASN if number == FIRST_SINK else SOURCE_ASN


class Slash32:
    """slash32-bgpd."""

    name, kernel_protocol = "slash32", 134

    def __init__(self, host, binary, setting):
        self._family = setting.family
        shared = {"maxPrefixes": {"in": NO_LIMIT}, "families": [f"ipv{setting.family}"], "localAddress": setting.own()}
        shared |= {"routeReflectorClient": True} if setting.reflect else {"nextHop": "self"}
        shared |= {"addPath": {"send": setting.paths}} if setting.paths > 1 else {}
        policies = {f"only{one}": [{"match": {"neighbor": [f"p{one}"]}, "then": "accept"}] for one in setting.only.values()}
        exports = {number: {"export": [f"only{one}"]} for number, one in setting.only.items()}
        peers = {"neighbors": [neighbor(f"p{number}", address, setting.remote_as(number), **shared, **exports.get(number, {}))
                               for number, address in setting.peers()]}
        if setting.dynamic:
            one = neighbor("p", None, "internal" if setting.reflect else "external", connectRetryTime=None, passive=None, **shared)
            network = "10.9.0.0/16" if setting.family == 4 else "fd09::/64"
            peers = {"dynamicNeighbors": [{**one, "range": network, "limit": len(setting.peers())}]}
        self._speaker = Speaker(host, binary, policies={**POLICIES, **policies}, kernel={"install": setting.fib, "maxRoutes": NO_LIMIT}, **peers)

    @staticmethod
    def is_installed():
        """Always."""
        return True

    def start(self):
        """Starts it."""
        self._speaker.start()

    def change_policy(self):
        """What it sends gets one community more from now on."""
        document = copy.deepcopy(self._speaker.document)
        document["policies"]["all"] = [{"then": "accept", "set": {"addCommunities": ["%d:%d" % EXTRA]}}]
        for one in document["neighbors"]:
            one["import"] = ["plain"]
        document["policies"]["plain"] = [{"then": "accept"}]
        self._speaker.reload(document)

    def has_reconciled(self):
        """Whether every route of an earlier life is confirmed or removed."""
        return self._speaker.get("/v1/status")["fib"]["stale"] == 0

    def check_routes(self, prefixes, count):
        """It must be able to say what it received, accepted and advertised."""
        for prefix in prefixes:
            self._speaker.wait_best(prefix)
        counts = {side: self._speaker.neighbor(f"p{number}")["families"][f"ipv{self._family}"]
                  for side, number in (("source", SOURCE), ("sink", FIRST_SINK))}
        said = {"received": counts["source"]["received"], "accepted": counts["source"]["accepted"],
                "advertised": counts["sink"]["advertised"]}
        if said != {"received": count, "accepted": count, "advertised": count}:
            raise SystemExit(f"slash32-bgpd miscounts {count} prefixes: {said}")


class Bird(routers.Router):
    """BIRD 2."""

    name, kernel_protocol, programs = "BIRD", 12, ("bird", "birdc")
    tables = ""

    def __init__(self, host, _, setting):
        super().__init__(host, ASN)
        self.setting = setting

    def _write(self, export):
        setting, channel = self.setting, f"ipv{self.setting.family}"
        more = "rr client;" if setting.reflect else ""
        hops = ("" if setting.reflect else "next hop self;") + (" add paths tx;" if setting.paths > 1 else "")
        only = {number: f'where proto = "p{one}"' for number, one in setting.only.items()}
        peers = "".join(
            f"protocol bgp p{number} {{ local {setting.own()} as {ASN}; neighbor {address} as {setting.remote_as(number)};"
            f" passive on; {more} {channel} {{ import all; export {only.get(number, export)}; {hops} {self.tables} }}; }}\n"
            for number, address in setting.peers())
        kernel = f"protocol kernel {{ {channel} {{ export all; }}; }}" if setting.fib else ""
        return self.file("bird.conf", f"router id {ADDRESS};\nprotocol device {{ }}\n{kernel}\n{peers}")

    def start(self):
        self.host.spawn("bird", "-f", "-c", self._write("all"), "-s", "/run/bird.ctl")
        wait_until(lambda: "Daemon is up" in self._birdc("show", "status"), 20, "bird")

    def _birdc(self, *words):
        return self.host.run("birdc", "-s", "/run/bird.ctl", *words, check=False).stdout

    @staticmethod
    def has_reconciled():
        """It does not say."""
        return True

    def change_policy(self):
        """What it sends gets one community more from now on."""
        self._write("filter { bgp_community.add((%d,%d)); accept; }" % EXTRA)
        answer = self._birdc("configure")
        assert "Reconfigur" in answer, answer


class BirdWithTables(Bird):
    """BIRD 2 that remembers what it received and what it sent, as the others do."""

    name, tables = "BIRD+tables", "import table on; export table on;"


class Frr(routers.Frr):
    """FRR: zebra and bgpd, the latter told to leave the kernel alone where there is to be no FIB."""

    name, kernel_protocol = "FRR", "186"
    global_lines, peer_lines = "", ""

    def __init__(self, host, _, setting):
        super().__init__(host, ASN)
        self.setting = setting

    def start(self):
        family = f"ipv{self.setting.family}"
        sessions, activation = [], []
        for number, address in self.setting.peers():
            sessions += [f" neighbor {address} remote-as {self.setting.remote_as(number)}", f" neighbor {address} passive"]
            sessions += [f" neighbor {address} {line}" for line in self.peer_lines.split(";") if line]
            activation += [f"  neighbor {address} activate",
                           f"  neighbor {address} {'route-reflector-client' if self.setting.reflect else 'next-hop-self'}"]
            activation += [f"  neighbor {address} addpath-tx-all-paths"] if self.setting.paths > 1 else []
        conf = self.file("frr/frr.conf", "\n".join([
            "hostname speaker", f"router bgp {ASN}", f" bgp router-id {ADDRESS}", " no bgp ebgp-requires-policy",
            " no bgp default ipv4-unicast", self.global_lines, *sessions, f" address-family {family} unicast",
            *activation, " exit-address-family", ""]), "frr")
        self.file("frr/vtysh.conf", "", "frr")
        shared = ["-u", "frr", "-g", "frr", "-f", conf, "--vty_socket", "/run/frr", "-z", "/run/frr/zserv.api"]
        # As routers.Frr.launch(): bgpd must not meet a neighbour before zebra has told it the addresses.
        self.host.spawn("/usr/lib/frr/zebra", *shared, "-i", "/run/frr/zebra.pid")
        wait_until(lambda: "down0" in self.vtysh("show interface brief", daemon="zebra"), 20, "zebra's interfaces")
        self.host.spawn("/usr/lib/frr/bgpd", *shared, "-i", "/run/frr/bgpd.pid", "-l", self.setting.own(),
                        *([] if self.setting.fib else ["--no_kernel"]))
        wait_until(lambda: "bgp" in self.vtysh("show zebra client summary", daemon="zebra"), 20, "bgpd at zebra")

    @staticmethod
    def has_reconciled():
        """It does not say."""
        return True

    def change_policy(self):
        """What it sends gets one community more from now on."""
        lines = [f"router bgp {ASN}", f"address-family ipv{self.setting.family} unicast"]
        lines += [f"neighbor {address} route-map extra out" for _, address in self.setting.peers()]
        self.vtysh("configure terminal", "route-map extra permit 10", "set community %d:%d additive" % EXTRA, "exit", *lines)


class FrrWithoutDelay(Frr):
    """FRR that neither coalesces nor waits."""

    name, global_lines, peer_lines = "FRR(0)", " coalesce-time 0", "advertisement-interval 0"


class Openbgpd(routers.Openbgpd):
    """OpenBGPD: no FIB on Linux."""

    name, kernel_protocol = "OpenBGPD", None

    def __init__(self, host, _, setting):
        super().__init__(host, ASN)
        self.setting = setting

    def _write(self, more):
        own, family = self.setting.own(), self.setting.family
        def block(number, address):
            lines = [f"remote-as {self.setting.remote_as(number)}", f"local-address {own}", "passive", f"announce IPv{family} unicast"]
            lines += ["announce IPv4 none"] * (family == 6) + ["set nexthop self"]
            return "\n  ".join([f"neighbor {address} {{", *lines]) + "\n}\n"

        peers = "".join(block(number, address) for number, address in self.setting.peers())
        return self.file("bgpd.conf", f"AS {ASN}\nrouter-id {ADDRESS}\nfib-update no\nsocket \"/run/openbgpd/control\"\n"
                                      f"listen on {own}\n{peers}\nallow from any\nallow to any\n{more}\n")

    def start(self):
        self.host.run("mkdir", "-p", "/run/openbgpd")
        self.host.spawn("/usr/sbin/bgpd", "-d", "-f", self._write(""), name="openbgpd")
        wait_until(lambda: self.bgpctl("show", "summary"), 20, "OpenBGPD")

    def change_policy(self):
        """What it sends gets one community more from now on."""
        self._write("match to any set community %d:%d" % EXTRA)
        self.bgpctl("reload")


ALL = {"slash32": Slash32, "bird": Bird, "bird-tables": BirdWithTables, "frr": Frr, "frr0": FrrWithoutDelay,
       "openbgpd": Openbgpd}
