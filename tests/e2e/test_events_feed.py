"""The feed: every committed posting once, a customer's in the order of their versions, readable on from a position."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.flows.relay import READ_MAX, Relay, WaitingEvent, in_order
from app.storage.engine import Database
from app.storage.feed import FeedDatabase
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, line, refund

EARLY, LATE = UUID(int=1 << 100), UUID(int=1 << 101)


async def relayed(stage: Stage) -> int:
    """What a relay gives positions to now."""
    database = Database(stage.database_url)
    await database.open()
    try:
        return await Relay(FeedDatabase(database)).run_once()
    finally:
        await database.close()


async def read_all(desk: Desk, *, limit: int = 100) -> list[dict[str, Any]]:
    """By positions, as a reader that comes back does."""
    events: list[dict[str, Any]] = []
    while True:
        after = events[-1]["position"] if events else 0
        page = await desk.good("GET", f"/v1/events?after={after}&limit={limit}")
        events += page["items"]
        if page["next"] is None:
            return events
        assert page["next"] == str(events[-1]["position"])


async def test_a_purchase_and_what_became_of_it(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await till.register()
    bought = (await till.accrue(customer, line(price=10_000))).json()
    returned = await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund())
    assert (await admin.good("GET", "/v1/events"))["items"] == [], "nothing is there before a relay"
    assert await relayed(stage) == 2
    first, second = await read_all(admin)
    assert first == {
        "position": 1,
        "id": f"{bought['tx_id']}-1",
        "type": "purchase",
        "tx_id": bought["tx_id"],
        "customer": customer,
        "version": 1,
        "at": first["at"],
        "created_at": first["created_at"],
        "shop": "S1",
        "terminal": "T1",
        "receipt": bought["receipt"]["number"],
        "program": 1,
        "purchase": bought["id"],
        "entries": first["entries"],
    }
    assert {entry["account"]: entry["amount"] for entry in first["entries"]} == {
        "program:issued": -100,
        "customer:available": 100,
    }
    assert (second["position"], second["type"], second["version"]) == (2, "return", 2)
    assert (second["tx_id"], second["purchase"]) == (returned["tx_id"], bought["id"])


async def test_an_anonymous_sale_is_an_event_too(till: Desk, admin: Desk, stage: Stage) -> None:
    sold = (await till.accrue(None, line())).json()
    assert await relayed(stage) == 1
    (event,) = await read_all(admin)
    assert (event["tx_id"], event["customer"], event["version"], event["entries"]) == (sold["tx_id"], None, 0, [])


async def test_published_at_is_set_with_the_position_and_nothing_is_given_twice(
    till: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register()
    for _ in range(3):
        await till.accrue(customer)
    assert await relayed(stage) == 3
    before = await owner.fetch("select event_id, published_at from audit_event order by event_id")
    assert all(row["published_at"] is not None for row in before)
    assert await relayed(stage) == 0
    assert await owner.fetch("select event_id, published_at from audit_event order by event_id") == before
    assert await owner.fetchval("select last from feed") == 3


async def test_pages_end_and_go_on(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await till.register()
    for _ in range(5):
        await till.accrue(customer)
    await relayed(stage)
    page = await admin.good("GET", "/v1/events?limit=2")
    assert [event["version"] for event in page["items"]] == [1, 2]
    page = await admin.good("GET", f"/v1/events?limit=2&cursor={page['next']}")
    assert ([event["version"] for event in page["items"]], page["next"]) == ([3, 4], "4")
    page = await admin.good("GET", f"/v1/events?limit=2&after={page['next']}")
    assert ([event["version"] for event in page["items"]], page["next"]) == ([5], None)
    assert await admin.good("GET", "/v1/events?after=5") == {"items": [], "next": None}
    assert [event["position"] for event in await read_all(admin, limit=1)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", "after=1.5", "after=", "limit=0", "limit=101", "cursor=x", "cursor=", "cursor=-1",
     "cursor=9999999999999999999", "before=1", "after=1&after=2"],
)  # fmt: skip
async def test_bad_parameters_are_refused(admin: Desk, query: str) -> None:
    refused(await admin.get(f"/v1/events?{query}"), 422, "validation_error")


async def test_an_earlier_id_that_commits_later_is_not_skipped(
    till: Desk, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    """A transaction stays open while others commit and are relayed: its event gets a later position."""
    slow, quick = await till.register(), await till.register()
    other = await asyncpg.connect(stage.owner_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await _post(other, slow, tx_id=EARLY)
        sold = (await till.accrue(quick)).json()
        assert UUID(sold["tx_id"]) > EARLY
        assert await relayed(stage) == 1
        seen = await read_all(admin)
        assert [event["tx_id"] for event in seen] == [sold["tx_id"]]
        await transaction.commit()
        assert await relayed(stage) == 1
        late = await admin.good("GET", f"/v1/events?after={seen[-1]['position']}")
        assert [event["tx_id"] for event in late["items"]] == [str(EARLY)]
    finally:
        await other.close()
    assert [row["position"] for row in await owner.fetch("select position from events order by 1")] == [1, 2]


async def test_a_customers_versions_come_in_order_whatever_their_ids(
    till: Desk, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    """The first version's id is of a clock that is far ahead: later versions fill a whole batch before it."""
    customer = await till.register()
    await _post(owner, customer, tx_id=UUID(int=LATE.int + 1), version=1)
    await owner.execute(
        """
        with made as (
            select $1::uuid as customer_id, version,
                ('00000000-0000-0000-0000-' || lpad(version::text, 12, '0'))::uuid as tx_id
            from generate_series(2, $2) version
        ), txs as (
            insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)
            select customer_id, version, tx_id, 'adjust', now(), now(), decode(repeat('00', 32), 'hex') from made
        )
        insert into events (tx_id, customer_id, version, kind) select tx_id, customer_id, version, 'adjust' from made
        """,
        UUID(customer), READ_MAX + 20,
    )  # fmt: skip
    assert await relayed(stage) == READ_MAX + 20
    rows = await owner.fetch("select version, position from events order by position")
    assert [row["version"] for row in rows] == list(range(1, READ_MAX + 21))
    assert [row["position"] for row in rows] == list(range(1, READ_MAX + 21))


