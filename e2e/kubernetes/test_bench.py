"""tests/bench/agent-bench runs; what it says is read by people."""

import os

from lab.lab import REPOSITORY, binaries_directory
from lab.shell import run


def test_a_small_cluster_is_measured_to_the_end():
    """Every line of the report is there."""
    sizes = ["--nodes", 5, "--services", 6, "--slices", 12, "--samples", 4, "--idle", 1]
    done = run([os.path.join(REPOSITORY, "tests/bench/agent-bench"), *sizes, "--bin", binaries_directory()], timeout=300)
    for what in ("assigned: 6 Services", "event to route: p50", "idle CPU of agent", "memory of bgpd",
                 "reached: memory of agent", "reached: memory of bgpd"):
        assert what in done.stdout, done.stdout
