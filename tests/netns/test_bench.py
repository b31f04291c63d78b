"""The benchmark runs: what it prints is for people, that it still does is for us."""

import os
import subprocess
import sys

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench", "cni-bench")


def test_the_cni_bench_finds_equal_kernel_states_and_prints_its_ratios():
    done = subprocess.run([sys.executable, BENCH, "--pods", "2", "--quick"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for ratio in ("ADD / bare kernel work", "ADD / ptp+host-local", "DEL / (exec of an empty program", "ADD/s / bare"):
        assert done.stdout.count(f"slash32 {ratio}") == 2, f"once for IPv4 and once for both: {done.stdout}"