async def test_two_relays_at_once_give_each_position_once(
    till: Desk, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customers = [await till.register() for _ in range(4)]
    await asyncio.gather(*(till.accrue(customer) for customer in customers * 10))
    done = await asyncio.gather(*(relayed(stage) for _ in range(4)))
    assert sum(done) + await relayed(stage) == 40
    events = await read_all(admin, limit=7)
    assert [event["position"] for event in events] == list(range(1, 41))
    assert len({event["id"] for event in events}) == 40


async def test_a_relay_that_dies_half_way_has_given_nothing(
    till: Desk, admin: Desk, owner: asyncpg.Connection, stage: Stage
) -> None:
    customer = await till.register()
    await till.accrue(customer)
    with pytest.raises(asyncio.CancelledError):
        await _die_half_way(stage)
    assert (await admin.good("GET", "/v1/events"))["items"] == []
    assert await relayed(stage) == 1
    assert [event["position"] for event in await read_all(admin)] == [1]


async def _die_half_way(stage: Stage) -> None:
    database = Database(stage.database_url)
    await database.open()
    try:
        async with FeedDatabase(database).relaying() as tx:
            assert await tx.take_lock()
            await tx.place(await tx.oldest(limit=READ_MAX))
            raise asyncio.CancelledError
    finally:
        await database.close()


def test_order_is_by_id_but_for_a_customers_versions() -> None:
    anna, boris = UUID(int=7), UUID(int=8)
    late_first = WaitingEvent(LATE, 1, anna, 1)
    early_second = WaitingEvent(EARLY, 1, anna, 2)
    between = WaitingEvent(UUID(int=EARLY.int + 1), 1, boris, 5)
    after = WaitingEvent(UUID(int=LATE.int + 1), 1, boris, 6)
    assert in_order([early_second, after, late_first, between]) == [between, late_first, early_second, after]


async def _post(connection: asyncpg.Connection, customer: str, *, tx_id: UUID, version: int = 1) -> None:
    """A posting that moves nothing, by hand."""
    await connection.execute(
        """
        insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)
        values ($1, $2, $3, 'adjust', now(), now(), decode(repeat('00', 32), 'hex'))
        """,
        UUID(customer), version, tx_id,
    )  # fmt: skip
    await connection.execute(
        "insert into events (tx_id, customer_id, version, kind) values ($1, $2, $3, 'adjust')",
        tx_id,
        UUID(customer),
        version,
    )
