"""What a redemption costs by how many open lots its customer has: `python -m tests.storage.bench_keepers`.

A real PostgreSQL of our own settings, durable; whole rounds of `redeem` (three lots each) without HTTP and cache, one
after another and of sixteen customers at once. µs a redemption of this process and of PostgreSQL's processes. Two trees
are compared by running this file in each, one after the other, several times: only ratios of one sitting mean
something. One sitting on a busy machine, when all lots were read and since only the first are (this process +
PostgreSQL, sixteen at once; the pure core):

    open lots       10            1,000           10,000
    all             177 + 119     6,885 + 419     86,202 + 2,897
    the first       135 + 110     139 + 150       132 + 130
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import uvloop

from app.engines.throwaway import throwaway_engines
from app.storage.migrate import upgrade
from tests.flows.rig import Rig, open_rig
from tests.kit import Stage
from tests.storage.bench_rounds import postgres_seconds

UNITS = 20  # Of a lot.
TAKEN = 50
LOTS = (10, 1_000, 10_000)
CUSTOMERS = {10: 512, 1_000: 64, 10_000: 16}  # Those with few can be taken from four times.
_FILL = """
with made as (
    insert into customers (id, balances, due_at)
    select uuidv7(), jsonb_build_object('points', jsonb_build_object(
        'available', $1::bigint * $2::bigint, 'pending', 0, 'held', 0, 'floor', 0)), now() + interval '1 day'
    from generate_series(1, $3) returning id
), kept as (
    insert into lots (customer_id, lot_id, wallet, tx_id, remaining, active_at, expires_at, is_pending, held)
    select id, uuidv7(), 'points', uuidv7(), $2, now() - n * interval '1 minute',
        now() + interval '1 day' + (n % 365) * interval '1 day', false, 0
    from made, generate_series(1, $1) n
)
select id from made
"""


async def _redeem(rig: Rig, customers: deque[UUID], *, at_once: int, count: int) -> float:
    """Seconds of this process."""
    began = time.process_time()
    for _ in range(0, count, at_once):
        await asyncio.gather(*(rig.take(customers[place], TAKEN) for place in range(at_once)))
        customers.rotate(-at_once)
    return time.process_time() - began


async def run(*, at_once: Sequence[int], count: int, repeats: int) -> Iterable[str]:
    lines = []
    with throwaway_engines(settings={"shared_buffers": "256MB", "max_wal_size": "2GB"}) as engines:
        await asyncio.to_thread(upgrade, engines.database_url(), say=lambda _: None)
        owner = await asyncpg.connect(engines.database_url())
        people = {
            lots: deque(row[0] for row in await owner.fetch(_FILL, lots, UNITS, CUSTOMERS[lots])) for lots in LOTS
        }
        await owner.execute("vacuum analyze")
        postmaster = engines.postgres.pid
        if postmaster is None:
            raise RuntimeError("the server has ended")
        with tempfile.TemporaryDirectory() as directory:
            stage = Stage(
                database_url=engines.database_url(user="loyalty_app"),
                owner_url=engines.database_url(),
                redis_url=engines.redis_url,
                data_dir=Path(directory),
            )
            async with open_rig(stage) as rig:
                for many in at_once:
                    found: dict[int, list[tuple[float, float]]] = {lots: [] for lots in LOTS}
                    for _ in range(repeats):
                        for lots in LOTS:
                            before = postgres_seconds(postmaster)
                            python = await _redeem(rig, people[lots], at_once=many, count=count)
                            postgres = postgres_seconds(postmaster) - before
                            found[lots].append((python / count * 1e6, postgres / count * 1e6))
                    for lots, each in found.items():
                        python_us, postgres_us = sorted(each)[len(each) // 2]
                        lines.append(f"{many} at once, {lots} lots: {python_us:.0f} + {postgres_us:.0f} µs")
        await owner.close()
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", default="1,16")
    parser.add_argument("--count", type=int, default=128, help="redemptions of a run")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    at_once = [int(each) for each in options.at_once.split(",")]
    lines = uvloop.run(run(at_once=at_once, count=options.count, repeats=options.repeats))
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
