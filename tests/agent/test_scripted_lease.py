"""The agent's candidates for a lease against a server that keeps one object, or does not answer. Over TLS, with real time.

Who holds it when is tested without a clock in kube/lease_test.cc; here is what needs sockets: an API that hangs, processes
that are stopped or killed, a lease given back at the end."""

import json
import os
import queue
import signal
import subprocess
import threading
import time

import pytest
from scripted_api import merged
from scripted_server import Authority, ScriptedServer, wait_until

LEASE = os.path.join(os.environ.get("SLASH32_DEV_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin")),
                     "kube_lease")
COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/slash32-system/leases"
DURATION, RENEW, STOP, LOOK = 6, 1, 4, 1


class Api:
    """One Lease, its version checked as the API does."""

    def __init__(self, server):
        self.server, self.lease, self.version = server, None, 0
        self.hangs, self.ended, self.log = False, False, []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.ended:
            try:
                exchange = self.server.next(timeout=0.2)
            except queue.Empty:
                continue
            if self.hangs:
                continue
            status, document = self._answer(exchange)
            self.log.append((exchange.method, status))
            try:
                exchange.answer(document, status)
            except OSError:
                pass  # who asked has been killed

    def _answer(self, exchange):
        body = json.loads(exchange.body) if exchange.body else {}
        if exchange.method == "POST":
            assert exchange.target == COLLECTION
            if self.lease:
                return 409, {"message": "it exists"}
            self.lease = body
        else:
            assert exchange.target == f"{COLLECTION}/slash32-agent"
            if not self.lease:
                return 404, {"message": "not found"}
            if exchange.method == "PATCH":
                assert exchange.headers["content-type"] == "application/merge-patch+json"
                if body["metadata"]["resourceVersion"] != str(self.version):
                    return 409, {"message": "modified"}
                self.lease = merged(self.lease, body)
        if exchange.method != "GET":
            self.version += 1
            self.lease["metadata"]["resourceVersion"] = str(self.version)
        return 200, self.lease

    def holder(self):
        return self.lease["spec"]["holderIdentity"] if self.lease else None

    def close(self):
        self.ended = True
        self.thread.join()


class Candidate:
    """kube_lease, and the moments at which it was told that it holds the lease, or does not."""

    def __init__(self, kubeconfig, name):
        self.name, self.told = name, []
        words = [LEASE, kubeconfig, name, *map(str, (DURATION, RENEW, STOP, LOOK))]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.told.append((line.strip(), time.monotonic()))

    def holds(self):
        return bool(self.told) and self.told[-1][0] == "held"

    def waits(self, held, timeout=30):
        wait_until(lambda: self.holds() == held, lambda: f"{self.name}: {self.told}", timeout)
        return self.told[-1][1]

    def end(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(10)
        self.reader.join()


@pytest.fixture(name="api")
def fixture_api(tmp_path):
    authority = Authority(tmp_path)
    made = Api(ScriptedServer(*authority.issue("server")))
    made.kubeconfig = authority.kubeconfig(made.server.url)
    yield made
    made.close()
    made.server.close()


@pytest.fixture(name="two")
def fixture_two(api):
    """Two candidates, of which the first holds the lease."""
    both = [Candidate(api.kubeconfig, "a")]
    try:
        both[0].waits(True)
        both.append(Candidate(api.kubeconfig, "b"))
        yield both
    finally:
        for one in both:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGCONT)
                one.end()


def test_a_lease_is_renewed_and_its_times_are_as_the_api_wants_them(api, two):
    version = api.version
    wait_until(lambda: api.version >= version + 3, lambda: f"{api.version - version} writes of {api.lease}")
    spec = api.lease["spec"]
    assert spec["holderIdentity"] == "a" and spec["leaseDurationSeconds"] == DURATION
    assert time.strptime(spec["renewTime"], "%Y-%m-%dT%H:%M:%S.%fZ") and len(spec["renewTime"]) == len("2026-01-02T03:04:05.678901Z")
    assert not two[1].holds()


def test_a_holder_that_is_killed_is_followed_after_the_leases_duration_and_not_before(api, two):
    two[0].end(signal.SIGKILL)
    killed = time.monotonic()
    assert two[1].waits(True) - killed > DURATION - RENEW - 0.5
    assert api.lease["spec"]["leaseTransitions"] == 1


def test_a_holder_whose_api_hangs_stops_before_another_may_begin(api, two):
    api.hangs = True
    assert two[0].waits(False) and not two[1].holds()
    api.hangs = False
    wait_until(lambda: any(one.holds() for one in two), lambda: [one.told for one in two])
    assert [one.holds() for one in two].count(True) == 1


def test_a_stopped_holder_finds_itself_deposed_when_it_runs_again(api, two):
    two[0].process.send_signal(signal.SIGSTOP)
    begun = two[1].waits(True)
    two[0].process.send_signal(signal.SIGCONT)
    assert two[0].waits(False) >= begun and two[1].holds()


def test_a_lease_is_given_back_at_the_end_and_taken_at_the_next_look(api, two):
    ended = time.monotonic()
    two[0].end(signal.SIGTERM)
    assert two[0].told[-1][0] == "lost" and two[0].process.returncode == 0
    assert two[1].waits(True) - ended < DURATION - 1
    assert api.holder() == "b"


def test_giving_back_does_not_wait_for_an_api_that_hangs(api, two):
    api.hangs = True
    started = time.monotonic()
    two[0].end(signal.SIGTERM)
    assert time.monotonic() - started < 4 and two[0].process.returncode == 0
