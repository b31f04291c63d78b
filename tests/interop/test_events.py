"""A live stream of what happens: GET /v1/events and `slash32ctl watch`."""

import contextlib
import json
import os
import select
import socket
import subprocess
import time
from urllib.parse import quote

import pytest

from bgp import attributes, wire
from conftest import binary_path
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address

NO_RESTART = {"gracefulRestart": {"enabled": False}}
PREFIX, OTHER = "20.1.0.0/16", "30.1.0.0/16"


class Events:
    """A reader of /v1/events that decodes chunks by itself."""

    def __init__(self, pair, query=""):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(pair.speaker.socket)
        self.socket.sendall(f"GET /v1/events{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self._raw = b""
        self._text = b""
        self.ended = False
        while b"\r\n\r\n" not in self._raw:
            self._fill(time.monotonic() + 5)
        head, self._raw = self._raw.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        self.head = head.decode()

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise AssertionError(f"nothing came in time; so far {self._text[-300:]!r}")
        data = self.socket.recv(65536)
        assert data, "the connection ended in the middle"
        self._raw += data

    def _chunk(self):
        """Moves one whole chunk; False where there is none."""
        size, line, rest = self._raw.partition(b"\r\n")
        if not line or len(rest) < int(size, 16) + 2:
            return False
        length = int(size, 16)
        self._text += rest[:length]
        self._raw = rest[length + 2:]
        self.ended = length == 0
        return True

    def next(self, timeout=5):
        """The next event; None at the end."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._text:
            if self.ended:
                return None
            if not self._chunk():
                self._fill(deadline)
        line, self._text = self._text.split(b"\n", 1)
        return json.loads(line)

    def until(self, wanted, timeout=10):
        """The first event for which `wanted` holds, and those before it."""
        deadline = time.monotonic() + timeout
        before = []
        while (event := self.next(deadline - time.monotonic())) is not None:
            if wanted(event):
                return event, before
            before.append(event)
        raise AssertionError(f"it ended before: {before}")


@contextlib.contextmanager
def listening(pair, query=""):
    """A reader that is known to the daemon."""
    events = Events(pair, query)
    try:
        assert events.status == 200, events.head
        assert events.next()["kind"] == "start"
        yield events
    finally:
        events.socket.close()


def is_state(name, state):
    """Tests an event for a neighbour's state."""
    return lambda event: event["kind"] == "neighbor" and event["neighbor"] == name and event["state"] == state


def test_sessions_errors_and_best_paths_are_told_as_they_happen(pair):
    pair.start(external(1, **NO_RESTART), external(2))
    with listening(pair) as events:
        peer = pair.peer(1).establish()
        event, _ = events.until(is_state("p1", "Established"))
        assert event["before"] in ("OpenConfirm", "OpenSent") and event["address"] == peer_address(1)
        peer.send(attributes.announce([PREFIX], (PEER_ASN,), peer_address(1)))
        event, _ = events.until(lambda event: event["kind"] == "route")
        assert (event["prefix"], event["best"]["neighbor"]) == (PREFIX, "p1")
        assert event["best"]["asPath"] == [PEER_ASN] and event["best"]["wonBy"] == "the only usable path"
        peer.send(attributes.announce([PREFIX], (PEER_ASN,), peer_address(1), attributes.med(9)))
        assert events.until(lambda event: event["kind"] == "route")[0]["best"]["med"] == 9
        peer.send(wire.notification(wire.CEASE, 2, b"\x03bye"))
        event, _ = events.until(lambda event: event["kind"] == "error")
        assert (event["direction"], event["name"], event["text"]) == ("received", "Cease/Administrative Shutdown", "bye")
        found = [events.until(lambda event: True)[0] for _ in range(2)]
        assert {event["kind"] for event in found} == {"neighbor", "route"}
        assert next(event for event in found if event["kind"] == "route")["best"] is None


def test_a_malformed_update_is_told_with_the_place_of_its_fault(pair):
    pair.start(external(1))
    peer = pair.peer(1).establish()
    with listening(pair, "?kinds=error") as events:
        good = attributes.announce([PREFIX], (PEER_ASN,), peer_address(1))
        peer.send(good.replace(attributes.origin(), attributes.origin(9)))
        event = events.next()
        assert event["malformedUpdate"] and event["attributeName"] == "ORIGIN" and event["offset"] == 23


def test_a_filter_by_kind_and_prefix_lets_nothing_else_through(pair):
    pair.start(external(1))
    with listening(pair, f"?prefix={quote('20.0.0.0/8', safe='')}") as routes, \
            listening(pair, "?kinds=neighbor") as sessions:
        peer = pair.peer(1).establish()
        peer.send(attributes.announce([OTHER], (PEER_ASN,), peer_address(1)),
                  attributes.announce([PREFIX], (PEER_ASN,), peer_address(1)))
        assert routes.next()["prefix"] == PREFIX
        _, before = sessions.until(is_state("p1", "Established"))
        assert {event["kind"] for event in before} <= {"neighbor"}


def test_conditions_are_told_when_they_begin_and_end(pair):
    pair.start(external(1))
    pair.peer(1).establish()
    with listening(pair, "?kinds=condition") as events:
        assert pair.speaker.request("POST", "/v1/drain")[0] == 200
        event = events.next()
        assert event["state"] == "began" and "draining" in event["condition"]
        assert pair.speaker.request("POST", "/v1/undrain")[0] == 200
        assert events.next()["state"] == "ended"


def test_a_reader_that_does_not_read_loses_events_and_is_told_while_the_daemon_goes_on(pair):
    pair.start(external(1, maxPrefixes={"in": 100_000}))
    peer = pair.peer(1).establish()
    with listening(pair, "?kinds=route") as slow:
        count = 40_000
        prefixes = [f"20.{number >> 8 & 255}.{number & 255}.0/24" for number in range(count)]
        for start in range(0, count, 500):
            peer.send(attributes.announce(prefixes[start:start + 500], (PEER_ASN,), peer_address(1)))
        wait_until(lambda: pair.speaker.get("/v1/status")["prefixes"] == count, 60)
        event, before = slow.until(lambda event: "lost" in event, 30)
        assert event["lost"] > 0
        assert event["lost"] + len(before) <= count
        assert pair.speaker.state("p1") == "Established"


def test_there_are_only_so_many_readers_and_one_that_goes_makes_room(pair):
    pair.start(external(1))
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(listening(pair)) for _ in range(16)]
        refused = Events(pair)
        assert refused.status == 503
        refused.socket.close()
        readers[0].socket.close()
        wait_until(lambda: _subscribes(pair), 5)
        assert pair.speaker.get("/v1/status"), "and readers take nobody else's place"


