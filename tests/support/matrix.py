"""Makes the interop matrix of bgpd/INTEROP.md from JUnit reports of tests/interop:

    pytest tests/interop --junitxml=interop.xml
    tests/support/matrix.py interop.xml            prints the table
    tests/support/matrix.py --write interop.xml    puts it into bgpd/INTEROP.md, between its two marks

A cell counts when every test of it passed. One that failed, was skipped or did not run is named, and nothing is written.
"""

import argparse
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "bgpd/INTEROP.md"
BEGIN, END = "<!-- matrix: made by tests/support/matrix.py -->\n", "<!-- matrix: end -->\n"

sys.path.insert(0, str(ROOT / "tests/interop"))
from world import matrix  # noqa: E402  pylint: disable=wrong-import-position


def read(reports):
    """(cells that are proven, what is wrong with the others) in JUnit reports."""
    good, bad = set(), []
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            found = {tuple(one.get("value").split("|")) for one in case.iter("property") if one.get("name") == "interop"}
            if not found:
                continue
            wrong = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), None)
            if wrong:
                bad.append(f"{case.get('classname')}.{case.get('name')}: {wrong}")
            else:
                good |= found
    return good, bad


def with_table(page, table):
    """The page with this table between its marks."""
    head, rest = page.split(BEGIN)
    return head + BEGIN + table + END + rest.split(END)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="change bgpd/INTEROP.md instead of printing")
    parser.add_argument("reports", nargs="+")
    options = parser.parse_args()
    good, bad = read(options.reports)
    if bad:
        sys.exit("\n".join(["no table, for these did not pass:"] + bad))
    table = matrix.render(good)
    if options.write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    else:
        print(table, end="")


if __name__ == "__main__":
    main()
