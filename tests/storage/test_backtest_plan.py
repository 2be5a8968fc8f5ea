"""How a back-test reads: in the order of the index, so that a year of purchases is never sorted first."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.storage.backtests import PART, open_past
from tests.kit import Stage
from tests.storage.plans import KEPT, MADE, plan_of


@pytest.mark.parametrize("mode", [KEPT, MADE])
async def test_a_workers_part_is_read_in_the_order_of_the_index(stage: Stage, mode: str) -> None:
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    first = UUID("01a19467-e800-7000-8000-000000000000")  # Of 1 November 2026.
    async with open_past(stage.database_url) as past, past._connection.transaction(readonly=True):
        plan = await plan_of(past._connection, PART, start, end, first, 4, 1, mode=mode)
    assert re.search(rf"Index Scan using purchases_[^\n]*\n\s*Index Cond: .*id >= (COALESCE|'{first}')", plan), plan
    assert "Sort  (" not in plan
    assert "Seq Scan on purchases_20" not in plan


async def test_no_limit_of_time_is_set(stage: Stage) -> None:
    async with open_past(stage.database_url) as past:
        limits = await past._connection.fetch(
            "select name, setting from pg_settings where name = any($1)",
            ["statement_timeout", "transaction_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
        )
    assert {row["setting"] for row in limits} == {"0"}
