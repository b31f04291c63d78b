"""Probes that run inside a pod's, a node's or the router's network; each prints one JSON document.

Stands alone: it is executed by path, in a network namespace that has nothing else.
"""

import argparse
import hashlib
import ipaddress
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

CHUNK = 64 * 1024


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _echo_request(family, ident, sequence):
    kind = 128 if family == socket.AF_INET6 else 8
    body = struct.pack("!HH", ident, sequence) + b"slash32!"
    # The kernel computes ICMPv6 checksums itself.
    checksum = 0 if family == socket.AF_INET6 else _checksum(struct.pack("!BBH", kind, 0, 0) + body)
    return struct.pack("!BBH", kind, 0, checksum) + body


def _raw_socket(family):
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    raw = socket.socket(family, socket.SOCK_RAW, protocol)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return raw


def _parse_reply(family, data):
    """(ident, sequence) of an echo reply, or None for anything else."""
    icmp = data if family == socket.AF_INET6 else data[(data[0] & 15) * 4:]
    wanted = 129 if family == socket.AF_INET6 else 0
    return struct.unpack("!HH", icmp[4:8]) if len(icmp) >= 8 and icmp[0] == wanted else None


def ping(args):
    """Pings addresses, all of them --rounds times, and prints the last round: {address: ms or null}."""
    for _ in range(args.rounds):
        took = _ping_round(args)
    print(json.dumps(took))


def _ping_round(args):
    """Pings each address, again every 0.5 s where no answer came.

    Each is given a moment to answer before the next is asked, so that the times do not count each other's work.
    """
    ident = os.getpid() & 0xFFFF
    sockets = {f: _raw_socket(f) for f in {_family(a) for a in args.addresses}}
    took = {address: None for address in args.addresses}
    sent, deadline, again = {}, time.monotonic() + args.timeout, 0.0
    while (missing := [a for a, ms in took.items() if ms is None]) and time.monotonic() < deadline:
        if time.monotonic() >= again:
            again = time.monotonic() + 0.5
            for address in missing:
                sequence = len(sent) + 1
                try:
                    sent[sequence] = (address, time.perf_counter())
                    sockets[_family(address)].sendto(_echo_request(_family(address), ident, sequence), (address, 0))
                except OSError:
                    continue  # no route: tried again until the timeout
                _collect(sockets, ident, sent, took, 0.01)
        if None in took.values():
            _collect(sockets, ident, sent, took, max(0.0, min(again, deadline) - time.monotonic()))
    for raw in sockets.values():
        raw.close()
    return took


def _collect(sockets, ident, sent, took, wait):
    """Takes one reply from each socket that has one within the wait."""
    readable, _, _ = select.select(list(sockets.values()), [], [], wait)
    for raw in readable:
        data, _ = raw.recvfrom(2048)
        reply = _parse_reply(raw.family, data)
        if reply and reply[0] == ident and reply[1] in sent:
            address, at = sent[reply[1]]
            if took[address] is None:
                took[address] = round((time.perf_counter() - at) * 1000, 3)


def serve(args):
    """Answers on TCP and UDP until SIGTERM: `peer` and the caller's address, `sum` and a digest, or an echo."""
    tcp = socket.create_server((args.address, args.port), family=_family(args.address), backlog=64)
    udp = socket.socket(_family(args.address), socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind((args.address, args.port))
    threading.Thread(target=_echo_forever, args=(udp,), daemon=True).start()
    print(json.dumps({"listening": args.port}), flush=True)
    while True:
        connection, peer = tcp.accept()
        threading.Thread(target=_answer, args=(connection, peer[0]), daemon=True).start()


def _echo_forever(udp):
    while True:
        data, peer = udp.recvfrom(2048)
        try:
            udp.sendto(data, peer)
        except OSError:
            pass  # the way back is down: the other side counts it


def _answer(connection, peer):
    """Tells a caller who it is and what it sent."""
    digest, total = hashlib.sha256(), 0
    with connection:
        while data := connection.recv(CHUNK):
            digest.update(data)
            total += len(data)
        connection.sendall(json.dumps({"peer": peer, "bytes": total, "sha256": digest.hexdigest()}).encode())


def send(args):
    """Sends random bytes over TCP; prints what the other side saw beside what was sent."""
    data = os.urandom(args.bytes)
    with socket.create_connection((args.address, args.port), timeout=args.timeout) as connection:
        if args.clamp:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, args.clamp)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(CHUNK):
            answer += part
    print(json.dumps({"sent": len(data), "sha256": hashlib.sha256(data).hexdigest(), "seen": json.loads(answer)}))


