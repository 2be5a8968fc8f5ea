"""Whoever changes what was posted in a closed day is found, also if everything agrees with everything."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from app.config import CannotStart
from app.domain.ledger.audit import Check
from app.engines import ThrowawayEngines
from app.flows.ledger_roots import LedgerRoots
from app.storage.engine import Database
from app.storage.roots import RootsDatabase
from app.verification import findings, read_kept
from tests.e2e.held_clock import clock_of
from tests.kit import Desk, Stage, client_of, purchase, served_here, small_program
from tests.storage.plants.rooted import FIRST, PLANTS, SECOND

_NOON = datetime(2026, 11, 25, 9, tzinfo=UTC)
_ROOTED = "template_rooted"
_SERIAL = count(1)
_EXTRA = "019aff00-0000-7000-8000-00000000eeee"

Ids = dict[str, str]


def _stage(engines: ThrowawayEngines, name: str, data_dir: Path) -> Stage:
    return Stage(
        database_url=engines.database_url(user="loyalty_app", database=name),
        owner_url=engines.database_url(database=name),
        redis_url=engines.redis_url,
        data_dir=data_dir,
    )


async def _run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def close_days(stage: Stage) -> int:
    database = Database(stage.database_url)
    await database.open()
    try:
        return await LedgerRoots(RootsDatabase(database)).close_days()
    finally:
        await database.close()


@pytest.fixture(scope="module")
async def ids(engines: ThrowawayEngines, template: str, tmp_path_factory: pytest.TempPathFactory) -> Ids:
    """Two closed days and an open one; ids by name."""
    await _run(engines.database_url(database="postgres"), f"create database {_ROOTED} template {template}")
    stage = _stage(engines, _ROOTED, tmp_path_factory.mktemp("rooted"))
    found: Ids = {"extra": _EXTRA}
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        await Desk(http, await stage.key("admin")).publish(small_program())
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        for name in ("anna", "boris", "vera"):
            found[name] = await till.register()
        for day, sold in enumerate(("anna1 boris1 boris2 nobody1", "anna2 vera1 nobody2", "anna3")):
            await clock.hold(_NOON + timedelta(days=day))
            for name in sold.split():
                customer = found.get(name[:-1])
                found[name] = (await till.good("POST", "/v1/accrue", purchase(customer)))["tx_id"]
        assert await close_days(stage) == 2
        await clock.connection.execute("drop schema held cascade")
    return found


@pytest.fixture
async def rooted(engines: ThrowawayEngines, ids: Ids, tmp_path: Path) -> AsyncIterator[Stage]:
    """A copy of those days."""
    server, name = engines.database_url(database="postgres"), f"rooted_{next(_SERIAL)}"
    await _run(server, f"create database {name} template {_ROOTED}")
    yield _stage(engines, name, tmp_path)
    await _run(server, f"drop database {name} with (force)")


def _named(ids: Ids, text: str) -> str:
    return re.sub(r"(?<![\w:]):([a-z]+\d?)", lambda name: f"'{ids[name[1]]}'", text)


async def _plant(stage: Stage, ids: Ids, sql: str) -> None:
    await _run(stage.owner_url, f"set session_replication_role = replica; {_named(ids, sql)}")


async def _kept(stage: Stage) -> dict[date, bytes]:
    connection = await asyncpg.connect(stage.owner_url)
    try:
        return {row["day"]: row["root"] for row in await connection.fetch("select day, root from ledger_roots")}
    finally:
        await connection.close()


async def test_days_that_were_closed_are_right(rooted: Stage, ids: Ids) -> None:
    kept = await _kept(rooted)
    assert sorted(str(day) for day in kept) == [FIRST, SECOND]
    assert await findings(rooted.owner_url, kept=kept) == []


@pytest.mark.parametrize("name", PLANTS)
async def test_what_was_changed_is_found_and_named(rooted: Stage, ids: Ids, name: str) -> None:
    plant = PLANTS[name]
    await _plant(rooted, ids, plant.sql)
    found = await findings(rooted.owner_url)
    said = {(each.check, each.customer, each.tx, each.expected[:10]) for each in found}
    without_day = {each[:3] for each in said}
    for check, customer, tx, day in plant.told:
        who = tuple(each and _named(ids, each).strip("'") for each in (customer, tx))
        assert ((check, *who) in without_day) if day is None else ((check, *who, day) in said), said


def test_every_check_of_roots_has_an_error_planted_for_it() -> None:
    checks = {check for plant in PLANTS.values() for check, *_ in plant.told}
    assert {check for check in Check if check.startswith(("root_", "head_"))} - checks == {Check.ROOT_KEPT}


async def test_history_rewritten_whole_is_found_by_a_root_that_was_kept(rooted: Stage, ids: Ids) -> None:
    kept = await _kept(rooted)
    rewrite = """
        delete from entries where tx_id = :nobody1; delete from events where tx_id = :nobody1;
        delete from txs where tx_id = :nobody1; delete from purchases where id = :nobody1;
        delete from claims where answer_id = :nobody1; delete from ledger_heads; delete from ledger_roots
    """
    await _plant(rooted, ids, rewrite)
    async with clock_of(rooted) as clock:
        await clock.hold(_NOON + timedelta(days=2))
        assert await close_days(rooted) == 2
    assert await findings(rooted.owner_url) == []
    told = await findings(rooted.owner_url, kept=kept)
    assert [(each.check, each.expected) for each in told] == [
        (Check.ROOT_KEPT, f"{day}: {root.hex()}") for day, root in sorted(kept.items())
    ]


async def test_a_kept_root_of_a_day_that_is_gone_is_found(rooted: Stage, ids: Ids) -> None:
    (told,) = await findings(rooted.owner_url, kept={date(2026, 11, 24): bytes(32)})
    assert (told.check, told.found) == (Check.ROOT_KEPT, "no root of that day")


def test_kept_roots_are_read_as_they_are_written() -> None:
    assert read_kept([f"2026-11-21={'0a' * 32}", f"2026-11-22={'0B' * 32}"]) == {
        date(2026, 11, 21): b"\x0a" * 32,
        date(2026, 11, 22): b"\x0b" * 32,
    }
    for wrong in ("", "2026-11-21", "2026-11-21=", "2026-11-21=0a", f"20261121={'0a' * 32}", f"x={'0a' * 32}"):
        with pytest.raises(CannotStart, match="is no root"):
            read_kept([wrong])
    with pytest.raises(CannotStart, match="has two roots"):
        read_kept([f"2026-11-21={'0a' * 32}", f"2026-11-21={'0b' * 32}"])
