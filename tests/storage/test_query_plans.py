"""The plan of each hot statement: which index, and no sequential scan of what grows."""

import re
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from app.storage import (
    adjustments,
    consents,
    coupons,
    hot_reads,
    key_rounds,
    ledger,
    reads,
    rewraps,
    round_writes,
    segments,
    shared,
    tiers,
)
from tests.kit import Desk
from tests.storage.migrating import made_ahead
from tests.storage.plans import plan_of

_IDS = [UUID(int=n) for n in range(1, 4)]
_DIGESTS = [bytes(32)]
_NAMES = ["A", "B"]
_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_BOOK = (_IDS[0], 1, 2, "{}", None, 0, 0, 0, _NOW, None, None, _NOW, "{}", 0)
_GROWING = (
    r"Seq Scan on (customers|profiles|identifiers|claims|txs|entries|lots|purchases|answers|events|keys"
    r"|counters|coupons|holds|tier_changes)"
)


@pytest.mark.parametrize(
    ("statement", "arguments", "indexes"),
    [
        (ledger.READ_KNOWN, (_IDS, _DIGESTS, _IDS), {"claims_0_pkey", "identifiers_pkey", "customers_pkey"}),
        (
            ledger.GLANCE,
            (_IDS, _DIGESTS, _IDS, _NAMES),
            {"claims_0_pkey", "identifiers_pkey", "customers_pkey", "profiles_pkey", "coupons_pkey"},
        ),
        (ledger.LOCK_PATRONS, (_IDS,), {"customers_pkey", "profiles_pkey"}),
        (ledger.READ_LOTS, (_IDS,), {"lots_open"}),
        (ledger.STORED_ANSWERS, ledger.bounded(_IDS), {"answers_other_pkey", "purchases_other_pkey"}),
        (ledger.PURCHASE_OWNERS, ledger.bounded(_IDS), {"purchases_other_pkey"}),
        (ledger.LOCK_PURCHASES, (_IDS,), {"purchases_other_pkey"}),
        (shared.LOCK_COUPONS, (_NAMES,), {"coupons_pkey"}),
        (shared.LOCK_COUNTERS, (_NAMES,), {"counters_pkey"}),
        (shared.MAKE_COUNTERS, (_NAMES,), {"counters_pkey"}),
        (shared.LOCK_CODES, (_NAMES, [1, 1]), {"coupons_free"}),
        (shared.READ_CODES, (_NAMES, [1, 1]), {"coupons_free"}),
        (shared.WRITE_COUPONS, (_NAMES, [1, 1], _IDS[:2], [False, True], [False, False]), {"coupons_pkey"}),
        (round_writes.WRITE, ([_BOOK], *([] for _ in range(7)), _NOW), {"customers_pkey"}),
        (round_writes.UPDATE_PURCHASES, (_IDS, _IDS, ["[]"] * 3, [True] * 3, ["{}"] * 3), {"purchases_other_pkey"}),
        (ledger.SPENT, (_IDS, _IDS), {"entries_other_pkey", "lots_pkey"}),
        (hot_reads.OWNERS, (_DIGESTS,), {"identifiers_pkey"}),
        (hot_reads.READ_BOOKS, (_IDS,), {"customers_pkey", "lots_open"}),
        (reads.HISTORY, (_IDS[0], None, 50), {"txs_other_pkey", "entries_other_pkey"}),
        (reads.PAST_VERSION, (_IDS[0], _NOW), {"txs_other_pkey"}),
        (reads.PAST_ENTRIES, (_IDS[0], _NOW), {"txs_other_pkey", "entries_other_pkey"}),
        (reads.PAST_HOLDS, (_IDS[0], _NOW), {"txs_other_pkey", "holds_pkey"}),
        (tiers.PAST_TIER, (_IDS[0], 7), {"tier_changes_pkey"}),
        (reads.PURCHASE, (_IDS[0],), {"purchases_other_pkey"}),
        (reads.CLAIMED, (_IDS[0],), {"claims_0_pkey", "claims_1_pkey", "claims_2_pkey", "claims_3_pkey"}),
        (key_rounds.CALLER, (_DIGESTS[0],), {"keys_digest_key"}),
    ],
)
async def test_a_hot_statement_uses_its_index(
    owner: asyncpg.Connection, till: Desk, statement: str, arguments: tuple[object, ...], indexes: set[str]
) -> None:
    assert await till.register()
    async with owner.transaction():
        # On small tables a scan is cheaper: with scans priced out, one that stays is one that no index serves.
        await owner.execute("set local enable_seqscan = off")
        plan = await plan_of(owner, statement, *arguments)
    assert not re.search(_GROWING, plan), plan
    used = set(re.findall(r"using (\w+)|Index Scan on (\w+)", plan))
    names = {name for pair in used for name in pair if name}
    assert indexes & names, plan


@pytest.mark.parametrize(
    ("statement", "arguments", "bound"),
    [
        (reads.HISTORY, (_IDS[0], None, 50), r"txs_other_pkey on [^\n]*\n\s*Index Cond: .*version < COALESCE"),
        (reads.PROGRAMS, (None, 50), r"programs_pkey on [^\n]*\n\s*Index Cond: \(version < COALESCE"),
        (consents.READ, (_IDS[0], None, 50), r"consents_pkey on [^\n]*\n\s*Index Cond: .*id < COALESCE"),
        (coupons.COUPONS, (None, 50), r"coupons_pkey on [^\n]*\n\s*Index Cond: \(code > COALESCE"),
        (coupons.COUPONS_OF_POOL, (None, 50, "p"), r"coupons_pool on [^\n]*\n\s*Index Cond: .*code > COALESCE"),
        (adjustments.OPEN, (None, 50), r"adjustments_open on [^\n]*\n\s*Index Cond: \(id > COALESCE"),
        (rewraps.BATCH, (b"k", 60, None, 50), r"profiles_pkey on [^\n]*\n\s*Index Cond: \(customer_id > COALESCE"),
        (segments.SEGMENTS, (None, 50), r"segments_pkey on [^\n]*\n\s*Index Cond: \(id > COALESCE"),
    ],
)
async def test_a_page_begins_where_the_one_before_ended(
    owner: asyncpg.Connection, till: Desk, statement: str, arguments: tuple[object, ...], bound: str
) -> None:
    """In the index, which also has its order."""
    assert await till.register()
    async with owner.transaction():
        await owner.execute("set local enable_seqscan = off")
        plan = await plan_of(owner, statement, *arguments)
    assert re.search(bound, plan), plan
    rows, _, _ = plan.partition("SubPlan")  # A posting's entries may be sorted: they are few.
    assert "Sort  (" not in rows, plan


@pytest.mark.parametrize("statement", [ledger.STORED_ANSWERS, ledger.PURCHASE_OWNERS])
async def test_a_kept_plan_leaves_out_months_that_can_hold_none_of_them(
    owner: asyncpg.Connection, statement: str
) -> None:
    assert await made_ahead(owner, months=11)
    async with owner.transaction():
        await owner.execute("set local enable_seqscan = off")
        plan = await plan_of(owner, statement, *ledger.bounded(_IDS))
    assert "Subplans Removed" in plan
    assert not re.search(r"_20\d\d_\d\d_pkey", plan), plan
