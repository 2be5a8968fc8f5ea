"""`python -m app people`: accounts made, listed, disabled, reset; nothing secret in a command line or the log."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app import people_command
from app.config import CannotStart
from app.flows.failures import Conflict
from app.storage.engine import Database
from tests.kit import Stage

ROOT = Path(__file__).parents[1]


async def app(stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": stage.database_url, "DATA_DIR": str(stage.data_dir)}
    command = [sys.executable, "-m", "app", "people", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


async def done(act: Any, stage: Stage, *arguments: str, **terms: str) -> Any:
    return await asyncio.to_thread(act, stage.database_url, *arguments, **terms)


async def test_an_account_is_kept_on_the_command_line(stage: Stage, owner: asyncpg.Connection) -> None:
    made = await app(stage, "create", "--login", "anna", "--role", "support")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told.keys() == {"id", "login", "role", "invitation"}
    (line,) = (await app(stage, "list")).stdout.splitlines()
    listed = json.loads(line)
    assert (listed["id"], listed["login"], listed["is_set_up"], listed["disabled_at"]) == (
        told["id"],
        "anna",
        False,
        None,
    )
    assert told["invitation"] not in line
    assert (await app(stage, "disable", told["id"])).returncode == 0
    assert await owner.fetchval("select disabled_at is not null and invitation is null from people")
    again = json.loads((await app(stage, "reset", told["id"])).stdout)
    assert again["invitation"] != told["invitation"]
    assert await owner.fetchval("select disabled_at is null from people")

    rows = await owner.fetch("select actor_kind, action, object, details::text from audit_log order by id")
    told_rows = [tuple(row)[:3] for row in rows if row["action"].endswith("_person")]
    assert told_rows == [
        ("operator", f"{deed}_person", f"people/{told['id']}") for deed in ("create", "disable", "reset")
    ]
    for invitation in (told["invitation"], again["invitation"]):
        assert not [row for row in rows if invitation in str(tuple(row))]
        assert not await owner.fetchval("select exists (select from people p where p::text like $1)", f"%{invitation}%")


@pytest.mark.parametrize(
    ("login", "role", "told"),
    [
        ("Anna", "support", "--login"),
        ("a", "support", "--login"),
        ("anna@example.com", "support", "--login"),
        ("anna", "pos", "--role"),
        ("anna", "ops", "--role"),
    ],
)
async def test_what_no_account_can_be_is_refused(stage: Stage, login: str, role: str, told: str) -> None:
    with pytest.raises(CannotStart, match=told):
        await done(people_command.create, stage, login=login, role=role)


async def test_whoever_is_not_there_can_not_be_changed(stage: Stage) -> None:
    for act in (people_command.disable, people_command.reset):
        with pytest.raises(CannotStart, match="there is no"):
            await done(act, stage, "p_000000000000")


async def test_a_database_that_lets_another_go_first_is_told_of_in_a_line(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Database) -> None:
        raise Conflict("serialization_failure")

    monkeypatch.setattr(Database, "connection", busy)
    with pytest.raises(CannotStart, match="at the moment: serialization_failure"):
        await done(people_command.listed, stage)
