"""RFC 4271 section 6.8: of two connections the one stays that the speaker with the higher identifier began."""

import pytest

from bgp import wire
from world.host import wait_until
from world.pair import external

LOWER, HIGHER = "1.1.1.1", "200.1.1.1"  # than world.speaker.ROUTER_ID


@pytest.fixture
def two(pair):
    """The connection the speaker made, and the one its neighbour made."""
    def make(router_id):
        listener = pair.listener(1)
        pair.start(external(1, passive=False))
        theirs = pair.accept(listener, router_id=router_id)
        ours = pair.peer(1, router_id=router_id)
        return theirs, ours
    return make


@pytest.mark.parametrize("speakers_first", [True, False], ids=["its_own_first", "the_neighbours_first"])
@pytest.mark.parametrize("router_id", [LOWER, HIGHER], ids=["it_is_higher", "the_neighbour_is_higher"])
def test_the_connection_of_the_higher_identifier_stays(pair, two, router_id, speakers_first):
    """The loser may hear it when the first OPEN is there or when the second is; the outcome is the same."""
    theirs, ours = two(router_id)
    winner, loser = (theirs, ours) if router_id == LOWER else (ours, theirs)
    for peer in (theirs, ours) if speakers_first else (ours, theirs):
        try:
            peer.send_open()
        except OSError:
            assert peer is loser, "the winner's connection is closed"
    winner.expect(wire.OPEN)
    winner.expect(wire.KEEPALIVE)
    winner.send_keepalive()
    ending = loser.end()
    assert ending and (ending.code, ending.subcode) == (wire.CEASE, 7), ending
    pair.speaker.wait_established("p1")


def test_an_established_session_wins_over_a_new_connection(pair):
    """Section 6.8's last paragraph: without graceful restart the new connection is closed."""
    pair.start(external(1, gracefulRestart={"enabled": False}))
    old = pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    new = pair.peer(1)
    new.send_open()
    ending = new.end()
    assert ending is None or (ending.code, ending.subcode) == (wire.CEASE, 7), ending
    old.send(wire.message(wire.ROUTE_REFRESH, b"\0\1\0\1"))
    assert pair.speaker.state("p1") == "Established"


def test_it_connects_again_after_a_loss(pair):
    listener = pair.listener(1)
    pair.start(external(1, passive=False))
    for _ in range(2):
        peer = pair.accept(listener)
        peer.establish()
        pair.speaker.wait_established("p1")
        peer.close()
        wait_until(lambda: pair.speaker.state("p1") != "Established", 5)


def test_a_passive_neighbour_is_never_called(pair):
    listener = pair.listener(1)
    other = pair.listener(2)
    pair.start(external(1), external(2, passive=False))
    pair.accept(other, router_id="10.9.1.2")
    listener.settimeout(0.5)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_second_connection_before_any_open_is_told_what_to_do(pair):
    """Two inbound connections of one neighbour: one session comes up, the other connection ends."""
    pair.start(external(1))
    first, second = pair.peer(1), pair.peer(1)
    ended = []
    for peer in (first, second):
        try:
            peer.send_open()
            peer.expect(wire.OPEN)
            peer.expect(wire.KEEPALIVE)
            peer.send_keepalive()
        except (AssertionError, OSError):
            ended.append(peer)
    assert len(ended) < 2
    pair.speaker.wait_established("p1")
