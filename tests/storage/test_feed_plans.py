"""The plans of what relays and readers of the feed run every second: events grow for ever, and nobody scans them."""

import re
from uuid import UUID

import asyncpg
import pytest

from app.storage import feed
from tests.kit import Desk
from tests.storage.plans import KEPT, MADE, plan_of

_IDS = [UUID(int=n) for n in range(1, 4)]


@pytest.mark.parametrize("mode", [KEPT, MADE])
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
        await owner.execute("set local enable_seqscan = off")
        plan = await plan_of(owner, statement, *arguments, mode=mode)
    assert not re.search(r"Seq Scan on (events|txs|entries|holds)", plan), plan
    assert index in plan, plan
    assert "Hash Join" not in plan, plan


@pytest.mark.parametrize("mode", [KEPT, MADE])
async def test_waiting_events_are_found_by_their_index_whatever_the_statistics_say(
    owner: asyncpg.Connection, till: Desk, mode: str
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
    async with owner.transaction():
        plan = await plan_of(owner, feed.OLDEST, 1_000, mode=mode)
    assert "events_other_position_tx_id_idx" in plan, plan
