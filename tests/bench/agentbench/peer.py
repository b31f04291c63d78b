"""A BGP peer that takes one session over IPv4 and notes when which prefix came and went."""

import ctypes
import os
import socket
import struct
import threading
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
AS, ADDRESS = 65000, "10.0.0.254"
CLONE_NEWNET = 0x40000000


def message(kind, body=b""):
    """A BGP message (RFC 4271 section 4.1)."""
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def opening():
    """OPEN: hold time 0, so that nobody counts on keepalives; AS numbers of four octets (RFC 6793)."""
    capability = struct.pack("!BBBBI", 2, 6, 65, 4, AS)
    return message(OPEN, struct.pack("!BHH4sB", 4, AS, 0, socket.inet_aton(ADDRESS), len(capability)) + capability)


def prefixes(data):
    """The prefixes of an NLRI field as texts."""
    out, at = [], 0
    while at < len(data):
        length = data[at]
        octets = (length + 7) // 8
        out.append(f"{socket.inet_ntoa(data[at + 1:at + 1 + octets].ljust(4, bytes(1)))}/{length}")
        at += 1 + octets
    return out


class Peer:
    """Listens where the world is; `there` maps a prefix to the time since which it is announced, `gone` to that of its end."""

    def __init__(self, world):
        self.there, self.gone = {}, {}
        self.changed = threading.Condition()
        self._listener = self._listen(world.netns)
        self._stream = None
        threading.Thread(target=self._run, daemon=True).start()

    @staticmethod
    def _listen(netns):
        found = []

        def work():  # a thread that enters the network and ends: no other ever sees it
            with open(netns, "rb") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) == 0:
                    found.append(socket.create_server((ADDRESS, 179)))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if not found:
            raise OSError(f"cannot listen at {ADDRESS} in {netns}: {os.strerror(ctypes.get_errno())}")
        return found[0]

    def _run(self):
        while True:
            try:
                stream, _ = self._listener.accept()
                self._stream = stream
                stream.sendall(opening() + message(KEEPALIVE))
                self._read(stream.makefile("rb"))
            except OSError:
                if self._listener.fileno() < 0:
                    return

    def _read(self, stream):
        while len(head := stream.read(19)) == 19:
            length, kind = struct.unpack("!HB", head[16:])
            body = stream.read(length - 19)
            if kind == UPDATE:
                self._update(body)

    def _update(self, body):
        now = time.monotonic()
        withdrawn = struct.unpack("!H", body[:2])[0]
        attributes = struct.unpack("!H", body[2 + withdrawn:4 + withdrawn])[0]
        with self.changed:
            for prefix in prefixes(body[2:2 + withdrawn]):
                self.there.pop(prefix, None)
                self.gone[prefix] = now
            for prefix in prefixes(body[4 + withdrawn + attributes:]):
                self.there[prefix] = now
                self.gone.pop(prefix, None)
            self.changed.notify_all()

    def wait(self, condition, timeout, what):
        """Waits until condition() holds and returns its value."""
        with self.changed:
            found = self.changed.wait_for(condition, timeout)
        if not found:
            raise TimeoutError(f"not within {timeout} s: {what}; the peer has {len(self.there)} prefixes")
        return found

    def close(self):
        """Ends the session and listens no more."""
        self._listener.close()
        if self._stream:
            self._stream.close()
