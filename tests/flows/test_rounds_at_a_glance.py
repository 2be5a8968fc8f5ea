"""Rounds of one read and one write, with nothing locked in between: what another process does meanwhile counts."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app.domain.rejections import Rejected
from tests.flows.rig import SOON_SECONDS, Pause, Rig, open_rig, standing_still
from tests.kit import Stage, small_program
from tests.storm.audit import audit


@pytest.fixture
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    async with open_rig(stage) as rig:
        yield rig
        await audit(rig.owner)


async def test_of_two_processes_with_one_key_at_once_one_posts_and_both_tell_it(rig: Rig, stage: Stage) -> None:
    customer = await rig.customer()
    async with open_rig(stage) as beside:
        pause = Pause()
        beside.ledger.before = {"write": pause}
        first = asyncio.create_task(beside.give(customer, 5, key="same"))
        await pause.reached()
        second = await rig.give(customer, 5, key="same")
        pause.go()
        told = await first
        assert (second["is_replayed"], told["is_replayed"]) == (False, True)
        assert told["tx_id"] == second["tx_id"]
        assert beside.watch.redone == 1


async def test_a_round_that_another_process_got_ahead_of_is_decided_anew(rig: Rig, stage: Stage) -> None:
    """And whoever it was about goes under locks from then on: a round done twice costs twice."""
    customer, neighbour = await rig.customer(), await rig.customer()
    async with open_rig(stage) as beside:
        pause = Pause()
        async with standing_still(rig):
            asked = [asyncio.create_task(rig.give(each, 5)) for each in (customer, neighbour)]
            rig.ledger.before = {"write": pause}
        # The rounds that stood still end; what they let in is one round, that stands before its write.
        await pause.reached()
        assert (await beside.give(customer, 7))["version"] == 1
        pause.go()
        answers = await asyncio.gather(*asked)
        assert [answer["version"] for answer in answers] == [2, 1]
        assert answers[0]["balances"]["points"]["available"] == 12
        assert rig.watch.redone == 1
        rig.ledger.before = {"glance": _never}
        assert (await rig.give(customer, 1))["version"] == 3
        rig.ledger.before = {}
        assert not rig.watch.failures


async def _never() -> None:
    raise AssertionError("this is not asked for")


async def test_who_is_blocked_before_the_write_is_posted_nothing(rig: Rig) -> None:
    customer = await rig.customer()

    async def block() -> None:
        await rig.owner.execute(
            "update customers set is_blocked = true, revision = revision + 1 where id = $1", customer
        )

    rig.ledger.before = {"write": block}
    assert (await rig.give(customer, 5))["code"] == "customer_blocked"
    assert rig.watch.redone == 1
    assert await rig.owner.fetchval("select count(*) from txs where customer_id = $1", customer) == 0


async def test_a_round_that_stood_still_after_its_glance_begins_anew(rig: Rig) -> None:
    """As a process does whose machine is paused: no limit of time ends what has no transaction."""
    customer = await rig.customer()

    async def stand_still() -> None:
        time.sleep(4.2)  # noqa: ASYNC251 - nothing else of the process goes on either

    rig.ledger.before = {"write": stand_still}
    began = datetime.now(UTC)
    with suppress(Rejected):
        await rig.give(customer, 5, key="late")
    again = await rig.give(customer, 5, key="late")
    assert again["version"] == 1
    posted = await rig.owner.fetchval("select created_at from txs where customer_id = $1", customer)
    assert posted > began + timedelta(seconds=4)


async def test_a_customer_who_is_locked_elsewhere_keeps_nobody_waiting(rig: Rig) -> None:
    """As bulk changes of segments lock very many for seconds."""
    customer, neighbour = await rig.customer(), await rig.customer()
    bulk = rig.owner.transaction()
    async with standing_still(rig):
        asked = [asyncio.create_task(rig.give(each, 5)) for each in (customer, neighbour)]
        await bulk.start()
        await rig.owner.execute("select from customers where id = $1 for update", customer)
    assert (await asyncio.wait_for(asked[1], SOON_SECONDS))["status"] == 201
    assert not asked[0].done()
    await bulk.rollback()
    assert (await asyncio.wait_for(asked[0], SOON_SECONDS))["status"] == 201


async def test_a_program_that_needs_locks_for_all_is_looked_at_once(rig: Rig) -> None:
    """A wallet that converts takes lots: whoever knows the program spares itself the glance that won't do."""
    customer = await rig.customer()
    glances = 0

    async def count() -> None:
        nonlocal glances
        glances += 1

    rig.ledger.before = {"glance": count}
    assert (await rig.give(customer, 1))["version"] == 1
    assert glances == 1
    stamps = {"value": 0, "convert": {"every": 10, "into": "points", "units": 7}}
    program = small_program(wallets={"points": {"value": 100}, "stamps": stamps})
    await rig.owner.execute(
        "insert into programs (version, document, published_by) values (2, $1, 'rig')", orjson.dumps(program).decode()
    )
    for version in (2, 3, 4):
        rig.ledger.before = {"glance": count}
        assert (await rig.give(customer, 1))["version"] == version
    assert glances == 2
    await rig.owner.execute(
        "insert into programs (version, document, published_by) select 3, document, 'rig' from programs"
        " where version = 1"
    )
    for version in (5, 6):
        rig.ledger.before = {"glance": count}
        assert (await rig.give(customer, 1))["version"] == version
    assert glances == 3
