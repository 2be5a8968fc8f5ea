"""The master key is replaced while the service runs: nobody's data is lost, nothing is refused."""

import asyncio
import json
from functools import partial

import asyncpg
import orjson
import pytest
from redis import Redis

from app import master_command
from app.config import CannotStart
from app.flows import rewrap
from app.flows.failures import DatabaseGone
from app.storage.engine import Database
from app.storage.rewraps import RewrapsDatabase
from app.wrapped_keys import NAMED_BYTES, PLAIN_BYTES, MasterKeys, master_id
from tests.kit import Desk, Stage, client_of, served_here, small_program

NAME = "Zinaida Quartz"


async def add(stage: Stage) -> str:
    return await asyncio.to_thread(master_command.add, stage.settings(), stage.database_url)


async def rotate(stage: Stage) -> int:
    return await asyncio.to_thread(master_command.rotate, stage.settings(), stage.database_url)


async def drop(stage: Stage) -> int:
    """Half a minute passes in it, in which the cache forgets what was wrapped before."""

    def no_time(_: float) -> None:
        with Redis.from_url(stage.redis_url) as redis:
            redis.flushall()

    dropping = partial(master_command.drop, stage.settings(), stage.database_url, rest=no_time)
    return await asyncio.to_thread(dropping)


async def register(desk: Desk, count: int) -> list[str]:
    return [await desk.register(name=NAME) for _ in range(count)]


async def all_named(desk: Desk, customers: list[str]) -> bool:
    return all([(await desk.good("GET", f"/v1/customers/{each}"))["name"] == NAME for each in customers])


async def lengths(owner: asyncpg.Connection) -> set[int]:
    return {row[0] for row in await owner.fetch("select distinct octet_length(wrapped_key) from profiles")}


async def test_in_its_steps_nobody_meets_a_key_that_is_not_there(stage: Stage, owner: asyncpg.Connection) -> None:
    key = await stage.key("admin")
    async with served_here(stage) as edge, client_of(edge) as http:
        before = Desk(http, key)
        await before.publish(small_program())
        customers = await register(before, 5)
        assert await lengths(owner) == {PLAIN_BYTES}
        first = stage.keyring().master
        await add(stage)
        customers += await register(before, 1)
        async with served_here(stage) as edge_2, client_of(edge_2) as http_2:  # Restarted: opens both.
            both = Desk(http_2, key)
            customers += await register(both, 2)
            assert await all_named(both, customers)
            assert await all_named(before, customers[:6])
            assert await rotate(stage) == 8
            assert await lengths(owner) == {NAMED_BYTES}
            assert stage.keyring().master != first
            customers += await register(both, 2)  # By the key that was the first when it started.
            assert await all_named(both, customers)
            with pytest.raises(CannotStart, match="2 customers' keys need another master key"):
                await drop(stage)
            async with served_here(stage) as edge_3, client_of(edge_3) as http_3:  # Restarted once more.
                newest = Desk(http_3, key)
                customers += await register(newest, 1)
                assert await all_named(newest, customers)
                assert await all_named(both, customers)
                assert await rotate(stage) == 2
                assert await drop(stage) == 1
    assert stage.keyring().other_masters == ()
    async with served_here(stage) as edge, client_of(edge) as http:
        last = Desk(http, key)
        assert await all_named(last, customers)
        await last.good("PATCH", f"/v1/customers/{customers[0]}", {"email": "z@quartz.example"})
        assert await all_named(last, customers)


async def test_a_second_rotation_finds_what_the_first_has_left_without_a_name(stage: Stage) -> None:
    key = await stage.key("admin")
    customers: list[str] = []
    for _ in range(3):
        async with served_here(stage) as edge, client_of(edge) as http:
            desk = Desk(http, key)
            await desk.publish(small_program())
            assert await all_named(desk, customers)
            customers += await register(desk, 2)
        await add(stage)
        assert await rotate(stage) == len(customers)
        assert await drop(stage) == 1


class CutOff(RewrapsDatabase):
    """Loses its connection in the third batch."""

    batches = 0

    async def replace(self, pairs: object) -> None:
        self.batches += 1
        if self.batches == 3:
            raise DatabaseGone("cut off")
        await super().replace(pairs)  # type: ignore[arg-type]


