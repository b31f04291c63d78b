"""A machine of the lab: namespaces held open by one process, and the processes in them.

The holder is process 1 of a PID namespace, so killing it ends all the others, their network namespace, its
links and its mounts. Nothing has a name in the machine's own /run/netns, and nothing needs to be unmounted.
"""

import json
import os
import signal
import subprocess

from lab.shell import children_of, environment, is_alive, run, wait_until

SETTINGS = {
    # What a new namespace inherits depends on the machine; a test must not.
    "net.ipv4.ip_forward": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv6.conf.all.disable_ipv6": 0,
    "net.ipv6.conf.default.disable_ipv6": 0,
    "net.ipv6.conf.all.forwarding": 0,
    # The lab's addresses are unique by construction: waiting for DAD would only cost time.
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    # As a node's network manager would put its addresses back after a link was down.
    "net.ipv6.conf.default.keep_addr_on_down": 1,
    "net.ipv4.icmp_ratelimit": 0,
}


class Daemon:
    """A long-running process inside a machine, with its log in a file outside."""

    def __init__(self, process, log):
        self._process = process  # nsenter, outside; the program itself is its only child
        self.log = log
        self.pid = wait_until(self._find_pid, 10, lambda: f"start of {process.args}\n{self.log_tail()}")

    def _find_pid(self):
        if self._process.poll() is not None:
            return self._process.pid  # gone already: whoever asks is_running() will see that
        return next(iter(children_of(self._process.pid)), None)

    def is_running(self):
        """Whether the program has not ended."""
        return self._process.poll() is None

    def send(self, number):
        """Sends a signal to the program."""
        if self.is_running():
            os.kill(self.pid, number)

    def wait(self, timeout=20):
        """Waits for the program's end and returns its status, negative for a signal."""
        return self._process.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Sends a signal, waits for the end; after the timeout, kills."""
        self.send(number)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.wait(5)
            raise

    def log_tail(self, lines=60):
        """The end of the program's log."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except FileNotFoundError:
            return ""


class Machine:
    """A host of the lab, in network, mount, PID, UTS and IPC namespaces of its own."""

    def __init__(self, lab, name, init=None):
        self.lab = lab
        self.name = name
        self.directory = os.path.join(lab.directory, name)
        os.makedirs(self.directory, exist_ok=True)
        self._holder = None
        self.pid = None
        self.daemons = []  # all that were ever started, for their logs
        self._start(init or [lab.pause])
        self.set_up_network()

    def set_up_network(self):
        """Gives the new network namespace its settings and its loopback."""
        self.sysctl(SETTINGS)
        self.ip("link", "set", "lo", "up")

    def _start(self, init):
        argv = ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc",
                *init]
        with open(os.path.join(self.directory, "init.log"), "wb") as log:
            self._holder = subprocess.Popen(self.lab.tied(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment(self.lab.mark), cwd="/", start_new_session=True)
        self.pid = wait_until(self._ready, 20, lambda: f"namespaces of {self.name}: {self._init_log()}")

    def _ready(self):
        if self._holder.poll() is not None:
            raise AssertionError(f"namespaces of {self.name}: {self._init_log()}")
        for pid in children_of(self._holder.pid):
            try:
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "pause":
                    return pid
            except OSError:
                pass
        return None

    def _init_log(self):
        with open(os.path.join(self.directory, "init.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def holder_pids(self):
        """The processes whose end is the end of this machine, outermost first."""
        return [pid for pid in (self._holder.pid, self.pid) if pid]

    def enter(self, argv):
        """The command line that runs argv inside, in all of this machine's namespaces."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--uts", "--ipc", "--",
                *map(str, argv)]

    def enter_network(self, argv):
        """The command line that runs argv with this machine's network and everything else from outside."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *map(str, argv)]

    def run(self, *argv, **options):
        """Runs a command inside."""
        options.setdefault("env", environment(self.lab.mark))
        return run(self.enter(argv), **options)

    def ip(self, *words, **options):
        """Runs iproute2's ip in this machine's network."""
        return run(self.enter_network(["ip", *words]), **options).stdout

    def ip_json(self, *words):
        """Runs ip with JSON output and returns what it printed, decoded."""
        text = self.ip("-details", "-json", *words)
        return [entry for entry in json.loads(text or "[]") if entry]

    def sysctl(self, settings):
        """Writes kernel settings of this machine's network."""
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        run(self.enter_network(["sysctl", "--quiet", "-p", "-"]), stdin=lines)

    def spawn(self, argv, name, **extra):
        """Starts a long-running program inside; its output goes to <name>.log."""
        path = os.path.join(self.directory, f"{name}.log")
        env = {**environment(self.lab.mark), **extra}
        with open(path, "ab") as log:
            process = subprocess.Popen(self.lab.tied(self.enter(argv)), stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, env=env, cwd="/", start_new_session=True)
        self.daemons.append(Daemon(process, path))
        return self.daemons[-1]

    def processes(self):
        """Command lines of everything that runs inside, holder and ps itself left out."""
        rows = self.run("ps", "-eo", "pid=,args=").stdout.splitlines()
        commands = [row.split(None, 1)[1] for row in rows if row.split(None, 1)[0] != "1"]
        return sorted(c for c in commands if not c.startswith("ps -eo "))

    def stop(self):
        """Ends every process inside, and with them the namespaces."""
        if self.pid and is_alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        if self._holder:
            self._holder.wait(20)


def connect(one, name_one, other, name_other, mtu=1500):
    """A cable between two machines: a veth pair whose ends are born inside them."""
    one.ip("link", "add", name_one, "mtu", mtu, "type", "veth", "peer", "name", name_other, "mtu", mtu,
           "netns", other.pid)
    one.ip("link", "set", name_one, "up")
    other.ip("link", "set", name_other, "up")
