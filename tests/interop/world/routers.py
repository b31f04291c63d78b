"""Other people's speakers, each in a host of its own: configured, started, asked. One session carries both families.

Each announces PREFIX and PREFIX6 to slash32-bgpd and takes whatever that announces. Differences between them stay here.
"""

import json
import os
import shutil

import router_conf
from world.host import wait_until
from world.speaker import ADDRESS, ADDRESS6, ASN

PREFIX, PREFIX6 = "20.1.0.0/16", "2a00:1::/48"
SELF, SELF6 = "10.9.1.1", "fd09::1:1"
ENDS = {4: (SELF, ADDRESS), 6: (SELF6, ADDRESS6)}  # its end of a session over IPv4 or IPv6, and slash32-bgpd's


class Router:
    """One foreign speaker. `asn` is its own AS."""

    programs = ()
    has_fib = False
    graceful_restart = None  # gracefulRestart of slash32-bgpd's neighbour, where the default will not do

    def __init__(self, host, asn, *, session="", family="", more="", ends=ENDS[4]):
        """`session` and `family` are further lines, in the router's own words, of its session with slash32-bgpd and of
        each family in it; `more` stands outside of it. `ends`: its address in that session, and slash32-bgpd's."""
        self.host = host
        self.asn = asn
        self.own, self.peer = ends
        self.session = session
        self.family = family
        self.more = more
        # A private /run: nothing of the machine's own daemons is seen or disturbed.
        host.run("mount", "-t", "tmpfs", "-o", "mode=755", "router-run", "/run")

    @classmethod
    def is_installed(cls):
        """Whether its programs are there."""
        return all(shutil.which(program) or os.access(program, os.X_OK) for program in cls.programs)

    def file(self, name, text, owner=None):
        """Writes a file below /run, as the host sees it; returns its path inside."""
        outside = f"/proc/{self.host.holder_pid()}/root/run/{name}"
        os.makedirs(os.path.dirname(outside), exist_ok=True)
        with open(outside, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(outside, 0o600 if owner is None else 0o640)
        if owner:
            for path in (os.path.dirname(outside), outside):
                shutil.chown(path, owner, owner)
        return f"/run/{name}"

    def start(self):
        """Starts it."""
        raise NotImplementedError

    def has_route(self, prefix):
        """Whether it has taken a prefix from slash32-bgpd."""
        raise NotImplementedError

    def reset(self):
        """Drops the session as an operator would."""
        raise NotImplementedError

    def last_notification(self):
        """The name of the last NOTIFICATION, and whether it was a Hard Reset; nothing where it does not say."""
        return None

    def kernel_has(self, prefix):
        """Whether its kernel has a route to a prefix."""
        routes = self.host.routes(family=6 if ":" in prefix else 4)
        return any(route["dst"] == prefix and route.get("type", "unicast") == "unicast" for route in routes)


class Bird(Router):
    """BIRD 2."""

    programs = ("bird", "birdc")
    has_fib = True

    def start(self):
        conf = self.file("bird.conf", router_conf.bird(
            f"local {self.own} as {self.asn}; neighbor {self.peer} as {ASN};", (PREFIX, PREFIX6), router_id=SELF,
            family=self.family or "next hop self;", session=f"{router_conf.BIRD_TIMERS} {self.session}",
            more="protocol direct { ipv4; ipv6; }\n" + self.more))
        self._argv = ["bird", "-f", "-c", conf, "-s", "/run/bird.ctl"]
        self._process = self.host.spawn(*self._argv)

    def birdc(self, *words):
        """What birdc answers."""
        return self.host.run("birdc", "-s", "/run/bird.ctl", *words, check=False).stdout

    def has_route(self, prefix):
        return "slash32" in self.birdc("show", "route", prefix)

    def reset(self):
        self.birdc("restart", "slash32")

    def stop(self):
        """Ends it as before a graceful restart."""
        self.birdc("graceful", "restart")
        self._process.wait()

    def start_again(self):
        """Starts it after that."""
        self._process = self.host.spawn(*self._argv, "-R")


class Frr(Router):
    """FRR: zebra and bgpd."""

    programs = ("/usr/lib/frr/zebra", "/usr/lib/frr/bgpd", "vtysh")
    has_fib = True

    def start(self):
        conf = self.file("frr/frr.conf", router_conf.frr(
            self.asn, self.peer, f"remote-as {ASN}", (PREFIX, PREFIX6), router_id=SELF,
            session=f"neighbor {self.peer} advertisement-interval 0\n {self.session}") + self.more, "frr")
        self.launch(conf, self.own, self.peer)

    def launch(self, conf, own, neighbor):
        """zebra and bgpd with `conf`, in which the neighbour is shut down; then it may come."""
        self.file("frr/vtysh.conf", "", "frr")
        shared = ["-u", "frr", "-g", "frr", "-f", conf, "--vty_socket", "/run/frr", "-z", "/run/frr/zserv.api"]
        # A bgpd that meets its neighbour before zebra told it the interfaces' addresses sends IPv6 routes with a next hop
        # that nobody can use. So it may not, until zebra knows bgpd.
        self.host.spawn("/usr/lib/frr/zebra", *shared, "-i", "/run/frr/zebra.pid")
        wait_until(lambda: "down0" in self.vtysh("show interface brief", daemon="zebra"), 20, "zebra's interfaces")
        self._bgpd = ["/usr/lib/frr/bgpd", *shared, "-i", "/run/frr/bgpd.pid", "-l", own], neighbor
        self.start_again()

    def start_again(self):
        """bgpd; its neighbour may come when it knows zebra."""
        argv, neighbor = self._bgpd
        self._process = self.host.spawn(*argv)
        wait_until(lambda: "bgp" in self.vtysh("show zebra client summary", daemon="zebra"), 20, "bgpd at zebra")
        wait_until(lambda: neighbor in self.vtysh("show running-config"), 20, "bgpd's configuration")
        self.vtysh("configure terminal", f"router bgp {self.asn}", f"no neighbor {neighbor} shutdown")

    def vtysh(self, *commands, daemon="bgpd"):
        """What vtysh answers."""
        words = [word for command in commands for word in ("-c", command)]
        return self.host.run("vtysh", "--vty_socket", "/run/frr", "-d", daemon, *words, check=False).stdout

    def has_route(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        try:
            found = json.loads(self.vtysh(f"show bgp {family} unicast {prefix} json"))
        except ValueError:
            return False
        return any(path.get("bestpath", {}).get("overall") for path in found.get("paths", []))

    def reset(self):
        self.vtysh(f"clear bgp {self.peer}")

    def stop(self):
        """Ends bgpd without a word; zebra stays."""
        self._process.kill()

    def configure(self, line):
        """A line of `router bgp`."""
        self.vtysh("configure terminal", f"router bgp {self.asn}", line)

    def last_notification(self):
        shown = json.loads(self.vtysh(f"show bgp neighbors {self.peer} json"))[self.peer]
        return shown.get("lastNotificationReason"), shown.get("lastNotificationHardReset")


class NotifyingFrr(Frr):
    """FRR with RFC 8538, its own forwarding state kept, and a `clear bgp` that is a restart."""

    graceful_restart = {"notification": True}

    def __init__(self, host, asn):
        super().__init__(host, asn, session="""bgp graceful-restart
 bgp graceful-restart preserve-fw-state
 bgp graceful-restart notification
 no bgp hard-administrative-reset""")


class GracefulFrr(Frr):
    """FRR with graceful restart, its own forwarding state kept."""

    def __init__(self, host, asn):
        super().__init__(host, asn, session="bgp graceful-restart\n bgp graceful-restart preserve-fw-state")


class Gobgp(Router):
    """GoBGP: no FIB."""

    programs = ("gobgpd", "gobgp")
    next_hops = (SELF, SELF6)  # of what it announces

    def start(self):
        families = "".join(f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "{name}-unicast"\n{self.family}\n'
                           for name in ("ipv4", "ipv6"))
        self.launch(f"""
[global.config]
as = {self.asn}
router-id = "{SELF}"
local-address-list = ["{self.own}"]
[[neighbors]]
[neighbors.config]
neighbor-address = "{self.peer}"
peer-as = {ASN}
{self.session}
[neighbors.timers.config]
connect-retry = 1
hold-time = 9
keepalive-interval = 3
[neighbors.transport.config]
local-address = "{self.own}"
{families}{self.more}""")

    def launch(self, text):
        """gobgpd with this configuration."""
        conf = self.file("gobgpd.toml", text)
        self.host.spawn("gobgpd", "-f", conf, "--api-hosts", "127.0.0.1:50051", "--pprof-disable")
        self._announced = False

    def gobgp(self, *words):
        """gobgp, run."""
        return self.host.run("gobgp", *words, check=False)

    def announce(self):
        """Its routes come by its API, once that answers."""
        for family, prefix, hop in zip(("ipv4", "ipv6"), (PREFIX, PREFIX6), self.next_hops):
            if self.gobgp("global", "rib", "add", "-a", family, prefix, "nexthop", hop).returncode != 0:
                return False
        self._announced = True
        return True

    def has_route(self, prefix):
        if not self._announced and not self.announce():
            return False
        family = "ipv6" if ":" in prefix else "ipv4"
        try:
            return prefix in json.loads(self.gobgp("global", "rib", "-a", family, "-j").stdout or "{}")
        except ValueError:
            return False

    def reset(self):
        # Not "reset": that keeps the neighbour idle for half a minute.
        self.gobgp("neighbor", self.peer, "disable")
        self.gobgp("neighbor", self.peer, "enable")


class GracefulGobgp(Gobgp):
    """GoBGP with graceful restart."""

    notification = "false"

    def __init__(self, host, asn):
        super().__init__(host, asn, family="[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true", more=f"""
[neighbors.graceful-restart.config]
enabled = true
notification-enabled = {self.notification}
restart-time = 60
""")


class NotifyingGobgp(GracefulGobgp):
    """GoBGP with RFC 8538."""

    notification = "true"
    graceful_restart = {"notification": True}


class Openbgpd(Router):
    """OpenBGPD: no FIB on Linux."""

    programs = ("/usr/sbin/bgpd", "bgpctl")
    rules = "allow from any\nallow to any"

    def start(self):
        # On Linux it takes the machine's first IPv6 address for its next hop on an IPv4 session: else that is ::1.
        self.host.ip(f"address add {SELF6}/128 dev lo")
        self.host.run("mkdir", "-p", "/run/openbgpd")
        self.host.spawn("/usr/sbin/bgpd", "-d", "-f", self.configure(), name="openbgpd")

    def configure(self):
        """Writes its configuration; returns its path."""
        return self.file("bgpd.conf", f"""
AS {self.asn}
router-id {SELF}
fib-update no
socket "/run/openbgpd/control"
connect-retry 1
holdtime 9
listen on {self.own}
network {PREFIX}
network {PREFIX6}
neighbor {self.peer} {{
  remote-as {ASN}
  local-address {self.own}
  announce IPv4 unicast
  announce IPv6 unicast
  {self.session}
}}
{self.more}
{self.rules}
""")

    def bgpctl(self, *words):
        """What bgpctl answers."""
        return self.host.run("bgpctl", "-s", "/run/openbgpd/control", *words, check=False).stdout

    def has_route(self, prefix):
        try:
            found = json.loads(self.bgpctl("-j", "show", "rib", prefix) or "{}")
        except ValueError:
            return False
        return any(route.get("prefix") == prefix for route in found.get("rib", []))

    def reset(self):
        self.bgpctl("neighbor", self.peer, "clear")


_HEARD = """import os
with open("/run/exabgp/heard", "ab", 0) as out:
    while True:
        data = os.read(0, 65536)  # not readline: its buffer would hide events
        if not data:
            break
        out.write(data)
"""


class Exabgp(Router):
    """ExaBGP: what it hears goes to a helper, as JSON."""

    programs = ("exabgp",)
    next_hops = (SELF, SELF6)  # of what it announces

    def start(self):
        self.file("exabgp/heard", "")
        self.file("exabgp/helper.py", _HEARD)
        conf = self.file("exabgp/exabgp.conf", f"""
process ear {{ run /usr/bin/python3 /run/exabgp/helper.py; encoder json; }}
neighbor {self.peer} {{
  router-id {SELF}; local-address {self.own}; local-as {self.asn}; peer-as {ASN}; hold-time 9;
  family {{ ipv4 unicast; ipv6 unicast; }}
  {self.session}
  api {{ processes [ ear ]; receive {{ parsed; update; }} }}
  announce {{
    ipv4 {{ unicast {PREFIX} next-hop {self.next_hops[0]}; {self.more} }}
    ipv6 {{ unicast {PREFIX6} next-hop {self.next_hops[1]}; }}
  }}
}}
""")
        environment = {"exabgp_daemon_user": "root", "exabgp_daemon_drop": "false", "exabgp_api_cli": "false",
                       "exabgp_tcp_bind": "", "exabgp_daemon_daemonize": "false", "exabgp_log_enable": "true"}
        self._process = self.host.spawn("exabgp", conf, env=environment)

    def has_route(self, prefix):
        heard = self.host.run("cat", "/run/exabgp/heard").stdout.splitlines()
        state = False
        for line in heard:
            update = json.loads(line).get("neighbor", {}).get("message", {}).get("update", {})
            if prefix in json.dumps(update.get("withdraw", {})):
                state = False
            if prefix in json.dumps(update.get("announce", {})):
                state = True
        return state

    def stop(self):
        """Ends it without a word."""
        self._process.kill()

    def start_again(self):
        """Starts it after that."""
        self.start()

    def reset(self):
        self.stop()
        self.start()


ALL = (Bird, Frr, Gobgp, Openbgpd, Exabgp)
