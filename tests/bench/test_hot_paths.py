#!/usr/bin/python3
"""The instructions of the speaker's hot paths, counted by callgrind (hot_paths.cc), are what they were when they were
recorded: a regression guard that no busy machine disturbs. Run as a program it prints counts instead of judging them:

    tests/bench/test_hot_paths.py             counts beside those on record, and what changed
    tests/bench/test_hot_paths.py --record    writes them into hot_paths.json

What is counted is the release build's `hot_paths` (SLASH32_BIN, else build/release/bin). Another compiler makes other
code: then there is nothing to compare with, and the test is skipped.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
RECORD = os.path.join(HERE, "hot_paths.json")
FAMILIES = ("4", "6")
MORE_OR_LESS = 0.03  # of a step's count
AGAIN = "tests/bench/test_hot_paths.py --record"
# Which of libc's copying functions runs would otherwise depend on the processor.
ENVIRONMENT = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS"}


def program():
    """The binary that is counted."""
    return os.path.join(os.environ.get("SLASH32_BIN") or f"{REPOSITORY}/build/release/bin", "hot_paths")


def compiler():
    """What made it, as it says itself."""
    comment = subprocess.run(["readelf", "-p", ".comment", program()], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"(?:GCC|clang)[^\n]*", comment)))[0]


def count(family):
    """{step: instructions}."""
    with tempfile.TemporaryDirectory(prefix="slash32-hot-paths-") as directory:
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out", program(), family],
                       env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
        counts = {}
        for name in glob.glob(f"{directory}/out.*"):
            with open(name, encoding="ascii", errors="replace") as file:
                text = file.read()
            step = re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.M)
            if step:
                counts[step[1]] = int(re.search(r"^(?:totals|summary): (\d+)", text, re.M)[1])
    assert len(counts) > 20, f"callgrind counted {sorted(counts)} only"
    return dict(sorted(counts.items()))


def recorded():
    """What is on record."""
    with open(RECORD, encoding="ascii") as file:
        return json.load(file)


def changed(before, now):
    """Lines about the steps that are not within the tolerance."""
    return [f"{step}: {before.get(step, 0):,} -> {now.get(step, 0):,}" +
            (f" ({now[step] / before[step] - 1:+.1%})" if step in before and step in now else "")
            for step in sorted({*before, *now})
            if abs(now.get(step, 0) - before.get(step, 0)) > MORE_OR_LESS * before.get(step, 0)]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_hot_paths_take_as_many_instructions_as_on_record(family):
    assert os.path.exists(program()), f"{program()} is not built: cmake --build --preset release --target hot_paths"
    record = recorded()
    if compiler() != record["compiler"]:
        pytest.skip(f"recorded of {record['compiler']}, this is {compiler()}")
    different = changed(record[f"IPv{family}"], count(family))
    assert not different, (f"IPv{family}: more than {MORE_OR_LESS:.0%} away from the record:\n  " + "\n  ".join(different) +
                           f"\nWhere that is meant (or better), record it: {AGAIN}")


def test_a_step_that_takes_more_or_less_or_is_new_is_told():
    before = {"announce decode": 1000, "announce encode": 1000, "gone": 5}
    now = {"announce decode": 1029, "announce encode": 1031, "new": 5}
    assert changed(before, now) == ["announce encode: 1,000 -> 1,031 (+3.1%)", "gone: 5 -> 0", "new: 0 -> 5"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write hot_paths.json")
    record = parser.parse_args().record
    found = {"compiler": compiler(), **{f"IPv{family}": count(family) for family in FAMILIES}}
    if record:
        with open(RECORD, "w", encoding="ascii") as file:
            json.dump(found, file, indent=2)
            file.write("\n")
        return
    before = recorded()
    for family in (f"IPv{family}" for family in FAMILIES):
        for step, instructions in found[family].items():
            print(f"{family} {step:20} {instructions:>12,} {instructions / before[family].get(step, instructions):6.2f}")


if __name__ == "__main__":
    main()
