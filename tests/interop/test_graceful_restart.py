"""RFC 4724: the helper keeps a restarting peer's routes, and only those that deserve it; the restarter tells the truth."""

import time

import pytest

from bgp import attributes, wire
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address, peer_address6
from world.speaker import ASN, LEARNED

KEPT, LOST, KEPT6 = "20.1.0.0/16", "20.2.0.0/16", "2a00:1::/48"


def capabilities(time_=20, *, forwarding=True, restarting=False, families=(wire.IPV4, wire.IPV6)):
    """What a restarting-aware peer says."""
    return [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN),
            wire.graceful_restart(time_, families, restarting=restarting, forwarding=forwarding)]


def announce(peer, *prefixes):
    """Announces IPv4 prefixes."""
    peer.send(attributes.announce(prefixes, (PEER_ASN,), peer_address(1)))


def with_routes(pair, **options):
    """A session with graceful restart and three routes in the kernel."""
    peer = pair.peer(1).establish(capabilities=capabilities(**options))
    announce(peer, KEPT, LOST)
    peer.send(attributes.announce6([KEPT6], (PEER_ASN,), peer_address6(1)))
    peer.send_end_of_rib()
    for prefix in (KEPT, LOST, KEPT6):
        pair.speaker.wait_in_kernel(prefix)
    return peer


def test_the_first_open_after_a_fresh_start_claims_nothing(pair):
    """Section 3: R only after a restart, F only when the forwarding state was kept."""
    pair.start(external(1))
    peer = pair.peer(1).establish(capabilities=capabilities())
    restarting, _, families = peer.open.graceful_restart()
    assert not restarting
    assert not any(families.values())
    assert set(families) == {wire.IPV4, wire.IPV6}


def test_end_of_rib_of_both_families_follows_the_routes(pair):
    pair.start(external(1), originate={"prefixes": ["10.244.1.0/24", "fd00:10:244:1::/64"]})
    peer = pair.peer(1).establish(capabilities=capabilities())
    peer.pump(lambda: peer.end_of_rib == {wire.IPV4, wire.IPV6})
    assert set(peer.rib) == {"10.244.1.0/24", "fd00:10:244:1::/64"}


def test_routes_of_a_lost_peer_are_kept_and_confirmed_by_its_return(pair):
    """Section 4.2: stale routes stay, those announced again are fresh, the rest goes with the End-of-RIB."""
    pair.start(external(1))
    with_routes(pair).close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    assert pair.speaker.best(KEPT)["stale"] is True
    for prefix in (KEPT, LOST, KEPT6):
        assert pair.speaker.in_kernel(prefix)
    again = pair.peer(1).establish(capabilities=capabilities(restarting=True))
    announce(again, KEPT)
    wait_until(lambda: pair.speaker.best(KEPT)["stale"] is False, 5)
    assert pair.speaker.best(LOST)["stale"] is True
    again.send(wire.END_OF_RIB_IPV4)
    pair.speaker.wait_gone(LOST)
    pair.speaker.wait_not_in_kernel(LOST)
    assert pair.speaker.in_kernel(KEPT)
    assert pair.speaker.in_kernel(KEPT6), "IPv6 has had no End-of-RIB yet"
    again.send(wire.END_OF_RIB_IPV6)
    pair.speaker.wait_not_in_kernel(KEPT6)


def test_stale_routes_go_when_the_restart_time_is_over(pair):
    pair.start(external(1))
    with_routes(pair, time_=2).close()
    began = time.monotonic()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    assert pair.speaker.in_kernel(KEPT)
    pair.speaker.wait_not_in_kernel(KEPT, timeout=6)
    pair.speaker.wait_gone(KEPT6)
    assert time.monotonic() - began > 1.5


def test_a_return_without_the_forwarding_bit_drops_the_routes_at_once(pair):
    """Section 4.2: F bit 0 for a family, or the family missing: its stale routes are removed immediately."""
    pair.start(external(1))
    with_routes(pair).close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    pair.peer(1).establish(capabilities=capabilities(forwarding=False, restarting=True))
    pair.speaker.wait_not_in_kernel(KEPT)
    pair.speaker.wait_not_in_kernel(KEPT6)


def test_a_return_without_a_family_drops_that_family_only(pair):
    pair.start(external(1))
    with_routes(pair).close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    pair.peer(1).establish(capabilities=capabilities(families=(wire.IPV4,)))
    pair.speaker.wait_not_in_kernel(KEPT6)
    assert pair.speaker.in_kernel(KEPT)


def test_a_return_without_the_capability_drops_everything(pair):
    pair.start(external(1))
    with_routes(pair).close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    pair.peer(1).establish()
    pair.speaker.wait_not_in_kernel(KEPT)


def test_a_notification_from_the_peer_is_no_restart(pair):
    """RFC 4724 section 4.2 leaves NOTIFICATION to RFC 4271, unless RFC 8538's N bit was negotiated."""
    pair.start(external(1))
    peer = with_routes(pair)
    peer.send(wire.notification(wire.CEASE, 2))
    pair.speaker.wait_not_in_kernel(KEPT)


