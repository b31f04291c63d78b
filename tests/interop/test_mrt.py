"""MRT (RFC 6396, RFC 8050): what others read of our tables and of our sessions' lives. bgpdump and GoBGP's reader."""

import json
import os
import shutil
import subprocess

import pytest

from bgp import attributes as a
from bgp import wire
from bgp.peer import default_capabilities
from world import matrix
from world.host import Host, wait_until
from world.pair import PEER_ASN, external, internal, peer_address, peer_address6
from world.routers import SELF, Gobgp
from world.speaker import ASN, ROUTER_ID

from test_add_path import BOTH, add_path, nlri
from test_metrics import metrics

PREFIX, PREFIX6, RANGE = "20.1.0.0/16", "2a00:1::/48", "10.244.1.0/24"

needs_bgpdump = pytest.mark.skipif(not shutil.which("bgpdump"), reason="no bgpdump")


def bgpdump(path):
    """What bgpdump makes of a file: lines as lists of fields. It complains of nothing."""
    done = subprocess.run(["bgpdump", "-v", "-m", str(path)], capture_output=True, text=True, timeout=30, check=True)
    told = [line for line in done.stderr.splitlines() if "logging to" not in line]
    assert not told, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


def table(pair, ctl, path):
    """The table, dumped by slash32ctl."""
    done = subprocess.run([ctl, "--socket", pair.speaker.socket, "mrt", "dump", str(path)], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}: {os.path.getsize(path)} octets\n"
    return path


@pytest.fixture
def ctl(bgpd):
    """The path of slash32ctl."""
    return os.path.join(os.path.dirname(bgpd), "slash32ctl")


def both_families(pair, number, asn=PEER_ASN, path=None, extra=()):
    """A peer that has told a route of each family."""
    peer = pair.peer(number, asn).establish()
    path = (asn,) if path is None else path
    peer.send(a.announce([PREFIX], path, peer_address(number), *extra))
    peer.send(a.announce6([PREFIX6], path, peer_address6(number)))
    return peer


@needs_bgpdump
def test_bgpdump_reads_the_table_with_every_path_and_ours(pair, ctl, tmp_path):
    pair.start(external(1), external(2, remoteAs=4200000001), originate={"prefixes": [RANGE]})
    both_families(pair, 1)
    both_families(pair, 2, 4200000001, (4200000001, 65010))
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda: len(pair.speaker.paths(prefix)) == 2, 5)  # pylint: disable=cell-var-from-loop
    wait_until(lambda: pair.speaker.best(RANGE), 5)
    lines = bgpdump(table(pair, ctl, tmp_path / "t.mrt"))
    got = {(line[3], line[4], line[5], line[6], line[8]) for line in lines}
    assert all(line[0] == "TABLE_DUMP2" and line[2] == "B" for line in lines)
    big = "4200000001 65010"
    assert got == {(peer_address(1), str(PEER_ASN), PREFIX, str(PEER_ASN), peer_address(1)),
                   (peer_address(1), str(PEER_ASN), PREFIX6, str(PEER_ASN), peer_address6(1)),
                   (peer_address(2), "4200000001", PREFIX, big, peer_address(2)),
                   (peer_address(2), "4200000001", PREFIX6, big, peer_address6(2)),
                   ("0.0.0.0", str(ASN), RANGE, "", "0.0.0.0")}


@needs_bgpdump
def test_bgpdump_reads_path_identifiers_and_internal_attributes(pair, ctl, tmp_path):
    pair.start(internal(1, addPath={"receive": True}))
    peer = pair.peer(1, ASN)
    peer.establish(capabilities=default_capabilities(ASN) + [add_path(BOTH)])
    for path_id, hop in ((3, peer_address(1)), (4, peer_address(2))):
        parts = {**a.base((65010,), hop), a.LOCAL_PREF: a.local_pref(150)}
        peer.send(wire.update(b"", b"".join(parts.values()), nlri((path_id, PREFIX))))
    wait_until(lambda: len(pair.speaker.paths(PREFIX)) == 2, 5)
    lines = bgpdump(table(pair, ctl, tmp_path / "t.mrt"))
    assert {(line[0], *line[5:8], line[9], line[10]) for line in lines} == {
        ("TABLE_DUMP2_AP", PREFIX, "3", "65010", peer_address(1), "150"),
        ("TABLE_DUMP2_AP", PREFIX, "4", "65010", peer_address(2), "150")}


