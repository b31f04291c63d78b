"""A link that is lost takes its routes along within its event, whatever else is being done."""

import time

from bgp import attributes as a
from world.host import cable, wait_until
from world.pair import PEER_ASN, external, peer_address
from world.speaker import neighbor

LOST, KEPT = "20.1.0.0/16", "20.2.0.0/16"
TABLE = [f"{x}.{y}.{z}.0/24" for x in range(101, 103) for y in range(256) for z in range(200)]
CHUNK = 900  # prefixes that fit one message
AT_ONCE = 2  # seconds: some turns of the loop, on a machine that does other things as well


def test_a_lost_link_withdraws_its_routes_from_kernel_and_neighbours_ahead_of_a_loading_table(pair):
    cable(pair.node, "up1", pair.outside, "down1")
    pair.node.ip("addr add 192.0.2.1/24 dev up1")
    pair.outside.ip("addr add 192.0.2.2/24 dev down1")
    pair.start(external(1, maxPrefixes={"in": len(TABLE) + 10}), external(2), external(3),
               neighbor("beside", "192.0.2.2", PEER_ASN), kernel={"maxRoutes": 2 * len(TABLE)})
    listener = pair.peer(3).establish()
    second = pair.peer(2).establish()
    # Two routes through the other link, by a session that does not run over it; one of them has another way.
    second.send(a.announce([LOST, KEPT], (PEER_ASN,), "192.0.2.2"))
    first = pair.peer(1).establish()
    first.send(a.announce([KEPT], (PEER_ASN, 65010), peer_address(1)))
    pair.speaker.wait_in_kernel(LOST)
    wait_until(lambda: pair.speaker.in_kernel(KEPT)["gateway"] == "192.0.2.2", 5)
    listener.pump(lambda: {LOST, KEPT} <= set(listener.rib))
    monitor = pair.node.monitor_routes()
    wait_until(lambda: monitor.is_running(), 5)
    first.send(*[a.announce(TABLE[at:at + CHUNK], (PEER_ASN,), peer_address(1)) for at in range(0, len(TABLE), CHUNK)])
    wait_until(lambda: pair.speaker.in_kernel(TABLE[0]), 10, "the table begins to load")
    pair.outside.ip("link set down1 down")
    lost_at = time.monotonic()
    wait_until(lambda: not pair.speaker.in_kernel(LOST), AT_ONCE, lambda: pair.speaker.paths(LOST))
    wait_until(lambda: pair.speaker.in_kernel(KEPT)["gateway"] == peer_address(1), AT_ONCE)
    listener.pump(lambda: LOST not in listener.rib and KEPT in listener.rib)
    assert time.monotonic() - lost_at < 2 * AT_ONCE
    assert pair.speaker.state("p1") == "Established"
