"""RFC 8538: a NOTIFICATION and an expired hold timer as restarts, and the Hard Reset (Cease/9) that is none."""

import time

import pytest

from bgp import attributes, wire
from world import matrix, routers
from world.host import wait_until
from world import pair as pairs
from world.pair import PEER_ASN, peer_address
from world.routers import PREFIX, PREFIX6

from test_routers import RANGE, RANGE6, logs, router, wait_for_everything  # pylint: disable=unused-import

KEPT, LOST = "20.1.0.0/16", "20.2.0.0/16"
HARD_RESET = 9


def external(number, **settings):
    """An eBGP neighbour towards which N is set."""
    settings["gracefulRestart"] = {"notification": True, **settings.get("gracefulRestart", {})}
    return pairs.external(number, **settings)


def capabilities(*, notification=True, restart_time=20):
    """A peer with graceful restart, and (or not) N."""
    return [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN),
            wire.graceful_restart(restart_time, forwarding=True, notification=notification)]


def announce(peer, *prefixes):
    """Announces IPv4 prefixes."""
    peer.send(attributes.announce(prefixes, (PEER_ASN,), peer_address(1)))


def with_routes(pair, *, hold=90, **options):
    """A session and two routes in the kernel."""
    peer = pair.peer(1).establish(capabilities=capabilities(**options), hold=hold)
    announce(peer, KEPT, LOST)
    peer.send_end_of_rib()
    for prefix in (KEPT, LOST):
        pair.speaker.wait_in_kernel(prefix)
    return peer


def wait_down(pair, name="p1", timeout=5):
    """Waits for the end of a session; what is shown of it."""
    wait_until(lambda: pair.speaker.neighbor(name)["flaps"] > 0, timeout, "the end of the session")
    return pair.speaker.neighbor(name)


@pytest.mark.parametrize("settings, said", [({}, False), ({"gracefulRestart": {"notification": True}}, True)],
                         ids=["default", "switched-on"])
def test_section_2_the_n_bit_is_in_our_open(pair, settings, said):
    pair.start(pairs.external(1, **settings))
    peer = pair.peer(1).establish(capabilities=capabilities())
    assert wire.says_n(peer.open.capability(wire.CAP_GRACEFUL_RESTART)) is said
    shown = pair.speaker.neighbor("p1")["gracefulRestart"]
    assert shown["notification"] is said and shown["remoteNotification"] is True


@pytest.mark.parametrize("code, subcode", [(6, 2), (6, 4), (6, 10), (4, 0), (3, 1)])
def test_section_4_after_a_notification_routes_stay_stale_and_are_confirmed(pair, code, subcode):
    pair.start(external(1))
    peer = with_routes(pair)
    monitor = pair.node.monitor_routes()
    peer.send(wire.notification(code, subcode))
    wait_down(pair)
    assert pair.speaker.best(KEPT)["stale"] is True
    again = pair.peer(1).establish(capabilities=capabilities())
    flags, _, families = again.open.graceful_restart()
    assert not flags and all(families.values()), "nobody restarted, and nothing was lost (section 4: F)"
    announce(again, KEPT)
    again.send_end_of_rib()
    pair.speaker.wait_not_in_kernel(LOST)
    assert pair.speaker.in_kernel(KEPT)
    assert f"Deleted {KEPT}" not in monitor.log()


def test_section_3_a_hard_reset_ends_everything_and_its_cause_is_shown(pair):
    pair.start(external(1))
    peer = with_routes(pair)
    text = b"moving out"
    peer.send(wire.notification(wire.CEASE, HARD_RESET, bytes([wire.CEASE, 2, len(text)]) + text))
    pair.speaker.wait_not_in_kernel(KEPT)
    assert wait_down(pair)["lastError"] == "received Cease/Hard Reset (Cease/Administrative Shutdown: moving out)"


def test_section_4_without_the_peers_n_a_notification_ends_everything(pair):
    pair.start(external(1))
    with_routes(pair, notification=False).send(wire.notification(wire.CEASE, 4))
    pair.speaker.wait_not_in_kernel(KEPT)


