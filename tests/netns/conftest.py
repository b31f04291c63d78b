"""Namespace tests: real binaries in worlds of their own. They need root and say so instead of passing unseen."""

import os
import shutil
import subprocess

import pytest

from world import BIN, World


def kernel_has_ipvs():
    """Built in, or as a module."""
    if not os.path.exists("/proc/net/ip_vs") and shutil.which("modprobe"):
        subprocess.run(["modprobe", "-q", "ip_vs_rr"], check=False)
    return os.path.exists("/proc/net/ip_vs")


collect_ignore = [] if kernel_has_ipvs() else ["test_ipvs.py"]


def pytest_report_header():
    """What the kernel decides of what is run."""
    return "IPVS: this kernel has " + ("none; not run: test_ipvs.py" if collect_ignore else "it")


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
