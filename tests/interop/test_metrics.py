"""What machines ask: readiness, liveness, Prometheus metrics, on the control socket and over TCP."""

import contextlib
import http.client
import re

from bgp import attributes, wire
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address

PREFIX, RANGE = "20.1.0.0/16", "10.244.1.0/24"
ORIGINATE = {"prefixes": [RANGE]}
LATE = "192.0.2.9"

SAMPLE = re.compile(r'^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\d+)$')


def metrics(text):
    """{(name, labels): value}; every line must be of the format."""
    out, typed = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            assert line.split()[2] not in typed, f"{line} twice"
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            found = SAMPLE.match(line)
            assert found, line
            assert found[1] in typed, f"no type for {line}"
            assert (found[1], found[2] or "") not in out, f"twice: {line}"
            out[found[1], found[2] or ""] = int(found[3])
    return out


def test_probes_follow_the_sessions(pair):
    pair.start(external(1), external(2))
    assert pair.speaker.get("/v1/live") == {"live": True}
    status, body = pair.speaker.request("GET", "/v1/ready")
    assert status == 503 and b"no session is Established" in body
    first = pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    status, body = pair.speaker.request("GET", "/v1/ready")
    assert status == 503 and b"1 of 2 neighbors" in body, "at first it waits for every neighbour"
    pair.peer(2).establish()
    pair.speaker.wait_established("p2")
    assert pair.speaker.get("/v1/ready") == {"ready": True, "reasons": []}
    first.close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    assert pair.speaker.get("/v1/ready")["ready"], "one session is enough later"
    assert pair.speaker.request("POST", "/v1/ready")[0] == 405


