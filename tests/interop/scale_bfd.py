"""BFD at 50 ms x 3 while a big table comes and goes. On demand, it takes minutes: pytest tests/interop/scale_bfd.py -s"""

import pytest

from test_bfd import hosts  # pylint: disable=unused-import
from test_bfd_bgp import Bgp, table_comes_and_goes

MANY = 200_000
PATIENCE = 600


@pytest.mark.parametrize("install", [False, True], ids=["fib-off", "fib-on"])
def test_nothing_flaps_while_a_big_table_comes_and_goes(hosts, bgpd, install):  # pylint: disable=redefined-outer-name
    table_comes_and_goes(Bgp(hosts, bgpd, many=MANY, kernel={"install": install}).start(), MANY, install, PATIENCE)
