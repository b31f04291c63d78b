"""What is tried at one point, and what must hold after it. A point is the number of a system call (and what happens
there); a trial knows all the points of one verb on one node."""

import collections
import errno
import random
import re
import signal
import statistics

from node import Failed

SEED = 20240607  # of the samples; a failure names its point anyway
ERRORS = ("ENOMEM", "EMFILE", "ENOSPC", "EEXIST", "EBUSY", "ENOBUFS", "EINTR", "EPERM")
# These cannot fail: they do not return, or always succeed (brk(2) answers a refusal with the old break: only ENOMEM).
CANNOT_FAIL = {"exit", "exit_group", "rt_sigreturn", "getpid", "gettid", "set_tid_address", "sched_yield"}
ABORTED = 128 + signal.SIGABRT  # glibc's malloc, refused memory while it aligns its first heap, aborts when that is full
RUNS, RUNS_WITH_DELEGATE = 5, 15
OTHER_SECONDS = 4  # second errors tried beside those in netlink sends
# What a Go program's runtime calls more or less often from run to run: a busy machine makes it half as many again.
SCHEDULING = {"futex", "nanosleep", "sched_yield", "epoll_pwait", "madvise", "tgkill", "rt_sigreturn", "getpid", "clone",
              "clone3", "mmap", "munmap", "mprotect", "rt_sigprocmask", "sigaltstack", "gettid", "set_robust_list", "rseq",
              "exit"}
# How often the plugin looks for the kernel to have done something is the kernel's affair: each look ends with one of these
# calls, and is so many long with it (a link's name: an ioctl before it; an address: send and two receives).
LOOK = {"ppoll": 2, "clock_nanosleep": 4}


def call_names():
    with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", encoding="ascii") as file:
        return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", file.read())}


class Trial:
    """The points of one verb. Each begins and ends with the node as before."""

    def __init__(self, node, verb, measured=True):
        self.node, self.verb, self.notes = node, verb, {}
        runs = RUNS_WITH_DELEGATE if measured and node.foreign else RUNS
        self._names, self._last = call_names(), None
        self._runs = [self._undisturbed() for _ in range(runs)]
        self.counted = int(statistics.median(len(run.calls) for run in self._runs))
        self.steady = int(statistics.median(self._steady(self._by_name(run.calls)) for run in self._runs))

    # ---- the calls

    def _prepare(self):
        """The state the verb finds: DEL and GC a pod, ADD none."""
        if self.verb != "ADD":
            self.node.ok("ADD")
        elif self.node.cold:
            self.node.make_cold()

    def _traced(self, **what):
        self._prepare()
        self._last = self.node.traced(self.verb, "" if self.verb == "GC" else "pod", **what)
        return self._last

    def _undisturbed(self):
        run = self._traced()
        if not run.ok:
            raise Failed(f"{self.verb} without disturbance failed: {run}")
        self.node.ok("DEL")
        return run

    def _by_name(self, calls):
        return collections.Counter(self._names.get(call[1], "?") for call in calls)

    def _steady(self, counted):
        """How many of the calls, counted by name, depend neither on how a Go delegate's threads were scheduled nor on how
        long the kernel took."""
        return (sum(n for name, n in counted.items() if not self.node.foreign or name not in SCHEDULING)
                - sum(calls * counted.get(name, 0) for name, calls in LOOK.items()))

    def by_strace(self):
        """How many of those strace -c -f counts for the same run. It counts what the kernel makes again by itself: the
        median."""
        counts = []
        for _ in self._runs:
            self._prepare()
            counted = self.node.count_by_strace(self.verb, "" if self.verb == "GC" else "pod")
            counts.append(self._steady(counted))
            self.node.ok("DEL")
        return int(statistics.median(counts))

    def _longest(self):
        return max((run.calls for run in self._runs), key=len)

    def name(self, number, calls=None):
        calls = self._longest() if calls is None else calls
        return self._names.get(calls[number - 1][1], "?") if number <= len(calls) else "(end)"

    def describe(self, point):
        """Of the point tried last."""
        return f"call {point} ({self.name(point, self._last.calls)})"

    def note(self, what, count=1):
        if count:
            self.notes[what] = self.notes.get(what, 0) + count

    def points(self):
        return range(1, len(self._longest()) + 1)

    def share(self, step, shard, shards):
        """Every step-th of the points, and of those the ones that are this shard's."""
        return list(self.points())[shard * step::shards * step]

    # ---- what must hold

    def _forgive_host_local(self, run, *disturbed):
        """Nameless leases are host-local's own loss, and only where a call of its own was disturbed."""
        if self.node.foreign and any(number <= len(run.calls) and run.calls[number - 1][0] for number in disturbed):
            self.note("addresses host-local lost by itself", self.node.drop_nameless_leases())

    def _clean_up(self):
        """What the runtime does next, and what must be true then. After a GC it does another; a delegate that knows no
        GC gives its address back when libcni sends the DEL that goes before it."""
        if self.verb != "GC" or self.node.foreign:
            self.node.ok("DEL")
            if self.node.differences():
                self.note("needed GC after DEL")
        self.node.gc()
        self.node.expect_as_before(f"after {'DEL and ' if self.verb != 'GC' else ''}GC")

    def _add_again(self):
        self.node.ok("ADD")
        self.node.ok("DEL")
        self.node.expect_as_before("after a new ADD and DEL")
        if self.node.cold:
            self.node.expect_settings_recorded()

    def recover(self):
        """After a failed point: whether the next one finds the node as it must be."""
        try:
            self.node.call("DEL")
            self.node.call("GC", "")
            self._add_again()
            return True
        except Failed:
            return False


