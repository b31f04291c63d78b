"""Running commands, and waiting for conditions instead of for time."""

import os
import subprocess
import time

# Every process of a lab carries this variable; what still has it at the end was left behind.
MARK = "SLASH32_E2E_LAB"


class CommandFailed(AssertionError):
    """A command ended with another status than 0; its whole output is in the message."""


class TimedOut(AssertionError):
    """A condition did not come true in time."""


def environment(mark="-", path=None):
    """A small, fixed environment: nothing of the caller's shell reaches the lab."""
    return {
        "PATH": path or "/opt/slash32/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        MARK: mark,
    }


def run(argv, *, timeout=60, check=True, stdin=None, env=None, cwd="/"):
    """Runs a command to its end and returns its CompletedProcess, output as text."""
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
                          env=env or environment(), cwd=cwd)
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(argv)}\nstatus {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_until(condition, timeout, what):
    """Polls until condition() is truthy and returns its value; TimedOut names what did not come."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimedOut(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def children_of(pid):
    """The PIDs of a process's children."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def is_alive(pid):
    """Whether a process exists and is more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def start_time(pid):
    """When a process began, in ticks since boot: with the PID it names a process for good."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def marked_processes(mark):
    """PIDs of live processes that carry a lab's mark in their environment."""
    found = []
    needle = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if needle in file.read().split(b"\0") and is_alive(int(entry)):
                    found.append(int(entry))
        except OSError:
            continue
    return found


def path_of(pid, inside):
    """A path as the process with this PID sees it, for opening from outside its mount namespace."""
    return f"/proc/{pid}/root{inside}"
