"""Calm: all is put right, every unknown outcome is made definite, holds' time is over, answers are asked for again."""

import asyncio
import random
from typing import Any

import asyncpg

from tests.chaos.checks import Evidence, View
from tests.chaos.client import Client
from tests.chaos.faults.kills import until_database
from tests.chaos.journal import Op, Request
from tests.chaos.load import Load
from tests.chaos.probes import probe
from tests.storm.audit import idle_in_transaction
from tests.storm.proxy import nothing_wrong

PATIENCE_SECONDS = 10.0
TRIES = 4
SETTLERS = 8
FEED_SECONDS_MAX, FEED_PAUSE = 20.0, 0.2
FEED_PAGE = 100
STATES_ASKED = 100
LONG_HOLDS = """
select distinct hold_id, customer_id from audit_hold
where state = 'held' and expires_at > clock_timestamp() + interval '4 seconds'
"""
HOLD_SECONDS_LEFT = """
select greatest(0, extract(epoch from max(expires_at) - clock_timestamp()))::float from audit_hold where state = 'held'
"""


async def settle(evidence: Evidence, load: Load) -> None:
    """Leaves the site running and idle; `evidence` has what was seen on the way."""
    await heal(load)
    client = load.client(0)
    client.patience = PATIENCE_SECONDS
    luck = random.Random(f"settle {load.plan.seed}")
    await _each(evidence.journal.unsettled(), client, _make_definite)
    await _end_holds(evidence, client)
    written = [op for op in evidence.journal.writes() if op.is_good or _is_kept(op)]
    await _each(luck.sample(written, min(load.plan.replays, len(written))), client, _repeat)
    await _ask_states(evidence, client, luck.sample(written, min(STATES_ASKED, len(written))))
    evidence.probes |= await probe(load)
    await _read_feed(evidence, client)
    await _read_balances(evidence, client)
    await asyncio.sleep(1.5)
    evidence.idle += [f"{row}" for row in await idle_in_transaction(evidence.owner)]
    client.close()


async def heal(load: Load) -> None:
    """No accident lasts."""
    site = load.site
    for proxy in (*site.front, *site.database, *site.cache):
        proxy.fault, proxy.is_black_hole = nothing_wrong, False
    for disk in (site.engines.data, site.engines.log):
        disk.free()
    await until_database(site)
    await site.until_ready()


async def _each(ops: list[Op], client: Client, act: Any) -> None:
    """A few at a time, in order."""
    waiting = iter(ops)

    async def work() -> None:
        for op in waiting:
            before = len(op.attempts)
            await act(op, client)
            for attempt in op.attempts[before:]:
                attempt.is_late = True

    await asyncio.gather(*(work() for _ in range(SETTLERS)))


async def _make_definite(op: Op, client: Client) -> None:
    await client.settle(op, tries=TRIES, seconds=4 * PATIENCE_SECONDS)


async def _repeat(op: Op, client: Client) -> None:
    await client.attempt(op)


def _is_kept(op: Op) -> bool:
    answer = op.answer
    return answer is not None and answer.status == 409


async def _end_holds(evidence: Evidence, client: Client) -> None:
    """Short ones by their time, long ones by a call."""
    if "hold" in client.world.missing:
        return
    for row in await evidence.owner.fetch(LONG_HOLDS):
        target = f"/v1/holds/{row['hold_id']}/release"
        op = client.open(Request("release", "POST", target, {}, row["customer_id"], role="admin", hold=row["hold_id"]))
        await client.settle(op)
    await asyncio.sleep(0.2 + (await evidence.owner.fetchval(HOLD_SECONDS_LEFT) or 0.0))


async def _ask_states(evidence: Evidence, client: Client, ops: list[Op]) -> None:
    """What became of a key is what was answered under it."""
    for op in ops:
        asked = client.journal.open(
            Request("state", "GET", f"/v1/requests/{op.key}", None, op.request.customer),
            client=op.client,
            bearer=op.bearer,
        )
        await client.settle(asked)
        said = asked.said
        if not asked.is_good or said["state"] != "done" or said["body"] != op.said:
            evidence.states[op.number] = f"{asked.outcome()} {said.get('state')} {said.get('status')}"


async def _read_feed(evidence: Evidence, client: Client) -> None:
    """The whole feed over HTTP, once the jobs have caught up."""
    if not await _get(client, "/v1/events?after=0&limit=1"):
        return
    evidence.posted = {row["tx_id"] for row in await evidence.owner.fetch("select tx_id from audit_tx")}
    await _until_published(evidence.owner)
    feed: list[dict[str, Any]] = []
    after = 0
    while page := await _get(client, f"/v1/events?after={after}&limit={FEED_PAGE}"):
        feed += page["items"]
        if not page["items"]:
            break
        after = page["items"][-1]["position"]
    evidence.feed = feed


async def _until_published(owner: asyncpg.Connection) -> None:
    """Or until that has taken too long: what is missing then is for the check to say."""
    for _ in range(int(FEED_SECONDS_MAX / FEED_PAUSE)):
        if not await owner.fetchval("select exists (select from audit_event where published_at is null)"):
            return
        await asyncio.sleep(FEED_PAUSE)


async def _read_balances(evidence: Evidence, client: Client) -> None:
    """Twice of each instance: the first look may fill the cache, the second is what it holds."""
    before = await _versions(evidence.owner)
    for customer in evidence.world.everyone():
        for instance in range(len(client.urls)):
            for _ in range(2):
                op = client.open(Request("balance", "GET", f"/v1/customers/{customer.id}/balance", None, customer.id))
                await client.attempt(op, instance=instance)
                if op.is_good:
                    view = View(customer.id, instance, op.said["version"], before.get(customer.id, 0))
                    evidence.views.append(view)
    after = await _versions(evidence.owner)  # The jobs may have posted what time has brought.
    for view in evidence.views:
        view.newest = after.get(view.customer, 0)


async def _versions(owner: asyncpg.Connection) -> dict[str, int]:
    rows = await owner.fetch("select customer_id, max(version) as version from audit_tx group by 1")
    return {row["customer_id"]: row["version"] for row in rows}


async def _get(client: Client, target: str) -> Any:
    op = client.open(Request("feed", "GET", target, None, role="admin"))
    await client.settle(op)
    return op.said if op.is_good else None
