"""The interop matrix: which test proves what against whose speaker, and the table that is made of it.

A test says so with `@proves("FEATURE")`. Whose speaker it is, and of which type the session, stands in its parameters (a
class of world.routers, or one and whether the session is internal) or is said: `proves("FEATURE", router=Bird)`.
What no test proves has its reason in ABSENT.
"""

import pytest

from world import bfd, routers

COLUMNS = {routers.Bird: "BIRD 2.0", routers.Frr: "FRR 8.4", routers.Gobgp: "GoBGP 3.10",
           routers.Openbgpd: "OpenBGPD 7.7", routers.Exabgp: "ExaBGP 4.2"}
BFD_COLUMNS = {bfd.Bird: "BIRD 2.0", bfd.Frr: "FRR 8.4"}
FAMILIES = {4: "IPv4", 6: "IPv6"}

ROUTES = "IPv4 and IPv6 routes both ways and in the kernel, a withdrawal, a reset and return"
PACKETS = "Packets follow the routes"
OUR_RESTART = "Our restart loses no route there (RFC 4724)"
NOTIFICATION_RESTART = "A NOTIFICATION is a restart, a Hard Reset is not (RFC 8538)"
ROLES = "Roles, OTC and refusal (RFC 9234)"
ROUTE_SERVER = "A route server whose AS is not in its paths (RFC 7947)"
ADD_PATH_FROM = "ADD-PATH: its paths share our kernel route (RFC 7911)"
ADD_PATH_TO = "ADD-PATH: it gets all of ours (RFC 7911)"
POLICY = "Import and export policies, seen at both ends"
MAX_PREFIX = "It is told that it sent too many prefixes (RFC 4486)"
SHUTDOWN = "Its GRACEFUL_SHUTDOWN makes its routes the last choice (RFC 8326)"
DRAIN = "Drained, it sees GRACEFUL_SHUTDOWN and its routes are our last choice (RFC 8326)"
LONG_LIVED = "Either side is away for long, and its routes stay as the last resort (RFC 9494)"
BFD = "BFD by itself: up at 50 ms x 3, failure, AdminDown (RFC 5880, RFC 5881)"
BFD_BGP = "BFD's failure ends the BGP session and its routes (RFC 5882)"
MD5 = "TCP-MD5 (RFC 2385), and no session with another key"
GTSM = "GTSM (RFC 5082)"
DELAY_OPEN = "The first OPEN of either side ends DelayOpen's wait (RFC 4271)"
AS4 = "AS numbers of four octets (RFC 6793)"
REFRESH = "It sends all again when asked (RFC 2918)"
ENHANCED = "Refreshes with a beginning and an end, both ways (RFC 7313)"
EXTENDED = "Messages of more than 4,096 octets (RFC 8654)"
OVER_V6 = "IPv4 and IPv6 routes both ways without IPv4 addresses (RFC 8950)"
BFD_MULTIHOP = "BFD over several hops (RFC 5883)"
BFD_RESTART = "Its stale routes stay when its BFD ends with it (RFC 5882)"
LINK_LOCAL = "Sessions between link-local addresses, both families by link-local next hops (RFC 2545, RFC 8950)"
MRT = "It reads our table from an MRT file (RFC 6396)"
UNNUMBERED = "Unnumbered: found by router advertisement, both families by link-local next hops (RFC 4861)"
RECURSION = "Its loopback as next hop, resolved through another's route in the kernel and following it"
REFLECTED = "Reflected by us to it, and of it to others (RFC 4456)"
REFLECTOR = "Our reflector (RFC 4456)"
COMMUNITIES = "Communities of all three kinds, octet for octet through us both ways (RFC 1997, RFC 4360, RFC 8092)"
OVER_IPV6 = "Sessions over IPv6: routes of both families both ways and in the kernel"
MD5_IPV6 = "TCP-MD5 over IPv6, and no session with another key"
GTSM_IPV6 = "GTSM over IPv6"
MULTIHOP = "eBGP over two hops"
LISTEN_RANGE = "It calls, and we know its range only"
STRICT = "Without policies no route over eBGP, on either side (RFC 8212)"
THEIR_RESTART = "Its restart loses no route here (RFC 4724)"
REASON_TO = "It shows the reason that we give for the end (RFC 9003)"
REASON_FROM = "We show the reason that it gives for the end (RFC 9003)"
THEIR_RANGE = "We call, and it knows our range only"
FEATURES = (ROUTES, PACKETS, LINK_LOCAL, UNNUMBERED, OVER_V6, RECURSION, OVER_IPV6, MD5, MD5_IPV6, GTSM, GTSM_IPV6,
            MULTIHOP, LISTEN_RANGE, THEIR_RANGE, DELAY_OPEN, AS4, REFRESH, ENHANCED, EXTENDED, OUR_RESTART,
            THEIR_RESTART, NOTIFICATION_RESTART, ROLES, ROUTE_SERVER, ADD_PATH_FROM, ADD_PATH_TO, REFLECTED, REFLECTOR,
            COMMUNITIES, POLICY, STRICT, MAX_PREFIX, REASON_TO, REASON_FROM, SHUTDOWN, DRAIN, LONG_LIVED, BFD,
            BFD_MULTIHOP, BFD_BGP, BFD_RESTART, MRT)

