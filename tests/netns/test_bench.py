"""The benchmarks run: what they print is for people, that they still do is for us."""

import os
import subprocess
import sys

import pytest

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench", "cni_bench.py")


@pytest.mark.parametrize("families", [[], ["--dual"]], ids=["v4", "dual"])
def test_the_cni_bench_finds_equal_kernel_states_and_prints_its_ratios(families):
    done = subprocess.run([sys.executable, BENCH, "--pods", "2", *families], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "slash32 ADD / bare kernel work: p50" in done.stdout
    assert "slash32 DEL / ptp+host-local: p50" in done.stdout
