"""A lab: one temporary directory and everything that lives and dies with it."""

import os
import shutil
import signal
import subprocess
import tempfile

from lab import image
from lab.shell import is_alive, marked_processes, start_time, wait_until

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = ("slash32", "slash32-ipam", "slash32-bgpd", "slash32ctl")
CGROUPS = "/sys/fs/cgroup"


def binaries_directory():
    """Where our own programs are: $SLASH32_BIN or the release preset's output."""
    return os.environ.get("SLASH32_BIN") or os.path.join(REPOSITORY, "build/release/bin")


class Lab:
    """Holds the machines of one test module or demonstration, and takes all of them down."""

    def __init__(self, keep=False):
        self.directory = tempfile.mkdtemp(prefix="slash32-e2e-")
        self.mark = os.path.basename(self.directory)
        self.keep = keep
        self.machines = []
        self.pause = image.build_pause(self.directory)
        self.image = image.pack(self.pause, os.path.join(self.directory, "pause.tar"))

    def tied(self, argv):
        """Ties a command to our own life, unless the lab is to outlive us."""
        return [*argv] if self.keep else ["setpriv", "--pdeathsig", "KILL", "--", *argv]

    def add(self, machine):
        """Takes a machine into the lab's care; returns it."""
        self.machines.append(machine)
        return machine

    def holders(self):
        """[pid, start time] of the processes whose end is the lab's end, for taking it down later."""
        return [[pid, start_time(pid)] for machine in self.machines for pid in machine.holder_pids()]

    def down(self):
        """Takes the lab down, however far it had come up."""
        for machine in reversed(self.machines):
            machine.stop()
        take_down(self.directory, [])

    def leftovers(self):
        """What of this lab still exists, in words; empty after down()."""
        return leftovers(self.directory)


def cgroup_parent(mark):
    """The cgroup under which a lab's containers live."""
    return f"/{mark}"


def _cgroup_directories(mark):
    """A lab's cgroups, in each hierarchy of version 1 or in the one of version 2."""
    roots = [CGROUPS] + [os.path.join(CGROUPS, name) for name in sorted(os.listdir(CGROUPS))]
    found = [root + cgroup_parent(mark) for root in roots if not os.path.islink(root)]
    return [path for path in found if os.path.isdir(path)]


def _remove_cgroups(mark):
    for top in _cgroup_directories(mark):
        for path, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                pass  # leftovers() will tell


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def take_down(directory, holders):
    """Ends a lab from its directory and holders alone; `holders` as Lab.holders() gave them."""
    mark = os.path.basename(directory)
    for pid, started in holders:
        if start_time(pid) == started:
            _signal(pid, signal.SIGKILL)
    # Helpers that ran with a machine's network but outside its PID namespace.
    for pid in marked_processes(mark):
        _signal(pid, signal.SIGKILL)
    wait_until(lambda: not marked_processes(mark), 20, lambda: f"end of processes {marked_processes(mark)}")
    wait_until(lambda: _remove_cgroups(mark) or not _cgroup_directories(mark), 20,
               lambda: f"end of cgroups {_cgroup_directories(mark)}")
    shutil.rmtree(directory, ignore_errors=True)


def leftovers(directory):
    """What a lab left behind: processes, cgroups, mounts, its directory."""
    mark = os.path.basename(directory)
    found = [f"process {pid}" for pid in marked_processes(mark) if is_alive(pid)]
    found += [f"cgroup {path}" for path in _cgroup_directories(mark)]
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        found += [f"mount {line.split()[4]}" for line in file if mark in line]
    found += [f"directory {directory}"] if os.path.exists(directory) else []
    return found
