"""The machines of the tests: network namespaces, slash32-bgpd in one, its peers in others."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))  # router_conf
