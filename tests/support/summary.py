"""Adds up JUnit reports: names what failed and what was skipped and why, then one line "N passed, N failed, N skipped"."""

import argparse
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def cases(directory):
    """Yields (report, name, outcome, reason) for every test case below `directory`."""
    for report in sorted(pathlib.Path(directory).glob("*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            name = f"{case.get('classname', '')}.{case.get('name', '')}"
            outcome, reason = "passed", ""
            for child in case:
                if child.tag in ("failure", "error"):
                    outcome, reason = "failed", child.get("message", "") or ""
                elif child.tag == "skipped" and outcome == "passed":
                    outcome, reason = "skipped", child.get("message", "") or ""
            if case.get("status") in ("notrun", "disabled"):
                outcome, reason = "skipped", reason or case.get("status")
            yield report.stem, name, outcome, reason


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expected-skips", type=int, default=0)
    parser.add_argument("results")
    parser.add_argument("broken", nargs="*", help="stages that ended with an error")
    options = parser.parse_args()

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    stages_with_failures = set()
    for report, name, outcome, reason in cases(options.results):
        counts[outcome] += 1
        if outcome != "passed":
            print(f"{outcome}: {report}: {name}: {reason.splitlines()[0] if reason else 'no reason given'}")
        if outcome == "failed":
            stages_with_failures.add(report)
    for stage in options.broken:
        print(f"stage ended with an error: {stage}")
    if options.broken and not stages_with_failures:
        counts["failed"] += len(options.broken)
    too_many = counts["skipped"] > options.expected_skips
    if too_many:
        print(f"{counts['skipped']} tests were skipped, {options.expected_skips} may be")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or options.broken or too_many or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
