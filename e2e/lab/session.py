"""The clusters of one run of the tests."""

import pytest

from lab import lab
from lab.topology import Plan

labs = []  # directories of all labs that were ever made
current = []  # clusters that are up, the latest last: a failure shows that one
notes = []  # measured numbers worth printing when all is over


def open_cluster(cluster):
    """Brings a cluster up and, after the yield, down; for use in fixtures with `yield from`."""
    labs.append(cluster.lab.directory)
    current.append(cluster)
    try:
        yield cluster.up()
    finally:
        current.remove(cluster)
        cluster.down()


def leftovers():
    """What any lab left behind, in words."""
    return [what for directory in labs for what in lab.leftovers(directory)]


def plans(*kinds, stacks=("ipv4", "ipv6", "dual"), **more):
    """Parameters for the `cluster` fixture: each kind with each stack."""
    return [pytest.param(plan, id=str(plan)) for plan in
            (Plan(kind, stack, **more) for kind in kinds for stack in stacks)]
