"""How a back-test reads: in the order of the index, so that a year of purchases is never sorted first."""

from datetime import UTC, datetime

from app.storage.backtests import PART, open_past
from tests.kit import Stage


async def test_a_workers_part_is_read_in_the_order_of_the_index(stage: Stage) -> None:
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    async with open_past(stage.database_url) as past:
        rows = await past._connection.fetch(f"explain {PART}", start, end, None, 4, 1)
    plan = "\n".join(row[0] for row in rows)
    assert "Index Scan using purchases_" in plan
    assert "Sort  (" not in plan
    assert "Seq Scan on purchases_20" not in plan


async def test_no_limit_of_time_is_set(stage: Stage) -> None:
    async with open_past(stage.database_url) as past:
        limits = await past._connection.fetch(
            "select name, setting from pg_settings where name = any($1)",
            ["statement_timeout", "transaction_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
        )
    assert {row["setting"] for row in limits} == {"0"}
