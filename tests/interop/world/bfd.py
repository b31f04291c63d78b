"""BFD between two hosts: our engine on one (the program bfd_speaker), BIRD 2 or raw packets on the other."""

import ipaddress
import json
import os
import signal
import socket
import struct
import time

from world.host import Host, cable, wait_until

LINK, FAR_LINK = "up0", "down0"
OURS = {4: "10.8.0.2", 6: "fd08::2"}
THEIRS = {4: "10.8.0.1", 6: "fd08::1"}
ADMIN_DOWN, DOWN, INIT, UP = range(4)
PORT = 3784
_IP_RECVTTL = 12  # <linux/in.h>; Python has no name for it


class Speaker:
    """One session of ours."""

    def __init__(self, host, program, **options):
        self._process = host.spawn(program, *[f"{key}={value}" for key, value in options.items()], name="bfd_speaker")
        self.send = self._process.send
        self.pid = self._process.pid

    def lines(self, word):
        """Every line so far that begins with a word."""
        assert self._process.is_running(), self.log()
        return [line for line in self.log().splitlines() if line.startswith(word)]

    def log(self):
        """What it wrote."""
        return self._process.log()

    def changes(self):
        """(from, to) of each change of state."""
        return [tuple(line.split()[1:3]) for line in self.lines("change")]

    def state(self):
        """The state it is in."""
        changes = self.changes()
        return changes[-1][1] if changes else "Down"

    def now(self):
        """The intervals it goes by, in microseconds."""
        lines = self.lines("now")
        words = lines[-1].split()[1:] if lines else []
        return {key: int(value) for key, _, value in (word.partition("=") for word in words)}

    def wait_state(self, state, timeout=15):
        """Waits for a state."""
        wait_until(lambda: self.state() == state, timeout, lambda: f"{state}:\n{self.log()}")

    def wait_now(self, timeout=10, **expected):
        """Waits for intervals."""
        wait_until(lambda: expected.items() <= self.now().items(), timeout, lambda: f"{expected}:\n{self.log()}")

    def stop(self):
        """Retires the session; the exit status."""
        return self._process.stop(signal.SIGTERM)

    def wait(self, timeout=10):
        """Waits for the end."""
        return self._process.wait(timeout)


class Bird:
    """BIRD 2's BFD protocol, with one static neighbor."""

    def __init__(self, host):
        self._host = host
        self._process = None
        host.run("mount", "-t", "tmpfs", "-o", "mode=755", "router-run", "/run")

    def _configure(self, neighbor, interval, multiplier, disabled):
        with open(f"/proc/{self._host.holder_pid()}/root/run/bird.conf", "w", encoding="utf-8") as file:
            file.write(f"""
router id 10.8.0.1;
protocol device {{ scan time 1; }}
protocol bfd watch {{
  {"disabled;" if disabled else ""}
  interface "*" {{ interval {interval} ms; multiplier {multiplier}; idle tx interval 1 s; }};
  multihop {{ interval {interval} ms; multiplier {multiplier}; idle tx interval 1 s; }};
  neighbor {neighbor};
}}
""")

    def start(self, neighbor, interval=50, multiplier=3):
        """Starts it; `neighbor` in its own syntax."""
        self._configure(neighbor, interval, multiplier, False)
        self._process = self._host.spawn("bird", "-f", "-c", "/run/bird.conf", "-s", "/run/bird.ctl")
        wait_until(lambda: self.ask("show", "status").returncode == 0, 10, lambda: self._process.log())
        return self

    def reconfigure(self, neighbor, interval, multiplier=3, disabled=False):
        """Changes its settings while it runs."""
        self._configure(neighbor, interval, multiplier, disabled)
        answer = self.ask("configure").stdout
        assert "Reconfigur" in answer, answer

    def ask(self, *words):
        """A birdc command."""
        return self._host.run("birdc", "-s", "/run/bird.ctl", *words, check=False)

    def sessions(self):
        """`show bfd sessions`."""
        return self.ask("show", "bfd", "sessions").stdout

    def state(self):
        """The state of its session."""
        rows = [line.split() for line in self.sessions().splitlines() if _is_session(line)]
        return rows[0][2] if rows else None

    def freeze(self):
        """Stops it in its tracks: its connections stay, and nothing is sent."""
        self._process.send(signal.SIGSTOP)

    def kill(self):
        """Ends it without a word to anybody; when."""
        self._process.kill()
        return time.monotonic()


