"""One speaker between its neighbours: two hosts and a cable, the daemon on one, the tester on the other. Or a floor: the
same tester with a relay in the daemon's place, or with nobody."""

import contextlib
import os
import subprocess
import tempfile
import time

from bgpbench import daemons
from bgpbench.tester import Tester, arguments
from world.host import Host, cable
from world.speaker import ADDRESS, ADDRESS6, ASN

DIRECT, RELAY, BARE = "floor", "relay", "netlink"
BASE = {4: "10.9.1.0", 6: "fd09::1:0"}  # the address before the first peer's
LINK = "down0"  # the speaker's
POLL = 0.1      # seconds between two looks at the kernel's progress, for everybody


class Load:
    """The routes of a run."""

    def __init__(self, family, prefixes, sets, seed):
        self.family, self.prefixes, self.sets, self.seed = family, prefixes, sets, seed

    def options(self):
        """As the tester wants them."""
        return {"family": self.family, "prefixes": self.prefixes, "sets": self.sets, "seed": self.seed}

    def patience(self):
        """Seconds after which a step is given up."""
        return 60 + self.prefixes / 1000

    def __str__(self):
        sets = "1 attribute set" if self.sets == 1 else f"{self.sets:,} attribute sets"
        return f"IPv{self.family}, {self.prefixes:,} prefixes, {sets}"


class World:
    """`kind` is a key of daemons.ALL, DIRECT, RELAY, or BARE (no daemon: for netlink's floor)."""

    def __init__(self, bench, kind, load, sinks, fib=False):
        self._bench, self.kind, self.load, self._sinks, self._fib = bench, kind, load, sinks, fib
        self.daemon = self.tester = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _lay_cable(self, setting):
        """The two hosts, with the peers' addresses."""
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="slash32-bgp-bench-"))
        self.speaker_host = self._stack.enter_context(Host("speaker", directory))
        self.tester_host = self._stack.enter_context(Host("tester", directory))
        cable(self.speaker_host, LINK, self.tester_host, "up0")
        self.speaker_host.ip(f"addr add {ADDRESS}/16 dev {LINK}", f"addr add {ADDRESS6}/64 dev {LINK}")
        length = 16 if self.load.family == 4 else 64
        self.tester_host.ip(*[f"addr add {address}/{length} dev up0" for _, address in setting.peers()])

    def _open(self):
        setting = daemons.Setting(self.load.family, self._sinks, self._fib)
        self._lay_cable(setting)
        own = setting.own()
        if self.kind == RELAY:
            self.speaker_host.spawn(self._bench.tester, *arguments("relay", address=own, sinks=self._sinks))
        elif self.kind not in (DIRECT, BARE):
            self.daemon = daemons.ALL[self.kind](self.speaker_host, self._bench.binary, setting)
            self.daemon.start()
        if self.kind != BARE:
            speaker = {"speaker": "direct"} if self.kind == DIRECT else {"speaker": own, "speaker_asn": ASN}
            self.tester = Tester(self.kind, self._bench.tester, self.tester_host, base=BASE[self.load.family], sinks=self._sinks,
                                 raw=int(self.kind == RELAY), **speaker, **self.load.options())
            self._stack.callback(self.tester.close)

    def connect(self):
        """Brings every session up."""
        return self.tester.order("connect", timeout=60 + self._sinks / 10)

    def measure(self, verb):
        """An order, and what it cost the daemon. Adds `daemon_cpu` (s), `peak` (MB)."""
        before = self.cpu()
        answer = self.tester.order(verb, timeout=self.load.patience())
        answer["daemon_cpu"] = self.cpu() - before
        answer["peak"] = self.peak()
        return answer

    def rest(self, seconds):
        """Nothing happens but keepalives; what that cost the daemon. `wakes`: how often one of its threads began to run."""
        before, wakes = self.cpu(), self._wakes()
        self.tester.ask("idle", seconds)
        answer = self.tester.answer(seconds + 30)
        return {**answer, "daemon_cpu": self.cpu() - before, "wakes": self._wakes() - wakes, "peak": self.peak()}

    # ---------------------------------------------------------------- the daemon's processes

    def _processes(self):
        """Everything in the speaker's network namespace but the process that holds it open."""
        here = os.stat(f"/proc/{self.speaker_host.holder_pid()}/ns/net").st_ino
        found = []
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdigit() and os.stat(f"/proc/{name}/ns/net").st_ino == here:
                    found.append(int(name))
        return [pid for pid in found if pid != self.speaker_host.holder_pid()]

    def cpu(self):
        """CPU seconds of all threads of all of them, the kernel's work for them included."""
        total = 0
        for pid in self._processes():
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def _wakes(self):
        total = 0
        for pid in self._processes():
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii", errors="replace") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches:"))
        return total

    def peak(self):
        """MB: the sum of their peaks."""
        total = 0
        for pid in self._processes():
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
        return total / 1024

    # ---------------------------------------------------------------- the kernel's routes

    def kernel_routes(self):
        """How many routes of the family there are; cheap, and the same for everybody."""
        net = f"/proc/{self.speaker_host.holder_pid()}/net"
        if self.load.family == 6:
            with open(f"{net}/rt6_stats", encoding="ascii") as file:
                return int(file.read().split()[3], 16)
        with open(f"{net}/fib_triestat", encoding="ascii") as file:
            main = file.read().split("Main:")[1].split("Local:")[0]
        return int(main.split("Prefixes:")[1].split()[0])

    def wait_for_routes(self, count):
        """Looks until there are so many; when that was."""
        deadline = time.monotonic() + self.load.patience() * 2
        while (found := self.kernel_routes()) != count:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.kind}: {found} routes in the kernel, not {count}")
            time.sleep(POLL)
        return time.monotonic()

    def check_kernel(self, protocol):
        """Compares every route of the kernel with what it must be."""
        gateway = daemons.Setting(self.load.family, 0, True).peers()[0][1]
        found = self._bench.run(self.speaker_host, "kernel-check", protocol=protocol, gateway=gateway, dev=LINK,
                                **self.load.options())
        if found != {"right": self.load.prefixes, "wrong": 0, "foreign": 0}:
            raise SystemExit(f"{self.kind}: the kernel's table is not what it must be: {found}")

    def fill_kernel(self):
        """Bare netlink's way: a process that says at its end when it began and what it cost."""
        gateway = daemons.Setting(self.load.family, 0, True).peers()[0][1]
        argv = ["nsenter", f"--net=/proc/{self.speaker_host.holder_pid()}/ns/net", self._bench.tester,
                *arguments("kernel-fill", gateway=gateway, dev=LINK, **self.load.options())]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