def test_section_4_an_expired_hold_timer_is_a_restart(pair):
    pair.start(external(1))
    peer = with_routes(pair, hold=3)
    peer.expect_notification(4, timeout=6)
    assert wait_down(pair)["lastError"] == "sent Hold Timer Expired"
    assert pair.speaker.in_kernel(KEPT) and pair.speaker.best(KEPT)["stale"] is True


def test_section_4_our_own_error_message_is_a_restart_too(pair):
    """The generating speaker follows the rules of the receiving one."""
    pair.start(external(1))
    peer = with_routes(pair)
    peer.send(b"\0" * 19)
    peer.expect_notification(1, 1)
    wait_down(pair)
    assert pair.speaker.in_kernel(KEPT) and pair.speaker.best(KEPT)["stale"] is True


def test_section_4_1_routes_that_went_stale_twice_stay(pair):
    """RFC 4724 alone would delete them at the second loss."""
    pair.start(external(1))
    with_routes(pair).send(wire.notification(wire.CEASE, 4))
    wait_down(pair)
    pair.peer(1).establish(capabilities=capabilities()).send(wire.notification(wire.CEASE, 4))
    wait_until(lambda: pair.speaker.neighbor("p1")["flaps"] == 2, 5)
    assert pair.speaker.in_kernel(KEPT) and pair.speaker.best(KEPT)["stale"] is True


def test_section_4_1_the_stale_timer_ends_it(pair):
    pair.start(external(1, gracefulRestart={"staleTime": 2}))
    peer = with_routes(pair, restart_time=100)
    began = time.monotonic()
    peer.send(wire.notification(wire.CEASE, 4))
    wait_down(pair)
    assert pair.speaker.in_kernel(KEPT)
    pair.speaker.wait_not_in_kernel(KEPT, timeout=6)
    assert time.monotonic() - began > 1.5


def shutdown(pair):
    """slash32ctl shutdown."""
    assert pair.speaker.shutdown() == 0


def deconfigure(pair):
    """The neighbour is taken out."""
    pair.speaker.reload({**pair.speaker.document, "neighbors": [external(2)]})


def disable(pair):
    """The neighbour is switched off."""
    pair.speaker.reload({**pair.speaker.document, "neighbors": [external(1, enabled=False), external(2)]})


def change(pair):
    """A setting that needs a new session."""
    pair.speaker.reload({**pair.speaker.document, "neighbors": [external(1, holdTime=30), external(2)]})


@pytest.mark.parametrize("leave, subcode, text", [(shutdown, 2, b"node leaves: slash32ctl shutdown"),
                                                  (deconfigure, 3, None), (disable, 2, b"disabled"), (change, 6, None)])
@pytest.mark.parametrize("notification", [True, False], ids=["with-n", "without-n"])
def test_section_3_1_whoever_ends_a_session_here_says_so_as_a_hard_reset(pair, leave, subcode, text, notification):
    pair.start(external(1), external(2))
    peer = with_routes(pair, notification=notification)
    leave(pair)
    inner = bytes([len(text)]) + text if text else b""
    if notification:
        got = peer.expect_notification(wire.CEASE, HARD_RESET)
        assert got.data == bytes([wire.CEASE, subcode]) + inner
    else:
        assert peer.expect_notification(wire.CEASE, subcode).data == inner


def test_section_3_1_too_many_prefixes_are_a_hard_reset(pair):
    pair.start(external(1, maxPrefixes={"in": 2}))
    peer = with_routes(pair)
    announce(peer, "20.3.0.0/16")
    assert peer.expect_notification(wire.CEASE, HARD_RESET).data == bytes([wire.CEASE, 1, 0, 1, 1, 0, 0, 0, 2])
    pair.speaker.wait_not_in_kernel(KEPT)
    assert "maxPrefixes" in pair.speaker.neighbor("p1")["lastError"]


# ---------------------------------------------------------------- other speakers: FRR and GoBGP; see README.md