ASN, PREFIX, PREFIX6 = 65001, "20.1.0.0/16", "2a00:1::/48"
BIG = "big"  # BIRD's name for the many routes


class BgpBird(Bird):
    """BIRD 2 that speaks BGP with slash32-bgpd, and BFD with it as BGP asks for; announces PREFIX, or over IPv6 PREFIX6.

    `many`: so many /24 more, once `enable_many` says so.
    """

    def __init__(self, host, family, *, asn=ASN, detect=("bfd on",), many=0):
        super().__init__(host)
        self._family, self._asn, self._detect, self._many = family, asn, detect, many

    def _configure(self, neighbor, interval, multiplier, disabled):
        timers = f"interval {interval} ms; multiplier {multiplier}; idle tx interval 1 s;"
        with open(f"/proc/{self._host.holder_pid()}/root/run/bird.conf", "w", encoding="utf-8") as file:
            file.write(f"""
log stderr all;
debug protocols {{ states, events }};
router id 10.8.0.1;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol bfd watch {{ debug all; interface "*" {{ {timers} }}; multihop {{ {timers} }}; }}
protocol static {{ ipv{self._family}; route {PREFIX if self._family == 4 else PREFIX6} blackhole; }}
protocol static {BIG} {{ disabled; ipv4; {many_routes(self._many)} }}
protocol bgp slash32 {{
  local {THEIRS[self._family]} as {self._asn}; neighbor {neighbor}; {"; ".join(self._detect)};
  ipv{self._family} {{ import all; export where source = RTS_STATIC; next hop self; }};
  graceful restart on; hold time 90; connect delay time 1; connect retry time 1; error wait time 1, 2;
}}
""")

    def protocol(self):
        """`show protocols all`, of BGP."""
        return self.ask("show", "protocols", "all", "slash32").stdout

    def log(self):
        """What it wrote."""
        return self._process.log()

    def has_route(self, prefix):
        """Whether it has a prefix of ours."""
        return "slash32" in self.ask("show", "route", prefix).stdout


def many_routes(count):
    """BIRD's lines for so many /24 from 30.0.0.0 on."""
    return " ".join(f"route {ipaddress.IPv4Address((30 << 24) + (i << 8))}/24 blackhole;" for i in range(count))


def cut(host):
    """Drops BFD's packets in both directions at a host; when."""
    rules = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; udp dport {{ 3784, 4784 }} drop; }};"
                    for hook in ("input", "output"))
    host.run("nft", f"table inet cut {{ {rules} }}")
    return time.monotonic()


def uncut(host):
    """Lets BFD's packets pass again."""
    host.run("nft", "delete", "table", "inet", "cut")


def _is_session(line):
    """Whether a line of `show bfd sessions` is a session's."""
    return line.startswith((OURS[4], OURS[6], "fe80:"))


