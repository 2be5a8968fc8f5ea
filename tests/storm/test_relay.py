"""Two instances sell and two jobs' processes relay, and are killed while they do; a reader follows the feed all the
while. It sees every committed transaction once, each customer's in the order of their versions, and never anything
before where it already was.
"""

import asyncio
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import asyncpg

from tests.jobs_at_work import JobsAtWork, jobs_of, until
from tests.kit import Stage, small_program
from tests.storm.stands import Ground, Till, fresh, ground, sale, tills

TILLS_AN_INSTANCE = 6
PURCHASES = 40  # A till.
KILLS = 3
PAGE = 17  # Small, so that pages end where relays' batches do not.


async def test_a_reader_of_the_feed_misses_nothing_and_sees_nothing_twice(stage: Stage) -> None:
    async with ground(stage) as first, ground(stage) as second:
        await first.admin.publish(small_program())
        customers: list[str | None] = [await first.customer() for _ in range(5)]
        bearers = [await first.key(f"F{place}") for place in range(2 * TILLS_AN_INSTANCE)]
        reader = Reader(first, await stage.key("ops"))
        with (
            tills(first.service.url, bearers[:TILLS_AN_INSTANCE]) as here,
            tills(second.service.url, bearers[TILLS_AN_INSTANCE:]) as there,
            ExitStack() as at_work,
        ):
            relays = [at_work.enter_context(jobs_of(stage, name=f"relay-{place}")) for place in range(2)]
            following = asyncio.create_task(reader.follow())
            slow = asyncio.create_task(_a_slow_writer(stage))
            killing = asyncio.create_task(_kill_now_and_then(stage, at_work, relays))
            await asyncio.gather(*(_sell(till, [*customers, None]) for till in (*here, *there)))
            await asyncio.gather(slow, killing)
            owner = await asyncpg.connect(stage.owner_url)
            try:
                await until(lambda: _nothing_waits(owner), what="everything has a position", seconds=40)
                await reader.reach(await owner.fetchval("select last from feed"))
                following.cancel()
                await _is_the_whole_truth(owner, reader.seen)
            finally:
                await owner.close()
            assert all(jobs.lines("process_failed") == [] for jobs in relays)


class Reader:
    """Goes on from the last position it has seen, through whichever instance answers."""

    def __init__(self, stand: Ground, bearer: str) -> None:
        self._url = stand.service.url
        self._bearer = bearer
        self.seen: list[dict[str, Any]] = []

    @property
    def position(self) -> int:
        return int(self.seen[-1]["position"]) if self.seen else 0

    async def follow(self) -> None:
        with tills(self._url, [self._bearer]) as (till,):
            while True:
                page = await till.good("GET", f"/v1/events?after={self.position}&limit={PAGE}")
                self.seen += page["items"]
                if page["next"] is None:
                    await asyncio.sleep(0.05)

    async def reach(self, position: int) -> None:
        async def has_reached() -> bool:
            return self.position >= position

        await until(has_reached, what=f"the reader is at {position}")


async def _sell(till: Till, customers: list[str | None]) -> None:
    for place in range(PURCHASES):
        body, key = sale(customers[place % len(customers)]), fresh("fed")
        reply = await till.settle("/v1/accrue", body, key=key)
        assert reply.status == 201, reply
        await asyncio.sleep(0.1)


async def _a_slow_writer(stage: Stage) -> None:
    """Anonymous postings whose ids are older than most, committed one after another while relays go on."""
    connection = await asyncpg.connect(stage.owner_url)
    try:
        for place in range(4):
            async with connection.transaction():
                tx_id = UUID(int=(1 << 100) + place)
                await connection.execute(
                    """
                    with posted as (
                        insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)
                        values ($1, 0, $2, 'adjust', now(), now(), decode(repeat('00', 32), 'hex'))
                    )
                    insert into events (tx_id, customer_id, version, kind) values ($2, $1, 0, 'adjust')
                    """,
                    UUID(int=0), tx_id,
                )  # fmt: skip
                await asyncio.sleep(1.5)
    finally:
        await connection.close()


async def _kill_now_and_then(stage: Stage, at_work: ExitStack, relays: list[JobsAtWork]) -> None:
    """The elder of the two each time, in the middle of whatever it does; another takes its place."""
    for place in range(KILLS):
        await asyncio.sleep(2.5)
        relays[place].kill()
        relays.append(at_work.enter_context(jobs_of(stage, name=f"relay-{place + 2}")))


async def _nothing_waits(owner: asyncpg.Connection) -> bool:
    return not await owner.fetchval("select exists (select from events where position is null)")


async def _is_the_whole_truth(owner: asyncpg.Connection, seen: list[dict[str, Any]]) -> None:
    posted = {row["tx_id"] for row in await owner.fetch("select tx_id from audit_tx")}
    assert len(posted) > 2 * TILLS_AN_INSTANCE * PURCHASES
    assert {event["tx_id"] for event in seen} == posted
    assert len(seen) == len(posted), "nothing was seen twice"
    assert [event["position"] for event in seen] == list(range(1, len(seen) + 1)), "no gap is left behind"
    versions: dict[str, list[int]] = {}
    for event in seen:
        if event["customer"] is not None:
            versions.setdefault(event["customer"], []).append(event["version"])
    assert all(versions[customer] == list(range(1, len(versions[customer]) + 1)) for customer in versions)
    assert await owner.fetchval("select count(*) from audit_event where published_at is null") == 0
