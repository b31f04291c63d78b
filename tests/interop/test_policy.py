"""Policies with other people's speakers: what their routes become here and in the kernel, and what they see of ours. BIRD's
can tell routes apart by everything there is."""

import copy
import os
import subprocess

import pytest

from world import matrix, routers
from world.host import wait_until
from world.pair import PEER_ASN
from world.routers import PREFIX, PREFIX6, SELF, SELF6
from world.shown import shown
from world.speaker import ADDRESS, ASN, LEARNED, neighbor

from test_features import over, start, wait_for_routes
from test_routers import RANGE, RANGE6

PLAIN_RANGE = "10.244.9.0/24"
MARKED, MARKED6, PLAIN, HOLE, LONG = "20.1.0.0/16", "2a00:1::/48", "20.2.0.0/16", "20.3.0.0/32", "20.4.5.0/24"
VIA = "10.9.0.77"  # a next hop of neither side

POLICIES = {
    "in": [
        {"name": "hole", "match": {"community": "blackhole"}, "set": {"blackhole": True}, "then": "accept"},
        {"name": "no long ones", "match": {"prefix": [{"prefix": "20.0.0.0/8", "ge": 24}]}, "then": "reject"},
        {"name": "marked", "match": {"community": "65001:1-9", "largeCommunity": "65001:*:7",
                                     "extendedCommunity": "rt:65001:*", "asPath": "65001+ 65077", "origin": "incomplete",
                                     "nextHop": [f"{SELF}/32", f"{SELF6}/128"], "peerType": "ebgp", "source": "ebgp",
                                     "neighbor": "bir*"},
         "set": {"localPref": 250, "addMed": 5, "kernelMetric": 700, "removeCommunities": "65001:*",
                 "addCommunities": "64512:1"}, "then": "accept"},
        {"name": "rest", "then": "accept"}],
    "out": [
        {"name": "dressed", "match": {"source": "local", "prefix": RANGE},
         "set": {"med": 40, "prepend": 2, "addCommunities": "64512:77", "addLargeCommunities": "64512:7:7",
                 "addExtendedCommunities": "rt:64512:9", "nextHop": VIA}, "then": "accept"},
        {"name": "no IPv6", "match": {"family": "ipv6"}, "then": "reject"},
        {"then": "accept"}]}


class PolicyBird(routers.Bird):
    """BIRD with routes that a policy can tell apart."""

    def start(self):
        conf = self.file("bird.conf", f"""
router id {SELF};
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol static {{ ipv4; route {MARKED} blackhole; route {PLAIN} blackhole; route {HOLE} blackhole; route {LONG} blackhole; }}
protocol static {{ ipv6; route {MARKED6} blackhole; }}
filter dress {{
  if source != RTS_STATIC then reject;
  if net = {MARKED} || net = {MARKED6} then {{
    bgp_path.prepend(65077);
    bgp_origin = ORIGIN_INCOMPLETE;
    bgp_med = 10;
    bgp_community.add((65001, 7));
    bgp_large_community.add((65001, 5, 7));
    bgp_ext_community.add((rt, 65001, 9));
  }}
  if net = {HOLE} then bgp_community.add((65535, 666));
  accept;
}}
protocol bgp slash32 {{
  local {SELF} as {self.asn}; neighbor {ADDRESS} as {ASN};
  ipv4 {{ import all; export filter dress; next hop self; }};
  ipv6 {{ import all; export filter dress; next hop address {SELF6}; }};
  connect delay time 1; connect retry time 1; error wait time 1, 2; hold time 9;
}}
""")
        self.host.spawn("bird", "-f", "-c", conf, "-s", "/run/bird.ctl")

    def shows(self, prefix):
        """All it says about a prefix."""
        return self.birdc("show", "route", prefix, "all")


