"""The program's counters as the self-audit expects them where holds have come and gone."""

import pytest

from app.domain.ledger.audit import CountersAudit
from app.domain.ledger.audit.rows import CounterRow
from app.domain.ledger.audit.uses import UseRow

NAME = "cap/c"


@pytest.mark.parametrize(
    ("period", "used", "is_found"),
    [
        ("2046-06", 11, False),
        ("2046-07", 0, False),  # A released hold has begun July.
        ("2046-07", 1, True),
        ("2046-06", 0, True),
        ("2046-05", 0, True),
    ],
)
def test_a_later_period_of_which_nothing_is_left_is_no_finding(period: str, used: int, is_found: bool) -> None:
    audit = CountersAudit([CounterRow(NAME, period, used)])
    audit.add(UseRow("program", NAME, "2046-06", 11, "share", {}, 0))
    assert bool(audit.close()) == is_found
