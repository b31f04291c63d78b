"""From start to end: what stands in a start's way, signals at any moment, and what others do to our files meanwhile."""

import http.client
import json
import os
import signal
import socket
import time

import pytest

from bgp import attributes
from world.host import wait_until
from world.pair import PEER_ASN, connect, external, peer_address
from world.speaker import ADDRESS, Speaker

RANGE = "10.244.1.0/24"


def second(pair, bgpd, **document):
    """Another speaker's configuration on the same host, with a socket and a state file of its own."""
    one = Speaker(pair.node, bgpd)
    one.path = os.path.join(pair.node.directory, "second.json")
    one.socket = os.path.join(pair.node.directory, "second.sock")
    one.document.update({"control": {"socket": one.socket}, "listen": [f"{ADDRESS}:1790"],
                         "stateFile": os.path.join(pair.node.directory, "second.state"), **document})
    one.write(one.document)
    return one


def does_not_start(pair, bgpd, speaker):
    """What it says on its way out."""
    done = pair.node.run(bgpd, "--config", speaker.path, check=False)
    assert done.returncode == 1, done
    return done.stderr


def conditions(speaker):
    """What the status says is wrong, as one text."""
    return "\n".join(speaker.get("/v1/status")["conditions"])


def reload(speaker, document):
    """(status, answer) of POST /v1/reload after another file was put in place."""
    speaker.write(document)
    status, body = speaker.request("POST", "/v1/reload")
    return status, json.loads(body)


# ---------------------------------------------------------------- reload


def test_an_unbindable_listen_entry_leaves_the_old_listener_and_is_named(pair):
    pair.start(external(1), external(2), listen=[ADDRESS])
    document = dict(pair.speaker.document)
    pair.peer(1).establish()
    broken = {**document, "listen": [f"{ADDRESS}:1790", "192.0.2.1"], "neighbors": [external(1)]}
    status, answer = reload(pair.speaker, broken)
    assert status == 409 and "/listen/1: listen on 192.0.2.1:179" in answer["error"], answer
    assert "/listen/1" in conditions(pair.speaker)
    assert pair.speaker.neighbor("p2"), "half-changed"
    with pytest.raises(OSError):
        connect(pair.outside, peer_address(3), ADDRESS, port=1790)
    pair.peer(2).establish()
    status, answer = reload(pair.speaker, document)
    assert (status, answer["changes"]) == (200, [])
    assert not conditions(pair.speaker)


def test_a_listener_for_every_address_narrows_without_a_moment_without(pair):
    pair.start(external(1), listen=["0.0.0.0"])
    status, answer = reload(pair.speaker, {**pair.speaker.document, "listen": [ADDRESS]})
    assert (status, answer["changes"]) == (200, ["/listen changed"]), answer
    pair.peer(1).establish()


def test_reload_says_what_it_changed_and_every_mistake(pair):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    document = pair.speaker.document
    changed = {**document, "neighbors": [external(1, description="tor"), external(2)]}
    assert reload(pair.speaker, changed)[1]["changes"] == [
        f"neighbor p1 ({peer_address(1)}) changed (description)", f"neighbor p2 ({peer_address(2)}) added"]
    status, answer = reload(pair.speaker, {**document, "localAs": 0, "kernel": {"metric": 1}})
    assert status == 400 and "/localAs" in answer["error"]
    assert any("/kernel/metric" in error for error in answer["errors"])
    assert pair.speaker.neighbor("p2"), "nothing changed"


@pytest.mark.parametrize("damage", ["gone", "a directory", "a FIFO", "cut in half", "deep"])
def test_whatever_becomes_of_the_file_a_reload_keeps_what_works(pair, damage):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    peer = pair.peer(1).establish()
    path, speaker = pair.speaker.path, pair.speaker
    os.unlink(path)
    if damage == "a directory":
        os.mkdir(path)
    elif damage == "a FIFO":
        os.mkfifo(path)
    elif damage == "cut in half":
        speaker.write(json.dumps(speaker.document)[:100])
    elif damage == "deep":
        speaker.write("[" * 2_000_000)
    speaker.process.send(signal.SIGHUP)
    wait_until(lambda: "configuration was refused" in conditions(speaker), 5, "the refusal in the status")
    assert path in conditions(speaker)
    assert speaker.state("p1") == "Established"
    assert peer is not None


