"""bgpd/INTEROP.md says what the tests prove: no feature and no speaker more, and none less."""

import json
import os
import subprocess
import sys

import pytest

from conftest import ROOT
from world import matrix

sys.path.insert(0, str(ROOT / "tests/support"))
import matrix as generator  # noqa: E402  pylint: disable=wrong-import-position,wrong-import-order


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """The cells of all tests there are, whichever of them this run was asked for."""
    path = tmp_path_factory.mktemp("matrix") / "cells.json"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only",
                           f"--interop-cells={path}", str(ROOT / "tests/interop")], capture_output=True, text=True,
                          check=False, cwd=ROOT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return {tuple(cell) for cell in json.loads(path.read_text(encoding="utf-8"))}


def test_the_table_in_the_documentation_is_what_the_tests_prove(collected):
    page = generator.PAGE.read_text(encoding="utf-8")
    table = page.split(generator.BEGIN)[1].split(generator.END)[0]
    assert table == matrix.render(collected), "run tests/support/matrix.py --write"


def test_every_feature_and_speaker_without_a_test_has_a_reason(collected):
    have = {(feature, column) for feature, column, _, _ in collected}
    everything = {(feature, column) for feature in matrix.FEATURES for column in matrix.COLUMNS.values()}
    assert have | set(matrix.ABSENT) == everything
    assert not have & set(matrix.ABSENT)


def report(tmp_path, *cases):
    """A JUnit report of tests: (cells, what became of it)."""
    text = "".join(f'<testcase classname="c" name="n{at}"><properties>' + "".join(
        f'<property name="interop" value="{"|".join(cell)}"/>' for cell in cells) + f"</properties>{outcome}</testcase>"
                   for at, (cells, outcome) in enumerate(cases))
    path = tmp_path / "report.xml"
    path.write_text(f"<testsuites><testsuite>{text}</testsuite></testsuites>", encoding="utf-8")
    return path


def test_a_report_of_everything_makes_the_table(tmp_path, collected):
    good, bad = generator.read([report(tmp_path, (sorted(collected), ""))])
    assert (good, bad) == (collected, [])
    assert matrix.render(good).count("\n") == len(matrix.FEATURES) + 2


@pytest.mark.parametrize("outcome", ["<failure message='x'/>", "<skipped message='x'/>", "<error/>"])
def test_what_did_not_pass_makes_no_cell(tmp_path, outcome):
    cell = (matrix.ROUTES, "BIRD 2.0", "eBGP", "IPv4")
    good, bad = generator.read([report(tmp_path, ([cell], outcome))])
    assert not good and len(bad) == 1


def test_a_cell_that_is_missing_makes_no_table(collected):
    with pytest.raises(AssertionError, match="a test or a reason"):
        matrix.render({cell for cell in collected if cell[:2] != (matrix.ROUTES, "GoBGP 3.10")})
