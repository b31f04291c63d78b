"""How other people's speakers show a path that they took: their own words, as one text in which a test looks for facts."""

import json

from world import routers


def _family(prefix):
    return "ipv6" if ":" in prefix else "ipv4"


def _gobgp(router, prefix):
    table = json.loads(router.gobgp("global", "rib", "-a", _family(prefix), "-j").stdout or "{}")
    return json.dumps(table.get(prefix, []))


def _exabgp(router, prefix):
    heard = router.host.run("cat", "/run/exabgp/heard").stdout.splitlines()
    return next((line for line in reversed(heard) if f'"{prefix}"' in line), "")


_SHOW = {
    routers.Bird: lambda router, prefix: router.birdc("show", "route", prefix, "all"),
    routers.Frr: lambda router, prefix: router.vtysh(f"show bgp {_family(prefix)} unicast {prefix}"),
    routers.Gobgp: _gobgp,
    routers.Openbgpd: lambda router, prefix: router.bgpctl("show", "rib", "detail", prefix),
    routers.Exabgp: _exabgp,
}


def shown(router, prefix):
    """All that a router shows of its path to exactly this prefix; empty, or without any of it, where there is none."""
    kind = next(kind for kind in _SHOW if isinstance(router, kind))
    return _SHOW[kind](router, prefix)
