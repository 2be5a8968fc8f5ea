"""What nothing asks for any more is swept in batches, found by an index; what is asked for stays."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.background import Background, open_background
from app.jobs import duties
from app.storage import housekeeping
from app.storage.housekeeping import CHALLENGES_KEPT, FORGOTTEN_MAX, TRIES_KEPT
from tests.kit import Stage
from tests.storage.plans import KEPT, MADE, plan_of

TRIES = """
insert into sign_in_tries (subject, tries, began_at)
select sha256(($1::interval || ' ' || n)::bytea), 1, clock_timestamp() - $1::interval from generate_series(1, $2::int) n
"""
CHALLENGES = """
insert into challenges (id, customer_id, scope, subject, code, tries_left, made_at, expires_at)
select gen_random_uuid(), gen_random_uuid(), 'a till', sha256('x'), decode(repeat('00', 16), 'hex'), 5, at,
    at + interval '3 minutes'
from generate_series(1, $2::int) n, lateral (select clock_timestamp() - $1::interval as at) t
"""
LEFT = "select (select count(*) from sign_in_tries), (select count(*) from challenges)"


@pytest.fixture
async def background(stage: Stage) -> AsyncIterator[Background]:
    async with open_background(
        stage.settings(), stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
    ) as background:
        yield background


async def test_old_tries_and_codes_are_forgotten_by_the_jobs(owner: asyncpg.Connection, background: Background) -> None:
    for fill, kept, many in ((TRIES, TRIES_KEPT, 2 * FORGOTTEN_MAX + 7), (CHALLENGES, CHALLENGES_KEPT, 7)):
        await owner.execute(fill, kept * 1.01, many)
        await owner.execute(fill, kept * 0.99, 3)
    assert await background.housekeeping.forget_old() == FORGOTTEN_MAX + 7
    (duty,) = (duty for duty in duties(background) if duty.name == "forget")
    assert await duty.run() == FORGOTTEN_MAX + 7
    assert tuple(await owner.fetchrow(LEFT)) == (3, 3)


@pytest.mark.parametrize("mode", [KEPT, MADE])
async def test_what_is_old_is_found_by_an_index(owner: asyncpg.Connection, mode: str) -> None:
    plans = (
        (housekeeping.FORGET_TRIES, TRIES_KEPT, r"using sign_in_tries_began_at[^\n]*\n\s*Index Cond: \(began_at <"),
        (
            housekeeping.FORGET_CHALLENGES,
            CHALLENGES_KEPT,
            r"using challenges_made_at[^\n]*\n\s*Index Cond: \(made_at <",
        ),
    )
    await owner.execute(TRIES, TRIES_KEPT / 2, 5_000)
    await owner.execute(CHALLENGES, CHALLENGES_KEPT / 2, 5_000)
    await owner.execute("analyze")
    async with owner.transaction():
        await owner.execute("set local enable_seqscan = off")
        for statement, kept, looked_for in plans:
            plan = await plan_of(owner, statement, kept, FORGOTTEN_MAX, mode=mode)
            assert re.search(looked_for, plan), plan
            assert "Seq Scan" not in plan, plan