_NO_FIB = "has no way into the kernel here"
_LACKS = "lacks it"
_SILENT = "answers a NOTIFICATION with one that it cannot decode it, and shows nothing"
ABSENT = {
    (LINK_LOCAL, "OpenBGPD 7.7"): "its route decision engine ends with signal 11 when such a session comes up",
    (LINK_LOCAL, "ExaBGP 4.2"): f"{_LACKS}: its addresses have no zone",
    **{(UNNUMBERED, name): _LACKS for name in ("OpenBGPD 7.7", "ExaBGP 4.2")},
    (ENHANCED, "GoBGP 3.10"): _LACKS,
    (ENHANCED, "OpenBGPD 7.7"): "offers it, and answers each request with “not negotiated”",
    (ENHANCED, "ExaBGP 4.2"): "offers it, and ends the session at its own beginning of a refresh",
    **{(EXTENDED, name): _LACKS for name in ("GoBGP 3.10", "OpenBGPD 7.7")},
    (OVER_V6, "OpenBGPD 7.7"): _LACKS,
    **{(PACKETS, name): _NO_FIB for name in ("GoBGP 3.10", "OpenBGPD 7.7", "ExaBGP 4.2")},
    (REFRESH, "OpenBGPD 7.7"): "answers each request with “not negotiated”, though it offers the capability",
    (OUR_RESTART, "ExaBGP 4.2"): "keeps no routes of a neighbour that is away",
    **{(NOTIFICATION_RESTART, name): _LACKS for name in ("BIRD 2.0", "OpenBGPD 7.7", "ExaBGP 4.2")},
    **{(ROLES, name): _LACKS for name in ("GoBGP 3.10", "ExaBGP 4.2")},
    (MAX_PREFIX, "ExaBGP 4.2"): _SILENT,
    **{(SHUTDOWN, name): "has no command for it; a policy there would be ours" for name in
       ("BIRD 2.0", "GoBGP 3.10", "OpenBGPD 7.7", "ExaBGP 4.2")},
    **{(LONG_LIVED, name): _LACKS for name in ("OpenBGPD 7.7", "ExaBGP 4.2")},
    **{(MRT, name): "reads none" for name in ("BIRD 2.0", "FRR 8.4", "OpenBGPD 7.7", "ExaBGP 4.2")},
    **{(feature, name): _LACKS for feature in (BFD, BFD_BGP, BFD_MULTIHOP, BFD_RESTART) for name in
       ("GoBGP 3.10", "OpenBGPD 7.7", "ExaBGP 4.2")},
    (STRICT, "BIRD 2.0"): "takes no configuration without them",
    **{(STRICT, name): _LACKS for name in ("GoBGP 3.10", "ExaBGP 4.2")},
    (THEIR_RESTART, "GoBGP 3.10"): "says that it did not keep its forwarding state, and its routes go",
    (THEIR_RESTART, "OpenBGPD 7.7"): "asks for no time and keeps no forwarding state: it is a helper only",
    (REASON_TO, "ExaBGP 4.2"): _SILENT,
    (REASON_FROM, "ExaBGP 4.2"): "has no words for one",
    (REFLECTOR, "ExaBGP 4.2"): f"{_LACKS}: it passes nothing on",
}


def proves(feature, *, router=None, session="eBGP", families=(4, 6)):
    """Marks a test as part of the proof of a feature. `session`: None where there is none."""
    assert feature in FEATURES, feature
    return pytest.mark.interop(feature, router=router, session=session, families=tuple(families))


def _column(value):
    """The column of a parameter that is, or holds, somebody's speaker; and whether its session is internal."""
    kind, *rest = value if isinstance(value, tuple) else (value,)
    columns = {**COLUMNS, **BFD_COLUMNS}
    found = next((columns[base] for base in getattr(kind, "__mro__", ()) if base in columns), None)
    return found, (rest[0] if rest else None)


def cells(item):
    """What a collected test is part of the proof of: (feature, column, type of session, family), one for each family."""
    params = getattr(item, "callspec", None)
    params = params.params if params else {}
    out = []
    for mark in item.iter_markers("interop"):
        session, families = mark.kwargs["session"], mark.kwargs["families"]
        column = mark.kwargs["router"] and _column(mark.kwargs["router"])[0]
        for name, value in params.items():
            found, is_internal = _column(value)
            column = column or found
            if found and is_internal is not None:
                session = "iBGP" if is_internal else "eBGP"
            if name == "family":
                families = (value,)
        assert column, f"{item.nodeid}: whose speaker?"
        out += [(mark.args[0], column, session or "", FAMILIES[family]) for family in families]
    return out


def render(proven):
    """The table, from a set of cells. What is absent says why; what has neither cell nor reason is an error."""
    columns = list(COLUMNS.values())
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for feature in FEATURES:
        row = []
        for column in columns:
            sessions = [s for s in ("eBGP", "iBGP", "") if any((feature, column, s, f) in proven for f in FAMILIES.values())]
            families = [f for f in FAMILIES.values() if any((feature, column, s, f) in proven for s in sessions)]
            reason = ABSENT.get((feature, column))
            assert bool(sessions) != bool(reason), f"{feature}, {column}: a test or a reason, and not both"
            text = ", ".join(s for s in sessions if s)
            row.append(f"yes: {text + '; ' if text else ''}{', '.join(families)}" if sessions else f"no: {reason}")
        lines.append(f"| {feature} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"
