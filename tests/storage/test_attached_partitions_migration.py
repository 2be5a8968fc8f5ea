"""Partitions that are attached: no others than those that were made as parts, and no till waits for them."""

import asyncio
import re

import asyncpg

from app.engines import ThrowawayEngines
from tests.kit import Desk, Stage, line, refund
from tests.storage.migrating import empty_database, made_ahead, migrated

PARENTS = ("events", "txs", "entries", "purchases", "answers")
_LAST = """
select max(inhrelid::regclass::text) from pg_inherits
where inhparent = $1::text::regclass and inhrelid::regclass::text ~ '_20'
"""
# What a partition is. Of a primary key `connoinherit` differs, and is asked by nobody: keys aren't inherited by it.
_SHAPE = (
    """select attnum, attname, format_type(atttypid, atttypmod), attnotnull, attstorage, attcompression, attstattarget,
        attinhcount, attislocal, attidentity, pg_get_expr(d.adbin, d.adrelid)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where attrelid = $1::text::regclass and attnum > 0 order by attnum""",
    """select conname, contype, pg_get_constraintdef(oid), coninhcount, conislocal,
        contype = 'p' or not connoinherit, convalidated, conparentid <> 0
    from pg_constraint where conrelid = $1::text::regclass order by conname""",
    """select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisvalid, p.inhparent::regclass::text
    from pg_index i left join pg_inherits p on p.inhrelid = i.indexrelid
    where i.indrelid = $1::text::regclass order by 1""",
    "select stxname from pg_statistic_ext where stxrelid = $1::text::regclass",
    "select tgname, pg_get_triggerdef(oid) from pg_trigger where tgrelid = $1::text::regclass order by tgname",
    """select relowner::regrole::text, relacl::text, reloptions::text, relpersistence, relispartition, relrowsecurity,
        relreplident, relam, reltablespace
    from pg_class where oid = $1::text::regclass""",
)


async def _last(owner: asyncpg.Connection, parent: str) -> str:
    name: str = await owner.fetchval(_LAST, parent)
    return name


async def _shape(owner: asyncpg.Connection, partition: str) -> list[list[str]]:
    """Of a partition, with every month in it called the same."""
    found = [await owner.fetch(query, partition) for query in _SHAPE]
    return [[re.sub(r"20\d\d_\d\d", "MONTH", repr(tuple(row))) for row in rows] for rows in found]


async def _bounds(owner: asyncpg.Connection, partition: str) -> tuple[str, str]:
    text = await owner.fetchval("select pg_get_expr(relpartbound, oid) from pg_class where relname = $1", partition)
    first, end = re.findall(r"'([^']+)'", text)
    return first, end


async def test_they_are_as_those_that_were_made_as_parts_there_and_back(engines: ThrowawayEngines) -> None:
    async with empty_database(engines, "attached_partitions") as url:
        await migrated(url, to="0008")
        owner = await asyncpg.connect(url)
        assert await made_ahead(owner, months=4) > 0
        parts = {parent: await _last(owner, parent) for parent in PARENTS}

        await migrated(url, to="0009")
        assert await made_ahead(owner, months=6) == 2 * len(PARENTS)
        attached = {parent: await _last(owner, parent) for parent in PARENTS}
        for parent in PARENTS:
            assert attached[parent] > parts[parent]
            assert await _shape(owner, attached[parent]) == await _shape(owner, parts[parent])

        await migrated(url, to="0008", back=True)
        assert await made_ahead(owner, months=7) == len(PARENTS)
        after = {parent: await _last(owner, parent) for parent in PARENTS}
        for parent in PARENTS:  # Month after month, without a gap and whoever made them.
            assert (await _bounds(owner, attached[parent]))[1] == (await _bounds(owner, after[parent]))[0]

        await migrated(url, to="0009")
        settings = await owner.fetchval("select proconfig from pg_proc where proname = 'ensure_partitions'")
        assert settings == ["search_path=public, pg_temp"]
        await owner.close()


async def test_tills_sell_and_take_back_while_a_coming_month_waits_for_the_relay(stage: Stage, till: Desk) -> None:
    customer = await till.register()
    relay, housekeeper, watcher = [await asyncpg.connect(stage.owner_url) for _ in range(3)]
    try:
        batch = relay.transaction()
        await batch.start()
        await relay.execute("lock table events in row exclusive mode")  # As its update does, with all partitions.
        making = asyncio.create_task(made_ahead(housekeeper, months=9))
        waits = "select exists (select from pg_locks where pid = $1 and not granted)"
        while not await watcher.fetchval(waits, housekeeper.get_server_pid()):
            assert not making.done()
            await asyncio.sleep(0.01)

        sold = await till.accrue(customer, line(price=10000))
        assert sold.status_code == 201
        back = await till.post(f"/v1/purchases/{sold.json()['id']}/returns", refund())
        assert back.status_code == 201
        assert await watcher.fetchval(waits, housekeeper.get_server_pid())  # It waited all the while.
        await batch.rollback()
        assert await making > 0
    finally:
        for connection in (relay, housekeeper, watcher):
            await connection.close()
