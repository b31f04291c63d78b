"""Raw peers behind a router: its other neighbours, with addresses on our node. What a router passes on shows what it is to
others: a reflector, a route server, a speaker of several paths.

The words by which a router has them are made here. `ours` and `theirs` are its words of the session with us and of each of
those with them; `asns` says who they are.
"""

from bgp.peer import Ended, Peer
from world import routers
from world.host import wait_until
from world.pair import NODE_LINK, connect
from world.routers import SELF
from world.speaker import ADDRESS

RAWS = ("10.9.0.2", "10.9.0.3")
IDS = ("10.76.0.2", "10.76.0.3")


def bird(ours, theirs, asns, own_asn):
    """BIRD; `ours` and `theirs` stand in the protocols."""
    raws = "".join(f"""
protocol bgp raw{number} {{ local {SELF} as {own_asn}; neighbor {RAWS[number]} as {asn}; passive; {theirs}
  ipv4 {{ import all; export all; }}; ipv6 {{ import all; export all; }}; }}
""" for number, asn in enumerate(asns))
    return {"session": ours, "family": "export where source = RTS_STATIC || source = RTS_BGP;", "more": raws}


def frr(ours, theirs, asns, instance=""):
    """FRR; `ours` and `theirs` are what stands behind `neighbor ADDRESS` in each family, `instance` stands before all. Its
    configuration takes address families more than once."""
    raws = "".join(f" neighbor {address} remote-as {asn}\n neighbor {address} passive\n"
                   f" neighbor {address} advertisement-interval 0\n" for address, asn in zip(RAWS, asns))
    lines = [(ADDRESS, ours), *((address, theirs) for address in RAWS[:len(asns)])]
    families = "".join(f" address-family {family} unicast\n" + "".join(
        f"  neighbor {address} activate\n" + (f"  neighbor {address} {words}\n" if words else "") for address, words in lines
    ) + " exit-address-family\n" for family in ("ipv4", "ipv6"))
    return {"session": f"{instance}\n{raws}{families}"}


def gobgp(ours, theirs, asns):
    """GoBGP; `ours` and `theirs` are tables of a neighbour."""
    families = "".join(f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "{family}-unicast"\n'
                       for family in ("ipv4", "ipv6"))
    raws = "".join(f"""[[neighbors]]
[neighbors.config]
neighbor-address = "{address}"
peer-as = {asn}
[neighbors.transport.config]
passive-mode = true
{theirs}{families}""" for address, asn in zip(RAWS, asns))
    return {"more": f"{ours}{raws}"}


def openbgpd(ours, theirs, asns):
    """OpenBGPD; `ours` and `theirs` stand in its neighbours."""
    raws = "".join(f"""neighbor {address} {{
  remote-as {asn}
  passive
  holdtime 90
  announce IPv4 unicast
  announce IPv6 unicast
  {theirs}
}}
""" for address, asn in zip(RAWS, asns))
    return {"session": ours, "more": raws}


def established(pair, number, asn):
    """Raw peer `number`, as soon as the router takes its session: one that does not wait for it yet ends the connection."""
    def attempt():
        try:
            peer = Peer(connect(pair.node, RAWS[number], SELF), asn, IDS[number])
        except OSError:
            return None
        try:
            return peer.establish()
        except (Ended, OSError):
            peer.close()
            return None

    def logs():
        return "\n".join(process.log()[-1500:] for process in pair.outside.processes)

    pair.node.ip(f"addr replace {RAWS[number]}/16 dev {NODE_LINK}")
    return wait_until(attempt, 30, logs)