graceful = pytest.mark.parametrize("router", [(kind, internal) for kind in (routers.NotifyingFrr, routers.NotifyingGobgp)
                                              for internal in (False, True)],
                                   ids=["frr-ebgp", "frr-ibgp", "gobgp-ebgp", "gobgp-ibgp"], indirect=True)
frr = pytest.mark.parametrize("router", [(routers.NotifyingFrr, False)], ids=["frr"], indirect=True)


def assert_n_on_both_sides(pair):
    """N was sent and received."""
    shown = pair.speaker.neighbor("router")["gracefulRestart"]
    assert shown["notification"] is True and shown["remoteNotification"] is True, shown


@matrix.proves(matrix.NOTIFICATION_RESTART)
@graceful
def test_an_expired_hold_timer_loses_no_route_on_either_side(pair, router):  # pylint: disable=redefined-outer-name
    """The network between them swallows everything for longer than the hold time (9 s), then works again."""
    wait_for_everything(pair, router)
    assert_n_on_both_sides(pair)
    monitors = [pair.node.monitor_routes(), pair.outside.monitor_routes()]
    drop = "chain {0} {{ type filter hook {0} priority 0; tcp dport 179 drop; tcp sport 179 drop; }};"
    pair.outside.run("nft", f"table inet cut {{ {drop.format('input')} {drop.format('output')} }}")
    wait_down(pair, "router", 20)
    assert router.has_route(RANGE), logs(pair)
    assert pair.speaker.best(PREFIX)["stale"] is True
    pair.outside.run("nft", "delete", "table", "inet", "cut")
    pair.speaker.wait_established("router", 40)
    wait_until(lambda: not pair.speaker.best(PREFIX)["stale"] and not pair.speaker.best(PREFIX6)["stale"], 20)
    wait_for_everything(pair, router)
    # GoBGP comes back without F, after which its routes go until it says them again (RFC 4724 section 4.2).
    preserved = pair.speaker.neighbor("router")["gracefulRestart"]["remotePreserved"]
    kept = (RANGE, PREFIX, PREFIX6) if preserved else (RANGE,)
    assert preserved or not router.has_fib, "FRR keeps its forwarding state and says so"
    for monitor in monitors:
        lost = [line for line in monitor.log().splitlines()
                if line.startswith("Deleted") and any(prefix in line for prefix in kept)]
        assert not lost, lost


@matrix.proves(matrix.NOTIFICATION_RESTART)
@graceful
def test_who_is_taken_out_here_forgets_our_routes_at_once(pair, router):  # pylint: disable=redefined-outer-name
    """Nothing is withdrawn first: but for the Hard Reset they would stay there as stale ones."""
    wait_for_everything(pair, router)
    assert_n_on_both_sides(pair)
    deconfigure(pair)
    wait_until(lambda: not router.has_route(RANGE) and not router.has_route(RANGE6), 5, lambda: logs(pair))
    assert router.last_notification() in (None, ("Cease/Peer De-configured", True))
    pair.speaker.wait_not_in_kernel(PREFIX)


@frr
def test_an_operators_clear_at_frr_is_a_restart_or_not(pair, router):  # pylint: disable=redefined-outer-name
    """`clear bgp` sends Cease/4: as it is under `no bgp hard-administrative-reset`, else as a Hard Reset."""
    wait_for_everything(pair, router)
    monitor = pair.node.monitor_routes()
    router.reset()
    assert wait_down(pair, "router")["lastError"] == "received Cease/Administrative Reset"
    pair.speaker.wait_established("router", 40)
    wait_until(lambda: not pair.speaker.best(PREFIX)["stale"] and not pair.speaker.best(PREFIX6)["stale"], 20)
    assert f"Deleted {PREFIX}" not in monitor.log() and f"Deleted {PREFIX6}" not in monitor.log()
    router.configure("bgp hard-administrative-reset")
    router.reset()
    wait_until(lambda: pair.speaker.neighbor("router")["flaps"] == 2, 10)
    assert pair.speaker.neighbor("router")["lastError"] == "received Cease/Hard Reset (Cease/Administrative Reset)"
    wait_until(lambda: f"Deleted {PREFIX}" in monitor.log(), 5)
