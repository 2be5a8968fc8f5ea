"""A reward is told as the document writes it."""

import pytest

from app.domain.program import GiveMultiply, GivePercent, Step
from app.domain.programs import read_program
from app.domain.rules.giving import Written, written, written_step
from tests.domain.rules.case_files import read_cases

CASES = list(read_cases())
TERMS = ("wallet", "activate_after_days", "expire_after_days")  # Of an accrual, beside what it gives.


def test_every_reward_of_the_cases_reads_back_as_it_was_written() -> None:
    forms = set()
    for case in CASES:
        for said, rule in zip(case.document["rules"], read_program(dict(case.document)).rules, strict=True):
            give = {key: value for key, value in said["give"].items() if key not in TERMS}
            if "draw" in give:
                give = {"draw": {"algorithm": give["draw"]["algorithm"]}}
            assert written(rule.give) == give
            forms |= set(give)
    assert forms == {
        *("percent", "amount", "amount_each", "unit_price", "price", "steps", "bundle"),
        *("per", "units", "units_each", "multiply", "gift", "coupon", "draw"),
    }


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (GivePercent(0), {"percent": "0"}),
        (GivePercent(1), {"percent": "0.0001"}),
        (GivePercent(5_000), {"percent": "0.5"}),
        (GivePercent(99_999), {"percent": "9.9999"}),
        (GivePercent(1_000_000), {"percent": "100"}),
        (GiveMultiply(1_500_000), {"multiply": "1.5"}),
        (GiveMultiply(2_000_001), {"multiply": "2.000001"}),
    ],
)
def test_rates_are_decimal_strings_without_idle_zeros(give: GivePercent | GiveMultiply, told: Written) -> None:
    assert written(give) == told


def test_a_step_is_told_without_its_bound() -> None:
    assert written_step(Step(100, 50_000, None)) == {"percent": "5"}
    assert written_step(Step(100, None, 0)) == {"amount": 0}
