"""The plans of what marketers' calls run: tables of codes and profiles grow, and no call scans them."""

import re
from uuid import UUID

import asyncpg
import pytest

from app.storage import coupons, segments
from tests.kit import Desk
from tests.storage.plans import plan_of

_IDS = [UUID(int=n) for n in range(1, 4)]


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (coupons.COUPON, ("A",), "coupons_pkey"),
        (coupons.BLOCK, ("A",), "coupons_pkey"),
        (segments.LOCK_CUSTOMERS, (_IDS,), "customers_pkey"),
        (segments.COUNT_SEGMENTS, (_IDS,), "profiles_pkey"),
        (segments.REMOVE_MEMBERS, ("s", _IDS), "profiles_pkey"),
        (segments.RAISE_REVISIONS, (_IDS,), "customers_pkey"),
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
    assert not re.search(r"Seq Scan on (customers|profiles|coupons)", plan), plan
    assert index in plan, plan
    assert "Sort" not in plan or statement is segments.LOCK_CUSTOMERS, plan
