"""A host of the tests: a network and a mount namespace, held open by one process that dies with the tests.

Nothing has a name in /run/netns and nothing is mounted outside, so there is nothing to clean up: when the processes
inside are gone, so are the links, the routes and the mounts.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET, _CLONE_NEWNS, _PR_SET_PDEATHSIG = 0x40000000, 0x00020000, 1

SETTINGS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    # Duplicate address detection would only cost time: the addresses are unique by construction.
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
}


def wait_until(condition, timeout, what="a condition"):
    """Polls until condition() is true; returns its value."""
    deadline = time.monotonic() + timeout
    pause = 0.005
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return value


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _die_with_parent():
    _check(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")


class Process:
    """A program inside a host, with its output in a file."""

    def __init__(self, process, log):
        self._process = process
        self.pid = process.pid
        self._log = log

    def is_running(self):
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, number):
        """Sends a signal."""
        if self.is_running():
            self._process.send_signal(number)

    def wait(self, timeout=10):
        """Its exit status; negative for a signal."""
        return self._process.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=10):
        """Sends a signal and waits for the end."""
        self.send(number)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"signal {number} did not end it; its log ends:\n{self.log()[-3000:]}") from None

    def kill(self):
        """Ends it at once."""
        self._process.kill()
        self._process.wait()

    def log(self):
        """What it wrote."""
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()


class Host:
    """One machine. Make it with `with`, so that it goes away also after a failure."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = os.path.join(str(directory), name)
        os.makedirs(self.directory, exist_ok=True)
        self.processes = []
        self._stack = contextlib.ExitStack()
        self._holder = subprocess.Popen(["unshare", "--net", "--mount", "sleep", "infinity"], stdin=subprocess.DEVNULL,
                                        preexec_fn=_die_with_parent)
        self._stack.callback(self._end_holder)
        wait_until(self._is_apart, 5, f"namespaces of {name}")
        self.network = self._open("net")
        self.mounts = self._open("mnt")
        self.sysctl(SETTINGS)
        self.ip("link set lo up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.is_running():
                process.kill()
        self._stack.close()

    def _is_apart(self):
        try:
            with open(f"/proc/{self._holder.pid}/comm", encoding="ascii") as file:
                return file.read() == "sleep\n"
        except FileNotFoundError:
            return False

    def _open(self, kind):
        fd = os.open(f"/proc/{self._holder.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        self._stack.callback(os.close, fd)
        return fd

    def _end_holder(self):
        self._holder.kill()
        self._holder.wait()

    def _enter(self):
        """Runs in a child between fork and exec."""
        _die_with_parent()
        _check(_LIBC.setns(self.network, _CLONE_NEWNET), "setns net")
        _check(_LIBC.setns(self.mounts, _CLONE_NEWNS), "setns mnt")

    def run(self, *argv, check=True, timeout=20):
        """Runs a command to its end; its CompletedProcess, output as text."""
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=timeout,
                              preexec_fn=self._enter, check=False, cwd="/")
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def spawn(self, *argv, name=None, env=None, **options):
        """Starts a program."""
        argv = [str(word) for word in argv]
        path = os.path.join(self.directory, f"{name or os.path.basename(argv[0])}.{len(self.processes)}.log")
        with open(path, "wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                       preexec_fn=self._enter, env={**os.environ, **(env or {})}, **options)
        self.processes.append(Process(process, path))
        return self.processes[-1]

    def ip(self, *lines):
        """Runs iproute2's ip, one command a line, in one batch."""
        done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True,
                              preexec_fn=self._enter, check=False)
        assert done.returncode == 0, f"{lines}: {done.stderr}"

    def ip_json(self, *words):
        """What ip prints as JSON, decoded."""
        text = self.run("ip", "-details", "-json", *words).stdout
        return [one for one in json.loads(text or "[]") if one]

    def routes(self, protocol=None, family=4):
        """Routes of table main; of one protocol when given."""
        words = [f"-{family}", "route", "show", "table", "main"] + (["proto", str(protocol)] if protocol else [])
        return self.ip_json(*words)

    def monitor_routes(self):
        """`ip monitor route`, once it hears: its log then has every change, and nothing of how that was found out is still
        to come."""
        monitor = self.spawn("ip", "monitor", "route", name="monitor")
        probes = []

        def hears():
            if probes and f"Deleted blackhole {probes[-1]}" in monitor.log():
                return True
            if not probes or probes[-1] not in monitor.log():  # the last one came too early
                probes.append(f"198.18.255.{len(probes)}")
                for verb in ("add", "del"):
                    self.run("ip", "route", verb, "blackhole", probes[-1], "metric", 9999)
            return False

        wait_until(hears, 5, "ip monitor")
        return monitor

    def sysctl(self, settings):
        """Writes network settings."""
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        done = subprocess.run(["sysctl", "--quiet", "-p", "-"], input=lines, capture_output=True, text=True,
                              preexec_fn=self._enter, check=False)
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def entered(self):
        """Sockets made inside belong to this host's network."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_LIBC.setns(self.network, _CLONE_NEWNET), "setns net")
            yield
        finally:
            _check(_LIBC.setns(home, _CLONE_NEWNET), "setns home")
            os.close(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """A socket of this host's network."""
        with self.entered():
            return socket.socket(family, kind)

    def holder_pid(self):
        """A process in the host's namespaces."""
        return self._holder.pid


def cable(one, name_one, other, name_other):
    """A veth pair between two hosts, both ends up."""
    one.ip(f"link add {name_one} type veth peer name {name_other} netns {other.holder_pid()}",
           f"link set {name_one} up")
    other.ip(f"link set {name_other} up")
