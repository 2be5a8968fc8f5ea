"""What reading a customer costs behind the edge, in processor time. Run by hand: `python -m tests.cache.bench_reads`.

Handlers of a whole service on real PostgreSQL and Valkey, called by 32 tills at once, each for another customer of
1,000: balance, look-up and quote (a busy program of 20 rules, five lines), from the cache; after a purchase, whose
snapshot the round has put; with the cache emptied; and 32 tills asking about one customer whom the cache doesn't have.

Figures are microseconds a call (medians of short repeats), statements and cache scripts are counted: they do not depend
on who else uses the machine.
"""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from itertools import count
from operator import sub
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import asyncpg
import orjson
import uvloop
from redis.asyncio import Redis

from app.api.calls import Call
from app.api.operations import OPERATIONS
from app.engines import ThrowawayEngines, throwaway_engines
from app.flows.requests import Answer, Caller, Role, Write
from app.flows.service import Service
from app.storage import migrate
from app.wiring import open_service
from tests.domain.rules.bench_evaluate import BUSY, BUSY_LANES, GOODS
from tests.kit import Stage, small_program

CUSTOMERS, TILLS, WAVES = 1_000, 32, 60
_BY_NAME = {operation.name: operation for operation in OPERATIONS}
_TILL = Caller(key_id="bench", role=Role.ADMIN, shops=("S1",), terminal="T1")
_SERIAL = count(1)
_LUCK = Random(1)

Ask = Callable[[], Awaitable[Answer]]


def program() -> dict[str, Any]:
    """20 rules; points expire by the day, so that lots are as in a real shop."""
    return small_program(
        wallets={
            "points": {"value": 100, "expire_after_days": 365, "expire_round": "day"},
            "cashback": {"value": 1, "activate_after_days": 3},
        },
        redemption={"wallets": ["points"], "max_share": "0.30"},
        tiers=[{"id": "bronze", "from": 0}, {"id": "silver", "from": 1_000_000}, {"id": "gold", "from": 50_000_000}],
        lanes=BUSY_LANES,
        rules=[{"id": f"r{place}", **rule} for place, rule in enumerate(BUSY)],
    )


def basket() -> dict[str, Any]:
    lines = [
        {
            "id": str(place),
            "sku": f"sku{_LUCK.randrange(2_000)}",
            "name": f"Goods {place}",
            "category": _LUCK.choice(GOODS),
            "brand": _LUCK.choice("ABCDEFG"),
            "qty": _LUCK.randrange(1, 4),
            "price": _LUCK.randrange(50, 900) * 100,
        }
        for place in range(1, 6)
    ]
    return {"lines": lines, "payments": [{"method": "card", "amount": 100}]}


def asking(service: Service, name: str, document: Any = None, **params: str) -> Ask:
    """A call of an operation that has passed the edge."""
    operation = _BY_NAME[name]
    body = None if operation.body is None else operation.body.model_validate(document)
    query = operation.query()
    serial = f"b{next(_SERIAL)}"
    fingerprint = sha256(orjson.dumps([serial])).digest()[:16]

    def ask() -> Awaitable[Answer]:
        return operation.handler(
            Call(
                opened=service,
                caller=_TILL,
                params=params,
                query=query,
                body=body,
                document=document,
                raw=b"",
                phone_region="RU",
                is_russian=False,
                write=Write(_TILL, serial, fingerprint, serial) if operation.is_write else None,
            )
        )

    return ask


class Costs:
    """What others than this process spend: processor seconds of PostgreSQL and Valkey, statements, scripts."""

    def __init__(self, engines: ThrowawayEngines) -> None:
        self._engines = engines
        self.statements = 0

    def watch(self) -> None:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            setattr(asyncpg.Connection, name, self._counting(getattr(asyncpg.Connection, name)))

    def _counting(self, method: Any) -> Any:
        async def counted(*args: Any, **more: Any) -> Any:
            self.statements += 1
            return await method(*args, **more)

        return counted

    def seconds(self) -> tuple[float, float]:
        """Of PostgreSQL with all its children, of Valkey."""
        postgres, valkey = self._engines.postgres.pid, self._engines.valkey.pid
        mine = {postgres}
        total = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(") ")[2].split()
            except OSError:
                continue
            pid = int(path.parent.name)
            if pid in mine or int(fields[1]) in mine:
                total += int(fields[11]) + int(fields[12])
        fields = Path(f"/proc/{valkey}/stat").read_text().rpartition(") ")[2].split()
        hertz = os.sysconf("SC_CLK_TCK")
        return total / hertz, (int(fields[11]) + int(fields[12])) / hertz