def test_a_new_connection_of_an_established_peer_takes_the_old_ones_place(pair):
    """Section 5: the previous connection is the lost one; its routes are kept meanwhile."""
    pair.start(external(1))
    old = with_routes(pair)
    new = pair.peer(1).establish(capabilities=capabilities(restarting=True))
    assert old.end() is None, "the old connection is closed without a NOTIFICATION"
    assert pair.speaker.state("p1") == "Established"
    for prefix in (KEPT, LOST, KEPT6):
        assert pair.speaker.in_kernel(prefix)
    announce(new, KEPT)
    new.send_end_of_rib()
    pair.speaker.wait_not_in_kernel(LOST)
    assert pair.speaker.in_kernel(KEPT)


@pytest.mark.parametrize("kind", ["close", "abort"])
def test_a_route_never_leaves_the_kernel_while_its_peer_restarts(pair, kind):
    """Watched by the kernel's own events, not by polling."""
    pair.start(external(1))
    peer = with_routes(pair)
    monitor = pair.node.monitor_routes()
    getattr(peer, kind)()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    again = pair.peer(1).establish(capabilities=capabilities(restarting=True))
    announce(again, KEPT, LOST)
    again.send_end_of_rib()
    wait_until(lambda: pair.speaker.best(LOST)["stale"] is False, 5)
    assert f"Deleted {KEPT}" not in monitor.log()


def test_sigterm_is_a_restart_and_the_next_open_says_so(pair):
    """The restarter: no NOTIFICATION, routes stay in the kernel, then R and F in the OPEN; unconfirmed routes go."""
    pair.start(external(1, gracefulRestart={"enabled": True, "restartTime": 30}),
               originate={"prefixes": ["10.244.1.0/24"]})
    peer = with_routes(pair)
    assert pair.speaker.terminate() == 0
    assert peer.end() is None, "SIGTERM sends no NOTIFICATION where graceful restart is negotiated"
    for prefix in (KEPT, LOST, KEPT6):
        assert pair.speaker.in_kernel(prefix)
    assert pair.speaker.in_kernel("10.244.1.0/24", protocol=133)

    pair.speaker.start()
    again = pair.peer(1).establish(capabilities=capabilities())
    restarting, _, families = again.open.graceful_restart()
    assert restarting
    assert families == {wire.IPV4: True, wire.IPV6: True}
    again.pump(lambda: "10.244.1.0/24" in again.rib)  # local prefixes never wait
    announce(again, KEPT)
    assert pair.speaker.in_kernel(LOST)
    again.send_end_of_rib()
    pair.speaker.wait_not_in_kernel(LOST)
    pair.speaker.wait_not_in_kernel(KEPT6)
    assert pair.speaker.in_kernel(KEPT)


def test_the_forwarding_bit_is_false_when_the_routes_were_lost(pair):
    pair.start(external(1))
    with_routes(pair)
    pair.speaker.terminate()
    for family in ("-4", "-6"):
        pair.node.run("ip", family, "route", "flush", "proto", str(LEARNED))
    pair.speaker.start()
    again = pair.peer(1).establish(capabilities=capabilities())
    restarting, _, families = again.open.graceful_restart()
    assert not any(families.values()), (restarting, families)


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_restarts_in_a_row_keep_what_the_kernel_keeps_and_say_so(pair, lost):
    """The second one comes before anybody is back: what is in the kernel is still the first life's."""
    pair.start(external(1))
    with_routes(pair)
    assert pair.speaker.terminate() == 0
    pair.speaker.start()
    assert pair.speaker.terminate() == 0
    for prefix in (KEPT, LOST, KEPT6):
        assert pair.speaker.in_kernel(prefix)
    if lost:
        for family in ("-4", "-6"):
            pair.node.run("ip", family, "route", "flush", "proto", str(LEARNED))
    pair.speaker.start()
    again = pair.peer(1).establish(capabilities=capabilities())
    restarting, _, families = again.open.graceful_restart()
    assert restarting and families == {wire.IPV4: not lost, wire.IPV6: not lost}
    announce(again, KEPT)
    again.send_end_of_rib()
    pair.speaker.wait_in_kernel(KEPT)
    pair.speaker.wait_not_in_kernel(LOST)


def test_after_a_kill_the_routes_stay_too(pair):
    pair.start(external(1))
    with_routes(pair)
    pair.speaker.process.kill()
    pair.speaker.start()
    assert pair.speaker.in_kernel(KEPT)
    again = pair.peer(1).establish(capabilities=capabilities())
    announce(again, KEPT, LOST)
    again.send_end_of_rib()
    pair.speaker.wait_best(KEPT, timeout=10)
    assert pair.speaker.in_kernel(LOST)
    pair.speaker.wait_not_in_kernel(KEPT6)


def test_without_graceful_restart_sigterm_says_cease(pair):
    """A restart that the peer cannot bridge is a shutdown for it: RFC 4271 section 6.7."""
    pair.start(external(1, gracefulRestart={"enabled": False}))
    peer = pair.peer(1).establish()
    assert peer.open.capability(wire.CAP_GRACEFUL_RESTART) is None
    pair.speaker.terminate()
    peer.expect_notification(wire.CEASE)
    assert peer.open.asn == ASN
