"""The benchmark runs: what it prints is for people, that it still does is for us."""

import os
import subprocess
import sys

import pytest

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench", "cni-bench")
sys.path.insert(0, os.path.dirname(BENCH))

from cnibench import contenders  # noqa: E402  (found by the line above)


def test_the_cni_bench_finds_equal_kernel_states_and_prints_its_ratios():
    done = subprocess.run([sys.executable, BENCH, "--pods", "2", "--quick"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for figure in ("slash32 ADD / bare kernel work", "slash32 ADD / ptp+host-local", "slash32 DEL / (exec of an empty program",
                   "slash32 DEL / ptp+host-local", "slash32 ADD/s / bare", "live pods / with none", "Peak memory of an ADD"):
        assert done.stdout.count(figure) == 2, f"{figure}: once for IPv4 and once for both: {done.stdout}"


def test_the_cni_bench_prints_no_ratio_where_the_bare_program_left_something_out():
    state = ["pod eth0/accept_ra 0", "10.244.0.1 dev HOSTLINK proto 132"]
    contenders.refuse_difference(state, list(state))
    with pytest.raises(SystemExit, match="accept_ra"):
        contenders.refuse_difference(state, state[1:])
    with pytest.raises(SystemExit, match="accept_ra"):
        contenders.refuse_difference(state[1:], state)


BGP_BENCH = os.path.join(os.path.dirname(BENCH), "bgp-bench")
PEERS = os.environ.get("BGP_BENCH_PEERS") or os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(BENCH))),
                                                          "build", "dev", "bin", "bgp_bench_peers")
STEPS = {"announce": 12, "withdraw": 12, "reset": 4, "replace": 4, "install": 4, "remove": 2, "refresh": 1, "policy": 1, "rest": 1,
         "cold start": 2, "rolling restart": 2, "reflect": 1, "restart": 2}


def test_the_bgp_bench_finds_every_table_as_it_must_be_and_prints_its_ratios():
    done = subprocess.run([sys.executable, BGP_BENCH, "--quick", "--tester", PEERS], capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {step: done.stdout.count(f"\n{step}: slash32 / ") for step in STEPS}
    assert found == STEPS, f"of both families, the last two of one: {done.stdout}"
    assert done.stdout.count("\nreached: ") == 10, f"the bars of scale and restart: {done.stdout}"
