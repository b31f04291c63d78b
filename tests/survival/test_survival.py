"""The harness's sample, part by part: a part's summary is in the output, and in the report as a property."""

import os
import subprocess
import sys

import pytest

from every_call import parts
from node import BIN, TRACER

HARNESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "every_call.py")


@pytest.fixture(scope="module", autouse=True)
def programs():
    assert os.geteuid() == 0, "network namespaces need root"
    for program in (TRACER, f"{BIN}/slash32", f"{BIN}/slash32ctl"):
        assert os.access(program, os.X_OK), f"no {program}: build it"


@pytest.mark.parametrize("part", [part.name for part in parts() if part.sample])
def test_the_node_is_as_before(part, record_property, capsys):
    done = subprocess.run([sys.executable, HARNESS, "--exactly", part], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.splitlines()[0]
    record_property("points", summary)
    with capsys.disabled():
        print(f"\n{summary}", end=" ")
