"""A backup of before an erasure is restored: who was erased since is erased there too, by the list that was kept."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from app import erasures_command
from app.config import CannotStart
from app.engines import ThrowawayEngines
from app.verification import findings
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, served_here, small_program

ROOT = Path(__file__).parents[2]
ASKED = {"asked_by": "authority", "asked_at": "2026-11-20T10:00:00+03:00", "ground": "ru_152fz"}


async def app(stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATABASE_URL": stage.database_url,
        "DATABASE_OWNER_URL": stage.owner_url,
        "REDIS_URL": stage.redis_url,
        "DATA_DIR": str(stage.data_dir),
    }
    command = [sys.executable, "-m", "app", "erasures", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def _name(stage: Stage) -> str:
    return stage.owner_url.split("/")[3].split("?")[0]


@pytest.fixture
async def restored(stage: Stage, engines: ThrowawayEngines) -> AsyncIterator[Stage]:
    """Where a backup of the stage will be: under another name, with the same secrets."""
    name = f"{_name(stage)}_restored"
    yield replace(
        stage,
        database_url=stage.database_url.replace(_name(stage), name),
        owner_url=stage.owner_url.replace(_name(stage), name),
    )
    await _run(engines, f"drop database if exists {name} with (force)")


async def _run(engines: ThrowawayEngines, statement: str) -> None:
    connection = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_who_was_erased_after_the_backup_is_erased_in_it(
    stage: Stage, restored: Stage, engines: ThrowawayEngines, tmp_path: Path
) -> None:
    key = await stage.key("admin")
    async with served_here(stage) as edge, client_of(edge) as http:
        desk = Desk(http, key)
        await desk.publish(small_program())
        early, late, kept = [await desk.register(phone=f"+7900555000{n}", name="Zinaida Quartz") for n in range(3)]
        await desk.good("POST", f"/v1/customers/{early}/erase")
    await _run(engines, f"create database {_name(restored)} template {_name(stage)}")
    async with served_here(stage) as edge, client_of(edge) as http:
        desk = Desk(http, key)
        newer = await desk.register(phone="+79005550009")
        for customer in (late, newer):
            await desk.good("POST", f"/v1/customers/{customer}/erase", ASKED)
    file = tmp_path / "erasures.jsonl"
    file.write_text((await app(stage, "list")).stdout)
    assert [json.loads(line)["customer"] for line in file.read_text().splitlines()] == [newer, late, early]

    with Redis.from_url(stage.redis_url) as redis:
        redis.flushall()  # A restored database has an identity of its own; one that is copied beside it has not.
    async with served_here(restored) as edge, client_of(edge) as http:
        desk = Desk(http, key)
        assert (await desk.good("GET", f"/v1/customers/{late}"))["name"] == "Zinaida Quartz"
        again = await app(restored, "reapply", str(file))
        assert (again.returncode, again.stdout) == (0, "")
        assert again.stderr.splitlines()[-1] == "erased 1; 1 had been, 1 are not in this database"
        seen = await desk.good("GET", f"/v1/customers/{late}")
        assert (seen["name"], seen["phone"], seen["erased_at"] is None) == (None, None, False)
        refused(
            await desk.post("/v1/customers/lookup", {"customer": {"phone": "+79005550001"}}), 404, "customer_not_found"
        )
        assert (await desk.good("GET", f"/v1/customers/{kept}"))["name"] == "Zinaida Quartz"
        (record, _) = (await desk.good("GET", "/v1/erasures"))["items"]
        assert {name: record[name] for name in ("customer", "asked_by", "ground")} == {
            "customer": late,
            "asked_by": "authority",
            "ground": "ru_152fz",
        }
        assert record["asked_at"] == "2026-11-20T07:00:00Z"
        twice = await app(restored, "reapply", str(file))
        assert twice.stderr.splitlines()[-1] == "erased 0; 2 had been, 1 are not in this database"
        log = await desk.good("GET", "/v1/audit-log?action=reapply_erasures")
        assert [row["details"]["erased"] for row in log["items"]] == [0, 1]
    assert await findings(restored.owner_url) == []


@pytest.mark.parametrize("text", ["x", "{}", '{"customer": "1"}', "[]", '{"customer": null, "ground": "gdpr_17"}'])
def test_what_is_no_list_of_erasures_is_refused_before_anybody_is_erased(
    stage: Stage, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "wrong.jsonl"
    good = '{"customer": "01890000-0000-7000-8000-000000000000", "asked_by": "customer", "ground": "gdpr_17"}'
    file.write_text(f"{good}\n\n{text}\n")
    with pytest.raises(CannotStart, match="line 3: not an erasure"):
        erasures_command.reapply(file, settings=stage.settings(), database_url="", redis_url=None)
    with pytest.raises(CannotStart, match="can't be read"):
        erasures_command.reapply(tmp_path / "none", settings=stage.settings(), database_url="", redis_url=None)
