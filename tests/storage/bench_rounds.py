"""What a round costs, the storage alone: `python -m tests.storage.bench_rounds [--sizes 1,8,32,64] [--json]`.

A real PostgreSQL of our own settings, durable; rounds of purchases that are decided beforehand go through the round's
statements. For each size: µs a purchase of this process (the driver and what prepares its arrays), of PostgreSQL
(processor time of all its processes), of the clock, and bytes of WAL; then each statement's µs a call. Two trees are
compared by running this file in each, one after the other, several times: only ratios of one sitting mean something.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import uvloop
from uuid_utils.compat import uuid7

from app.domain.counters import Back, Scope
from app.domain.identifiers import LotId, TxId
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.lots import Lot
from app.domain.ledger.plans import Chained
from app.domain.ledger.postings import Entry, Origin, Posting
from app.domain.ledger.purchase_states import LineState, Uses, UseState
from app.engines.throwaway import throwaway_engines
from app.flows.ledger_port import Changes, NewClaim, NewPurchase, Patron
from app.storage.engine import Database
from app.storage.ledger import LedgerDatabase
from app.storage.migrate import upgrade

CUSTOMERS = 5_000
# As a purchase of five lines and twenty rules has them: bytes of the answer, the basket, the verdicts.
ANSWER, BASKET, VERDICTS = 2_909, 862, 1_141
_FILL = f"""
create extension if not exists pg_stat_statements;
insert into customers (id) select uuidv7() from generate_series(1, {CUSTOMERS});
insert into profiles (customer_id, sealed) select id, sha256(id::text::bytea) from customers;
analyze
"""
_STATEMENTS = r"""
select calls, (total_exec_time * 1000 / calls)::int as run_us, (total_plan_time * 1000 / calls)::int as plan_us,
    (wal_bytes / calls)::int as wal, substr(regexp_replace(query, '\s+', ' ', 'g'), 1, 60) as query
from pg_stat_statements where calls > 20 order by total_exec_time desc
"""
_BYTES = r"""
select regexp_replace(c.relname, '_(\d{4}_\d\d|[0-3])', '') as name,
    sum(pg_relation_size(c.oid) + coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0))::bigint
        / (select count(*) from purchases) as bytes
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'i')
group by 1 having sum(pg_relation_size(c.oid)) > 500000 order by 2 desc
"""
_LONG = {"shared_buffers": "256MB", "max_wal_size": "2GB", "pg_stat_statements.track": "all"}


@dataclass(slots=True)
class Cost:
    """Of so many purchases, in seconds and bytes."""

    purchases: int = 0
    python: float = 0.0
    postgres: float = 0.0
    wall: float = 0.0
    wal: int = 0

    def each(self) -> dict[str, int]:
        n = self.purchases
        return {
            "python_us": int(self.python * 1e6 / n),
            "pg_us": int(self.postgres * 1e6 / n),
            "wall_us": int(self.wall * 1e6 / n),
            "wal": self.wal // n,
        }


def _text(size: int, seed: random.Random) -> bytes:
    """JSON-like: two fifths are left when it is compressed, as of a real answer."""
    words = [f'"rule":"{seed.randbytes(4).hex()}","units":{seed.randrange(9999)},"parts":[]' for _ in range(size // 40)]
    return ("{" + ",".join(words))[: size - 1].ljust(size - 1).encode() + b"}"


def _sale(patron: Patron, seed: random.Random, *, now: datetime, key: UUID, receipt: UUID) -> Changes:
    """One purchase of the patron, and the books after it."""
    book, tx_id = patron.book, TxId(uuid7())
    book.version += 1
    lot = Lot(LotId(uuid7()), "points", tx_id, 164, now, now + timedelta(days=365), False, is_new=True)
    book.add_lot(lot)
    book.purse("points").available += 164
    book.purse("cashback")
    book.progress.paid, book.progress.purchases = book.progress.paid + 50_000, book.progress.purchases + 1
    book.progress.last_purchase_at = book.updated_at = now
    book.head = seed.randbytes(32)
    entries = tuple(
        Entry(account, "points", amount, lot.id if account is Account.AVAILABLE else None, rule)
        for rule in ("base", "brand")
        for account, amount in ((Account.ISSUED, -82), (Account.AVAILABLE, 82))
    )
    origin = Origin(f"{key.hex[:12]}", "S1", "T1", f"R-{receipt.hex[:8]}", 7)
    posting = Posting(tx_id, TxKind.PURCHASE, book.customer_id, book.version, now, now, entries, origin)
    lines = [LineState(str(n), 2000, 10_000, {"points": 33}, {}) for n in range(1, 6)]
    uses = Uses(counts=[UseState(Scope.CUSTOMER, "rule/brand/max", "2026-11", 82, Back.SHARE, {"1": 40, "2": 42})])
    purchase = NewPurchase(
        tx_id, book.customer_id, "S1", "T1", 7, now, _text(ANSWER, seed), _text(BASKET, seed), _text(VERDICTS, seed),
        lines, uses, (), date(2026, 11, 24),
    )  # fmt: skip
    claims = [NewClaim(key, "k", seed.randbytes(16), tx_id), NewClaim(receipt, "r", None, tx_id)]
    return Changes(postings=[Chained(posting, book.head)], claims=claims, purchases=[purchase])


async def _round(store: LedgerDatabase, customers: Sequence[UUID], seed: random.Random, *, is_locked: bool) -> float:
    """One round of purchases; seconds of this process spent on what stands for deciding."""
    digests = [(uuid4(), uuid4()) for _ in customers]
    flat = [digest for pair in digests for digest in pair]
    if is_locked:
        async with store.round() as tx:
            taken = await tx.take([int.from_bytes(digest.bytes[:8], "big", signed=True) for digest in flat])
            await tx.read_known(claims=flat, identifiers=[], customers=customers)
            patrons = await tx.lock_patrons(sorted(set(customers)), wait=False)
            changes, seconds = _decided(patrons, customers, digests, seed, now=taken.now)
            await tx.write(changes)
    else:
        async with store.unlocked() as tx:
            seen = await tx.glance(claims=flat, identifiers=[], customers=customers, coupons=[])
            changes, seconds = _decided(seen.patrons, customers, digests, seed, now=seen.now)
            await tx.write(changes)
    return seconds


def _decided(
    patrons: Mapping[UUID, Patron],
    customers: Sequence[UUID],
    digests: Sequence[tuple[UUID, UUID]],
    seed: random.Random,
    *,
    now: datetime,
) -> tuple[Changes, float]:
    began = time.process_time()
    changes = Changes(patrons=list(patrons.values()))
    for customer_id, (key, receipt) in zip(customers, digests, strict=True):
        one = _sale(patrons[customer_id], seed, now=now.astimezone(UTC), key=key, receipt=receipt)
        changes.postings += one.postings
        changes.claims += one.claims
        changes.purchases += one.purchases
    return changes, time.process_time() - began


def postgres_seconds(postmaster: int) -> float:
    """Processor time of a server's processes that live."""
    total = 0
    for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        try:
            total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


