"""SIGHUP: a new configuration is applied as a difference; a broken one changes nothing and names its place."""

import copy

import pytest

from bgp import attributes as a
from bgp import wire
from bgp.peer import Timeout
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address
from world.speaker import POLICIES, Speaker

RANGE = "10.244.1.0/24"


def base(pair, *neighbors, **document):
    """A running speaker; returns its document to build others from."""
    pair.start(*neighbors, originate={"prefixes": [RANGE]}, **document)
    return copy.deepcopy(pair.speaker.document)


def undisturbed(peer):
    """The session is still the same one: it answers a route refresh on the same connection."""
    peer.history.clear()
    peer.send(wire.message(wire.ROUTE_REFRESH, b"\0\1\0\1"))
    peer.pump(lambda: ("+", RANGE) in peer.history)
    assert not [event for event in peer.history if event[0] == "-"]


BROKEN = {
    "not_json": ("{", None),
    "empty": ("", None),
    "unknown_key": (lambda d: d.update(holdTimes=1), "/holdTimes"),
    "unknown_neighbor_key": (lambda d: d["neighbors"][0].update(addres="1.1.1.1"), "/neighbors/0/addres"),
    "bad_address": (lambda d: d["neighbors"][0].update(address="10.9.1.999"), "/neighbors/0/address"),
    "bad_as": (lambda d: d["neighbors"][0].update(remoteAs=0), "/neighbors/0/remoteAs"),
    "as_too_large": (lambda d: d["neighbors"][0].update(remoteAs=4294967296), "/neighbors/0/remoteAs"),
    "hold_time_2": (lambda d: d["neighbors"][0].update(holdTime=2), "/neighbors/0/holdTime"),
    "unknown_policy": (lambda d: d["neighbors"][0].update({"import": ["nothere"]}), "/neighbors/0/import"),
    "twice_the_same_name": (lambda d: d["neighbors"].append(dict(d["neighbors"][0])), "/neighbors/1"),
    "host_bits": (lambda d: d["originate"].update(prefixes=["10.244.1.1/24"]), "/originate/prefixes/0"),
    "policy_verdict": (lambda d: d["policies"].update(all=[{"then": "perhaps"}]), "/policies/all/0/then"),
    "no_local_as": (lambda d: d.pop("localAs"), "localAs"),
    "metric_not_above_the_aggregates": (lambda d: d.update(kernel={"metric": 100}), "/kernel/metric"),
}


def broken(document, change):
    """A document with one mistake."""
    if isinstance(change, str):
        return change
    out = copy.deepcopy(document)
    change(out)
    return out


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_document_changes_nothing(pair, name):
    change, place = BROKEN[name]
    document = base(pair, external(1))
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib)
    log = pair.speaker.process.log()
    pair.speaker.write(broken(document, change))
    pair.speaker.process.send(1)
    wait_until(lambda: len(pair.speaker.process.log()) > len(log), 5, "a word about it in the log")
    said = pair.speaker.process.log()[len(log):]
    assert place is None or place in said, said
    undisturbed(peer)
    assert pair.speaker.in_kernel(RANGE, 133)


@pytest.mark.parametrize("name", BROKEN)
def test_check_config_refuses_it_and_names_the_place(pair, bgpd, name):
    change, place = BROKEN[name]
    speaker = Speaker(pair.node, bgpd, neighbors=[external(1)], originate={"prefixes": [RANGE]})
    assert pair.node.run(bgpd, "--check-config", speaker.path, check=False).returncode == 0
    speaker.write(broken(speaker.document, change))
    done = pair.node.run(bgpd, "--check-config", speaker.path, check=False)
    assert done.returncode != 0
    assert (place or speaker.path) in done.stdout + done.stderr, done
    started = pair.node.run(bgpd, "--config", speaker.path, check=False)
    assert started.returncode > 0, "it does not start either"


def test_a_neighbour_more_or_less_never_touches_another(pair):
    document = base(pair, external(1))
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib)
    pair.speaker.reload({**document, "neighbors": [external(1), external(2)]})
    wait_until(lambda: pair.speaker.neighbor("p2"), 5)
    new = pair.peer(2).establish()
    undisturbed(peer)
    new.pump(lambda: RANGE in new.rib)
    pair.speaker.reload(document)
    new.expect_notification(wire.CEASE, 3)
    undisturbed(peer)
    assert pair.speaker.neighbor("p1")["flaps"] == 0


def test_the_same_document_again_changes_nothing(pair):
    document = base(pair, external(1))
    peer = pair.peer(1).establish()
    peer.pump(lambda: len(peer.end_of_rib) == 2)
    pair.speaker.reload(document)
    pair.speaker.process.send(1)
    undisturbed(peer)
    with pytest.raises(Timeout):
        peer.pump(lambda: False, 0.5)


