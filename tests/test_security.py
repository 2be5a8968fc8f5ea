"""SECURITY.md: every row of the threat model is whole, and every test it names is one that runs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
# A test, or one of its cases: `tests/test_x.py::test_y` or `tests/test_x.py::test_y[case]`.
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+(?:\[[^`]*\])?)`")
TESTS = sorted(set(NAMED.findall(TEXT)))
# Files whose tests are of defences: each has something to say in the table.
OF_DEFENCES = (
    "e2e/test_adjustments*", "e2e/test_alerts*", "e2e/test_audit_log*", "e2e/test_canary*", "e2e/test_confirmation*",
    "e2e/test_from_where*", "e2e/test_guessing*", "e2e/test_hardening*", "e2e/test_idempotency_dump*",
    "e2e/test_keys*", "e2e/test_lookup_budget*", "e2e/test_offline_allowance*", "e2e/test_people*",
    "e2e/test_personal_*", "e2e/test_roles*", "e2e/test_sessions*", "e2e/test_sign_in*", "e2e/test_velocity*",
    "api/test_connections*", "api/test_docs_page*", "api/test_hostile*", "api/test_proxies*", "channels/test_smtp*",
    "storage/test_audit_log*", "storage/test_housekeeping*", "storage/test_verify*", "storm/test_keys_revoked*",
    "test_passwords*", "test_secrets*", "test_supply_chain*", "test_vault*",
)  # fmt: skip


def rows() -> Iterator[list[str]]:
    """The cells of each row below a table's head."""
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "asset" and not set(line) <= set("|- "):
            yield cells


@cache
def skipped_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(each.name for each in functions if _is_skipped(each))


def _is_skipped(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(re.search(r"mark\.(skip|xfail)\b", ast.unparse(mark)) for mark in function.decorator_list)


@pytest.fixture(scope="module")
def collected() -> frozenset[str]:
    """Every test and every case of the files that are named, as pytest finds them."""
    files = sorted({path for path, _ in TESTS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    cases = {line for line in done.stdout.splitlines() if line.startswith("tests/")}
    return frozenset(cases | {case.partition("[")[0] for case in cases})


def test_there_is_a_threat_model_and_a_way_to_report() -> None:
    assert len(list(rows())) >= 100
    for title in ("## Reporting", "## Threat model", "## On a public network"):
        assert title in TEXT


def test_every_row_is_whole() -> None:
    for cells in rows():
        assert len(cells) == 4, cells
        assert all(cells), cells
        assert NAMED.search(cells[3]), cells
        assert NAMED.sub("", cells[3]).strip(", ") == "", cells


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_test_that_is_named_runs(path: str, name: str, collected: frozenset[str]) -> None:
    assert f"{path}::{name}" in collected
    assert name.partition("[")[0] not in skipped_in(path)


@pytest.mark.parametrize("files", OF_DEFENCES)
def test_every_file_of_tests_of_defences_stands_in_it(files: str) -> None:
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob(f"{files}.py")}
    assert found
    assert found <= {path for path, _ in TESTS}


def test_no_row_stands_there_twice() -> None:
    told = [(cells[0], cells[1], cells[2]) for cells in rows()]
    assert len(told) == len(set(told))


def test_every_setting_that_is_named_is_one() -> None:
    from app.config import describe_settings

    known = {fact.name for fact in describe_settings()}
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", TEXT)) <= known


def test_readme_leads_there() -> None:
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
