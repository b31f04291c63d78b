"""A probe at 1 kHz: small packets to some addresses from one host, and when each first came by one link of another."""

import socket
import struct
import threading
import time

_ETH_P_IP = 0x0800
_PACE = 0.001
PORT = 9  # discard


class Probe:
    """Sends from the beginning to the end of its `with`."""

    def __init__(self, sender, receiver, link, addresses):
        self._addresses = [socket.inet_aton(one) for one in addresses]
        self._texts = list(addresses)
        self._out = sender.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with receiver.entered():
            self._in = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
            self._in.bind((link, _ETH_P_IP))
        self._in.settimeout(0.1)
        self._first = {}
        self._sent = 0
        self._over = False
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        for thread in self._threads:
            thread.join()
        self._in.close()
        self._out.close()

    def _send(self):
        due = time.monotonic()
        while not self._over:
            for address in self._texts:
                try:
                    self._out.sendto(b"probe", (address, PORT))
                except OSError:  # no route, at this moment: the next one tells
                    pass
            self._sent += 1
            due = max(due + _PACE, time.monotonic() - 10 * _PACE)
            time.sleep(max(due - time.monotonic(), 0))

    def _receive(self):
        while not self._over:
            try:
                packet = self._in.recv(256)
            except TimeoutError:
                continue
            now = time.time()
            if len(packet) < 28 or packet[9] != socket.IPPROTO_UDP:
                continue
            if packet[16:20] in self._addresses and struct.unpack_from("!H", packet, 22)[0] == PORT:
                self._first.setdefault(packet[16:20], now)

    def sent(self):
        """Packets to each address so far."""
        return self._sent

    def forget(self):
        """Arrivals count from here on."""
        self._first.clear()

    def first(self):
        """Address: when (time.time()) its first packet came; those that came."""
        seen = dict(self._first)
        return {text: seen[key] for text, key in zip(self._texts, self._addresses) if key in seen}

    def all_came(self):
        """Whether a packet to each came."""
        return len(self.first()) == len(self._texts)