async def test_cut_off_it_goes_on(stage: Stage, admin: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrap, "BATCH_MAX", 2)
    customers = await register(admin, 7)
    await add(stage)
    monkeypatch.setattr(master_command, "RewrapsDatabase", CutOff)
    with pytest.raises(CannotStart, match="a new run goes on"):
        await rotate(stage)
    monkeypatch.undo()
    assert await rotate(stage) == 3
    async with served_here(stage) as edge, client_of(edge) as http:
        assert await all_named(Desk(http, admin.key), customers)


async def test_changes_and_erasures_meanwhile_are_not_undone(
    stage: Stage, admin: Desk, owner: asyncpg.Connection
) -> None:
    customers = await register(admin, 3)
    await add(stage)
    keyring = stage.keyring()
    masters = MasterKeys(keyring)
    database = Database(stage.database_url)
    await database.open()
    try:
        keys = RewrapsDatabase(database, first=masters.id, length=NAMED_BYTES)
        read = await keys.batch(after=None, limit=10)
        await admin.good("POST", f"/v1/customers/{customers[0]}/erase")
        await admin.good("PATCH", f"/v1/customers/{customers[1]}", {"email": "new@quartz.example"})
        await keys.replace([(row, masters.rewrap(row.wrapped, row.customer_id)) for row in read])
    finally:
        await database.close()
    assert await owner.fetchval("select wrapped_key from profiles where customer_id = $1", customers[0]) is None
    async with served_here(stage) as edge, client_of(edge) as http:
        desk = Desk(http, admin.key)
        assert (await desk.good("GET", f"/v1/customers/{customers[1]}"))["email"] == "new@quartz.example"
        assert await all_named(desk, customers[1:])


async def test_what_can_not_be_is_said_in_one_line(stage: Stage, admin: Desk) -> None:
    await register(admin, 1)
    with pytest.raises(CannotStart, match="there is one master key"):
        await rotate(stage)
    await add(stage)
    with pytest.raises(CannotStart, match="has a next master key already"):
        await add(stage)
    await rotate(stage)
    path = stage.data_dir / "secrets.json"
    stored = json.loads(path.read_text())
    lost = stored.pop("master_former")
    path.write_text(json.dumps(stored))
    await admin.register(name=NAME)  # By the key that the file has lost.
    await add(stage)
    with pytest.raises(CannotStart, match="the keyring lacks"):
        await rotate(stage)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "master_former": [*stored["master_former"], *lost]}))
    assert await rotate(stage) == 2


async def test_who_is_registered_by_an_old_process_while_keys_are_dropped_is_not_lost(stage: Stage) -> None:
    key = await stage.key("admin")
    async with served_here(stage) as edge, client_of(edge) as http:
        old = Desk(http, key)
        await old.publish(small_program())
        await register(old, 1)
        await add(stage)
        assert await rotate(stage) == 1
        loop, made = asyncio.get_running_loop(), []

        def rest(_: float) -> None:
            made.extend(asyncio.run_coroutine_threadsafe(register(old, 1), loop).result())

        dropping = partial(master_command.drop, stage.settings(), stage.database_url, rest=rest)
        with pytest.raises(CannotStart, match="1 customers' keys need another master key"):
            await asyncio.to_thread(dropping)
    assert len(stage.keyring().other_masters) == 1
    async with served_here(stage) as edge, client_of(edge) as http:
        assert await all_named(Desk(http, key), made)


async def test_the_list_shows_no_key(stage: Stage, admin: Desk) -> None:
    await register(admin, 1)
    made = await add(stage)
    rows = [orjson.loads(row) for row in master_command.listed(stage.settings()).splitlines()]
    assert rows == [{"id": master_id(stage.keyring().master).hex(), "state": "first"}, {"id": made, "state": "other"}]
    await rotate(stage)
    log = await admin.good("GET", "/v1/audit-log?object=master-keys")
    assert [(row["action"], row["actor_kind"]) for row in log["items"]] == [
        ("rotate_master", "operator"),
        ("add_master", "operator"),
    ]
    assert log["items"][0]["details"] == {"master": made, "customers": 1}
