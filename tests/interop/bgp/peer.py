"""A raw BGP peer: a TCP connection, and the messages over it. It decides nothing by itself."""

import select
import socket
import struct
import time

from bgp import wire


class Timeout(AssertionError):
    """What was waited for did not come."""


class Ended(AssertionError):
    """The connection ended before it came."""


def default_capabilities(asn):
    """What a modern peer without graceful restart says."""
    return [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.capability(wire.CAP_ROUTE_REFRESH),
            wire.as4(asn)]


class Peer:
    """One end of a BGP connection."""

    def __init__(self, connection, asn, router_id):
        self.connection = connection
        self.asn = asn
        self.router_id = router_id
        self.open = None  # the daemon's OPEN, once it came
        self.rib = {}  # prefix: the Update that announced it
        self.history = []  # ("+", prefix) and ("-", prefix), as they came
        self.end_of_rib = set()
        self.longest = 4096  # octets of a message that it takes (RFC 8654: 65535)
        self._buffer = b""
        self._at_end = False
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -------------------------------------------------------------- sending

    def send(self, *messages):
        """Sends messages as they are, in one piece."""
        self.connection.sendall(b"".join(messages))

    def send_open(self, *, capabilities=None, hold=90, **options):
        """Sends an OPEN; the usual capabilities unless told others."""
        items = default_capabilities(self.asn) if capabilities is None else capabilities
        options.setdefault("parameters", wire.capabilities(*items))
        self.send(wire.message(wire.OPEN, wire.open_body(self.asn, self.router_id, hold=hold, **options)))

    def send_keepalive(self):
        """Sends a KEEPALIVE."""
        self.send(wire.message(wire.KEEPALIVE))

    def send_end_of_rib(self):
        """Sends the End-of-RIB markers of both families."""
        self.send(wire.END_OF_RIB_IPV4, wire.END_OF_RIB_IPV6)

    def close(self):
        """Closes the connection without a word."""
        self.connection.close()

    def abort(self):
        """Closes with a RST, as a crashed machine's kernel would answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    # -------------------------------------------------------------- receiving

    def _fill(self, deadline):
        """Reads more bytes; False at the end of the connection."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.connection], [], [], left)[0]:
            raise Timeout("no message in time")
        try:
            data = self.connection.recv(65536)
        except ConnectionResetError:
            data = b""
        self._buffer += data
        return bool(data)

    def receive(self, timeout=5):
        """The next message (type, body); None at the end of the connection."""
        deadline = time.monotonic() + timeout
        while True:
            if len(self._buffer) >= wire.HEADER:
                length, kind = struct.unpack_from("!HB", self._buffer, 16)
                assert self._buffer[:16] == wire.MARKER and wire.HEADER <= length <= self.longest, self._buffer[:64].hex()
                if len(self._buffer) >= length:
                    body, self._buffer = self._buffer[wire.HEADER:length], self._buffer[length:]
                    return kind, body
            if not self._fill(deadline):
                assert not self._buffer, f"the connection ended inside a message: {self._buffer.hex()}"
                return None

    def note(self, kind, body):
        """Keeps what an UPDATE says."""
        if kind == wire.UPDATE:
            update = wire.parse_update(body)
            for prefix in update.withdrawn:
                self.rib.pop(prefix, None)
                self.history.append(("-", prefix))
            for prefix in update.reachable:
                self.rib[prefix] = update
                self.history.append(("+", prefix))
            if update.end_of_rib:
                self.end_of_rib.add(update.end_of_rib)

    def expect(self, kind, timeout=5):
        """The body of the next message of this type; KEEPALIVE and UPDATE before it are noted, others are wrong."""
        deadline = time.monotonic() + timeout
        while True:
            got = self.receive(deadline - time.monotonic())
            if got is None:
                raise Ended(f"the connection ended; waited for {wire.NAMES[kind]}")
            if got[0] == kind:
                self.note(*got)
                return got[1]
            assert got[0] in (wire.KEEPALIVE, wire.UPDATE), f"waited for {wire.NAMES[kind]}, got {describe(got)}"
            self.note(*got)

    def pump(self, condition, timeout=5, what="a condition"):
        """Takes messages until condition() is true."""
        deadline = time.monotonic() + timeout
        while not condition():
            try:
                got = self.receive(deadline - time.monotonic())
            except Timeout as error:
                raise Timeout(f"{what} did not come within {timeout} s; last: {self.history[-8:]}") from error
            assert got is not None, f"the connection ended; waited for {what}"
            assert got[0] != wire.NOTIFICATION, f"waited for {what}, got {describe(got)}"
            self.note(*got)

    def expect_notification(self, code, subcode=None, timeout=5):
        """The NOTIFICATION that must come, and the end of the connection behind it. `subcode` may be several."""
        got = wire.Notification(*_split(self.expect(wire.NOTIFICATION, timeout)))
        wanted = subcode if isinstance(subcode, (tuple, set, type(None))) else (subcode,)
        assert got.code == code and (wanted is None or got.subcode in wanted), \
            f"NOTIFICATION {got.code}/{got.subcode} {got.data.hex()}, expected {code}/{subcode}"
        self.expect_closed(timeout)
        return got

    def expect_closed(self, timeout=5):
        """The connection ends, and nothing comes before that."""
        deadline = time.monotonic() + timeout
        while (got := self.receive(deadline - time.monotonic())) is not None:
            assert got[0] in (wire.KEEPALIVE, wire.UPDATE), f"waited for the end, got {describe(got)}"

    def end(self, timeout=5):
        """Whatever ends the connection: the NOTIFICATION that came, or None for a mere close."""
        deadline = time.monotonic() + timeout
        found = None
        while (got := self.receive(deadline - time.monotonic())) is not None:
            if got[0] == wire.NOTIFICATION:
                found = wire.Notification(*_split(got[1]))
        return found

    # -------------------------------------------------------------- the usual beginning

    def establish(self, **options):
        """OPEN and KEEPALIVE both ways; returns self. Options as for send_open."""
        self.send_open(**options)
        self.open = wire.parse_open(self.expect(wire.OPEN))
        self.send_keepalive()
        self.expect(wire.KEEPALIVE)
        return self


def _split(body):
    assert len(body) >= 2, "a NOTIFICATION without a code"
    return body[0], body[1], body[2:]


def describe(got):
    """A message as text."""
    kind, body = got
    if kind == wire.NOTIFICATION:
        return f"NOTIFICATION {body[0]}/{body[1]} {body[2:].hex()} {body[2:]!r}"
    return f"{wire.NAMES.get(kind, kind)} {body.hex()}"