# Of IPv6 tables it cannot read RFC 6396 section 4.3.4's short MP_REACH_NLRI (3.10), which everybody else writes.
@matrix.proves(matrix.MRT, router=Gobgp, session=None, families=(4,))
@pytest.mark.skipif(not Gobgp.is_installed(), reason="no GoBGP")
def test_gobgp_injects_our_table_and_has_what_we_have(pair, ctl, tmp_path):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    others = [f"20.2.{number}.0/24" for number in range(200)]
    pair.peer(1).establish().send(
        a.announce([PREFIX, *others], (PEER_ASN, 65010), peer_address(1), a.med(7), a.communities("65000:7")))
    for prefix in (PREFIX, RANGE):
        pair.speaker.wait_best(prefix)
    path = table(pair, ctl, tmp_path / "t.mrt")
    with Host("reader", tmp_path / "reader") as host:
        host.ip(f"addr add {SELF}/32 dev lo")
        reader = Gobgp(host, 65099)
        reader.start()
        wait_until(lambda: reader.gobgp("global").returncode == 0, 15, "GoBGP's interface")

        def rib():
            return json.loads(reader.gobgp("global", "rib", "-a", "ipv4", "-j").stdout or "{}")

        def injected():
            """GoBGP's reader ends before it has handed over the last of what it read."""
            done = reader.gobgp("mrt", "inject", "global", str(path))
            assert done.returncode == 0 and not done.stdout + done.stderr, done
            return {PREFIX, RANGE} < set(rib())

        wait_until(injected, 10, lambda: f"the first routes: {rib()}")
        found = rib()
    assert set(found) <= {PREFIX, RANGE, *others}
    ours, theirs = pair.speaker.best(PREFIX), {one["type"]: one for one in found[PREFIX][0]["attrs"]}
    assert theirs[2]["as_paths"][0]["asns"] == ours["asPath"] == [PEER_ASN, 65010]
    assert theirs[3]["nexthop"] == ours["nextHop"] == peer_address(1)
    assert theirs[4]["metric"] == ours["med"] == 7
    assert theirs[8]["communities"] == [65000 << 16 | 7] and ours["communities"] == ["65000:7"]


def test_a_dump_that_cannot_be_written_leaves_no_file_and_says_why(pair, ctl, tmp_path):
    pair.start(external(1))
    done = subprocess.run([ctl, "--socket", pair.speaker.socket, "mrt", "dump", str(tmp_path / "no/t.mrt")],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "no/t.mrt.part: No such file or directory" in done.stderr
    done = subprocess.run([ctl, "--socket", str(tmp_path / "none"), "mrt", "dump", str(tmp_path / "t.mrt")],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and not list(tmp_path.glob("t.mrt*"))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([ctl, "--socket", pair.speaker.socket, "mrt", "dump", "-"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "No space left on device" in done.stderr


@needs_bgpdump
def test_bgpdump_reads_updates_and_states_as_they_come(pair, tmp_path):
    path = tmp_path / "u.mrt"
    pair.start(external(1), external(2), mrt={"updates": {"file": str(path)}})
    peer = both_families(pair, 1)
    pair.speaker.wait_best(PREFIX6)
    peer.send(a.withdraw(PREFIX))
    pair.speaker.wait_gone(PREFIX)
    old = pair.peer(2).establish(capabilities=[wire.multiprotocol(wire.IPV4)])  # ASes of two octets
    parts = {**a.base((), peer_address(2)), a.AS_PATH: a.as_path(PEER_ASN, width=2)}
    old.send(wire.update(b"", b"".join(parts.values()), wire.nlri("20.2.0.0/16")))
    pair.speaker.wait_best("20.2.0.0/16")
    peer.close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5)
    wait_until(lambda: any(line[2] == "STATE" and line[5:] == ["6", "1"] for line in bgpdump(path)), 10)
    lines = bgpdump(path)
    assert all(line[0] == "BGP4MP_ET" for line in lines), lines
    mine = [line for line in lines if line[3] == peer_address(1)]
    states = [tuple(line[5:]) for line in mine if line[2] == "STATE"]
    assert states[0][0] == "1" and ("5", "6") in states and states[-1] == ("6", "1")
    assert all(before[1] == after[0] for before, after in zip(states, states[1:])), states
    events = [(line[2], line[5]) for line in mine if line[2] in "AW"]
    assert events == [("A", PREFIX), ("A", PREFIX6), ("W", PREFIX)]
    assert [line[6] for line in lines if line[2:4] == ["A", peer_address(2)]] == [str(PEER_ASN)]
    order = [line[2] for line in mine]
    assert order.index("A") > [line[2:] for line in mine].index(["STATE", *mine[0][3:5], "5", "6"]), "in order"


def test_a_file_that_cannot_be_written_is_a_condition_and_harms_no_session(pair, tmp_path):
    pair.start(external(1), mrt={"updates": {"file": str(tmp_path / "no/u.mrt")}})
    peer = both_families(pair, 1)
    pair.speaker.wait_best(PREFIX)
    trouble = wait_until(lambda: [one for one in pair.speaker.get("/v1/status")["conditions"] if "mrt.updates" in one], 5)
    assert "no/u.mrt: No such file or directory" in trouble[0]

    def sample(name):
        return metrics(pair.speaker.request("GET", "/metrics")[1].decode())[f"slash32_bgp_mrt_{name}", ""]

    wait_until(lambda: sample("records_dropped_total") > 0, 5)
    assert sample("records_written_total") == 0
    # A reload takes it elsewhere, and nobody notices.
    pair.speaker.reload({**pair.speaker.document, "mrt": {"updates": {"file": str(tmp_path / "u.mrt")}}})
    wait_until(lambda: not pair.speaker.get("/v1/status")["conditions"], 5)
    peer.send(a.withdraw(PREFIX))
    wait_until(lambda: sample("records_written_total") == 1, 5)
    assert pair.speaker.neighbor("p1")["flaps"] == 0
    pair.speaker.reload({key: value for key, value in pair.speaker.document.items() if key != "mrt"})
    wait_until(lambda: b"mrt" not in pair.speaker.request("GET", "/metrics")[1], 5)


def test_the_collector_is_named_by_our_router_id(pair, ctl, tmp_path):
    pair.start(external(1))
    raw = table(pair, ctl, tmp_path / "t.mrt").read_bytes()
    assert raw[12:16] == bytes(int(part) for part in ROUTER_ID.split("."))
    assert raw[4:8] == bytes([0, 13, 0, 1])
