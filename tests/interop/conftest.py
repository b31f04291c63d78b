"""Fixtures: the binaries under test, and a pair of hosts a module or a test."""

import errno
import json
import os
import pathlib
import socket

import pytest

from world import behind, matrix
from world.pair import Pair

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT = ROOT / "build/release/bin"
TCP_AO_INFO = 40  # linux/tcp.h, 6.7


def kernel_has_tcp_ao():
    """Whether the option is known: CONFIG_TCP_AO."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.getsockopt(socket.IPPROTO_TCP, TCP_AO_INFO, 48)
        except OSError as error:
            return error.errno != errno.ENOPROTOOPT
    return True


# What this kernel does is tested, and nothing is skipped: sessions where it has TCP-AO, else that it is missed by name.
collect_ignore = ["test_tcp_ao_refused.py" if kernel_has_tcp_ao() else "test_tcp_ao.py"]


def pytest_report_header():
    """What the kernel decides of what is run."""
    return f"TCP-AO: this kernel has {'it' if kernel_has_tcp_ao() else 'none'}; not run: {collect_ignore[0]}"


def pytest_addoption(parser):
    """What the tests prove against whom, without running them."""
    parser.addoption("--interop-cells", help="write the cells of the interop matrix (world/matrix.py) to this file")


def pytest_configure(config):
    """The marker of world/matrix.py."""
    config.addinivalue_line("markers", "interop: proves a feature against somebody's speaker (world/matrix.py)")


def pytest_collection_modifyitems(config, items):
    """Puts what a test proves into its JUnit report."""
    found = set()
    for item in items:
        for cell in matrix.cells(item):
            found.add(cell)
            item.user_properties.append(("interop", "|".join(cell)))
    if path := config.getoption("--interop-cells"):
        pathlib.Path(path).write_text(json.dumps(sorted(found)), encoding="utf-8")


def binary_path(name):
    """A program under test: from SLASH32_BIN, or from the build's usual place."""
    path = pathlib.Path(os.environ.get("SLASH32_BIN", DEFAULT), name).resolve()
    return str(path) if os.access(path, os.X_OK) else None


@pytest.fixture(scope="session")
def bgpd():
    """The path of slash32-bgpd."""
    assert os.geteuid() == 0, "network namespaces need root"
    path = binary_path("slash32-bgpd")
    assert path, "no slash32-bgpd: build it, or say where it is with SLASH32_BIN"
    return path


@pytest.fixture
def pair(bgpd, tmp_path):
    """Two hosts and a cable, for one test."""
    with Pair(tmp_path, bgpd) as made:
        yield made


@pytest.fixture
def raw_behind(pair):
    """Makes sessions of raw peers behind a router (world/behind.py), in turn, of the AS that is said; they end with the test."""
    made = []

    def make(asn):
        made.append(behind.established(pair, len(made), asn))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def make_shared(bgpd, tmp_path_factory):
    """Makes a pair that the tests of a module share; told how many peers, and the speaker's document."""
    made = []

    def make(peers, *neighbors, **document):
        one = Pair(tmp_path_factory.mktemp("pair"), bgpd, peers).__enter__()
        made.append(one)
        one.start(*neighbors, **document)
        return one

    yield make
    for one in reversed(made):
        one.__exit__(None, None, None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the speaker's log into the report of a test that failed."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for value in item.funcargs.values():
            speaker = getattr(value, "speaker", None)
            if speaker and speaker.process:
                report.sections.append(("slash32-bgpd", speaker.process.log()[-2000:]))
