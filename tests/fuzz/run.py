#!/usr/bin/env python3
"""Runs libFuzzer targets one after the other, each for some minutes of CPU, and says what came of it.

    cmake --workflow --preset fuzz
    tests/fuzz/run.py                          every target, ten minutes each
    tests/fuzz/run.py --minutes 1 ndp session  these two

What a target finds goes on from run to run in build/fuzz/corpus/TARGET, beside what the tree has. With --merge, the inputs
that reach something new go into the tree's corpus, unless they are more than --limit kilobytes. An input that fails stays in
build/fuzz/findings, and the exit status is 1.
"""

import argparse
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build/fuzz"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.cc"))


def cpu_seconds(pid):
    """The CPU time that a process has had."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # utime and stime, in USER_HZ


def fuzz(target, minutes, findings):
    """Runs one target for `minutes` of CPU: (its exit status, how long it was, its log)."""
    found = BUILD / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    log = BUILD / f"{target}.log"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen([BUILD / f"bin/fuzz_{target}", found, HERE / "corpus" / target, "-timeout=60",
                                    "-print_final_stats=1", f"-artifact_prefix={findings}/{target}-"], stdout=out, stderr=out)
        while process.returncode is None:
            try:
                process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                if cpu_seconds(process.pid) >= minutes * 60:
                    process.send_signal(signal.SIGINT)
    return process.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, log


def numbers(text):
    """Runs, coverage edges and features from libFuzzer's log."""
    runs = re.search(r"number_of_executed_units: *(\d+)", text)
    seen = re.findall(r"cov: (\d+) ft: (\d+)", text)
    return (runs[1] if runs else "?", *(seen[-1] if seen else ("?", "?")))


def merge(target, limit):
    """Puts what the tree's corpus does not reach into it, smallest inputs first; what it did, in words."""
    corpus = HERE / "corpus" / target
    with tempfile.TemporaryDirectory() as whole:
        subprocess.run([BUILD / f"bin/fuzz_{target}", "-merge=1", whole, corpus, BUILD / "corpus" / target],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        have = {path.read_bytes() for path in corpus.iterdir()}
        new = [path for path in pathlib.Path(whole).iterdir() if path.read_bytes() not in have]
        size = sum(path.stat().st_size for path in new)
        if size > limit * 1024:
            return f"{len(new)} new inputs of {size} octets: too much, nothing merged"
        for path in new:
            (corpus / path.name).write_bytes(path.read_bytes())
        return f"{len(new)} new inputs of {size} octets merged"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--limit", type=int, default=32)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    findings = BUILD / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    failed = False
    for target in options.targets or TARGETS:
        status, seconds, log = fuzz(target, options.minutes, findings)
        text = log.read_text(encoding="utf-8", errors="replace")
        interrupted = "libFuzzer: run interrupted" in text
        failed |= not interrupted
        runs, edges, features = numbers(text)
        print(f"{target}: {runs} runs in {seconds:.0f} s of CPU, {edges} edges, {features} features, "
              f"{'no finding' if interrupted else f'ENDED with {status}: see {log}'}", flush=True)
        if options.merge and interrupted:
            print(f"{target}: {merge(target, options.limit)}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
