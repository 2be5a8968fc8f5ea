"""The plans of what relays and readers of the feed run every second: events grow for ever, and nobody scans them."""

import re
from uuid import UUID

import asyncpg
import pytest

from app.storage import feed
from tests.kit import Desk

_IDS = [UUID(int=n) for n in range(1, 4)]


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (feed.OLDEST, (1_000,), "_position_tx_id_idx"),
        (feed.AT_VERSIONS, (_IDS, [1, 2, 3]), "txs_other_pkey"),
        (feed.PLACE, (_IDS, [1, 1, 1], [1, 2, 3]), "events_other_pkey"),
        (feed.READ, (1, 100), "_position_tx_id_idx"),
    ],
)
async def test_a_statement_uses_its_index(
    owner: asyncpg.Connection, till: Desk, statement: str, arguments: tuple[object, ...], index: str, mode: str
) -> None:
    assert (await till.accrue(None)).status_code == 201
    async with owner.transaction():
        # On small tables a scan is cheaper: with scans priced out, one that stays is one that no index serves.
        await owner.execute(f"set local enable_seqscan = off; set local plan_cache_mode = {mode}")
        rows = await owner.fetch(f"explain {statement}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert not re.search(r"Seq Scan on (events|txs|entries|holds)", plan), plan
    assert index in plan, plan
    assert "Hash Join" not in plan, plan


async def test_waiting_events_are_found_by_their_index_whatever_the_statistics_say(
    owner: asyncpg.Connection, till: Desk
) -> None:
    """Where a third of the events seem to wait, the primary key would look as cheap, and be read to its end."""
    await owner.execute(
        """
        insert into events (tx_id, customer_id, version, kind, position)
        select gen_random_uuid(), gen_random_uuid(), 1, 'adjust', case when n % 3 > 0 then n end
        from generate_series(1, 20000) n
        """
    )
    await owner.execute("analyze events")
    rows = await owner.fetch(f"explain {feed.OLDEST}", 1_000)
    plan = "\n".join(row[0] for row in rows)
    assert "events_other_position_tx_id_idx" in plan, plan
