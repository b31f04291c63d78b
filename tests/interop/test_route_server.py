"""Route servers (RFC 7947): other people's, whose AS is not in the paths that they pass on."""

from bgp import attributes as a
from test_features import over, start
from test_routers import RANGE, RANGE6, logs
from world import behind, matrix, routers
from world.host import wait_until
from world.pair import PEER_ASN
from world.routers import SELF6
from world.speaker import ASN

CLIENT = 65009  # the AS of the server's other client
FAR, FAR6 = "20.9.0.0/16", "2a00:9::/48"
HOP, HOP6 = "10.9.7.7", "fd09::7:7"
_GOBGP = "[neighbors.route-server.config]\nroute-server-client = true\n"
THEIR_SERVERS = {
    routers.Bird: behind.bird("rs client;", "rs client;", [CLIENT], PEER_ASN),
    routers.Frr: behind.frr("route-server-client", "route-server-client", [CLIENT]),
    routers.Gobgp: behind.gobgp(_GOBGP, _GOBGP, [CLIENT]),
    routers.Openbgpd: behind.openbgpd("transparent-as yes", "transparent-as yes", [CLIENT]),
    # It passes nothing on: what another client would have said is its own.
    routers.Exabgp: {"session": f"""static {{ route {FAR} next-hop {HOP} as-path [ {CLIENT} ];
    route {FAR6} next-hop {HOP6} as-path [ {CLIENT} ]; }}"""},
}


@matrix.proves(matrix.ROUTE_SERVER)
@over(THEIR_SERVERS, sessions=(False,))
def test_a_route_server_that_does_not_prepend_is_heard_where_it_is_told_to_be_one(pair, other, raw_behind):
    """RFC 7947 section 2.2.2.1, told by our role, then by the key; without either its routes are withdrawn."""
    made = start(pair, other, THEIR_SERVERS, role="rs-client", enhancedRouteRefresh=False)
    document = pair.speaker.document
    plain = {key: value for key, value in document["neighbors"][0].items() if key != "role"}
    if other[0] is routers.Exabgp:
        for prefix in (RANGE, RANGE6):
            wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
    else:
        client = raw_behind(CLIENT)
        client.send(a.announce([FAR], (CLIENT,), HOP), a.announce6([FAR6], (CLIENT,), HOP6))
        for prefix in (RANGE, RANGE6):
            client.pump(lambda prefix=prefix: prefix in client.rib, 30)
            assert client.rib[prefix].attributes[a.AS_PATH][1] == a.segment(a.AS_SEQUENCE, ASN)
    # OpenBGPD 7.7 says its own address for IPv6, also where it is told not to.
    for prefix, hop in ((FAR, HOP), (FAR6, SELF6 if other[0] is routers.Openbgpd else HOP6)):
        assert pair.speaker.wait_best(prefix, 40)["asPath"] == [CLIENT]
        assert pair.speaker.wait_in_kernel(prefix, timeout=20)["gateway"] == hop
    pair.speaker.reload({**document, "neighbors": [plain]})
    pair.speaker.wait_not_in_kernel(FAR)
    pair.speaker.wait_established("router", 40)
    wait_until(lambda: pair.speaker.neighbor("router")["malformedUpdates"] > 1, 20,
               lambda: str(pair.speaker.neighbor("router")))
    assert not pair.speaker.in_kernel(FAR) and not pair.speaker.in_kernel(FAR6)
    pair.speaker.reload({**document, "neighbors": [{**plain, "enforceFirstAs": False}]})
    if other[0] is routers.Openbgpd:
        made.reset()  # it may rest for half a minute after a second end within a moment
    for prefix in (FAR, FAR6):
        pair.speaker.wait_in_kernel(prefix, timeout=40)
