"""A configuration that was PUT: how long it is in force, and what becomes of the copy that brings it over a restart."""

import json
import os
import signal

from test_life_cycle import conditions, reload
from world.host import wait_until
from world.pair import external, peer_address


def put(speaker, document):
    """(status, answer) of PUT /v1/config."""
    status, body = speaker.request("PUT", "/v1/config", json.dumps(document).encode())
    return status, json.loads(body)


def source(speaker):
    """Where the configuration in force comes from."""
    return speaker.get("/v1/status")["configuration"]


def test_what_was_put_comes_over_restarts_until_the_file_changes(pair):
    pair.start(external(1))
    speaker = pair.speaker
    assert source(speaker)["source"] == "file"
    status, answer = put(speaker, {**speaker.document, "neighbors": [external(1), external(2)]})
    assert (status, answer["changes"]) == (200, [f"neighbor p2 ({peer_address(2)}) added"]), answer
    for stop in (signal.SIGTERM, signal.SIGKILL):
        speaker.process.send(stop)
        speaker.process.wait(10)
        speaker.start()
        assert speaker.neighbor("p2"), stop
        assert source(speaker)["source"] == "put" and source(speaker)["kept"].endswith(".put")
    pair.peer(2).establish()
    assert speaker.terminate() == 0
    speaker.write({**speaker.document, "neighbors": [external(3)]})
    speaker.start()
    assert speaker.neighbor("p3") and not speaker.neighbor("p2")
    assert source(speaker)["source"] == "file"
    assert speaker.terminate() == 0
    speaker.start()
    assert speaker.neighbor("p3"), "the copy is gone"


def test_a_reload_takes_the_file_in_the_place_of_what_was_put(pair):
    pair.start(external(1))
    speaker = pair.speaker
    assert put(speaker, {**speaker.document, "neighbors": []})[0] == 200
    kept = source(speaker)["kept"]
    assert os.path.exists(kept)
    status, answer = reload(speaker, speaker.document)
    assert (status, answer["changes"]) == (200, [f"neighbor p1 ({peer_address(1)}) added"])
    assert source(speaker)["source"] == "file" and not os.path.exists(kept)


def test_what_was_put_and_cannot_be_kept_is_told_and_tried_again(pair):
    pair.start(external(1))
    speaker = pair.speaker
    copy = speaker.document["stateFile"] + ".put"
    os.mkdir(copy)
    status, answer = put(speaker, {**speaker.document, "neighbors": [external(2)]})
    assert status == 200 and copy in answer["notKept"], answer
    assert copy in conditions(speaker) and "kept" not in source(speaker)
    os.rmdir(copy)
    wait_until(lambda: not conditions(speaker), 10, lambda: conditions(speaker))
    assert os.path.isfile(copy) and source(speaker)["kept"] == copy


def test_what_was_put_before_does_not_come_back_where_the_last_one_could_not_be_kept(pair):
    pair.start(external(1))
    speaker = pair.speaker
    assert put(speaker, {**speaker.document, "neighbors": [external(2)]})[0] == 200
    copy = source(speaker)["kept"]
    os.mkdir(f"{copy}.tmp.{speaker.process.pid}")  # where the next copy is written before it is put in place
    status, answer = put(speaker, {**speaker.document, "neighbors": [external(3)]})
    assert status == 200 and copy in answer["notKept"], answer
    speaker.process.send(signal.SIGKILL)
    speaker.process.wait(10)
    speaker.start()
    assert speaker.neighbor("p1") and not speaker.neighbor("p2"), "neither the file nor what was in force"


def test_what_was_put_and_cannot_be_had_any_more_gives_way_to_the_file(pair):
    pair.start(external(1))
    speaker = pair.speaker
    other = os.path.join(pair.node.directory, "other.sock")
    assert put(speaker, {**speaker.document, "neighbors": [external(2)], "control": {"socket": other}})[0] == 200
    wait_until(lambda: os.path.exists(other), 5)
    speaker.process.send(signal.SIGKILL)
    speaker.process.wait(10)
    os.unlink(other)
    os.mkdir(other)  # in its place stands what is not ours to remove
    speaker.start()
    assert speaker.neighbor("p1") and source(speaker)["source"] == "file"
    assert other in conditions(speaker)


def test_a_put_that_is_refused_leaves_what_was_put_before(pair):
    pair.start(external(1))
    speaker = pair.speaker
    assert put(speaker, {**speaker.document, "neighbors": [external(2)]})[0] == 200
    before = source(speaker)
    assert put(speaker, {**speaker.document, "localAs": 0})[0] == 400
    assert source(speaker) == before
    assert speaker.terminate() == 0
    speaker.start()
    assert speaker.neighbor("p2")