# ---------------------------------------------------------------- signals


def test_a_sighup_during_start_up_does_not_end_it(pair, bgpd):
    speaker = Speaker(pair.node, bgpd, neighbors=[external(1)]).start(wait=False)

    def holds_or_hears():
        with open(f"/proc/{speaker.process.pid}/status", encoding="ascii") as file:
            masks = dict(line.split(":\t") for line in file if line.startswith(("SigBlk", "SigCgt")))
        return any(int(mask, 16) & 1 for mask in masks.values())  # SIGHUP is 1

    wait_until(holds_or_hears, 10, "signals under control")
    for _ in range(20):
        speaker.process.send(signal.SIGHUP)
    wait_until(speaker.answers, 10, "the control socket")


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM),
                                     (signal.SIGHUP, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP),
                                     (signal.SIGINT, signal.SIGTERM, signal.SIGINT)])
def test_any_signals_in_a_row_end_it_once_and_the_routes_stay(pair, signals):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    pair.peer(1).establish()
    pair.speaker.wait_in_kernel(RANGE, 133)
    for number in signals:
        pair.speaker.process.send(number)
    assert pair.speaker.process.wait(10) == 0
    assert pair.speaker.process.log().count("ended routes=kept") == 1, pair.speaker.process.log()
    assert pair.speaker.in_kernel(RANGE, 133)
    assert not os.path.exists(pair.speaker.socket)


# ---------------------------------------------------------------- what stands in the way


def test_a_second_daemon_for_the_same_routes_ends_and_touches_nothing(pair, bgpd):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    pair.speaker.wait_in_kernel(RANGE, 133)
    said = does_not_start(pair, bgpd, second(pair, bgpd))
    assert f"another slash32-bgpd (pid {pair.speaker.process.pid})" in said and "table 254" in said, said
    assert pair.speaker.in_kernel(RANGE, 133)


