"""SECURITY.md: every row of the threat model is whole, and every test it names exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> Iterator[list[str]]:
    """The cells of each row below a table's head."""
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "asset" and not set(line) <= set("|- "):
            yield cells


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(each.name for each in functions if each.name.startswith("test_") and not _is_skipped(each))


def _is_skipped(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(re.search(r"mark\.(skip|xfail)\b", ast.unparse(mark)) for mark in function.decorator_list)


def test_there_is_a_threat_model_and_a_way_to_report() -> None:
    assert len(list(rows())) >= 30
    for title in ("## Reporting", "## Threat model", "## On a public network"):
        assert title in TEXT


def test_every_row_is_whole() -> None:
    for cells in rows():
        assert len(cells) == 4, cells
        assert all(cells), cells
        assert NAMED.sub("", cells[3]).strip(", ") == "", cells


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(TEXT))))
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in names_in(path)


def test_no_row_stands_there_twice() -> None:
    told = [(cells[0], cells[1], cells[2]) for cells in rows()]
    assert len(told) == len(set(told))


def test_every_setting_that_is_named_is_one() -> None:
    from app.config import describe_settings

    known = {fact.name for fact in describe_settings()}
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", TEXT)) <= known
