"""What nobody searches by has no statistics, in partitions of today and in those to come; there and back."""

import asyncpg

from app.engines import ThrowawayEngines
from tests.storage.migrating import empty_database, made_ahead, migrated

_WITHOUT = """
select c.relname as partition, array_agg(a.attname::text order by a.attnum) as names
from pg_inherits i join pg_class c on c.oid = i.inhrelid
left join pg_attribute a on a.attrelid = c.oid and a.attstattarget = 0
where i.inhparent = 'purchases'::regclass group by 1
"""
_UNREAD = ["answer", "basket", "verdicts", "lines", "uses"]


async def _without_statistics(owner: asyncpg.Connection) -> dict[str, list[str | None]]:
    return {row["partition"]: row["names"] for row in await owner.fetch(_WITHOUT)}


async def test_partitions_of_today_and_of_later_there_and_back(engines: ThrowawayEngines) -> None:
    async with empty_database(engines, "unread_columns") as url:
        await migrated(url, to="0007")
        owner = await asyncpg.connect(url)
        before = await _without_statistics(owner)
        assert "purchases_other" in before
        assert set(map(tuple, before.values())) == {(None,)}

        await migrated(url, to="0008")
        assert await made_ahead(owner, months=8)
        after = await _without_statistics(owner)
        assert len(after) > len(before)
        assert all(names == _UNREAD for names in after.values())

        await migrated(url, to="0007", back=True)
        assert await made_ahead(owner, months=10)
        again = await _without_statistics(owner)
        assert len(again) > len(after)
        assert set(map(tuple, again.values())) == {(None,)}

        await migrated(url, to="0008")
        assert all(names == _UNREAD for names in (await _without_statistics(owner)).values())
        await owner.close()


async def test_a_partition_keeps_its_guards(owner: asyncpg.Connection) -> None:
    assert await made_ahead(owner, months=8)
    guards = await owner.fetch(
        "select c.relname, array_agg(t.tgname::text order by t.tgname) as names from pg_trigger t "
        "join pg_class c on c.oid = t.tgrelid where c.relname ~ '^(txs|entries)_20' and not t.tgisinternal group by 1"
    )
    kinds = {row["relname"].split("_")[0]: tuple(row["names"]) for row in guards}
    assert kinds == {"txs": ("append_only",), "entries": ("append_only", "balanced")}
