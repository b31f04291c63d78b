"""The tests' own machine as a place to run daemons, for what needs no namespaces.

It offers what a Machine of the lab offers for that: a directory, spawn() and stop(). Its daemons carry the lab's mark
and are tied to our life, so the lab's end is theirs.
"""

import os
import signal
import subprocess

from lab.shell import environment


class Process:
    """A long-running program, with its log in a file."""

    def __init__(self, process, log):
        self._process = process
        self.log = log
        self.pid = process.pid  # whatever runs the program becomes it

    def is_running(self):
        """Whether the program has not ended."""
        return self._process.poll() is None

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Sends a signal, waits for the end and returns the status; after the timeout, kills."""
        if self.is_running():
            os.kill(self.pid, number)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait(5)
            raise

    def log_tail(self, lines=60):
        """The end of the program's log."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])


class Host:
    """The machine we run on; stop() ends what was spawned."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.directory = os.path.join(lab.directory, name)
        os.makedirs(self.directory)
        self.daemons = []

    @property
    def pid(self):
        """A process that sees what the daemons see."""
        return os.getpid()

    @staticmethod
    def holder_pids():
        """Nothing holds this machine's namespaces."""
        return []

    def spawn(self, argv, name, **extra):
        """Starts a long-running program; its output goes to <name>.log."""
        path = os.path.join(self.directory, f"{name}.log")
        with open(path, "ab") as log:
            process = subprocess.Popen(self.lab.tied([*map(str, argv)]), stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, env={**environment(self.lab.mark), **extra}, cwd="/",
                                       start_new_session=True)
        self.daemons.append(Process(process, path))
        return self.daemons[-1]

    def stop(self):
        """Ends what was spawned, the latest first."""
        for daemon in reversed(self.daemons):
            if daemon.is_running():
                daemon.stop(signal.SIGKILL)
