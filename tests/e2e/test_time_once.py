"""What time brings is posted once: by the job, on touch, or by both at once; by two jobs, by one that was cut off.

Balances are right before anybody has posted anything; here the ledger is looked at.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.background import Background, open_background
from app.flows.failures import DatabaseGone
from app.verification import findings
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, purchase, served_here, small_program

START = datetime(2040, 3, 1, 12, tzinfo=UTC)
ACTIVATION, EXPIRY = timedelta(days=5), timedelta(days=30)
DATED = {"value": 100, "activate_after_days": 5, "expire_after_days": 30}
CUSTOMERS = 12
LOTS = 3  # Of each customer, a minute apart.

# How often each lot went from pending to available, and how often what was left of it expired.
MOVED = """
select l.lot_id,
    count(*) filter (where t.kind = 'activate' and e.account = 'customer:pending' and e.amount < 0) as activated,
    count(*) filter (where t.kind = 'expire' and e.account = 'customer:available' and e.amount < 0) as expired
from audit_lot l join audit_entry e using (customer_id, lot_id) join audit_tx t on t.tx_id = e.tx_id
where l.tx_id = any($1::text[]) group by 1
"""
SWEEPING = """
select pid from pg_stat_activity where datname = current_database() and application_name = $1
    and wait_event_type = 'Lock'
"""


@dataclass(slots=True)
class Scene:
    """Customers with lots that wait, the jobs of two processes, and who holds the clock."""

    stage: Stage
    clock: HeldClock
    owner: asyncpg.Connection
    office: Desk
    till: Desk
    jobs: list[Background]
    customers: list[str]
    bystander: str
    bought: list[str]

    async def hold(self, now: datetime) -> None:
        """The service hears of it with its next round."""
        await self.clock.hold(now)
        await self.till.good("POST", f"/v1/customers/{self.bystander}/events", {"type": "time has passed"})

    async def sweep(self, job: int = 0) -> int:
        """Until nothing is due; how many customers it was."""
        swept = 0
        while batch := await self.jobs[job].sweep.run_once():
            swept += batch
        return swept

    async def moved(self) -> Counter[tuple[int, int]]:
        """How many lots were (activated, expired) so often."""
        return Counter((row["activated"], row["expired"]) for row in await self.owner.fetch(MOVED, self.bought))

    async def kinds(self) -> Counter[str]:
        """Postings of those whose points wait."""
        rows = await self.owner.fetch("select kind from audit_tx where customer_id = any($1::text[])", self.customers)
        return Counter(row["kind"] for row in rows)

    async def balances(self) -> set[tuple[int, int, int]]:
        """(available, pending, held) as it is posted."""
        rows = await self.owner.fetch(
            "select available, pending, held from audit_balance where customer_id = any($1::text[])", self.customers
        )
        return {tuple(row) for row in rows}

    async def place_holds(self) -> tuple[list[str], datetime]:
        """50 points of each customer set aside, and baskets of nobody's; the holds, and when they are over."""
        now = START + ACTIVATION + timedelta(minutes=LOTS)
        await self.hold(now)
        await self.sweep()
        plain = {"wallet": "points", "points": 50, "reason": "a mug", "ttl_seconds": 600}
        bodies = [
            {**plain, "customer": {"id": customer}, "receipt": {"number": f"H{place}"}}
            for place, customer in enumerate(self.customers)
        ]
        bodies += [{**purchase(None), "ttl_seconds": 600} for _ in range(4)]
        placed = await both(*(self.till.good("POST", "/v1/holds", body) for body in bodies))
        assert await self.balances() == {(250, 0, 50)}
        return [hold["id"] for hold in placed], now + timedelta(seconds=600)

    async def check_ended(self, held: list[str]) -> None:
        """Each by one posting of its own, and everything is back."""
        rows = await self.owner.fetch("select hold_id, state, resolved_tx from audit_hold")
        assert {row["hold_id"]: row["state"] for row in rows} == dict.fromkeys(held, "expired")
        releases = await self.owner.fetch("select tx_id, parent_tx from audit_tx where kind = 'release'")
        assert sorted((row["resolved_tx"], row["hold_id"]) for row in rows) == sorted(map(tuple, releases))
        assert await self.owner.fetch("select lot_id, held from lots where held <> 0") == []
        assert {(available, held) for available, _, held in await self.balances()} == {(300, 0)}
        await self.check()

    async def check(self) -> None:
        assert await findings(self.stage.database_url) == []