def test_metrics_tell_what_the_neighbours_and_tables_hold(pair):
    pair.start(external(1), external(2), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    peer.send(attributes.announce([PREFIX, "127.0.0.0/8"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel(PREFIX)
    peer.pump(lambda: RANGE in peer.rib)
    status, body = pair.speaker.request("GET", "/metrics")
    assert status == 200
    got = metrics(body.decode())
    one = 'neighbor="p1"'
    expected = {("slash32_bgp_neighbor_up", one): 1, ("slash32_bgp_neighbor_up", 'neighbor="p2"'): 0,
                ("slash32_bgp_neighbor_state", one): 6, ("slash32_bgp_neighbor_flaps_total", one): 0,
                ("slash32_bgp_neighbor_received_prefixes", one + ',family="ipv4"'): 2,
                ("slash32_bgp_neighbor_accepted_prefixes", one + ',family="ipv4"'): 1,
                ("slash32_bgp_neighbor_advertised_prefixes", one + ',family="ipv4"'): 1,
                ("slash32_bgp_fib_installed_routes", ""): 1, ("slash32_bgp_conditions", ""): 0,
                ("slash32_bgp_aggregate_ready", f'prefix="{RANGE}"'): 1, ("slash32_bgp_ready", ""): 0}
    for key, value in expected.items():
        assert got.get(key) == value, (key, got)
    assert ("slash32_bgp_neighbor_received_prefixes", 'neighbor="p2",family="ipv4"') not in got
    assert pair.speaker.request("GET", "/v1/metrics")[0] == 200


def test_notifications_and_queues_are_counted_by_neighbour(pair):
    pair.start(external(1), external(2))
    peer = pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    peer.send(wire.message(wire.NOTIFICATION, bytes([6, 2])))
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    strange = pair.peer(2).establish()
    pair.speaker.wait_established("p2")
    strange.send(wire.message(wire.NOTIFICATION, bytes([200, 7])))
    wait_until(lambda: pair.speaker.state("p2") != "Established", 5)

    def again():
        """Back after the pause that a NOTIFICATION costs."""
        with contextlib.suppress(OSError, AssertionError):
            return pair.peer(1).establish()

    back = wait_until(again, 20, "p1 again")
    pair.speaker.wait_established("p1")
    got = metrics(pair.speaker.request("GET", "/metrics")[1].decode())
    name = "slash32_bgp_neighbor_notifications_{}_total"
    assert got[name.format("received"), 'neighbor="p1",code="6",subcode="2"'] == 1
    assert got[name.format("received"), 'neighbor="p2",code="other",subcode="other"'] == 1
    assert got["slash32_bgp_neighbor_queued_prefixes", 'neighbor="p1"'] == 0
    assert got["slash32_bgp_neighbor_queued_bytes", 'neighbor="p1"'] == 0
    assert ("slash32_bgp_neighbor_queued_prefixes", 'neighbor="p2"') not in got
    assert got["slash32_bgp_rib_undecided_prefixes", ""] == 0
    back.send(wire.message(wire.UPDATE, b"\xff"))
    back.expect_notification(1, 2)
    got = metrics(pair.speaker.request("GET", "/metrics")[1].decode())
    assert got[name.format("sent"), 'neighbor="p1",code="1",subcode="2"'] == 1


def fetch(pair, port, path, method="GET", address="127.0.0.1"):
    """(status, body, content type) from the metrics address, inside the node's namespace."""
    raw = pair.node.socket(2)
    raw.settimeout(5)
    raw.connect((address, port))
    connection = http.client.HTTPConnection("localhost")
    connection.sock = raw
    connection.request(method, path)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode(), answer.getheader("Content-Type")
    finally:
        connection.close()


def test_metrics_over_tcp_can_be_read_and_nothing_else(pair):
    pair.start(external(1), metrics={"address": "127.0.0.1:9179"})
    status, body, kind = fetch(pair, 9179, "/metrics")
    assert status == 200 and kind.startswith("text/plain; version=0.0.4") and metrics(body)
    assert fetch(pair, 9179, "/v1/live")[0] == 200
    assert fetch(pair, 9179, "/v1/ready")[0] == 503
    for method, path in (("GET", "/v1/status"), ("POST", "/v1/shutdown"), ("PUT", "/v1/config"),
                         ("POST", "/v1/neighbors/p1/reset")):
        assert fetch(pair, 9179, path, method)[0] == 404, path
    # Another address, while the daemon runs; one that cannot be had changes nothing.
    pair.speaker.reload({**pair.speaker.document, "metrics": {"address": "127.0.0.1:9180"}})
    wait_until(lambda: listens(pair, 9180), 5, "the new address")
    assert not listens(pair, 9179)
    pair.speaker.reload({**pair.speaker.document, "metrics": {"address": "192.0.2.1:9180"}})
    wait_until(lambda: "/metrics/address" in str(pair.speaker.get("/v1/status")["conditions"]), 5)
    assert listens(pair, 9180)


def test_an_address_that_comes_later_is_served_then(pair):
    pair.start(external(1), metrics={"address": f"{LATE}:9179"})
    assert any(LATE in condition for condition in pair.speaker.get("/v1/status")["conditions"])
    pair.peer(1).establish()
    pair.node.ip(f"address add {LATE}/32 dev lo")
    wait_until(lambda: listens(pair, 9179, LATE), 10, "the metrics")
    assert not pair.speaker.get("/v1/status")["conditions"]


def listens(pair, port, address="127.0.0.1"):
    """Whether somebody answers there."""
    try:
        return fetch(pair, port, "/v1/live", address=address)[0] == 200
    except OSError:
        return False


def test_a_kernel_that_is_full_is_a_condition_and_a_metric_and_harms_no_session(pair):
    pair.start(external(1), external(2), kernel={"maxRoutes": 3})
    peer, other = pair.peer(1).establish(), pair.peer(2).establish()
    prefixes = [f"20.{number}.0.0/16" for number in range(1, 6)]
    peer.send(attributes.announce(prefixes, (PEER_ASN,), peer_address(1)))
    full = lambda: [one for one in pair.speaker.get("/v1/status")["conditions"] if "kernel.maxRoutes" in one]
    over = lambda: metrics(pair.speaker.request("GET", "/metrics")[1].decode())["slash32_bgp_fib_over_limit", ""]
    installed = lambda: sum(1 for one in prefixes if pair.speaker.in_kernel(one))
    wait_until(full, 5, "the condition")
    wait_until(lambda: installed() == 3, 5, lambda: f"{installed()} routes")
    assert over() == 1
    other.pump(lambda: set(prefixes) <= set(other.rib))  # what is not installed is known all the same
    assert all(pair.speaker.state(name) == "Established" and pair.speaker.neighbor(name)["flaps"] == 0
               for name in ("p1", "p2"))
    peer.send(attributes.withdraw(*prefixes[:2]))
    wait_until(lambda: not full() and over() == 0, 5, "the end of the condition")
    wait_until(lambda: all(pair.speaker.in_kernel(one) for one in prefixes[2:]), 5, "the others in their place")