def _subscribes(pair):
    """Whether one more reader is let in."""
    events = Events(pair)
    events.socket.close()
    return events.status == 200


@pytest.mark.parametrize("query", ["?kinds=nonsense", "?kinds=", "?prefix=x", "?what=1"])
def test_a_filter_that_makes_no_sense_is_refused(pair, query):
    pair.start(external(1))
    status, body = pair.speaker.request("GET", f"/v1/events{query}")
    assert status == 400 and b"error" in body


def test_the_stream_ends_in_order_when_the_daemon_ends(pair):
    pair.start(external(1))
    with listening(pair) as events:
        assert pair.speaker.terminate() == 0
        while events.next() is not None:
            pass
        assert events.ended


def test_ctl_watch_prints_a_line_an_event_and_says_when_the_daemon_ends(pair):
    pair.start(external(1))
    binary = binary_path("slash32ctl")
    assert binary, "no slash32ctl: build it, or say where it is with SLASH32_BIN"
    watch = subprocess.Popen([binary, "--socket", pair.speaker.socket, "watch"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"})
    try:
        assert "listening" in watch.stdout.readline()
        pair.peer(1).establish()
        lines = []
        while not lines or "-> Established" not in lines[-1]:
            lines.append(watch.stdout.readline())
            assert lines[-1], lines
        assert " neighbor p1 " in lines[-1]
        pair.speaker.terminate()
        _, complaint = watch.communicate(timeout=10)
        assert watch.returncode == 1 and "ended the stream" in complaint
    finally:
        watch.kill()
        watch.wait()
