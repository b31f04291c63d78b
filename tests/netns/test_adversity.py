"""What a node can be like on a bad day: full and read-only disks, paths that lead nowhere, others that do not move. DEL and
GC let pods go all the same, and every verb ends in bounded time."""

import json
import os
import signal
import subprocess
import time

import pytest

from world import BIN, conf, ipam, wait_until

STORE = "/run/slash32/ipam"
NETWORK = conf(section=ipam("10.244.1.0/29", "fd00:10:244:1::/125", coolDown=0))


def collect(world, *keep):
    valid = [{"containerID": cid, "ifname": "eth0"} for cid in keep]
    return world.cni("GC", network={**NETWORK, "cni.dev/valid-attachments": valid})


def host_links(world):
    return [link["ifname"] for link in world.show("link") if link["ifname"].startswith("s32")]


def held(world):
    shown = world.run(f"{BIN}/slash32ctl", "ipam", "show", "--json").stdout
    return {entry["containerId"] for entry in json.loads(shown)["allocations"]}


def mount_store(world, size):
    world.sh(f"mkdir -p {STORE} && mount -t tmpfs -o size={size} t {STORE}")


def fill(world):
    """Not a byte is left on the store's disk."""
    full = world.sh(f"cat /dev/zero > {STORE}/filler", check=False)
    assert full.returncode != 0 and "No space left" in full.stderr


