"""GoBGP with link-local and unnumbered neighbours. It has no way into the kernel: its table is asked, and our kernel."""

import json

import pytest

from world import matrix, routers
from world.host import wait_until
from world.pair import NODE_LINK, PEER_ASN, PEER_LINK
from world.routers import PREFIX, PREFIX6
from world.speaker import ASN, neighbor

from test_link_local import NODE, PEER, hops, made, only_link_local
from test_routers import RANGE, RANGE6, logs
from test_unnumbered import advertiser, unnumbered

FAMILIES = """[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv6-unicast"
"""


class LinkLocalGobgp(routers.Gobgp):
    """GoBGP with a session between link-local addresses; IPv4 with IPv6 next hops comes with that."""

    next_hops = ("0.0.0.0", "::")  # its own, on each session
    families = FAMILIES

    def neighbor(self):
        """Who its neighbour is, in its words."""
        return f'neighbor-address = "{NODE}%{PEER_LINK}"\npeer-as = {ASN}'

    def start(self):
        self.launch(f"""
[global.config]
as = {self.asn}
router-id = "10.9.1.1"
[[neighbors]]
[neighbors.config]
{self.neighbor()}
[neighbors.timers.config]
connect-retry = 1
hold-time = 9
keepalive-interval = 3
{self.families}""")

    def hop_of(self, prefix):
        """The next hop by which it has a prefix."""
        family = "ipv6" if ":" in prefix else "ipv4"
        table = json.loads(self.gobgp("global", "rib", "-a", family, "-j").stdout or "{}")
        return {attribute["nexthop"] for path in table.get(prefix, []) for attribute in path["attrs"]
                if "nexthop" in attribute}


class UnnumberedGobgp(LinkLocalGobgp):
    """GoBGP with an unnumbered neighbour: it looks into the kernel's neighbour table, and does not advertise itself."""

    families = ""

    def neighbor(self):
        return f'neighbor-interface = "{PEER_LINK}"'


def check(pair, other, name):
    """Both families both ways, by link-local next hops, and in our kernel."""
    pair.speaker.wait_established(name, 40)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: other.has_route(prefix), 30, lambda: logs(pair))
        assert other.hop_of(prefix) == {NODE}, other.hop_of(prefix)
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda prefix=prefix: hops(pair, prefix) == {(PEER, NODE_LINK)}, 20,
                   lambda prefix=prefix: f"{prefix} here: {hops(pair, prefix)} {pair.speaker.paths(prefix)}")


@matrix.proves(matrix.LINK_LOCAL)
@pytest.mark.parametrize("router", [(LinkLocalGobgp, False), (LinkLocalGobgp, True)], ids=["ebgp", "ibgp"])
def test_both_families_go_both_ways_between_link_local_addresses(pair, router):
    kind, is_internal = router
    asn = ASN if is_internal else PEER_ASN
    only_link_local(pair)
    other = made(kind, pair, asn)
    pair.start(neighbor("tor", PEER, asn, bindInterface=NODE_LINK, passive=False, holdTime=9),
               originate={"prefixes": [RANGE, RANGE6]})
    other.start()
    check(pair, other, "tor")


@matrix.proves(matrix.UNNUMBERED)
@pytest.mark.parametrize("router", [(UnnumberedGobgp, False), (UnnumberedGobgp, True)], ids=["ebgp", "ibgp"])
def test_a_gobgp_that_somebody_advertises_is_found_and_finds_us(pair, router):
    """Its documentation asks for radvd or the like beside it; here the test does that."""
    kind, is_internal = router
    only_link_local(pair)
    other = made(kind, pair, ASN if is_internal else PEER_ASN)
    pair.start(unnumbered(remote_as="internal" if is_internal else "external", holdTime=9),
               originate={"prefixes": [RANGE, RANGE6]})
    pair.outside.run("ping", "-c", "1", "-W", "5", f"{NODE}%{PEER_LINK}")  # or its neighbour table has nobody
    other.start()
    with advertiser(pair.outside) as daemon:
        daemon.advertise()
        check(pair, other, NODE_LINK)