async def measure(
    name: str, waves: Sequence[Sequence[Ask]], *, costs: Costs, redis: Redis, before: Callable[[], Awaitable[Any]]
) -> None:
    took = []
    told = [0.0] * 4  # Seconds of PostgreSQL and of Valkey, statements, scripts.
    for wave in waves:
        await before()
        costs.statements, scripts, spent = 0, await _scripts(redis), costs.seconds()
        start = process_time()
        for answer in await asyncio.gather(*(ask() for ask in wave)):
            assert answer.status in {200, 201}, answer.body
        took.append((process_time() - start) / len(wave))
        now = (*costs.seconds(), costs.statements, await _scripts(redis))
        told = [sum(pair) for pair in zip(told, map(sub, now, (*spent, 0, scripts)), strict=True)]
    calls = sum(len(wave) for wave in waves)
    postgres, valkey, statements, scripts_run = (each / calls for each in told)
    sys.stdout.write(
        f"{name:34} {statistics.median(took) * 1e6:6.0f} us Python  {postgres * 1e6:5.0f} us PostgreSQL"
        f"  {valkey * 1e6:5.0f} us Valkey  {statements:6.3f} statements  {scripts_run:6.3f} scripts\n"
    )
    sys.stdout.flush()


async def _scripts(redis: Redis) -> int:
    """Scripts run so far: every look at the cache is one."""
    told = await redis.info("commandstats")
    return sum(told.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval"))


async def furnish(service: Service) -> list[str]:
    """The program, and the customers' ids."""
    document = program()
    draft = Write(_TILL, "draft", bytes(16), "draft")
    await service.put_draft(draft, document, orjson.dumps(document))
    await service.publish(Write(_TILL, "publish", bytes(16), "publish"))
    ids = []
    for place in range(CUSTOMERS):
        body = {"phone": f"+7900{place:07d}", "name": "Anna", "birthday": "1980-05-17"}
        ids.append(str(orjson.loads((await asking(service, "register", body)()).body)["id"]))
    return ids


async def main(engines: ThrowawayEngines, directory: Path) -> None:
    stage = Stage(
        database_url=engines.database_url(user="loyalty_app"),
        owner_url=engines.database_url(),
        redis_url=engines.redis_url,
        data_dir=directory,
    )
    costs = Costs(engines)
    costs.watch()
    async with (
        Redis.from_url(stage.redis_url) as redis,
        open_service(
            stage.settings(), stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
        ) as service,
    ):
        ids = await furnish(service)

        def accrue(customer: str) -> Ask:
            body = {"customer": {"id": customer}, "receipt": {"number": f"N{next(_SERIAL)}"}, "basket": basket()}
            return asking(service, "accrue", body)

        def lookup(customer: str) -> Ask:
            return asking(service, "lookup", {"customer": {"phone": f"+7900{ids.index(customer):07d}"}})

        def quote(customer: str) -> Ask:
            return asking(service, "quote", {"customer": {"id": customer}, "basket": basket()})

        kinds = {"balance": lambda customer: asking(service, "balance", id=customer), "lookup": lookup, "quote": quote}

        async def nothing() -> None:
            return None

        async def run(name: str, what: Sequence[Sequence[Ask]], before: Callable[[], Awaitable[Any]] = nothing) -> None:
            await measure(name, what, costs=costs, redis=redis, before=before)

        def some(make: Callable[[str], Ask], waves: int = WAVES) -> list[list[Ask]]:
            return [[make(customer) for customer in _LUCK.sample(ids, TILLS)] for _ in range(waves)]

        async def everybody(make: Callable[[str], Ask]) -> None:
            for start in range(0, CUSTOMERS, TILLS):
                await asyncio.gather(*(make(customer)() for customer in ids[start : start + TILLS]))

        await everybody(accrue)
        await run("accrue", some(accrue, 20))
        await everybody(accrue)
        places = range(0, CUSTOMERS - TILLS, TILLS)
        await run("balance after a purchase", [[kinds["balance"](id_) for id_ in ids[s : s + TILLS]] for s in places])
        for name, make in kinds.items():
            await everybody(make)
            await run(f"{name}, from the cache", some(make))
            await run(f"{name}, missed", some(make), redis.flushall)
            await run(f"{name}, one customer missed", [[make(ids[7])] * TILLS] * WAVES, redis.flushall)


if __name__ == "__main__":
    with throwaway_engines() as running, tempfile.TemporaryDirectory() as folder:
        migrate.upgrade(running.database_url(), say=lambda _: None)
        uvloop.run(main(running, Path(folder)))
    sys.exit(0)
