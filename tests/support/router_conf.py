"""Configurations of BIRD 2 and FRR with one BGP session, for tests: what all have in common stands here, once.

Each announces one prefix of either family, takes everything, and puts it into its kernel.
"""

BIRD_TIMERS = "connect delay time 1; connect retry time 1; error wait time 1, 2; hold time 9;"


def bird(ends, prefixes, *, router_id, family="next hop self;", extended=False, session=BIRD_TIMERS, more="",
         name="slash32", naming=""):
    """bird.conf. `ends`: who speaks with whom, in BIRD's words. `extended`: IPv4 with IPv6 next hops (RFC 8950).

    `family` and `session` are further lines of each family and of the session, `more` stands outside of it.
    """
    channel = f"import all; export where source = RTS_STATIC; {family}"
    return f"""
router id {router_id};
protocol device {{ scan time 1; }}
protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; }}
protocol kernel {{ ipv6 {{ export where source = RTS_BGP; }}; }}
protocol static {{ ipv4; route {prefixes[0]} blackhole; }}
protocol static {{ ipv6; route {prefixes[1]} blackhole; }}
{more}
protocol bgp {name} {{
  {ends} {naming}
  ipv4 {{ {channel} {'extended next hop on;' if extended else ''} }};
  ipv6 {{ {channel} }};
  {session}
}}
"""


def frr(asn, neighbor, remote, prefixes, *, router_id, session=""):
    """frr.conf, with the neighbour shut down. `remote`: "remote-as 64512", "interface remote-as external"."""
    return f"""
hostname outside
router bgp {asn}
 bgp router-id {router_id}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor {neighbor} {remote}
 neighbor {neighbor} shutdown
 neighbor {neighbor} timers 3 9
 neighbor {neighbor} timers connect 1
 {session}
 address-family ipv4 unicast
  network {prefixes[0]}
  neighbor {neighbor} activate
 exit-address-family
 address-family ipv6 unicast
  network {prefixes[1]}
  neighbor {neighbor} activate
 exit-address-family
"""
