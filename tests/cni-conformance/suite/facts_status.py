"""STATUS: quick, waits for nobody, and tells when ADD could not work."""

import os
import signal
import time

from .facts import QUALITY, expect, fact
from .trial import container

WHERE = "1.1.0 §2 STATUS"
BOUND = 1.0  # seconds; a kubelet asks every 5, and a runtime may hold its lock meanwhile
POINTS = 12  # where in the course of an ADD it is stopped


@fact("status.good", "STATUS", "it succeeds and prints nothing where ADD works", WHERE)
def good(trial):
    trial.call("STATUS", trial.conf()).must_be_silent()
    trial.add("p1")
    trial.call("STATUS", trial.conf()).must_be_silent()


@fact("status.bare-environment", "STATUS", "needs no variable of an attachment", WHERE)
def bare_environment(trial):
    trial.call("STATUS", trial.conf(), without=("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS")).must_succeed()


@fact("status.changes-nothing", "STATUS", "it changes nothing on the node", WHERE, kind=QUALITY)
def changes_nothing(trial):
    before = trial.node.snapshot()
    trial.call("STATUS", trial.conf()).must_succeed()
    trial.must_become(before)


@fact("status.quick", "STATUS", "ten in a row take less than 1 s each", "the kubelet, which asks every 5 s", kind=QUALITY)
def quick(trial):
    trial.add("p1")
    times = [trial.call("STATUS", trial.conf()).must_succeed().seconds for _ in range(10)]
    expect(max(times) < BOUND, f"the slowest took {max(times):.2f} s")
    return f"the slowest of ten took {max(times) * 1000:.0f} ms, the exec of nsenter included"


def _is_starting(process):
    """The plugin itself is not there yet, but still the nsenter that becomes it."""
    try:
        return os.path.basename(os.readlink(f"/proc/{process.pid}/exe")) == "nsenter"
    except OSError:  # it has ended
        return False


def _begun_add(trial, pod):
    """An ADD that has its configuration and whose plugin runs."""
    trial.node.pod(pod)
    process = trial.start_add(pod)
    process.stdin.write(process.given)
    process.stdin.close()
    process.stdin = None
    while _is_starting(process):
        time.sleep(0.0002)
    return process


def _finished_add(trial, pod):
    """Seconds from the plugin's start to the end of an undisturbed ADD."""
    process = _begun_add(trial, pod)
    began = time.monotonic()
    trial.finish(process).must_succeed()
    return time.monotonic() - began


def _status_beside_stopped_add(trial, pod, delay):
    """Seconds of a STATUS beside an ADD stopped `delay` seconds after its start; None where the ADD had ended by then."""
    process = _begun_add(trial, pod)
    time.sleep(delay)  # not a condition: the point to stop at
    running = process.poll() is None  # not reaped before, so the group is still this process's
    if running:
        os.killpg(process.pid, signal.SIGSTOP)
    try:
        seconds = trial.call("STATUS", trial.conf()).must_succeed().seconds if running else None
    finally:
        if running:
            os.killpg(process.pid, signal.SIGCONT)
    trial.finish(process).must_succeed()
    return seconds


@fact("status.waits-for-no-add", "STATUS", "it does not wait for an ADD that hangs, wherever that hangs",
      "the kubelet; nodes that would turn NotReady", kind=QUALITY)
def waits_for_no_add(trial):
    # The shortest of several: one ADD held up by something else would put all points behind the end of the rest.
    whole = min(_finished_add(trial, f"whole{i}") for i in range(3))
    slowest, stopped, tries = 0.0, 0, 0
    while stopped < POINTS and tries < 4 * POINTS:
        seconds = _status_beside_stopped_add(trial, f"p{tries}", whole * stopped / POINTS)
        tries += 1
        if seconds is None:  # it was faster than that: the same point again, of a shorter whole
            whole *= 0.9
            continue
        stopped += 1
        slowest = max(slowest, seconds)
        expect(slowest < BOUND, f"it took {slowest:.2f} s beside the ADD that was stopped at point {stopped} of {POINTS}")
    expect(stopped >= POINTS // 2, f"the suite stopped {stopped} of {POINTS} ADDs before their ends")
    return f"the slowest took {slowest * 1000:.0f} ms, beside {stopped} stopped ADDs"


@fact("status.ipam-missing", "STATUS", "an IPAM plugin that is not there is error 50 or 51", WHERE)
def ipam_missing(trial):
    trial.call("STATUS", trial.with_ipam(type="no-such-ipam")).must_fail(50, 51)


@fact("status.not-relied-on", "STATUS", "ADD, CHECK and DEL work without any STATUS before them, and after one that failed",
      WHERE)
def not_relied_on(trial):
    trial.call("STATUS", trial.conf(fluxCapacitor="on"))
    attachment = trial.add("p1")
    trial.call("STATUS", trial.conf(version="99.0.0")).must_fail(1)
    trial.still_good(attachment)
    trial.delete(attachment)


@fact("status.says-as-add", "STATUS", "a configuration that ADD refuses is an error of STATUS as well", WHERE)
def says_as_add(trial):
    conf = trial.conf(fluxCapacitor="on")
    if not trial.call("ADD", conf, container("p1"), trial.node.pod("p1"), "eth0").ok:
        trial.call("STATUS", conf).must_fail(50, 51, 7, 2)
