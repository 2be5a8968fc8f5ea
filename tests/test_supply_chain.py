"""`make check` of the locked packages: what is found stops it, what couldn't be looked at is said."""

import json
from pathlib import Path

import pytest

from tests.supply_chain import LOCK, Verdict, is_allowed, licences, packages_here, told_licence, vulnerabilities

ROOT = Path(__file__).parent.parent
FINE = {"name": "fine", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3"], "aliases": []}]}
LEFT_OUT = {"name": "elsewhere", "skip_reason": "Dependency not found on PyPI"}


def audited(*packages: object, errors: str = "") -> Verdict:
    return vulnerabilities(lambda: (json.dumps({"dependencies": packages}), errors))


def test_a_known_vulnerability_stops_the_check() -> None:
    verdict = audited(FINE, BAD, LEFT_OUT)
    assert verdict.code == 1
    assert verdict.lines[0] == "VULNERABLE: bad 2: PYSEC-2026-1 (fixed in 3)"


def test_what_the_database_left_out_is_not_taken_for_sound() -> None:
    assert audited(FINE) == (0, ["known vulnerabilities: 0 of 1 packages that were checked"])
    assert audited(FINE, LEFT_OUT).lines[0].startswith("NOT CHECKED: known vulnerabilities of 1 packages: elsewhere")


@pytest.mark.parametrize(
    "last",
    [
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='pypi.org'): Max retries exceeded",
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed: ConnectionFailedError",
        "timed out after 300 s",
    ],
)
def test_a_database_that_cannot_be_asked_is_said_and_does_not_stop_the_build(last: str) -> None:
    verdict = vulnerabilities(lambda: ("", f"Traceback\n{last}\n"))
    assert verdict.code == 0
    assert verdict.lines[0].startswith("NOT CHECKED: known vulnerabilities; the database can't be asked: ")


def test_any_other_failure_stops_the_check() -> None:
    assert vulnerabilities(lambda: ("", "error: unrecognized arguments")).code == 1
    assert vulnerabilities(lambda: ("", "")).code == 1


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only", False),
        ("MIT AND AGPL-3.0-or-later", False),
        ("none told", False),
        ("", False),
        ("Proprietary", False),
    ],
)
def test_only_listed_licences_are_allowed(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_a_package_that_tells_no_licence_or_a_strange_one_stops_the_check() -> None:
    lock = "known==1 \\\n    --hash=sha256:0\nstrange==2 \\\nother==3 ; sys_platform == 'beos' \\\n"
    assert licences(lock, lambda _: "MIT") == (0, ["MIT: known, strange"])
    for told in (None, "GPL-3.0"):
        verdict = licences(lock, {"known": "MIT", "strange": told}.get)
        assert verdict.code == 1
        assert verdict.lines[-1] == f"NOT ALLOWED: {told or 'none told'}: strange"


def test_every_locked_package_has_an_allowed_licence() -> None:
    names = list(packages_here(LOCK.read_text()))
    assert {"fastapi", "asyncpg", "redis", "orjson"} <= set(names)
    verdict = licences(LOCK.read_text(), told_licence)
    assert verdict.code == 0, verdict.lines
    assert told_licence("no-such-package") is None


def test_the_check_looks_at_both() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    for word in ("vulnerabilities", "licences"):
        assert f"$(PY) -m tests.supply_chain {word}" in recipe