class Flow:
    """A steady stream of numbered UDP datagrams to an echo server, and which of them came back."""

    def __init__(self, address, port, rate):
        self._socket = socket.socket(_family(address), socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.connect((address, port))
        self._socket.settimeout(0.1)
        self._interval = 1.0 / rate
        self.sent, self.errors, self.back = 0, 0, set()
        self.stopping = threading.Event()

    def receive(self, until):
        """Collects echoes until `until` is set."""
        while not until.is_set():
            try:
                self.back.add(struct.unpack("!Q", self._socket.recv(64))[0])
            except TimeoutError:
                continue
            except OSError:
                time.sleep(0.001)  # an ICMP error of an earlier datagram

    def transmit(self):
        """Sends one datagram per interval, making up for lost time, until told to stop."""
        begin = time.monotonic()
        while not self.stopping.is_set():
            due = int((time.monotonic() - begin) / self._interval) + 1
            while self.sent < due:
                self._send_one()
            time.sleep(self._interval)

    def _send_one(self):
        try:
            self._socket.send(struct.pack("!Q", self.sent))
        except OSError:
            self.errors += 1  # counts as lost: its number never comes back
        self.sent += 1

    def gaps(self):
        """[first, last] of each run of lost numbers."""
        runs = []
        for number in sorted(set(range(self.sent)) - self.back):
            if runs and runs[-1][1] == number - 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        return runs


def flow(args):
    """Runs a Flow until a line (or the end) comes on stdin; prints the count."""
    stream, done = Flow(args.address, args.port, args.rate), threading.Event()
    receiver = threading.Thread(target=stream.receive, args=(done,))
    receiver.start()
    sender = threading.Thread(target=stream.transmit)
    sender.start()
    print(json.dumps({"started": True}), flush=True)
    sys.stdin.readline()
    stream.stopping.set()
    sender.join()
    deadline = time.monotonic() + 1.0  # the last echoes are still on their way
    while len(stream.back) < stream.sent and time.monotonic() < deadline:
        time.sleep(0.01)
    done.set()
    receiver.join()
    print(json.dumps({"sent": stream.sent, "lost": stream.sent - len(stream.back), "errors": stream.errors,
                      "gaps": stream.gaps()[:20]}))


def spoof(args):
    """Sends UDP datagrams whose source address is another's, in hand-made IP packets."""
    source, target = ipaddress.ip_address(args.source), ipaddress.ip_address(args.address)
    payload = args.text.encode()
    udp = struct.pack("!HHHH", 5353, args.port, 8 + len(payload), 0) + payload
    if source.version == 4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, source.packed, target.packed)
        packet = header + udp
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    else:
        # IPv6 has no "checksum absent": it covers the pseudo header.
        pseudo = source.packed + target.packed + struct.pack("!II", len(udp), 17)
        udp = udp[:6] + struct.pack("!H", _checksum(pseudo + udp) or 0xFFFF) + payload
        packet = struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + source.packed + target.packed + udp
        raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for _ in range(args.count):
        raw.sendto(packet, (args.address, 0))
    print(json.dumps({"sent": args.count}))


def listen(args):
    """Collects UDP datagrams until one with the text `last` comes: [[source, text]]."""
    udp = socket.socket(_family(args.address), socket.SOCK_DGRAM)
    udp.bind((args.address, args.port))
    udp.settimeout(args.timeout)
    print(json.dumps({"listening": args.port}), flush=True)
    seen = []
    try:
        while not seen or seen[-1][1] != "last":
            data, peer = udp.recvfrom(2048)
            seen.append([peer[0], data.decode(errors="replace")])
    except TimeoutError:
        pass
    print(json.dumps(seen))


def say(args):
    """Sends one UDP datagram from this network's own address."""
    with socket.socket(_family(args.address), socket.SOCK_DGRAM) as udp:
        udp.sendto(args.text.encode(), (args.address, args.port))
    print(json.dumps({"sent": 1}))


def main():
    """Reads the command line and runs one probe."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for function in (ping, serve, send, flow, spoof, listen, say):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        command.add_argument("--timeout", type=float, default=10)
        command.add_argument("--port", type=int, default=7032)
        if function is ping:
            command.add_argument("--rounds", type=int, default=1)
            command.add_argument("addresses", nargs="+")
            continue
        command.add_argument("address")
        command.add_argument("--bytes", type=int, default=10_000_000)
        command.add_argument("--clamp", type=int, default=0)
        command.add_argument("--rate", type=int, default=1000)
        command.add_argument("--source")
        command.add_argument("--text", default="hello")
        command.add_argument("--count", type=int, default=3)
    args = parser.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()
