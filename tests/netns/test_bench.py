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


BGP_BENCH = os.path.join(os.path.dirname(BENCH), "bgp-bench")
PEERS = os.environ.get("BGP_BENCH_PEERS") or os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(BENCH))),
                                                          "build", "dev", "bin", "bgp_bench_peers")
STEPS = {"announce": 6, "withdraw": 6, "reset": 2, "install": 4, "remove": 2, "refresh": 1, "policy": 1}


def test_the_bgp_bench_finds_every_table_as_it_must_be_and_prints_its_ratios():
    done = subprocess.run([sys.executable, BGP_BENCH, "--quick", "--tester", PEERS], capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {step: done.stdout.count(f"\n{step}: slash32 / ") for step in STEPS}
    assert found == STEPS, f"of both families, the last two of one: {done.stdout}"