def test_originated_prefixes_come_and_go(pair):
    document = base(pair, external(1))
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib)
    document["originate"]["prefixes"] = [RANGE, "10.244.7.0/24"]
    pair.speaker.reload(document)
    peer.pump(lambda: "10.244.7.0/24" in peer.rib)
    assert pair.speaker.in_kernel("10.244.7.0/24", 133)
    document["originate"]["prefixes"] = ["10.244.7.0/24"]
    pair.speaker.reload(document)
    peer.pump(lambda: RANGE not in peer.rib)
    pair.speaker.wait_not_in_kernel(RANGE, 133)
    assert ("-", "10.244.7.0/24") not in peer.history


def test_a_policy_change_needs_no_reset(pair):
    document = base(pair, external(1))
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16", "20.2.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel("20.2.0.0/16")
    document["policies"] = {**POLICIES, "all": [{"match": {"prefix": ["20.1.0.0/16"]}, "then": "reject"},
                                                {"then": "accept"}]}
    pair.speaker.reload(document)
    pair.speaker.wait_not_in_kernel("20.1.0.0/16")
    assert pair.speaker.in_kernel("20.2.0.0/16")
    document["policies"] = POLICIES
    pair.speaker.reload(document)
    try:  # it kept the route, or asks for it again (RFC 2918)
        pair.speaker.wait_in_kernel("20.1.0.0/16", timeout=2)
    except AssertionError:
        peer.expect(wire.ROUTE_REFRESH)
        peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
        pair.speaker.wait_in_kernel("20.1.0.0/16")
    undisturbed(peer)


def test_an_export_policy_change_withdraws_and_announces(pair):
    document = base(pair, external(1, export=["own"]))
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib)
    pair.speaker.reload({**document, "policies": {**POLICIES, "own": [{"then": "reject"}]}})
    peer.pump(lambda: RANGE not in peer.rib)
    pair.speaker.reload(document)
    peer.pump(lambda: RANGE in peer.rib)


def test_a_changed_neighbour_is_reset_and_comes_back_with_the_new_settings(pair):
    document = base(pair, external(1), external(2))
    peer, other = pair.peer(1).establish(), pair.peer(2).establish()
    other.pump(lambda: RANGE in other.rib)
    changed = copy.deepcopy(document)
    changed["neighbors"][0]["holdTime"] = 30
    pair.speaker.reload(changed)
    ending = peer.end()
    assert ending is None or ending.code == wire.CEASE
    again = wait_until(lambda: _try(pair), 10, "the neighbour back")
    assert again.open.hold == 30
    undisturbed(other)


def _try(pair):
    try:
        return pair.peer(1).establish()
    except (AssertionError, OSError):
        return None


def test_what_resets_no_neighbour_resets_none_of_a_range(pair):
    rack = {"name": "rack", "range": "10.9.1.0/24", "remoteAs": "external", "import": ["all"], "export": ["all"]}
    document = base(pair, dynamicNeighbors=[rack])
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16", "20.2.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel("20.2.0.0/16")
    document["policies"] = {**POLICIES, "one": [{"match": {"prefix": ["20.2.0.0/16"]}, "then": "accept"}]}
    rack = {**rack, "import": ["one"], "description": "racks", "allow": ["ownRanges"], "maxPrefixes": {"in": 2}}
    pair.speaker.reload({**document, "dynamicNeighbors": [rack]})
    pair.speaker.wait_not_in_kernel("20.1.0.0/16")
    assert pair.speaker.in_kernel("20.2.0.0/16")
    undisturbed(peer)
    name = f"rack-{peer_address(1)}"
    assert pair.speaker.neighbor(name)["description"] == "racks"
    pair.speaker.reload({**document, "dynamicNeighbors": [{**rack, "name": "shelf"}]})
    wait_until(lambda: pair.speaker.neighbor(f"shelf-{peer_address(1)}"), 5, "the other name")
    assert not pair.speaker.neighbor(name)
    undisturbed(peer)
    peer.send(a.announce(["20.3.0.0/16"], (PEER_ASN,), peer_address(1)))
    peer.expect_notification(wire.CEASE, 1)
    wait_until(lambda: "maxPrefixes" in (pair.speaker.neighbor(f"shelf-{peer_address(1)}") or {}).get("held", ""), 5)
    rack = {**rack, "name": "shelf", "maxPrefixes": {"in": 9}}
    pair.speaker.reload({**document, "dynamicNeighbors": [rack]})
    wait_until(lambda: not pair.speaker.neighbor(f"shelf-{peer_address(1)}"), 5, "its place, free to call again")
    again = pair.peer(1).establish()
    pair.speaker.reload({**document, "dynamicNeighbors": [{**rack, "enabled": False}]})
    again.expect_notification(wire.CEASE, 2)
