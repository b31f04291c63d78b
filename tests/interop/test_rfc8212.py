"""RFC 8212 between two who obey it: without policies an eBGP session brings no route; with them it does, and stays up."""

import json
import re

from test_features import over, start, wait_for_routes
from test_routers import RANGE, RANGE6, logs
from world import matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6


class StrictFrr(routers.Frr):
    """FRR that wants policies, and has none yet."""

    def has_heard_us(self):
        """Two routes and two End-of-RIBs."""
        return json.loads(self.vtysh(f"show bgp neighbors {self.peer} json"))[self.peer]["messageStats"]["updatesRecv"] >= 4

    def allow(self):
        """From now on it takes and says everything."""
        families = [line for family in ("ipv4", "ipv6") for line in (
            f"address-family {family} unicast", f"neighbor {self.peer} route-map all in",
            f"neighbor {self.peer} route-map all out", "exit-address-family")]
        self.vtysh("configure terminal", "route-map all permit 10", "exit", f"router bgp {self.asn}", *families)
        self.vtysh("clear bgp * soft")


class StrictOpenbgpd(routers.Openbgpd):
    """OpenBGPD without rules: it denies."""

    rules = ""

    def has_heard_us(self):
        """Both End-of-RIBs."""
        return re.search(r"End-of-Rib +\d+ +2\b", self.bgpctl("show", "neighbor", self.peer))

    def allow(self):
        """From now on it takes and says everything."""
        self.rules = routers.Openbgpd.rules
        self.configure()
        self.bgpctl("reload")


STRICT = {StrictFrr: {"session": "bgp ebgp-requires-policy"}, StrictOpenbgpd: {}}


@matrix.proves(matrix.STRICT)
@over(STRICT, sessions=(False,))
def test_without_policies_no_route_comes_in_on_either_side(pair, other):
    made = start(pair, other, STRICT, **{"import": None, "export": None})
    pair.speaker.wait_established("router", 40)
    wait_until(made.has_heard_us, 20, lambda: logs(pair))
    assert not made.has_route(RANGE) and not made.has_route(RANGE6), "it takes nothing"
    families = lambda: pair.speaker.neighbor("router")["families"].values()
    # Both of its End-of-RIBs: then it has said what it says.
    wait_until(lambda: pair.speaker.neighbor("router")["messages"]["updatesIn"] >= 2, 20, lambda: logs(pair))
    assert [family["received"] for family in families()] == [0, 0], "it says nothing"
    made.allow()
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
    # FRR sends us ours as well.
    wait_until(lambda: all(family["received"] >= 1 for family in families()), 30, lambda: logs(pair))
    assert [family["accepted"] for family in families()] == [0, 0], "and we take nothing"
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda prefix=prefix: pair.speaker.paths(prefix), 10, f"{prefix} here")
        assert "RFC 8212" in pair.speaker.paths(prefix)[0]["why"], pair.speaker.paths(prefix)
        assert not pair.speaker.in_kernel(prefix)
    one = {**pair.speaker.document["neighbors"][0], "import": ["all"]}
    pair.speaker.reload({**pair.speaker.document, "neighbors": [one]})
    wait_for_routes(pair, made)
    assert pair.speaker.neighbor("router")["flaps"] == 0
