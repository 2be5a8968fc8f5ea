"""The plans of what a copy of everything, an erasure and the histories of both run: no table that grows is scanned."""

import re
from uuid import UUID

import asyncpg
import pytest

from app.storage import challenges, erasures, exports
from tests.kit import Desk
from tests.storage.plans import plan_of

_WHO = UUID(int=1)
_IDS = [UUID(int=n) for n in range(1, 4)]


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (exports.PURCHASES, (_WHO, _IDS), "purchases_.*pkey"),
        (exports.HOLDS, (_WHO, _IDS), "holds_pkey"),
        (exports.ACTS, (_WHO, _IDS), "acts_.*pkey"),
        (exports.ENTRIES, (_WHO, _IDS), "prize_draw_entries_draw_id_purchase_id_key"),
        (exports.COUPONS, (_WHO, 1000), "coupons_customer"),
        (erasures.ONE, (_WHO,), "erasures_pkey"),
        (erasures.PAGE, (None, 50), "erasures_newest"),
        (exports.SIZES, (_WHO, _IDS), "purchases_.*pkey"),
        (exports.ALERTS, (_WHO, 1001), "alerts_customer"),
        (erasures.UNTIDIED, (), "tidyings_waiting"),
        (erasures.FORGET_CHALLENGES, (_WHO,), "challenges_"),
        (erasures.FORGET_APP_CODE, (_WHO,), "app_codes_"),
        (erasures.DESTROY, (_WHO,), "customers_pkey"),
        (erasures.FORGET_IDENTIFIERS, (_WHO,), "identifiers_customer"),
        (challenges.WRAPPED_KEY, (_WHO,), "profiles_pkey"),
    ],
)
async def test_a_statement_uses_its_index(
    owner: asyncpg.Connection, till: Desk, statement: str, arguments: tuple[object, ...], index: str
) -> None:
    assert await till.register()
    async with owner.transaction():
        # On small tables a scan is cheaper: with scans priced out, one that stays is one that no index serves.
        await owner.execute("set local enable_seqscan = off")
        plan = await plan_of(owner, statement, *arguments)
    assert not re.search(r"Seq Scan on (?!prize_draws)", plan), plan
    assert re.search(index, plan), plan
