"""The harness's sample, part by part, and a small storm: a part's summary is in the output, and in the report as a
property."""

import os
import subprocess
import sys

import pytest

from every_call import parts
from node import BIN, TRACER

HARNESS, STORM = (os.path.join(os.path.dirname(os.path.abspath(__file__)), name) for name in ("every_call.py", "storm.py"))


@pytest.fixture(scope="module", autouse=True)
def programs():
    assert os.geteuid() == 0, "network namespaces need root"
    for program in (TRACER, f"{BIN}/slash32", f"{BIN}/slash32ctl"):
        assert os.access(program, os.X_OK), f"no {program}: build it"


@pytest.mark.parametrize("part", [part.name for part in parts()])
def test_the_node_is_as_before(part, capsys):
    done = subprocess.run([sys.executable, HARNESS, "--exactly", part], capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.splitlines()[0]
    with capsys.disabled():
        print(f"\n{summary}", end=" ")


def test_a_storm_leaves_nothing(capsys):
    """A small one: 300 pods' lives, 64 at once. `storm.py` without arguments is the whole."""
    done = subprocess.run([sys.executable, STORM, "--cycles", "300"], capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\n{done.stdout.splitlines()[-1]}", end=" ")
