"""BFD at 50 ms x 3 while a big table comes and goes. On demand, it takes minutes: pytest tests/interop/scale_bfd.py -s"""

import time

import pytest

from world import bfd
from world.host import wait_until

from test_bfd import Bgp, hosts  # pylint: disable=unused-import

MANY = 200_000
PATIENCE = 600


@pytest.mark.parametrize("install", [False, True], ids=["fib-off", "fib-on"])
def test_nothing_flaps_while_a_big_table_comes_and_goes(hosts, bgpd, install):  # pylint: disable=redefined-outer-name
    bgp = Bgp(hosts, bgpd, many=MANY, kernel={"install": install}).start()
    since = bgp.wait_bfd(state="Up", detectionTime=150)["since"]
    received = lambda: bgp.speaker.neighbor("bird")["families"]["ipv4"]["received"]
    kernel = lambda: len(bgp.hosts[0].routes(family=4)) if install else None
    for order, count in (("enable", MANY), ("disable", 0)):
        began = time.monotonic()
        assert bgp.bird.ask(order, bfd.BIG).returncode == 0
        wait_until(lambda: received() == count + 1, PATIENCE, lambda: f"{received()} routes")  # pylint: disable=cell-var-from-loop
        took = time.monotonic() - began
        if install:
            wait_until(lambda: abs(kernel() - count) < 10, PATIENCE, lambda: f"{kernel()} routes")  # pylint: disable=cell-var-from-loop
        print(f"\n{order}: {count} routes in {took:.1f} s, in the kernel after {time.monotonic() - began:.1f} s"
              if install else f"\n{order}: {count} routes in {took:.1f} s")
        shown = bgp.speaker.neighbor("bird")
        assert shown["flaps"] == 0 and shown["bfd"]["state"] == "Up" and shown["bfd"]["since"] == since, shown
    assert "expired" not in bgp.bird.log(), "BIRD has missed our packets"
