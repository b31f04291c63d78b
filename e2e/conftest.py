"""Clusters as fixtures, what failed tests report, and the check that nothing stays behind."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab import session as clusters  # noqa: E402  (found by the line above)
from lab.report import collect  # noqa: E402
from lab.topology import Cluster  # noqa: E402


def pytest_sessionstart(session):  # pylint: disable=unused-argument
    """Refuses early what could only fail late and in riddles."""
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests make namespaces and need root", 2)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Puts a module's tests of one plan next to each other, so that each cluster comes up once."""
    order = {}

    def group(item):
        plan = item.callspec.params.get("cluster") if hasattr(item, "callspec") else None
        return order.setdefault((item.module.__name__, plan), len(order))

    items.sort(key=group)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    """Adds the cluster's logs and kernel state to a failed test's report."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and clusters.current:
        report.sections.append(("state of the cluster", collect(clusters.current[-1])))


def pytest_terminal_summary(terminalreporter):
    """Prints what the tests measured, probe counts above all."""
    if clusters.notes:
        terminalreporter.section("measured")
        for note in clusters.notes:
            terminalreporter.write_line(note)


@pytest.fixture(scope="module")
def cluster(request):
    """A cluster for a module: its parameter is a Plan."""
    yield from clusters.open_cluster(Cluster(request.param))


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_behind():
    """Fails the session when a process, mount, cgroup or directory of a lab is left."""
    yield
    found = clusters.leftovers()
    assert not found, f"left behind: {found}"