async def measure(
    store: LedgerDatabase,
    owner: asyncpg.Connection,
    postmaster: int,
    *,
    size: int,
    seconds: float,
    seed: random.Random,
    is_locked: bool = False,
) -> Cost:
    """Rounds of one size, one after another."""
    customers = [row["id"] for row in await owner.fetch("select id from customers")]
    for _ in range(8):
        await _round(store, seed.sample(customers, size), seed, is_locked=is_locked)
    cost = Cost()
    wal = await owner.fetchval("select pg_current_wal_insert_lsn() - '0/0'")
    wall, python, postgres = time.perf_counter(), time.process_time(), postgres_seconds(postmaster)
    deciding = 0.0
    while time.perf_counter() < wall + seconds:
        deciding += await _round(store, seed.sample(customers, size), seed, is_locked=is_locked)
        cost.purchases += size
    cost.python = time.process_time() - python - deciding
    cost.wall = time.perf_counter() - wall - deciding
    cost.postgres = postgres_seconds(postmaster) - postgres
    cost.wal = int(await owner.fetchval("select pg_current_wal_insert_lsn() - '0/0'") - wal)
    return cost


async def run(*, sizes: Sequence[int], seconds: float, settings: Mapping[str, str]) -> dict[str, Any]:
    """By size of the rounds: what a purchase costs, and each statement's calls; then bytes a purchase by table."""
    with throwaway_engines(settings={**_LONG, **settings}) as engines:
        await asyncio.to_thread(upgrade, engines.database_url(), say=lambda _: None)
        owner = await asyncpg.connect(engines.database_url())
        await owner.execute(_FILL)
        database = Database(engines.database_url(user="loyalty_app"))
        await database.open()
        store, seed = LedgerDatabase(database), random.Random(5)
        postmaster = engines.postgres.pid
        if postmaster is None:
            raise RuntimeError("the server has ended")
        await measure(store, owner, postmaster, size=64, seconds=2, seed=seed)  # Rows are there, statements planned.
        found: dict[str, Any] = {}
        for size in sizes:
            for is_locked in (True, False):
                name = f"{size} {'under locks' if is_locked else 'at a glance'}"
                await owner.execute("select pg_stat_statements_reset()")
                cost = await measure(
                    store, owner, postmaster, size=size, seconds=seconds, seed=seed, is_locked=is_locked
                )
                found[name] = cost.each()
                found[f"statements of {name}"] = [dict(row) for row in await owner.fetch(_STATEMENTS)]
        found["bytes"] = {row["name"]: row["bytes"] for row in await owner.fetch(_BYTES)}
        await database.close()
        await owner.close()
    return found


def tell(found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, list):
            yield from ("    " + "  ".join(f"{key} {part}" for key, part in row.items()) for row in value)
        else:
            yield f"{name}: {value}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,8,32,64")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each size")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    settings = dict(each.split("=", 1) for each in options.set)
    found = uvloop.run(run(sizes=sizes, seconds=options.seconds, settings=settings))
    lines = [orjson.dumps(found).decode()] if options.json else tell(found)
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