@asynccontextmanager
async def scene_on(stage: Stage) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(clock_of(stage))
        edge = await stack.enter_async_context(served_here(stage))
        http = await stack.enter_async_context(client_of(edge))
        jobs = [
            await stack.enter_async_context(
                open_background(
                    stage.settings(), stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
                )
            )
            for _ in range(2)
        ]
        office, till = (
            Desk(http, await stage.key("admin")),
            Desk(http, await stage.key("pos", shop="S1", terminal="T1")),
        )
        owner = await asyncpg.connect(stage.owner_url)
        stack.push_async_callback(owner.close)
        await clock.hold(START)
        await office.publish(small_program(wallets={"points": DATED}))
        customers = [await till.register() for _ in range(CUSTOMERS)]
        scene = Scene(stage, clock, owner, office, till, jobs, customers, await till.register(), [])
        for minute in range(LOTS):
            await scene.hold(START + timedelta(minutes=minute))
            answers = await asyncio.gather(*(till.accrue(customer) for customer in customers))
            assert {answer.status_code for answer in answers} == {201}
            scene.bought += [answer.json()["tx_id"] for answer in answers]
        yield scene


async def both(*awaited: Awaitable[Any]) -> list[Any]:
    """All at once; nothing of it may fail."""
    return list(await asyncio.gather(*awaited))


