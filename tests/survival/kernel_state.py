"""What the kernel of one network namespace holds, as data that can be compared: links, addresses, routes of all tables,
rules, permanent neighbours, nftables. Read by netlink dumps of our own: thousands of snapshots are taken.

What changes by itself is left out: counters, lifetimes, neighbours that were learned, cached and anycast routes.
"""

import socket
import struct
import subprocess

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
NLM_F_REQUEST, NLM_F_DUMP, NLMSG_ERROR, NLMSG_DONE = 1, 0x300, 2, 3
NFT_GETGEN, NFTA_GEN_ID = 10 << 8 | 16, 1
IFF_UP, NUD_PERMANENT, RTM_F_CLONED, RTN_ANYCAST = 1, 0x80, 0x200, 4
# kind: request, size of the fixed header, the attributes that are kept (None: all) and those that are dropped
KINDS = {
    "links": (18, 16, {1, 3, 4, 5, 10, 20}, ()),  # address, name, MTU, peer, master, alias
    "addresses": (22, 8, {1, 2, 3}, ()),          # address, local, label
    "routes": (26, 12, None, {12}),               # but cache information
    "rules": (34, 12, None, ()),
    "neighbours": (30, 12, {1, 2}, ()),           # destination, link address
}


def messages(data):
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[16:length]
        data = data[(length + 3) & ~3:]


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, bytes(data[4:length])
        data = data[(length + 3) & ~3:]


def header_of(kind, data):
    """The fixed part without what changes by itself; None for an entry that is left out."""
    if kind == "links":
        index, flags = struct.unpack_from("=4xiI", data)
        return index, flags & IFF_UP
    if kind == "neighbours":
        family, index, state = struct.unpack_from("=B3xiH", data)
        return (family, index) if state & NUD_PERMANENT else None
    if kind == "addresses":  # not the flags: duplicate detection ends
        return struct.unpack_from("=BBxBI", data)
    if kind == "routes":
        left_out = data[7] == RTN_ANYCAST or struct.unpack_from("=I", data, 8)[0] & RTM_F_CLONED
        return None if left_out else bytes(data[:8])
    return bytes(data)


class Namespace:
    """The namespace the sockets are opened in: the caller's."""

    def __init__(self, with_nftables=True):
        self._route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        self._netfilter = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) if with_nftables else None
        self._rulesets = {}

    def _dump(self, kind):
        request, size, kept, dropped = KINDS[kind]
        self._route.send(struct.pack("=IHHII", 16 + size, request, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + bytes(size))
        entries = []
        while True:
            for what, body in messages(memoryview(self._route.recv(1 << 16))):
                if what == NLMSG_DONE:
                    return sorted(entries, key=repr)
                if what == NLMSG_ERROR:
                    raise OSError(f"dump of {kind}: {struct.unpack_from('=i', body)[0]}")
                header = header_of(kind, body[:size])
                if header is not None:
                    entries.append((header, tuple(sorted((number, value) for number, value in attributes(body[size:])
                                                         if (kept is None or number in kept) and number not in dropped))))

    def _nftables(self):
        """The ruleset's text; listed again only when the kernel's generation of it is another."""
        self._netfilter.send(struct.pack("=IHHII4x", 20, NFT_GETGEN, NLM_F_REQUEST, 1, 0))
        _, body = next(messages(memoryview(self._netfilter.recv(1 << 16))))
        generation = dict(attributes(body[4:]))[NFTA_GEN_ID]
        if generation not in self._rulesets:
            self._rulesets[generation] = subprocess.run(["nft", "-s", "list", "ruleset"], check=True, capture_output=True,
                                                        text=True).stdout
        return self._rulesets[generation]

    def state(self):
        out = {kind: self._dump(kind) for kind in KINDS}
        if self._netfilter:
            out["nftables"] = self._nftables()
        return out
