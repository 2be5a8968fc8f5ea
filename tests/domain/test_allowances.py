"""What a till without connection may take, and what is more than that."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.allowances import Allowance, allowed_units
from app.domain.counters import Back, Scope
from app.domain.programs import read_program
from tests.kit import small_program

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALLOWANCE = Allowance(UUID(int=1), UUID(int=2), "points", 300, NOON, NOON + timedelta(days=1))


@pytest.mark.parametrize(
    ("available", "strength", "most", "units"),
    [
        (1_000, None, 300, 300),
        (299, None, 300, 290),
        (1_000, 50, 300, 50),
        (1_000, 0, 300, 0),
        (1_000, None, 0, 0),
        (19, None, 300, 0),
        (20, None, 300, 20),
        (0, None, 300, 0),
        (-50, None, 300, 0),
    ],
)
def test_the_least_of_what_there_is_and_what_is_allowed(
    available: int, strength: int | None, most: int, units: int
) -> None:
    program = read_program(small_program(redemption={"step": 10, "min_units": 20}))
    assert allowed_units(program, available=available, strength=strength, most=most) == units


@pytest.mark.parametrize(
    ("used", "units", "beyond"), [(0, 300, 0), (0, 301, 1), (299, 1, 0), (299, 2, 1), (300, 5, 5), (900, 5, 5)]
)
def test_beyond_it_is_what_earlier_uses_did_not_leave(used: int, units: int, beyond: int) -> None:
    assert ALLOWANCE.beyond(units, used=used) == beyond


def test_each_allowance_is_counted_by_itself_and_nothing_gives_it_back() -> None:
    use = ALLOWANCE.use(40)
    assert (use.scope, use.name, use.period, use.amount, use.back) == (
        Scope.PROGRAM,
        f"allowance/{UUID(int=1)}",
        "",
        40,
        Back.NEVER,
    )
    assert replace(ALLOWANCE, id=UUID(int=3)).counter != ALLOWANCE.counter