def start(world, verb, cid="", pod="", network=None, **env):
    """A call that goes on; its standard input has ended."""
    process = subprocess.Popen(world.inside(f"{BIN}/slash32"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=world.environment(verb, cid, f"/run/netns/{pod}" if pod else "", **env))
    process.stdin.write(json.dumps(network or NETWORK))
    process.stdin.close()
    return process


def end_of(process, within):
    """Its answer; None where it printed none."""
    try:
        process.wait(within)
        text = process.stdout.read()
        return json.loads(text) if text else None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def lock_holder(world):
    """A stopped process that holds the store's lock."""
    world.add("warm", "p0", NETWORK)
    holder = subprocess.Popen(world.inside("flock", f"{STORE}/lock", "sh", "-c", "echo locked; exec cat"),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    assert holder.stdout.readline() == "locked\n"
    os.killpg(holder.pid, signal.SIGSTOP)
    yield holder
    os.killpg(holder.pid, signal.SIGKILL)
    holder.communicate()


# ---- disks


def test_a_disk_full_before_the_store_was_made_fails_add_and_nothing_else(world):
    mount_store(world, "1m")
    world.pod("p1")
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1", NETWORK)
    assert answer.code == 1 and "No space left" in answer.json["msg"]
    assert world.snapshot() == before
    assert world.sh(f"ls {STORE}").stdout.split() == ["lock"]
    assert world.cni("DEL", "c1", "p1", NETWORK).ok
    assert collect(world).ok
    assert world.cni("STATUS", network=NETWORK).json["code"] == 50


def test_a_disk_full_after_the_store_was_made_stops_nobody(world):
    """The store has its full size from the start: no SIGBUS, and an address can be taken and given back."""
    mount_store(world, "10m")
    world.add("c1", "p1", NETWORK)
    world.add("c2", "p2", NETWORK)
    fill(world)
    world.add("c3", "p3", NETWORK)
    assert world.cni("DEL", "c1", "p1", NETWORK).ok
    assert collect(world, "c3").ok
    assert held(world) == {"c3"} and len(host_links(world)) == 1
    assert world.cni("STATUS", network=NETWORK).ok


def test_a_read_only_store_lets_pods_go_and_keeps_a_dead_record(world):
    mount_store(world, "10m")
    for i in (1, 2):
        world.add(f"c{i}", f"p{i}", NETWORK)
    world.sh(f"mount -o remount,ro {STORE}")
    assert world.cni("DEL", "c1", "p1", NETWORK).ok
    assert collect(world).ok
    assert host_links(world) == [] and held(world) == {"c1", "c2"}
    assert "could not record a release" in world.log()
    world.pod("p3")
    assert not world.cni("ADD", "c3", "p3", NETWORK).ok
    world.sh(f"mount -o remount,rw {STORE}")
    assert collect(world).ok
    assert held(world) == set()
    world.add("c3", "p3", NETWORK)


LOGS = {"a directory that cannot be made": "touch /var/log/slash32",
        "a directory in its place": "mkdir -p /var/log/slash32/cni.log",
        "a read-only disk": "mount -o remount,ro /var/log",
        "a full disk": "mkdir -p /var/log/slash32 && ln -s /dev/full /var/log/slash32/cni.log",
        "a pipe nobody reads": "mkdir -p /var/log/slash32 && mkfifo /var/log/slash32/cni.log"}


@pytest.mark.parametrize("name", LOGS)
def test_an_unwritable_log_fails_no_verb(world, name):
    world.sh(LOGS[name])
    answer = world.add("c1", "p1", NETWORK)
    assert world.cni("CHECK", "c1", "p1", {**NETWORK, "prevResult": answer.json}).ok
    assert world.cni("DEL", "c1", "p1", NETWORK).ok
    assert collect(world).ok
    assert world.cni("STATUS", network=NETWORK).ok


# ---- paths


@pytest.mark.parametrize("break_it", ["umount /run/netns/p1 && rm /run/netns/p1", "umount /run/netns/p1",
                                      "umount /run/netns/p1 && rm /run/netns/p1 && ln -s nowhere /run/netns/p1",
                                      "umount /run/netns/p1 && rm /run/netns/p1 && mkfifo /run/netns/p1"])
def test_a_netns_path_that_leads_nowhere_keeps_no_pod(world, break_it):
    world.add("c1", "p1", NETWORK)
    world.sh(break_it)
    assert world.cni("DEL", "c1", "p1", NETWORK).ok
    assert host_links(world) == [] and held(world) == set()
    answer = world.cni("ADD", "c2", "p1", NETWORK)
    assert answer.code == 1 and answer.json["code"] == 8, answer
    assert host_links(world) == [] and held(world) == set()


# ---- others that do not move


def test_sigterm_ends_an_add_that_waits_for_the_lock(world, lock_holder):
    world.pod("p1")
    before = world.snapshot()
    process = start(world, "ADD", "c1", "p1")
    wait_until(lambda: " FLOCK" in world.run("cat", "/proc/locks").stdout and
               any(line.split()[1] == "->" for line in world.run("cat", "/proc/locks").stdout.splitlines()))
    process.send_signal(signal.SIGTERM)
    answer = end_of(process, 5)
    assert answer["code"] == 11 and "stopped by a signal" in answer["msg"]
    assert world.snapshot() == before


def test_who_does_not_move_holds_every_verb_up_for_a_bounded_time_only(world, lock_holder):
    """The holder of the lock is stopped; and, for another network, the delegate hangs."""
    world.sh("mkdir -p /run/stub; printf '#!/bin/sh\\nexec sleep 100\\n' > /run/stub/stub; chmod +x /run/stub/stub")
    hanging = conf(section={"type": "stub", "dataDir": "/run/stub/none"}, name="other")
    for pod in ("p1", "p2"):
        world.pod(pod)
    begin = time.monotonic()
    calls = {"DEL": (20, start(world, "DEL", "warm", "p0")), "ADD": (30, start(world, "ADD", "c1", "p1")),
             "GC": (20, start(world, "GC", network={**NETWORK, "cni.dev/valid-attachments": []})),
             "ADD by delegate": (30, start(world, "ADD", "c2", "p2", hanging, CNI_PATH="/run/stub")),
             "DEL by delegate": (20, start(world, "DEL", "c3", "p2", hanging, CNI_PATH="/run/stub")),
             "GC by delegate": (20, start(world, "GC", network={**hanging, "cni.dev/valid-attachments": []},
                                          CNI_PATH="/run/stub")),
             "STATUS by delegate": (1, start(world, "STATUS", network=hanging, CNI_PATH="/run/stub"))}
    try:
        assert world.cni("STATUS", network=NETWORK).ok and time.monotonic() - begin < 5
        for verb, (budget, process) in calls.items():
            answer = end_of(process, begin + budget + 5 - time.monotonic())
            assert answer["code"] in (11, 999) and "gave up" in answer["msg"], (verb, answer)
    finally:
        for _, process in calls.values():
            process.kill()
            process.wait()
    assert host_links(world) == []  # the pod's link went, whatever its record


def test_standard_input_that_never_ends_is_an_error_in_time(world):
    process = subprocess.Popen(world.inside(f"{BIN}/slash32"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=world.environment("STATUS"))
    begin = time.monotonic()
    process.stdin.write('{"cniVersion": "1.1.0", ')
    process.stdin.flush()
    answer = end_of(process, 5)
    process.stdin.close()
    assert answer["code"] == 11 and "standard input" in answer["msg"] and time.monotonic() - begin < 3


def test_standard_input_without_bounds_is_an_error(world):
    with open("/dev/zero", "rb") as zero:
        done = subprocess.run(world.inside(f"{BIN}/slash32"), stdin=zero, capture_output=True, text=True, timeout=10,
                              env=world.environment("STATUS"), check=False)
    assert done.returncode == 1 and "longer than" in json.loads(done.stdout)["msg"]