class Kill(Trial):
    """Killed before its n-th call; then DEL and GC leave the node as before, and ADD works."""

    def run(self, point):
        killed = self._traced(kill=point)
        self._forgive_host_local(killed, point)
        self._clean_up()
        self._add_again()


class KillButNotChildren(Trial):
    """As a runtime kills: the plugin alone. Its delegate goes on to its end."""

    def run(self, point):
        self._traced(kill=point, spare_children=True)
        self._clean_up()
        self._add_again()


class KillAndRetry(Trial):
    """The same ADD comes again without a DEL: it works, or it says why not; DEL cleans up in either case."""

    def run(self, point):
        killed = self._traced(kill=point)
        self._forgive_host_local(killed, point)
        again = self.node.call("ADD")
        if not again.ok and (again.document or {}).get("code") is None:
            raise Failed(f"the same ADD again failed without an error document: {again}")
        self.note("same ADD succeeded" if again.ok else f"same ADD refused with code {again.document['code']}")
        if again.ok:
            self.node.ok("CHECK", prevResult=again.document)
        self._clean_up()
        self._add_again()


class Error(Trial):
    """A call fails without being made. ADD succeeds, or has left nothing; DEL and GC clean up when they come again."""

    def points(self):
        calls = self._longest()
        return [(number, error) for number in range(2, len(calls) + 1) for error in ERRORS
                if self.name(number) not in CANNOT_FAIL and (self.name(number) != "brk" or error == "ENOMEM")]

    def describe(self, point):
        return f"{point[1]} from call {point[0]} ({self.name(point[0], self._last.calls)})"

    def run(self, point):
        run = self._traced(fail=[(point[0], getattr(errno, point[1]))])
        if run.code == ABORTED and self.name(point[0], run.calls) == "brk":
            self.note(f"{self.verb} aborted by malloc")
            return self._clean_up()
        return self.judge(run, point[0])

    def judge(self, run, *disturbed):
        self.note(f"{self.verb} succeeded" if run.ok else f"{self.verb} failed")
        if not run.ok and (run.document or {}).get("code") is None:
            self.note(f"{self.verb} failed without a document")
        if self.verb == "ADD":
            self._judge_add(run, *disturbed)
        else:
            self._clean_up()
        if self.node.cold:
            self._add_again()

    def _judge_add(self, run, *disturbed):
        if not run.ok:
            self._forgive_host_local(run, *disturbed)
            self.node.expect_as_before("after the failed ADD")
            return
        self.node.ok("CHECK", prevResult=run.document)
        self.node.ok("DEL")
        self.node.expect_as_before("after DEL")


class Stop(Error):
    """Told to stop (SIGTERM) at the n-th call: ADD succeeds, or has left nothing; DEL and GC clean up when they come
    again."""

    def points(self):
        return Trial.points(self)

    def describe(self, point):
        return Trial.describe(self, point)

    def run(self, point):
        self.judge(self._traced(stop=point))


class TwoErrors(Error):
    """An error makes ADD fail and a second one meets its undoing: then DEL cleans up. Exhaustive for a first or a second
    error in a netlink send, sampled otherwise."""

    def share(self, step, shard, shards):
        """All the pairs of a first error, or with a `step` one pair of every step-th."""
        names = [self.name(number) for number in range(1, len(self._longest()) + 1)]
        firsts = [i + 1 for i, name in enumerate(names) if i and name not in CANNOT_FAIL and name != "brk"]
        for first in firsts[shard * step::shards * step]:
            pairs = self._pairs(first, names[first - 1], random.Random(SEED + first))
            yield from pairs if step == 1 else pairs[:1]

    def _pairs(self, first, name, chance):
        """The first error once on its own shows what its undoing calls: nothing to do where ADD gets over it."""
        error = ERRORS[first % len(ERRORS)]
        run = self._traced(fail=[(first, getattr(errno, error))])
        self.node.ok("DEL")
        if run.ok:
            return []
        undoing = [k for k in range(first + 1, len(run.calls) + 1) if self.name(k, run.calls) not in CANNOT_FAIL]
        sends = [k for k in undoing if self.name(k, run.calls) == "sendto"]
        others = [k for k in undoing if k not in sends]
        others = others if name == "sendto" else sorted(chance.sample(others, min(OTHER_SECONDS, len(others))))
        return [(first, error, second, ERRORS[second % len(ERRORS)]) for second in sends + others]

    def describe(self, point):
        first, error, second, other = point
        names = [self.name(number, self._last.calls) for number in (first, second)]
        return f"{error} from call {first} ({names[0]}), {other} from call {second} ({names[1]})"

    def run(self, point):
        first, error, second, other = point
        run = self._traced(fail=[(first, getattr(errno, error)), (second, getattr(errno, other))])
        self.note("ADD succeeded" if run.ok else "ADD failed")
        self._forgive_host_local(run, first, second)
        self._clean_up()
