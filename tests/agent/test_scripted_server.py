"""The agent's API client against a server that does what real ones do once in a year. Over TLS, with the bytes of HTTP.

How long it waits, and what it makes of answers, is tested without a clock in kube/reflector_test.cc; here is what needs
sockets: TLS, chunks, connections that end, credentials that change.
"""

import contextlib
import json
import os
import queue
import socket
import subprocess
import threading

import pytest
from scripted_server import Authority, ScriptedServer

WATCH = os.path.join(os.environ.get("SLASH32_DEV_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin")),
                     "kube_watch")


def thing(name, version):
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def things(*items, version=50, **metadata):
    return {"kind": "NodeList", "metadata": {"resourceVersion": str(version), **metadata}, "items": list(items)}


class Watch:
    """kube_watch, whose lines of both kinds are waited for."""

    def __init__(self, kubeconfig, *before):
        self.process = subprocess.Popen([*before, WATCH, kubeconfig, "nodes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.told, self.log = queue.Queue(), queue.Queue()
        for stream, lines in ((self.process.stdout, self.told), (self.process.stderr, self.log)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))

    def tells(self, *expected):
        assert [self.told.get(timeout=30) for _ in expected] == list(expected)

    def says(self, what):
        """Waits for a line of the log with this in it."""
        said = []
        while True:
            try:
                said.append(self.log.get(timeout=30))
            except queue.Empty:
                pytest.fail(f"nothing about {what!r} in {said}")
            if what in said[-1]:
                return said[-1]

    def end(self):
        self.process.kill()
        self.process.wait()
        return self.process.returncode


class World:
    def __init__(self, directory):
        self.directory = directory
        self.authority = Authority(directory)
        self.server = ScriptedServer(*self.authority.issue("server"))
        self.token = directory / "token"
        self.token.write_text("first\n")
        self.cluster = {"server": self.server.url, "certificate-authority": self.authority.certificate}
        self.user = {"tokenFile": str(self.token)}
        self.watch = None

    def start(self, *before):
        """`before`: words that come before the program's own."""
        path = self.directory / "kubeconfig"
        path.write_text(json.dumps({
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": self.cluster}], "users": [{"name": "u", "user": self.user}]}))
        self.watch = Watch(str(path), *before)
        return self.watch

    def watching(self):
        """Started, listed n1, and answered with the head of a watch; the exchange of that."""
        watch = self.start()
        self.server.next().answer(things(thing("n1", 3)))
        watch.tells("put n1 3", "synced")
        exchange = self.server.next()
        assert "watch=true" in exchange.target
        exchange.head()
        return exchange


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    if made.watch:
        made.watch.end()
    made.server.close()


def test_lists_then_watches_on_one_connection(world):
    exchange = world.watching()
    assert exchange.connection == 1
    assert exchange.headers["authorization"] == "Bearer first"
    assert exchange.headers["host"] == f"127.0.0.1:{world.server.port}"
    exchange.event("ADDED", thing("n2", 51))
    exchange.event("DELETED", thing("n1", 52))
    world.watch.tells("put n2 51", "remove n1")


def test_an_event_in_many_chunks_and_many_events_in_one(world):
    exchange = world.watching()
    text = json.dumps({"type": "ADDED", "object": thing("n2", 51)}) + "\n"
    for start in range(0, len(text), 7):
        exchange.chunk(text[start:start + 7])
    exchange.chunk(text.replace("n2", "n3").replace("51", "52") + text.replace("n2", "n4").replace("51", "53"))
    world.watch.tells("put n2 51", "put n3 52", "put n4 53")


def test_a_broken_chunk_loses_no_event(world):
    exchange = world.watching()
    exchange.event("ADDED", thing("n2", 51))
    exchange.send("zz\r\nnot a chunk\r\n")
    again = world.server.next()
    assert "resourceVersion=51&" in again.target and again.connection == 2
    again.head()
    again.event("ADDED", thing("n3", 52))
    world.watch.tells("put n2 51", "put n3 52")


def test_a_connection_cut_within_an_event_resumes_before_it(world):
    exchange = world.watching()
    exchange.event("ADDED", thing("n2", 51))
    exchange.chunk('{"type":"ADDED","object":{"metadata":{"name":"n3"')
    world.watch.tells("put n2 51")
    exchange.close()
    assert "resourceVersion=51&" in world.server.next().target


def test_a_connection_that_says_close_is_not_used_again(world):  # what GOAWAY is in HTTP/1.1
    exchange = world.watching()
    exchange.event("ADDED", thing("n2", 51))
    exchange.end()
    again = world.server.next()
    assert again.connection == 1, "a watch that ended well leaves its connection"
    again.head(200, "Connection: close")
    again.event("ADDED", thing("n3", 52))
    again.end()
    again.close()
    other = world.server.next()
    assert other.connection == 2 and "resourceVersion=52&" in other.target


def test_a_kept_connection_that_the_server_closed_is_made_again_unseen(world):
    world.start()
    exchange = world.server.next()
    exchange.answer(things(thing("n1", 3)))
    again = world.server.next()  # on the same connection: it ends before a byte of the answer
    assert again.connection == 1
    again.close()
    once_more = world.server.next()
    assert once_more.connection == 2 and once_more.target == again.target
    once_more.head()
    once_more.event("ADDED", thing("n2", 51))
    world.watch.tells("put n1 3", "synced", "put n2 51")
    assert world.watch.log.empty()


def test_410_lists_again_and_tells_differences(world):
    exchange = world.watching()
    exchange.event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
    relist = world.server.next()
    assert relist.target == "/api/v1/nodes?resourceVersion=50"
    relist.answer(things(thing("n1", 3), thing("n2", 60), version=70))
    world.watch.tells("put n2 60", "synced")


def test_429_waits_as_long_as_it_is_told(world):
    world.start()
    world.server.next().answer({"message": "slow down"}, 429, "Retry-After: 2")
    assert "slow down" in world.watch.says("429")
    with pytest.raises(queue.Empty):
        world.server.next(timeout=1.5)
    world.server.next(timeout=5).answer(things())
    world.watch.tells("synced")


def test_504_and_garbage_are_survived(world):
    world.start()
    world.server.next().answer("upstream timed out", 504)
    world.watch.says("HTTP 504: upstream timed out")
    world.server.next().send("this is not HTTP\r\n\r\n")
    world.server.next().answer("<html>a proxy's login page</html>")
    world.server.next().answer(things())
    world.watch.tells("synced")


def test_403_names_what_is_not_allowed(world):
    world.start()
    world.server.next().answer({"message": 'nodes is forbidden: User "system:serviceaccount:a:b" cannot list'}, 403)
    world.watch.says('cannot list')


def test_an_endless_head_is_refused(world):
    world.start()
    exchange = world.server.next()
    exchange.send("HTTP/1.1 200 OK\r\nX: ")
    try:
        for _ in range(64):
            exchange.send("x" * 1024)
    except OSError:
        pass  # it hung up, as it should
    world.watch.says("not watching")


def test_a_rotated_token_is_used_for_the_next_request(world):
    exchange = world.watching()
    world.token.write_text("second")
    exchange.event("ADDED", thing("n2", 51))
    exchange.end()
    again = world.server.next()
    assert again.headers["authorization"] == "Bearer second"
    assert again.connection == 1


def test_a_missing_token_file_is_said_and_found_again(world):
    world.token.unlink()
    world.start()
    world.watch.says(str(world.token))
    world.token.write_text("late")
    exchange = world.server.next()
    assert exchange.headers["authorization"] == "Bearer late"


def test_an_expired_certificate_is_refused_in_words(world):
    certificate, key = world.authority.issue("old", days=-1)
    world.server.use(certificate, key)
    world.start()
    assert "certificate has expired" in world.watch.says("TLS")
    assert world.server.requests.empty()


def test_a_certificate_for_another_name_is_refused(world):
    world.server.use(*world.authority.issue("other", names="DNS:elsewhere,IP:192.0.2.1"))
    world.start()
    assert "IP address mismatch" in world.watch.says("TLS")


def test_a_name_is_checked_and_sent(world):
    world.cluster["server"] = world.server.url.replace("127.0.0.1", "localhost")
    world.server.use(*world.authority.issue("other", names="DNS:elsewhere,IP:127.0.0.1"))
    world.start()
    assert "ostname mismatch" in world.watch.says("TLS")
    world.server.use(*world.authority.issue("right", names="DNS:localhost"))
    world.server.next().answer(things())
    world.watch.tells("synced")


def test_tls_server_name_stands_in_for_the_host(world):
    world.cluster["tls-server-name"] = "kubernetes.default"
    world.server.use(*world.authority.issue("named", names="DNS:kubernetes.default"))
    world.start()
    world.server.next().answer(things())
    world.watch.tells("synced")


def test_another_authoritys_certificate_is_refused_until_the_ca_file_has_it(world):
    other = Authority(world.directory, "other-ca")
    world.server.use(*other.issue("server2"))
    world.start()
    assert "certificate" in world.watch.says("TLS")
    with open(other.certificate, encoding="utf-8") as new, open(world.authority.certificate, "a", encoding="utf-8") as ca:
        ca.write(new.read())  # as a rotation does: both for a while
    world.server.next().answer(things())
    world.watch.tells("synced")


def test_a_changed_ca_gets_a_new_connection(world):
    exchange = world.watching()
    exchange.event("ADDED", thing("n2", 51))
    with open(world.authority.certificate, "a", encoding="utf-8") as ca:
        ca.write("\n")
    exchange.end()
    assert world.server.next().connection == 2


def test_a_client_certificate_is_shown(world):
    certificate, key = world.authority.issue("client", names="")
    server = world.authority.issue("server")
    world.server.use(*server, client_ca=world.authority.certificate)
    world.user = {"client-certificate": certificate, "client-key": key}
    world.start()
    exchange = world.server.next()
    assert "authorization" not in exchange.headers
    assert exchange.stream.getpeercert()["subject"] == ((("commonName", "client"),),)


def test_a_refused_connection_is_said_once_and_tried_again(world):
    port = world.server.port
    world.server.close()
    world.start()
    assert f"connect to https://127.0.0.1:{port}: Connection refused" in world.watch.says("connect")


def test_of_a_names_addresses_one_that_never_answers_leaves_time_for_the_others(world):
    """A control plane of several under one name, of which the first is down: packets to it are lost."""
    name, certificate = "api.example", world.authority.issue("many", names="DNS:api.example")
    second = ScriptedServer(*certificate, address="127.0.0.2")
    with socket.create_server(("127.0.0.1", second.port), backlog=0) as first, contextlib.ExitStack() as waiting:
        for _ in range(3):  # a full queue drops whoever comes
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(first.getsockname())
        hosts = world.directory / "hosts"
        hosts.write_text(f"127.0.0.1 {name}\n127.0.0.2 {name}\n")
        world.cluster["server"] = f"https://{name}:{second.port}"
        world.start("unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "--")
        second.next(timeout=25).answer(things())
        world.watch.tells("synced")
    second.close()


def test_a_server_that_never_speaks_tls_is_given_up(world):
    certificate, key = world.authority.issue("mute")
    silent = ScriptedServer(certificate, key)
    silent._serve = lambda raw, number: silent.streams.append(raw)
    world.cluster["server"] = silent.url
    world.start()
    assert "TLS" in world.watch.says("not watching")
    silent.close()


def test_a_list_of_many_pages_is_read_to_its_end(world):
    world.start()
    world.server.next().answer(things(thing("n1", 1), **{"continue": "a/b+c=="}))
    second = world.server.next()
    assert second.target == "/api/v1/nodes?limit=500&continue=a%2Fb%2Bc%3D%3D"
    second.answer(things(thing("n2", 2), version=50))
    world.watch.tells("put n1 1", "put n2 2", "synced")
