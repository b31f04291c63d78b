"""What a configuration would change, asked beforehand: the same difference that a reload then applies."""

import copy
import json
import os

import pytest

from world.pair import external, peer_address


@pytest.fixture(name="ask")
def ask_both(pair, bgpd):
    """Asks by slash32ctl and by slash32-bgpd, of the speaker's own file: (exit status, what both said)."""
    def ask():
        ctl = os.path.join(os.path.dirname(bgpd), "slash32ctl")
        answers = [pair.node.run(ctl, "--socket", pair.speaker.socket, "reload", "--dry-run", check=False),
                   pair.node.run(bgpd, "--check-config", pair.speaker.path, "--against", pair.speaker.socket, check=False)]
        assert answers[0].returncode == answers[1].returncode, answers
        if answers[0].returncode != 1:
            assert answers[0].stdout == answers[1].stdout
        return answers[0].returncode, answers[0].stdout + answers[0].stderr + answers[1].stderr
    return ask


def settled(pair, *neighbors, **document):
    """Established sessions with the external neighbours; a copy of the document to change."""
    pair.start(*neighbors, **document)
    peers = [pair.peer(number).establish() for number in range(1, len(neighbors) + 1)]
    for number in range(1, len(neighbors) + 1):
        pair.speaker.wait_established(f"p{number}")
    return peers, copy.deepcopy(pair.speaker.document)


def effects(pair):
    """{name: (effect, resetBy)} as the daemon tells of its file."""
    status, body = pair.speaker.request("POST", "/v1/reload/check")
    assert status == 200, body
    return {one["name"]: (one["effect"], one["resetBy"]) for one in json.loads(body)["neighbors"]}


def test_it_says_what_would_reset_and_by_which_key_and_changes_nothing(pair, ask):
    _peers, document = settled(pair, external(1), external(2), external(3))
    document["neighbors"] = [external(1, holdTime=30), external(2, description="uplink"), external(4)]
    document["logLevel"] = "debug"
    pair.speaker.write(document)
    status, said = ask()
    told = [f"neighbor p3 ({peer_address(3)}) removed",
            f"neighbor p1 ({peer_address(1)}) changed (holdTime); its session is reset",
            f"neighbor p2 ({peer_address(2)}) changed (description)", f"neighbor p4 ({peer_address(4)}) added"]
    assert status == 3, said
    assert said.splitlines() == ["would be taken", "  /logLevel changed"] + ["  " + one for one in told] + [
        "2 neighbors or ranges would reset, 2 sessions of which now Established"]
    assert effects(pair) == {"p1": ("reset", ["holdTime"]), "p2": ("live", []), "p3": ("removed", []), "p4": ("added", [])}
    assert [pair.speaker.neighbor(f"p{number}")["flaps"] for number in (1, 2, 3)] == [0, 0, 0]
    assert not pair.speaker.neighbor("p4")
    status, body = pair.speaker.request("POST", "/v1/reload")
    assert (status, json.loads(body)["changes"]) == (200, ["/logLevel changed"] + told), "what was told is what is done"
    assert pair.speaker.neighbor("p2")["flaps"] == 0 and pair.speaker.state("p2") == "Established"
    assert pair.speaker.state("p1") != "Established"


def test_what_resets_nothing_ends_with_0(pair, ask):
    _peers, document = settled(pair, external(1), external(2, export=["own"]))
    assert ask() == (0, "nothing would change\nno session would reset\n")
    document["policies"]["all"] = [{"set": {"med": 5}, "then": "accept"}]
    document["neighbors"][1]["bfd"] = {"minTx": 1000}
    pair.speaker.write(document)
    status, said = ask()
    assert status == 0 and said.endswith("no session would reset\n"), said
    assert f"neighbor p1 ({peer_address(1)}) changed (/policies/all); its routes are evaluated again" in said
    assert effects(pair)["p1"] == ("refresh", [])


def test_what_would_be_refused_ends_with_1_and_its_place(pair, bgpd, ask):
    _peers, document = settled(pair, external(1))
    for change, place in ({"localAs": 0}, "/localAs"), ({"kernel": {"table": 99}}, "/kernel/table"):
        pair.speaker.write({**document, **change})
        status, said = ask()
        assert status == 1 and said.count(place) >= 2, said
    assert not [why for why in pair.speaker.get("/v1/status")["conditions"] if "refused" in why], "only asked"
    nobody = os.path.join(pair.node.directory, "nobody.sock")
    pair.speaker.write(document)
    done = pair.node.run(bgpd, "--check-config", pair.speaker.path, "--against", nobody, check=False)
    assert done.returncode == 1 and nobody in done.stderr, done
    done = pair.node.run(bgpd, "--against", nobody, check=False)
    assert done.returncode == 2, "only together with --check-config"


def test_what_waits_for_the_next_start_is_told_and_holds_nothing_else_up(pair, ask):
    _peers, document = settled(pair, external(1))

    def waits():
        return [why for why in pair.speaker.get("/v1/status")["conditions"] if "next start" in why]

    pair.speaker.write({**document, "logLevel": "debug", "kernel": {"nextHopObjects": "auto"}})
    said = ["/logLevel changed", "/kernel/nextHopObjects changed; in force from the next start of slash32-bgpd on"]
    assert ask() == (0, "\n  ".join(["would be taken", *said]) + "\nno session would reset\n") and not waits()
    for told in said, []:
        status, body = pair.speaker.request("POST", "/v1/reload")
        assert (status, json.loads(body)["changes"]) == (200, told)
        assert ["\"auto\"" in why for why in waits()] == [True]
    pair.speaker.write({**document, "logLevel": "debug"})
    status, body = pair.speaker.request("POST", "/v1/reload")
    assert (status, json.loads(body)["changes"]) == (200, ["/kernel/nextHopObjects changed back to what is in force"])
    assert not waits()
    assert pair.speaker.neighbor("p1")["flaps"] == 0


def test_a_range_tells_of_its_sessions(pair, ask):
    pair.start(dynamicNeighbors=[{"name": "rack", "range": "10.9.1.0/24", "remoteAs": "external"}])
    for number in (1, 2):
        pair.peer(number).establish()
        pair.speaker.wait_established(f"rack-{peer_address(number)}")
    document = copy.deepcopy(pair.speaker.document)
    document["dynamicNeighbors"][0]["limit"] = 9
    pair.speaker.write(document)
    assert ask()[0] == 0
    document["dynamicNeighbors"][0]["holdTime"] = 30
    pair.speaker.write(document)
    status, said = ask()
    assert status == 3 and "range rack (10.9.1.0/24) changed (holdTime); its sessions are reset" in said, said
    assert "1 neighbor or range would reset, 2 sessions of which now Established" in said


def test_another_as_resets_the_sessions_of_a_range_as_well(pair, ask):
    pair.start(dynamicNeighbors=[{"name": "rack", "range": "10.9.1.0/24", "remoteAs": "external"}])
    peer = pair.peer(1).establish()
    document = {**copy.deepcopy(pair.speaker.document), "routerId": "10.9.0.77"}
    pair.speaker.write(document)
    status, said = ask()
    assert status == 3 and "/routerId" in said, said
    assert pair.speaker.request("POST", "/v1/reload")[0] == 200
    peer.expect_notification(6, 6)