SQUATTER = """
import signal, socket, sys
name, how = "\\0slash32-bgpd/table 254", sys.argv[1]
held = socket.socket(socket.AF_UNIX)
held.bind(name)
callers = []
if how != "binds only":
    held.listen(0)
while how == "lets nobody in":
    callers.append(socket.socket(socket.AF_UNIX))
    callers[-1].setblocking(False)
    try:
        callers[-1].connect(name)
    except BlockingIOError:
        break
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("how", ["listens", "binds only", "lets nobody in"])
def test_somebody_elses_socket_under_the_locks_name_keeps_no_daemon_from_starting(pair, how):
    squatter = pair.node.spawn("setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c", SQUATTER, how)
    wait_until(lambda: "ready" in squatter.log(), 10, "the socket")
    pair.start(external(1), originate={"prefixes": [RANGE]})
    pair.speaker.wait_in_kernel(RANGE, 133)
    assert "somebody else holds our lock" in pair.speaker.process.log()


def test_many_that_asked_for_the_lock_leave_room_for_one_more(pair, bgpd):
    pair.start(external(1))
    for _ in range(3):
        with pair.node.socket(socket.AF_UNIX) as asker:
            asker.settimeout(5)
            asker.connect("\0slash32-bgpd/table 254")
    assert f"(pid {pair.speaker.process.pid})" in does_not_start(pair, bgpd, second(pair, bgpd))


def test_a_second_daemon_that_installs_nothing_may_run_until_it_wants_to(pair, bgpd):
    pair.start(external(1))
    other = second(pair, bgpd, kernel={"install": False}).start()
    status, answer = reload(other, {**other.document, "kernel": {"install": True}})
    assert status == 409 and "another slash32-bgpd" in answer["error"]
    pair.speaker.terminate()
    assert reload(other, {**other.document, "kernel": {"install": True}})[0] == 200


def test_a_socket_that_answers_is_left_alone(pair, bgpd):
    pair.start(external(1))
    other = second(pair, bgpd, kernel={"install": False}, control={"socket": pair.speaker.socket})
    assert "another slash32-bgpd answers there" in does_not_start(pair, bgpd, other)
    assert pair.speaker.answers()


def test_a_dead_socket_is_replaced_and_a_missing_directory_made(pair, bgpd):
    path = os.path.join(pair.node.directory, "new/sub/bgpd.sock")
    os.makedirs(os.path.dirname(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    for _ in range(2):
        speaker = Speaker(pair.node, bgpd, control={"socket": path})
        speaker.socket = path
        speaker.start()
        assert speaker.terminate() == 0
        os.rmdir(os.path.dirname(path))


def test_a_file_in_the_sockets_place_is_left_alone(pair, bgpd):
    speaker = Speaker(pair.node, bgpd)
    with open(speaker.socket, "w", encoding="ascii") as file:
        file.write("precious")
    assert "is not a socket" in does_not_start(pair, bgpd, speaker)
    with open(speaker.socket, encoding="ascii") as file:
        assert file.read() == "precious"


@pytest.mark.parametrize("arguments", [("--bogus",), (), ("--config",), ("--config", "a", "--check-config", "b"), ("a",)])
def test_wrong_usage_ends_with_2(pair, bgpd, arguments):
    done = pair.node.run(bgpd, *arguments, check=False)
    assert done.returncode == 2, done


def waiting(pair, bgpd):
    """A speaker that was started with --wait before its file is there, and how to put that in place."""
    one = second(pair, bgpd)
    document = one.document
    os.unlink(one.path)
    one.process = pair.node.spawn(bgpd, "--config", one.path, "--wait", name="waiting-bgpd")
    wait_until(lambda: "waiting for the configuration" in one.process.log(), 15, one.process.log)
    return one, document


def test_with_wait_it_starts_as_soon_as_the_file_is_there(pair, bgpd):
    one, document = waiting(pair, bgpd)
    assert not os.path.exists(one.socket)
    one.write({**document, "kernel": {"install": False}})
    wait_until(one.answers, 15, one.process.log)
    one.process.send(signal.SIGTERM)
    assert one.process.wait() == 0


def test_a_signal_ends_it_while_it_waits(pair, bgpd):
    one, _ = waiting(pair, bgpd)
    one.process.send(signal.SIGTERM)
    assert one.process.wait() == 0


def test_help_tells_the_exit_statuses_and_an_unreadable_file_ends_with_1(pair, bgpd):
    assert "Exit status: 0" in pair.node.run(bgpd, "--help").stdout
    done = pair.node.run(bgpd, "--config", "/nonexistent.json", check=False)
    assert done.returncode == 1 and "/nonexistent.json" in done.stderr


# ---------------------------------------------------------------- while it runs


def test_the_kernel_has_all_learned_routes_or_none_as_install_is_switched(pair):
    """What comes and goes while it is off is neither forgotten nor remembered."""
    pair.start(external(1), kernel={"install": False})
    peer = pair.peer(1).establish()
    prefixes = first, other, third = "20.1.0.0/16", "20.2.0.0/16", "20.3.0.0/16"
    announce = lambda *some: peer.send(attributes.announce(some, (PEER_ASN,), peer_address(1)))
    accepted = lambda count: wait_until(
        lambda: pair.speaker.neighbor("p1")["families"]["ipv4"]["accepted"] == count, 10)
    standing = lambda: {route["dst"] for route in pair.node.routes(family=4) if route["dst"] in prefixes}
    switch = lambda on: reload(pair.speaker, {**pair.speaker.document, "kernel": {"install": on}})
    announce(first, other)
    accepted(2)
    assert standing() == set() and pair.speaker.get("/v1/status")["fib"]["desired"] == 0
    assert switch(True)[0] == 200
    wait_until(lambda: standing() == {first, other}, 10)
    assert switch(False)[0] == 200
    wait_until(lambda: standing() == set(), 10)
    peer.send(attributes.withdraw(first))
    announce(third)
    pair.speaker.wait_best(third)
    pair.speaker.wait_gone(first)
    assert standing() == set()
    assert pair.speaker.request("POST", "/v1/drain")[0] == 200, "writes the state file"
    with open(pair.speaker.document["stateFile"], encoding="ascii") as file:
        assert json.load(file)["learned"] == [], "there is nothing to be found in the kernel after a kill"
    assert switch(True)[0] == 200
    wait_until(lambda: standing() == {other, third}, 10)
    with open(pair.speaker.document["stateFile"], encoding="ascii") as file:
        assert json.load(file)["learned"] == ["ipv4"]


def test_a_control_socket_that_was_removed_comes_back(pair):
    pair.start(external(1))
    os.unlink(pair.speaker.socket)
    wait_until(lambda: os.path.exists(pair.speaker.socket), 10, "the socket back")
    wait_until(pair.speaker.answers, 5, "an answer on it")
    assert pair.speaker.terminate() == 0


def test_a_state_file_on_a_full_disk_is_told_and_tried_again(pair):
    directory = os.path.join(pair.node.directory, "small")
    os.mkdir(directory)
    pair.node.run("mount", "-t", "tmpfs", "-o", "size=4k", "small", directory)
    pair.node.run("dd", "if=/dev/zero", f"of={directory}/full", "bs=4096", "count=1")
    pair.start(external(1), stateFile=f"{directory}/state")
    assert "no state file: " in conditions(pair.speaker) and "No space left" in conditions(pair.speaker)
    pair.node.run("rm", f"{directory}/full")
    wait_until(lambda: not conditions(pair.speaker), 10, lambda: conditions(pair.speaker))
    pair.node.run("cat", f"{directory}/state")


def limits(pair, bgpd, soft, hard):
    """A speaker started with this limit of descriptors."""
    speaker = pair.speaker = Speaker(pair.node, bgpd, neighbors=[external(1)])
    speaker.process = pair.node.spawn("prlimit", f"--nofile={soft}:{hard}", bgpd, "--config", speaker.path,
                                      name="slash32-bgpd")
    wait_until(speaker.answers, 15, lambda: speaker.process.log())
    with open(f"/proc/{speaker.process.pid}/limits", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("Max open files"))
    return int(line.split()[3])


def test_the_descriptor_limit_is_raised_to_what_is_allowed(pair, bgpd):
    assert limits(pair, bgpd, 1024, 4096) == 4096
    assert "descriptor limit" in pair.speaker.process.log()


def test_out_of_descriptors_it_neither_spins_nor_ends(pair):
    pid = pair.start(external(1)).process.pid
    assert pair.speaker.answers()
    most = max(int(number) for number in os.listdir(f"/proc/{pid}/fd")) + 4
    pair.node.run("prlimit", f"--pid={pid}", f"--nofile={most}:{most}")
    control, callers = [], []
    for _ in range(10):
        control.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        control[-1].connect(pair.speaker.socket)
    wait_until(lambda: "control socket: cannot accept" in pair.speaker.process.log(), 5, "a word about it")
    for _ in range(5):
        callers.append(connect(pair.outside, peer_address(2), ADDRESS))
    wait_until(lambda: "out of descriptors" in pair.speaker.process.log(), 5, "a word about it")

    def cpu_ticks():
        with open(f"/proc/{pair.speaker.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = cpu_ticks()
    time.sleep(1)  # what is measured is what it does meanwhile
    assert cpu_ticks() - before < 20, "it spins"
    for one in control + callers:
        one.close()
    wait_until(pair.speaker.answers, 10, "an answer again")
    pair.peer(1).establish()
    assert pair.speaker.process.log().count("cannot accept") < 10, "it fills the log"


# ---------------------------------------------------------------- the control interface


def test_head_allow_and_a_repeated_parameter(pair):
    pair.start(external(1))
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(pair.speaker.socket)
    for target in ("/v1/status", "/v1/routes"):
        connection.request("HEAD", target)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.request("DELETE", "/v1/status")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
    connection.request("GET", "/v1/routes?family=ipv4&family=ipv6")
    answer = connection.getresponse()
    assert answer.status == 400 and b"family" in answer.read()
    connection.close()


def test_a_reader_who_stops_in_the_middle_of_many_routes_delays_no_end(pair):
    lines = [f"10.{i // 250}.{i % 250}.0/24" for i in range(20000)]
    pair.start(external(1), originate={"prefixes": [{"prefix": one, "blackhole": False} for one in lines]})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(pair.speaker.socket)
        deaf.sendall(b"GET /v1/routes HTTP/1.1\r\nHost: x\r\n\r\n")
        assert deaf.recv(1000)
        pair.speaker.process.send(signal.SIGTERM)
        assert pair.speaker.process.wait(5) == 0
