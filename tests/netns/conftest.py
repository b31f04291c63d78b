"""Namespace tests: real binaries in worlds of their own. They need root and say so instead of passing unseen."""

import os

import pytest

from world import BIN, World


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/netns: must be root: every test makes network namespaces")
    if not os.access(f"{BIN}/slash32", os.X_OK):
        raise pytest.UsageError(f"tests/netns: no {BIN}/slash32; build it or set SLASH32_BIN")


@pytest.fixture
def world():
    """A node with an uplink."""
    with World() as node:
        yield node
