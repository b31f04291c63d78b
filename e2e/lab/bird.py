"""BIRD 2 on a machine of the lab: a router, or a peer, that is not ours."""

import os
import signal

from lab.shell import run, wait_until

HEAD = """log stderr all;
router id {router_id};
graceful restart wait 20;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
"""

KERNEL = """protocol kernel kernel_{family} {{
  scan time 5; graceful restart yes;
  {family} {{ import none; export where source = RTS_BGP; }};
}}
"""

BGP = """protocol bgp {name} {{
  local {local} as {local_as};
  neighbor {neighbor} as {remote_as};
  hold time 9; keepalive time 3;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  graceful restart on; graceful restart time 60;
{options}{channels}}}
"""

CHANNEL = "  {family} {{ import all; export {export};{extra} }};\n"


class Session:
    """One BGP session of a BIRD."""

    def __init__(self, name, local, local_as, neighbor, remote_as, families, **more):
        self.name, self.local, self.local_as = name, local, local_as
        self.neighbor, self.remote_as, self.families = neighbor, remote_as, families
        self.export = more.get("export", "where source ~ [RTS_BGP, RTS_DEVICE, RTS_STATIC]")
        self.reflector_client = more.get("reflector_client", False)

    def text(self):
        """The session in BIRD's language."""
        options = "  rr client;\n" if self.reflector_client else ""
        channels = "".join(CHANNEL.format(family=f, export=self.export, extra="") for f in self.families)
        return BGP.format(name=self.name, local=self.local, local_as=self.local_as, neighbor=self.neighbor,
                          remote_as=self.remote_as, options=options, channels=channels)


class Bird:
    """A BIRD process on a machine."""

    def __init__(self, machine, router_id, families, sessions):
        self._machine = machine
        self._daemon = None
        self.families, self.sessions = families, sessions
        self._config = os.path.join(machine.directory, "bird.conf")
        self._socket = os.path.join(machine.directory, "bird.ctl")
        self._text = HEAD.format(router_id=router_id)
        self._text += "".join(KERNEL.format(family=family) for family in families)
        self._text += "".join(session.text() for session in sessions)
        self._write("")

    def _write(self, extra):
        with open(self._config, "w", encoding="utf-8") as file:
            file.write(self._text + extra)

    def append(self, text):
        """Adds to the configuration, before start()."""
        self._text += text
        self._write("")

    def start(self, recover=False):
        """Starts it; with `recover` as a graceful restart."""
        argv = ["bird", "-f", "-c", self._config, "-s", self._socket, *(["-R"] if recover else [])]
        self._daemon = self._machine.spawn(argv, "bird")
        wait_until(lambda: self._ask("show", "status").returncode == 0, 10,
                   lambda: f"BIRD on {self._machine.name}\n{self._daemon.log_tail()}")

    def kill(self):
        """Ends it as a crash would."""
        self._daemon.stop(signal.SIGKILL)

    def stop(self):
        """Ends it in order: sessions are closed and its routes removed."""
        self._daemon.stop(signal.SIGTERM)

    def _ask(self, *words, check=False):
        return run(["birdc", "-s", self._socket, *words], check=check)

    def ask(self, *words):
        """What birdc prints for a command."""
        return self._ask(*words, check=True).stdout

    def announce(self, routes):
        """Announces static routes, and nothing else that was announced this way before."""
        extra = ""
        for family in self.families:
            lines = "".join(f"  route {r} unreachable;\n" for r in routes if (":" in r) == (family == "ipv6"))
            extra += f"protocol static extra_{family} {{\n  {family};\n{lines}}}\n" if lines else ""
        self._write(extra)
        self.ask("configure")

    def is_established(self):
        """Whether every session is up."""
        rows = [line.split() for line in self.ask("show", "protocols").splitlines()]
        states = {row[0]: row[-1] for row in rows if len(row) > 2 and row[1] == "BGP"}
        return bool(states) and all(state == "Established" for state in states.values())

    def is_recovering(self):
        """Whether it is still within a graceful restart, its own or a neighbour's."""
        return "Graceful restart recovery in progress" in self.ask("show", "status") or \
            "graceful restart active" in self.ask("show", "protocols", "all")

    def routes(self, prefix=""):
        """What BIRD holds, as birdc prints it."""
        return self.ask("show", "route", *([prefix] if prefix else []), "all")