async def test_two_jobs_and_every_till_at_once_post_each_change_once(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        lots = CUSTOMERS * LOTS
        await scene.hold(START + ACTIVATION + timedelta(minutes=LOTS))
        await both(scene.sweep(0), scene.sweep(1), *(scene.till.accrue(customer) for customer in scene.customers))
        await scene.sweep()
        assert await scene.moved() == {(1, 0): lots}
        assert await scene.kinds() == {"purchase": lots + CUSTOMERS, "activate": CUSTOMERS}
        assert await scene.balances() == {(300, 100, 0)}
        await scene.hold(START + EXPIRY + timedelta(minutes=LOTS))
        await both(
            scene.sweep(1), *(scene.till.accrue(customer, redeem={"points": 50}) for customer in scene.customers),
            scene.sweep(0),
        )  # fmt: skip
        await scene.sweep()
        assert await scene.moved() == {(1, 1): lots}
        assert await scene.kinds() == {
            "purchase": lots + 2 * CUSTOMERS, "activate": 2 * CUSTOMERS, "expire": CUSTOMERS,
        }  # fmt: skip
        assert await scene.balances() == {(50, 50, 0)}
        await scene.check()


async def test_a_job_that_comes_later_finds_nothing_to_do(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        await scene.hold(START + ACTIVATION - timedelta(microseconds=1))
        assert await scene.sweep() == 0
        await scene.hold(START + ACTIVATION)
        assert [await scene.sweep(0), await scene.sweep(1)] == [CUSTOMERS, 0]
        assert await scene.moved() == {(1, 0): CUSTOMERS, (0, 0): CUSTOMERS * (LOTS - 1)}  # Only the first minute's.
        await scene.hold(START + EXPIRY + timedelta(minutes=LOTS))  # Of two changes that came meanwhile each is posted.
        assert [await scene.sweep(1), await scene.sweep(0)] == [CUSTOMERS, 0]
        assert await scene.moved() == {(1, 1): CUSTOMERS * LOTS}
        assert await scene.balances() == {(0, 0, 0)}
        await scene.check()


async def test_a_job_that_is_cut_off_half_way_has_posted_nothing_and_the_next_one_everything(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        await scene.hold(START + EXPIRY + timedelta(minutes=LOTS))
        before = await scene.kinds()
        async with scene.owner.transaction():
            await scene.owner.execute(
                "lock table lots in share mode"
            )  # The customers are written, their lots can't be.
            sweeping = asyncio.create_task(scene.jobs[0].sweep.run_once())
            pid = await waiting(scene.owner, scene.jobs[0])
            assert await scene.owner.fetchval("select pg_terminate_backend($1)", pid)
            with pytest.raises(DatabaseGone):
                await sweeping
        assert await scene.kinds() == before
        assert await scene.moved() == {(0, 0): CUSTOMERS * LOTS}
        await scene.check()
        assert [await scene.sweep(0), await scene.sweep(1)] == [CUSTOMERS, 0]  # Its own connection is there again.
        assert await scene.moved() == {(1, 1): CUSTOMERS * LOTS}
        await scene.check()


async def test_whoever_is_touched_while_the_job_has_them_waits_and_finds_it_posted(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        await scene.hold(START + ACTIVATION + timedelta(minutes=LOTS))
        async with scene.owner.transaction():
            await scene.owner.execute("lock table lots in share mode")
            sweeping = asyncio.create_task(scene.sweep(0))
            await waiting(scene.owner, scene.jobs[0])
            touching = [
                asyncio.create_task(scene.till.accrue(customer, redeem={"points": 100})) for customer in scene.customers
            ]
            await asyncio.sleep(0.2)
            assert not any(task.done() for task in (sweeping, *touching))
        swept, *sold = await both(sweeping, *touching)
        assert swept == CUSTOMERS
        assert {answer.status_code for answer in sold} == {201}
        assert {answer.json()["version"] for answer in sold} == {LOTS + 2}  # The activation has the one before.
        assert await scene.moved() == {(1, 0): CUSTOMERS * LOTS}
        await scene.check()


async def test_the_job_passes_over_whom_a_till_has_and_takes_them_later(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        await scene.hold(START + ACTIVATION + timedelta(minutes=LOTS))
        busy = scene.customers[:4]
        async with scene.owner.transaction():
            await scene.owner.fetch("select from customers where id = any($1::uuid[]) for no key update", busy)
            assert await scene.jobs[0].sweep.run_once() == CUSTOMERS - len(busy)
            assert await scene.moved() == {(1, 0): (CUSTOMERS - 4) * LOTS, (0, 0): 4 * LOTS}
        assert [await scene.sweep(1), await scene.sweep(0)] == [len(busy), 0]
        assert await scene.moved() == {(1, 0): CUSTOMERS * LOTS}
        await scene.check()


async def test_the_end_of_a_hold_is_posted_once_whoever_comes_first(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        held, over = await scene.place_holds()
        await scene.hold(over - timedelta(microseconds=1))
        assert await scene.sweep() == 0
        await scene.clock.hold(over)  # Nobody has heard of it: the first round that begins has the others' holds too.
        captures = [scene.till.post(f"/v1/holds/{hold}/capture", {}) for hold in held[::3]]
        releases = [scene.till.post(f"/v1/holds/{hold}/release", {}) for hold in held[1::3]]
        touched = [scene.till.accrue(customer) for customer in scene.customers[::2]]
        answers = await both(scene.sweep(0), *captures, *touched, *releases, scene.sweep(1))
        late = [answers[1 + place] for place in range(len(captures))] + answers[-1 - len(releases) : -1]
        assert {(answer.status_code, answer.json()["code"]) for answer in late} == {(409, "hold_expired")}
        await both(scene.sweep(0), scene.sweep(1))
        await scene.check_ended(held)


async def test_a_job_that_is_cut_off_among_holds_has_ended_none_of_them(stage: Stage) -> None:
    async with scene_on(stage) as scene:
        held, over = await scene.place_holds()
        await scene.clock.hold(over)
        async with scene.owner.transaction():
            await scene.owner.execute("lock table lots in share mode")
            sweeping = asyncio.create_task(scene.jobs[0].sweep.run_once())
            pid = await waiting(scene.owner, scene.jobs[0])
            assert await scene.owner.fetchval("select pg_terminate_backend($1)", pid)
            with pytest.raises(DatabaseGone):
                await sweeping
        assert await scene.owner.fetchval("select count(*) from audit_hold where state = 'held'") == len(held)
        assert await scene.balances() == {(250, 0, 50)}
        await both(scene.sweep(0), scene.sweep(1))
        await scene.check_ended(held)


async def waiting(owner: asyncpg.Connection, job: Background) -> int:
    """The session of a job that waits for a lock, once it does."""
    for _ in range(100):
        pid = await owner.fetchval(SWEEPING, f"kopilka/{job.database.instance}")
        if pid is not None:
            return int(pid)
        await asyncio.sleep(0.01)
    raise AssertionError("the job never came to the lock")
