"""The rack's router of e2e/kind, whose configuration is FRR's: tried here where docker is not."""

import os
import pathlib

import pytest
from test_routers import RANGE, RANGE6, logs
from world import routers
from world.host import wait_until
from world.routers import SELF
from world.speaker import neighbor

CONF = pathlib.Path(__file__).resolve().parents[2] / "e2e/kind/frr.conf.in"
AS = 65000


class KindFrr(routers.Frr):
    """FRR with the file as run.sh fills it in."""

    def start(self):
        text = CONF.read_text(encoding="utf-8").replace("@TOR4@", SELF).replace("@SUBNET4@", "10.9.0.0/16")
        self.launch(self.file("frr/frr.conf", text, "frr"), SELF, "nodes")


def test_the_router_of_the_kind_cluster_takes_what_a_node_announces_of_both_families(pair):
    """A node calls; the router has its ranges, in its kernel as well, by one session over IPv4."""
    if not KindFrr.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), "FRR is not installed"
        pytest.skip("FRR is not installed")
    pair.start(neighbor("tor", SELF, AS, passive=False, export=["own"]), originate={"prefixes": [RANGE, RANGE6]})
    made = KindFrr(pair.outside, AS)
    made.start()
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 40, lambda: logs(pair))
        wait_until(lambda prefix=prefix: made.kernel_has(prefix), 20, lambda: logs(pair))