class Frr:
    """FRR's bfdd, with one neighbor at 50 ms x 3."""

    programs = ("/usr/lib/frr/zebra", "/usr/lib/frr/bfdd")

    def __init__(self, host, family, *, multihop=False):
        self._host = host
        own = f" local-address {THEIRS[family]}" if multihop or family == 6 else ""
        self._neighbor = OURS[family] + (" multihop" if multihop else "") + own
        host.run("mount", "-t", "tmpfs", "-o", "mode=755", "router-run", "/run")
        host.run("install", "-d", "-o", "frr", "-g", "frr", "/run/frr")

    @classmethod
    def is_installed(cls):
        """Whether its programs are there."""
        return all(os.access(program, os.X_OK) for program in cls.programs)

    def start(self):
        """Starts it."""
        shared = ["-u", "frr", "-g", "frr", "-f", "/dev/null", "--vty_socket", "/run/frr", "-z", "/run/frr/zserv.api"]
        self._host.spawn(self.programs[0], *shared, "-i", "/run/frr/zebra.pid")
        wait_until(lambda: FAR_LINK in self._vtysh("show interface brief", daemon="zebra"), 20, "zebra's interfaces")
        self._host.spawn(self.programs[1], *shared, "-i", "/run/frr/bfdd.pid", "--bfdctl", "/run/frr/bfdd.sock")
        wait_until(lambda: "bfd" in self._vtysh("show zebra client summary", daemon="zebra"), 20, "bfdd at zebra")
        self.set("detect-multiplier 3", "receive-interval 50", "transmit-interval 50", "no shutdown")
        return self

    def set(self, *lines):
        """Settings of the neighbor."""
        self._vtysh("configure terminal", "bfd", f"peer {self._neighbor}", *lines)

    def state(self):
        """The state of its session: "up", "down", …"""
        try:
            peers = json.loads(self._vtysh("show bfd peers json"))
        except ValueError:
            return None
        return peers[0]["status"] if peers else None

    def _vtysh(self, *commands, daemon="bfdd"):
        words = [word for command in commands for word in ("-c", command)]
        return self._host.run("vtysh", "--vty_socket", "/run/frr", "-d", daemon, *words, check=False).stdout


class Raw:
    """BFD packets written and read by hand."""

    def __init__(self, host, family, ttl=255):
        self._family = family
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        self._socket = host.socket(kind, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.settimeout(5)
        if family == 4:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        else:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        self._socket.bind((THEIRS[family], PORT))
        self._out = host.socket(kind, socket.SOCK_DGRAM)
        self._out.bind((THEIRS[family], 50000))
        self.set_ttl(ttl)

    def set_ttl(self, ttl):
        """TTL or hop limit of what is sent from now on."""
        level, name = ((socket.IPPROTO_IP, socket.IP_TTL) if self._family == 4 else
                       (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS))
        self._out.setsockopt(level, name, ttl)

    def send(self, state, your, *, flags=0):
        """One packet, 50 ms x 3."""
        packet = struct.pack("!BBBBIIIII", 0x20, state << 6 | flags, 3, 24, 0x1234, your, 1_000_000, 1_000_000, 0)
        self._out.sendto(packet, (OURS[self._family], PORT))

    def receive(self):
        """The next packet: its fields, and how it came."""
        data, control, _, source = self._socket.recvmsg(100, 200)
        numbers = sorted(value[0] for _, _, value in control)
        first, second, multiplier, length, mine, your, tx, rx, echo = struct.unpack("!BBBBIIIII", data)
        return {"version": first >> 5, "diag": first & 31, "state": second >> 6, "flags": second & 63,
                "multiplier": multiplier, "length": length, "mine": mine, "your": your, "tx": tx, "rx": rx,
                "echo": echo, "source": source[0], "port": source[1], "tos_ttl": numbers}

    def close(self):
        """Closes the sockets."""
        self._socket.close()
        self._out.close()


def two_hosts(stack, directory):
    """Our host and the other one, cabled, with addresses of both families."""
    ours = stack.enter_context(Host("ours", directory))
    other = stack.enter_context(Host("other", directory))
    connect(ours, other)
    return ours, other


def connect(ours, other):
    """Lays the cable, and gives both ends their addresses."""
    cable(ours, LINK, other, FAR_LINK)
    for host, link, addresses in ((ours, LINK, OURS), (other, FAR_LINK, THEIRS)):
        host.ip(f"addr add {addresses[4]}/24 dev {link}", f"addr add {addresses[6]}/64 dev {link} nodad")
        wait_until(lambda: link_local(host, link), 10, "a link-local address")  # pylint: disable=cell-var-from-loop


def link_local(host, link):
    """A host's link-local address, or None while there is none that can be used."""
    shown = host.ip_json("-6", "address", "show", "dev", link, "scope", "link", "-tentative")
    addresses = [one["local"] for link in shown for one in link["addr_info"] if "local" in one]
    return addresses[0] if addresses else None
