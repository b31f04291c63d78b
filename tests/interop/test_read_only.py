"""control.readOnlySocket: whoever may only look, can look and nothing else."""

import http.client
import os
import stat
import subprocess

from world.host import wait_until
from world.pair import external
from world.speaker import _UnixConnection

WRITES = (("PUT", "/v1/config"), ("POST", "/v1/reload"), ("POST", "/v1/config/check"), ("POST", "/v1/drain"),
          ("POST", "/v1/shutdown"), ("POST", "/v1/neighbors/p1/reset"), ("DELETE", "/v1/status"))
NOBODY = 65534


def ask(path, method, target):
    """(status, body) of one request to a socket."""
    connection = _UnixConnection(path)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def control(pair, tmp_path, **more):
    """control of a configuration with a second socket."""
    return {"socket": os.path.join(pair.node.directory, "bgpd.sock"), "readOnlySocket": str(tmp_path / "ro.sock"), **more}


def mode_of(path):
    """(mode, group) of a file."""
    found = os.stat(path)
    return stat.S_IMODE(found.st_mode), found.st_gid


def test_it_answers_every_get_and_refuses_the_rest(pair, tmp_path):
    pair.start(external(1), control=control(pair, tmp_path))
    path = str(tmp_path / "ro.sock")
    for target in ("/v1/status", "/v1/neighbors/p1", "/v1/routes", "/v1/live", "/metrics", "/v1/mrt/table"):
        assert ask(path, "GET", target)[0] == 200, target
    assert ask(path, "HEAD", "/v1/status") == (200, "")
    for method, target in WRITES:
        status, body = ask(path, method, target)
        assert status == 403 and "this socket only tells" in body and pair.speaker.socket in body, (method, target, body)
    assert pair.speaker.get("/v1/status")["state"] == "running"


def test_group_and_mode_are_as_configured_and_change_live(pair, tmp_path):
    pair.start(external(1), control=control(pair, tmp_path, group="4", readOnlyGroup="5", readOnlyMode="0666"))
    path = str(tmp_path / "ro.sock")
    assert mode_of(pair.speaker.socket) == (0o660, 4) and mode_of(path) == (0o666, 5)
    pair.speaker.reload({**pair.speaker.document, "control": control(pair, tmp_path, group="6", readOnlyGroup="7")})
    wait_until(lambda: (mode_of(pair.speaker.socket), mode_of(path)) == ((0o660, 6), (0o660, 7)), 5)
    other = str(tmp_path / "other.sock")
    pair.speaker.reload({**pair.speaker.document, "control": control(pair, tmp_path, readOnlySocket=other)})
    wait_until(lambda: os.path.exists(other) and not os.path.exists(path), 5)
    wait_until(lambda: mode_of(pair.speaker.socket) == (0o660, os.getegid()), 5)  # named no more, it is the daemon's own
    pair.speaker.reload({**pair.speaker.document, "control": {"socket": pair.speaker.socket}})
    wait_until(lambda: not os.path.exists(other), 5)
    assert pair.speaker.get("/v1/status")["state"] == "running"


def test_a_group_that_is_not_there_is_refused_with_its_place(pair, tmp_path):
    pair.start(external(1), control=control(pair, tmp_path))
    pair.speaker.reload({**pair.speaker.document, "control": control(pair, tmp_path, readOnlyGroup="no-such-group")})
    wait_until(lambda: "/control/readOnlyGroup: there is no group" in str(pair.speaker.get("/v1/status")["conditions"]), 5)


def test_a_refused_configuration_has_not_changed_who_may_use_which(pair, tmp_path):
    pair.start(external(1), control=control(pair, tmp_path, group="4"))
    wrong = control(pair, tmp_path, group="6", readOnlyGroup="no-such-group")
    pair.speaker.reload({**pair.speaker.document, "control": wrong})
    wait_until(lambda: "/control/readOnlyGroup: there is no group" in str(pair.speaker.get("/v1/status")["conditions"]), 5)
    assert mode_of(pair.speaker.socket) == (0o660, 4)


def test_a_read_only_socket_that_cannot_be_had_is_a_condition_and_no_end(pair, tmp_path):
    place = tmp_path / "ro.sock"
    place.write_text("not a socket")
    pair.start(external(1), control=control(pair, tmp_path))
    assert "exists and is not a socket" in str(pair.speaker.get("/v1/status")["conditions"])
    place.unlink()
    wait_until(lambda: place.is_socket() and not pair.speaker.get("/v1/status")["conditions"], 20)


def test_a_socket_that_somebody_removed_is_made_again(pair, tmp_path):
    pair.start(external(1), control=control(pair, tmp_path))
    path = str(tmp_path / "ro.sock")
    os.unlink(path)

    def answers():
        try:
            return ask(path, "GET", "/v1/live")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    wait_until(answers, 15, "the socket")
    pair.speaker.terminate()
    assert not os.path.exists(path)


def test_slash32ctl_reads_with_it_where_the_other_one_is_not_permitted(pair, bgpd, tmp_path):
    pair.start(external(1), control=control(pair, tmp_path, readOnlyMode="0666"))
    for folder in (tmp_path, *tmp_path.parents):  # of pytest's own: others may pass through
        if folder.stat().st_uid == os.geteuid() and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o011)

    def ctl(path, *words):
        return subprocess.run([os.path.join(os.path.dirname(bgpd), "slash32ctl"), "--socket", path, *words], timeout=30,
                              capture_output=True, text=True, check=False, user=NOBODY, group=NOBODY, extra_groups=[])

    told = ctl(str(tmp_path / "ro.sock"), "neighbors")
    assert told.returncode == 0 and "p1" in told.stdout, told.stderr
    refused = ctl(str(tmp_path / "ro.sock"), "drain")
    assert refused.returncode == 1 and "status 403: this socket only tells" in refused.stderr
    denied = ctl(pair.speaker.socket, "neighbors")
    assert denied.returncode == 1 and "control.readOnlySocket" in denied.stderr
