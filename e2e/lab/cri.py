"""The Container Runtime Interface, as much of runtime.v1 as a sandbox's life needs.

Messages are encoded by hand: five requests with a handful of fields do not justify a protobuf compiler.
Field numbers are those of k8s.io/cri-api/pkg/apis/runtime/v1/api.proto.
"""

import json
import os

# gRPC's fork handlers would print warnings for each command the lab runs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
import grpc  # noqa: E402  (after the setting it reads)

LENGTH_DELIMITED = 2


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(fields):
    """Encodes {number: bytes | str | int | dict | list}; dicts are messages, lists repeat, None is absent."""
    out = b""
    for number, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            if isinstance(item, int):
                out += _varint(number << 3) + _varint(item)
                continue
            data = encode(item) if isinstance(item, dict) else item.encode() if isinstance(item, str) else item
            out += _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(data)) + data
    return out


def _read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def decode(data):
    """Decodes a message into {number: [values]}; nested messages stay bytes until decoded in turn."""
    fields, at = {}, 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 == 0:
            value, at = _read_varint(data, at)
        elif key & 7 == LENGTH_DELIMITED:
            length, at = _read_varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7} is not used by the messages read here")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _text(fields, number):
    return fields.get(number, [b""])[0].decode()


class Runtime:
    """A connection to one node's container runtime."""

    def __init__(self, socket):
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=[
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)])

    def close(self):
        """Closes the connection."""
        self._channel.close()

    def _call(self, method, fields, timeout=60):
        call = self._channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")
        return decode(call(encode(fields), timeout=timeout, wait_for_ready=True))

    def is_network_ready(self):
        """What the runtime says of its network plugin (condition NetworkReady); no while it does not answer."""
        try:
            status = decode(self._call("Status", {}, timeout=20)[1][0])
        except grpc.RpcError:
            return False
        conditions = [decode(condition) for condition in status.get(1, [])]
        return any(_text(c, 1) == "NetworkReady" and c.get(2) == [1] for c in conditions)

    def run_sandbox(self, name, cgroup_parent, host_network=False):
        """RunPodSandbox; returns the sandbox's ID."""
        metadata = {1: name, 2: f"uid-{name}", 3: "e2e"}
        # NamespaceMode POD is 0 and left out, NODE is 2. A sandbox in the host's network must set no hostname.
        security = {1: {1: 2}} if host_network else None
        config = {1: metadata, 2: None if host_network else name, 8: {1: cgroup_parent, 2: security}}
        return _text(self._call("RunPodSandbox", {1: config}), 1)

    def stop_sandbox(self, sandbox):
        """StopPodSandbox: the network is taken down here."""
        self._call("StopPodSandbox", {1: sandbox})

    def remove_sandbox(self, sandbox):
        """RemovePodSandbox."""
        self._call("RemovePodSandbox", {1: sandbox})

    def sandboxes(self):
        """IDs of all sandboxes, ready or not."""
        return [_text(decode(item), 1) for item in self._call("ListPodSandbox", {}).get(1, [])]

    def status(self, sandbox):
        """PodSandboxStatus, verbose: {"ready", "ips", "netns", "pid"}."""
        answer = self._call("PodSandboxStatus", {1: sandbox, 2: 1})
        status = decode(answer[1][0])
        network = decode(status.get(5, [b""])[0])
        ips = [_text(network, 1)] + [_text(decode(ip), 1) for ip in network.get(2, [])]
        entries = [decode(entry) for entry in answer.get(2, [])]
        info = json.loads(next(_text(e, 2) for e in entries if _text(e, 1) == "info"))
        namespaces = info["runtimeSpec"]["linux"]["namespaces"]
        netns = next((n.get("path", "") for n in namespaces if n["type"] == "network"), "")
        # SANDBOX_READY is 0, which proto3 does not send.
        return {"ready": status.get(3, [0]) == [0], "ips": [ip for ip in ips if ip], "netns": netns,
                "pid": info.get("pid")}
