"""A request that may not be sent any more from a moment on, against a server that makes it wait: what a leader asks must not
arrive when another leads already."""

import os
import queue
import subprocess

import pytest
from scripted_server import Authority, ScriptedServer, shut, wait_until

ASK = os.path.join(os.environ.get("SLASH32_DEV_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin")),
                   "kube_ask")
LIMIT = 400  # ms: longer than it takes to ask where nothing is in the way
TOO_LATE = "too late to be sent"


@pytest.fixture(name="server")
def fixture_server(tmp_path):
    authority = Authority(tmp_path)
    made = ScriptedServer(*authority.issue("server"))
    made.kubeconfig = authority.kubeconfig(made.url)
    yield made
    made.greets.set()
    made.close()


@pytest.fixture(name="ask")
def fixture_ask(server):
    running = []

    def start(*limits):
        running.append(subprocess.Popen([ASK, server.kubeconfig, *map(str, limits)], stdout=subprocess.PIPE, text=True))
        return running[-1]
    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def line(process):
    return process.stdout.readline().strip()


def test_a_request_whose_time_is_over_before_there_is_a_connection_is_never_sent(server, ask):
    server.greets.clear()
    process = ask(LIMIT, 0)
    assert line(process) == "due"
    server.greets.set()
    assert line(process) == TOO_LATE
    exchange = server.next()
    assert exchange.target == "/2", "the first one was sent"
    exchange.answer({})
    assert line(process) == "status 200" and process.wait(10) == 0


def test_one_that_is_lost_with_its_connection_is_not_sent_again_after_its_time(server, ask):
    """The server closes a connection that was kept just as the request comes. Nobody knows whether it was carried out."""
    process = ask(0, LIMIT)
    server.next().answer({})
    assert line(process) == "status 200"
    lost = server.next()
    assert lost.target == "/2"
    server.greets.clear()
    lost.close()
    assert line(process) == "due"
    server.greets.set()
    assert line(process) == TOO_LATE and process.wait(10) == 0
    with pytest.raises(queue.Empty):
        server.requests.get_nowait()


def test_within_its_time_it_is_sent_again(server, ask):
    process = ask(0, 60_000)
    server.next().answer({})
    lost = server.next()
    shut(lost.stream)
    again = server.next()
    assert again.target == "/2" and again.connection == lost.connection + 1
    again.answer({})
    wait_until(lambda: process.poll() is not None, "the program's end")
    assert process.stdout.read().split("\n") == ["status 200", "status 200", ""]