@pytest.fixture
def bird(pair):
    """The speaker beside BIRD, with the policies above; the session is up."""
    if not PolicyBird.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), "BIRD is not installed"
        pytest.skip("BIRD is not installed")
    made = PolicyBird(pair.outside, PEER_ASN)
    pair.start(neighbor("bird", SELF, PEER_ASN, passive=False, holdTime=9, **{"import": ["in"], "export": ["out"]}),
               originate={"prefixes": [RANGE, RANGE6, PLAIN_RANGE]}, policies=POLICIES)
    made.start()
    pair.speaker.wait_established("bird", 40)
    return made


def kernel_routes(pair, prefix):
    """The kernel's learned routes to a prefix."""
    family = 6 if ":" in prefix else 4
    return [route for route in pair.node.routes(LEARNED, family) if route["dst"] == prefix.removesuffix("/32")]


@matrix.proves(matrix.POLICY, router=routers.Bird)
def test_import_tells_routes_apart_and_changes_them(pair, bird):
    for prefix in (MARKED, MARKED6):
        best = pair.speaker.wait_best(prefix, 10)
        assert (best["localPref"], best["med"], best["communities"]) == (250, 15, ["64512:1"]), best
        assert best["largeCommunities"] == ["65001:5:7"]
        assert pair.speaker.wait_in_kernel(prefix)["metric"] == 700
    assert pair.speaker.wait_best(PLAIN)["localPref"] is None
    assert pair.speaker.wait_in_kernel(PLAIN)["metric"] == 512
    wait_until(lambda: pair.speaker.paths(LONG), 5, f"{LONG} from {bird}")
    assert not pair.speaker.best(LONG)
    assert "term 2 'no long ones'" in pair.speaker.paths(LONG)[0]["why"]
    wait_until(lambda: [r.get("type") for r in kernel_routes(pair, HOLE)] == ["blackhole"], 5,
               lambda: f"a blackhole for {HOLE}: {pair.node.routes(LEARNED)}")


def test_a_reload_moves_routes_in_the_kernel_and_leaves_the_session_alone(pair, bird):
    pair.speaker.wait_in_kernel(MARKED, timeout=10)
    document = copy.deepcopy(pair.speaker.document)
    marked = document["policies"]["in"][2]
    for metric in (300, None):
        marked["set"].pop("kernelMetric")
        if metric:
            marked["set"]["kernelMetric"] = metric
        pair.speaker.reload(document)
        wait_until(lambda: [r["metric"] for r in kernel_routes(pair, MARKED)] == [metric or 512], 5,
                   lambda: f"{MARKED} at {metric or 512}: {kernel_routes(pair, MARKED)}")
    document["policies"]["in"][0]["set"] = {}
    pair.speaker.reload(document)
    wait_until(lambda: [r.get("gateway") for r in kernel_routes(pair, HOLE)] == [SELF], 5)
    assert pair.speaker.neighbor("bird")["flaps"] == 0
    wait_until(lambda: bird.has_route(PLAIN_RANGE), 10)


@matrix.proves(matrix.POLICY, router=routers.Bird)
def test_export_dresses_what_bird_sees(pair, bird):
    wait_until(lambda: "slash32" in bird.shows(RANGE), 10, f"{RANGE} at BIRD")
    shown = bird.shows(RANGE)
    for line in (f"BGP.as_path: {ASN} {ASN} {ASN}", "BGP.med: 40", f"BGP.next_hop: {VIA}", "(64512,77)",
                 "(64512, 7, 7)", "(rt, 64512, 9)"):
        assert line in shown, f"{line} in\n{shown}"
    wait_until(lambda: "slash32" in bird.shows(PLAIN_RANGE), 10)
    plain = bird.shows(PLAIN_RANGE)
    assert f"BGP.as_path: {ASN}\n" in plain and f"BGP.next_hop: {ADDRESS}" in plain and "med" not in plain, plain
    assert not bird.has_route(RANGE6)
    document = copy.deepcopy(pair.speaker.document)
    document["policies"]["out"][0]["set"] = {"med": 41}
    pair.speaker.reload(document)
    wait_until(lambda: "BGP.med: 41" in bird.shows(RANGE), 5, lambda: bird.shows(RANGE))
    assert f"BGP.next_hop: {ADDRESS}" in bird.shows(RANGE)
    assert pair.speaker.neighbor("bird")["flaps"] == 0


