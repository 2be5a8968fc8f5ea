"""A small program, and what the lint says of it."""

from datetime import UTC, datetime
from typing import Any, Final

from app.domain.programs import read_program
from app.domain.programs.lint import Finding, check_program

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)  # A Saturday.
SHARES: Final = frozenset({"worst_case_share", "unbounded_share"})


def document(*rules: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A program with one wallet and two tiers; rules have ids and give 5 % in points unless they say otherwise."""
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100}},
        "tiers": [{"id": "silver", "from": 0}, {"id": "gold", "from": 1000}],
        "rules": [
            {"id": f"r{number}", "kind": "bonus", "give": {"percent": "5"}} | rule for number, rule in enumerate(rules)
        ],
    } | parts


def findings(program: dict[str, Any], *, segments: str = "sleeping", pools: str = "pool-1") -> tuple[Finding, ...]:
    return check_program(read_program(program), program, now=NOW, segments={segments}, pools={pools})


def told(program: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Severity, pointer and code of each finding, save those about shares."""
    found = [finding for finding in findings(program) if finding.code not in SHARES]
    for finding in found:
        assert finding.message.endswith("."), finding
        assert 20 < len(finding.message) < 500, finding
    return [(finding.severity.value, finding.pointer, finding.code) for finding in found]


def discount(**members: Any) -> dict[str, Any]:
    return {"kind": "discount", "give": {"percent": "10"}} | members


def luck(*prizes: dict[str, Any], **members: Any) -> dict[str, Any]:
    draw = {"algorithm": "independent", "chance": "0.1", "prizes": list(prizes)}
    return {"kind": "random_reward", "give": {"draw": draw}} | members
