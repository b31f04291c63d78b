"""Beside kube-proxy's own rules, which translate to an endpoint before POSTROUTING and masquerade what they have marked: in
iptables and in nftables mode. IPVS: test_ipvs.py."""

import pytest

from outside import NODE4, NODE6, OUTSIDE4, OUTSIDE6, knows_the_way_to_pods, outside, seen, tellers  # noqa: F401
from world import conf

MASQ = conf(ipMasq=True)
MARK = "0x4000"
FAMILIES = [{"ip": "ip", "tables": "iptables", "services": "10.96.0.", "elsewhere": "10.244.1.200", "length": 32,
             "outside": OUTSIDE4, "node": NODE4},
            {"ip": "ip6", "tables": "ip6tables", "services": "fd96::", "elsewhere": "fd00:10:244:1::200", "length": 128,
             "outside": OUTSIDE6, "node": NODE6}]


def in_iptables(family, services):
    """What kube-proxy writes, without a chain for each Service. `services`: address, endpoint, whether it is marked."""
    rules = ["*nat", ":KUBE-SERVICES - [0:0]", ":KUBE-POSTROUTING - [0:0]"]
    for service, endpoint, marked in services:
        to = f"-A KUBE-SERVICES -d {service} -p tcp -m tcp --dport 7777 -j"
        rules += [f"{to} MARK --or-mark {MARK}"] * marked + [f"{to} DNAT --to-destination {endpoint}"]
    rules += [f"-A {chain} -j {to}" for chain, to in (("PREROUTING", "KUBE-SERVICES"), ("OUTPUT", "KUBE-SERVICES"),
                                                      ("POSTROUTING", "KUBE-POSTROUTING"))]
    rules += [f"-A KUBE-POSTROUTING -m mark ! --mark {MARK}/{MARK} -j RETURN",
              f"-A KUBE-POSTROUTING -j MARK --xor-mark {MARK}", "-A KUBE-POSTROUTING -j MASQUERADE --random-fully", "COMMIT"]
    return [f"{family['tables']}-restore", "--noflush"], "\n".join(rules) + "\n"


def in_nftables(family, services):
    """The same since 1.29, without its maps."""
    rules = [f"{family['ip']} daddr {service} tcp dport 7777 {f'meta mark set mark or {MARK} ' if marked else ''}dnat to {endpoint}"
             for service, endpoint, marked in services]
    return ["nft", "-f", "-"], "\n".join([
        f"table {family['ip']} kube-proxy {{", "chain services {", *rules, "}",
        f"chain masquerading {{ meta mark and {MARK} == 0 return; meta mark set meta mark xor {MARK}; masquerade fully-random; }}",
        "chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }",
        "chain nat-output { type nat hook output priority -100; jump services; }",
        "chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }", "}", ""])


def proxy(world, written, services=((), ())):
    for family, of in zip(FAMILIES, services):
        command, text = written(family, of)
        world.run(*command, input=text)


@pytest.mark.parametrize("first", ["kube-proxy", "slash32"])
@pytest.mark.parametrize("written", [in_iptables, in_nftables])
def test_a_service_leads_to_pods_as_they_are_and_to_others_as_the_node(world, outside, tellers, written, first):
    """Of two chains of one priority the older one is asked first. ELSEWHERE is a pod of another node, which the host outside
    plays; a pod that is given to itself must be somebody else's caller, or it would answer itself past the node."""
    knows_the_way_to_pods(world)
    if first == "kube-proxy":
        proxy(world, written)
    asking, asked = world.add("c1", "p1", MASQ).addresses, world.add("c2", "p2", MASQ).addresses
    for pod in ("p1", "p2"):
        tellers.start(pod)
    services = []
    for number, family in enumerate(FAMILIES):
        world.sh(f"ip -n outside addr add {family['elsewhere']}/{family['length']} dev eth0; "
                 f"ip route add {family['elsewhere']}/{family['length']} via {family['outside']}")
        ends = [(family["elsewhere"], 0), (asked[number], 0), (family["outside"], 0), (family["outside"], 1),
                (family["elsewhere"], 1), (asking[number], 1)]
        services.append([(f"{family['services']}{last}", f"[{to}]:7777" if ":" in to else f"{to}:7777", marked)
                         for last, (to, marked) in enumerate(ends, 1)])
    proxy(world, written, services)
    for number, family in enumerate(FAMILIES):
        elsewhere, here, beyond, beyond_marked, elsewhere_marked, itself = seen(
            world, "p1", *(service for service, _, _ in services[number]))
        assert (elsewhere, here) == (asking[number],) * 2, "a pod sees who asks"
        assert (beyond, beyond_marked, elsewhere_marked) == (family["node"],) * 3
        assert itself not in (asking[number], ""), "kube-proxy's own masquerading comes to nothing"