TAKEN = {"name": "taken", "match": {"prefix": [PREFIX, PREFIX6]},
         "set": {"localPref": 250, "kernelMetric": 700, "addCommunities": "64512:1"}, "then": "accept"}
SAID = {"name": "said", "match": {"source": "local"},
        "set": {"med": 40, "addCommunities": "64512:77", "addLargeCommunities": "64512:7:7",
                "addExtendedCommunities": "rt:64512:9"}, "then": "accept"}
# How each writes that: MED and communities, standard, extended, large.
WRITTEN = {
    routers.Bird: ("BGP.med: 40", "(64512,77)", "(rt, 64512, 9)", "(64512, 7, 7)"),
    routers.Frr: ("metric 40", "64512:77", "RT:64512:9", "64512:7:7"),
    routers.Gobgp: ('"metric": 40', f"[{64512 << 16 | 77}]", '"64512:9"', '"ASN": 64512, "LocalData1": 7, "LocalData2": 7'),
    routers.Openbgpd: ("metric 40", "64512:77", "rt 64512:9", "64512:7:7"),
    routers.Exabgp: ('"med": 40', "[ [ 64512, 77 ] ]", '"target:64512:9"', "[ [ 64512, 7 , 7 ] ]"),
}


@matrix.proves(matrix.POLICY)
@over(routers.ALL)
def test_policies_are_seen_at_both_ends_and_a_reload_takes_routes_away_and_brings_them_back(pair, other):
    policies = {"taken": [TAKEN], "said": [SAID]}
    made = start(pair, other, {}, policies=policies, **{"import": ["taken"], "export": ["said"]})
    wait_for_routes(pair, made)

    def all_is_dressed():
        for prefix in (PREFIX, PREFIX6):
            best = pair.speaker.best(prefix)
            assert (best["localPref"], best["communities"]) == (250, ["64512:1"]), best
            assert [route["metric"] for route in kernel_routes(pair, prefix)] == [700]
        for prefix in (RANGE, RANGE6):
            text = shown(made, prefix)
            assert all(words in text for words in WRITTEN[other[0]]), text

    all_is_dressed()
    document = copy.deepcopy(pair.speaker.document)
    reject = [{"name": "nothing", "then": "reject"}]
    pair.speaker.reload({**document, "policies": {"taken": reject, "said": reject}})
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_not_in_kernel(prefix)
        assert "policy 'taken', term 1 'nothing'" in pair.speaker.paths(prefix)[0]["why"], pair.speaker.paths(prefix)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: not made.has_route(prefix), 20, lambda prefix=prefix: shown(made, prefix))
    pair.speaker.reload(document)
    wait_for_routes(pair, made)
    all_is_dressed()
    assert pair.speaker.neighbor("router")["flaps"] == 0


def test_the_offline_test_says_what_the_daemon_does(pair, bird, bgpd):
    """The same file, and the routes as /v1/routes has them."""
    ctl = os.path.join(os.path.dirname(bgpd), "slash32ctl")
    cases = {f"{MARKED} neighbor=bird asPath=65001,65077 origin=incomplete nextHop={SELF} communities=65001:7 med=10 "
             "largeCommunities=65001:5:7 extendedCommunities=rt:65001:9": (0, "policy 'in', term 3 'marked'"),
             f"{PLAIN} neighbor=bird asPath=65001": (0, "policy 'in', term 4 'rest'"),
             f"{LONG} neighbor=bird asPath=65001": (1, "policy 'in', term 2 'no long ones'")}
    for route, (status, decided) in cases.items():
        done = subprocess.run([ctl, "policy", "test", "--config", pair.speaker.path, "--policy", "in", "--route", route],
                              capture_output=True, text=True, check=False)
        assert (done.returncode, decided in done.stdout) == (status, True), done
    for prefix in (MARKED, PLAIN):
        pair.speaker.wait_best(prefix, 10)
    wait_until(lambda: pair.speaker.paths(LONG), 10, f"{LONG} from {bird}")
    assert not pair.speaker.best(LONG)
