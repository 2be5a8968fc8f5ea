"""`python -m app keys`: made, rotated, listed; what a key demands besides itself."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import key_command
from app.config import CannotStart
from app.domain.key_text import KeyEnv, may_be_key
from tests.api.test_signatures import TEST_KEY
from tests.kit import Stage

ROOT = Path(__file__).parents[1]
DIGEST = "AB:" * 31 + "AB"


async def app(stage: Stage, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m app keys …` on the stage's database."""
    environment = {**os.environ, "DATABASE_URL": stage.database_url, "DATA_DIR": str(stage.data_dir), **env}
    command = [sys.executable, "-m", "app", "keys", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


async def create(stage: Stage, **terms: object) -> dict[str, str]:
    given = {"role": "pos", "shops": ["S1"], "terminal": "T1", "partner": None, "signed_by": None}
    made = await asyncio.to_thread(
        lambda: key_command.create(
            stage.owner_url,
            env=KeyEnv.LIVE,
            **{**given, "certificate_sha256": None, **terms},  # type: ignore[arg-type]
        )
    )
    answer: dict[str, str] = json.loads(made)
    return answer


async def test_a_tills_key_is_exchanged_on_the_command_line(stage: Stage, tmp_path: Path) -> None:
    pem = tmp_path / "till.pem"
    pem.write_text(TEST_KEY)
    options = ("--role", "pos", "--shop", "S1", "--terminal", "T1", "--signed-by", str(pem))
    made = await app(stage, "create", *options, "--certificate-sha256", DIGEST, KEY_ENV="Test")
    assert made.returncode == 0, made.stderr
    first = json.loads(made.stdout)
    assert set(first) == {"id", "key", "role"}
    assert may_be_key(first["key"], env=KeyEnv.TEST)

    rotated = await app(stage, "rotate", first["id"])
    second = json.loads(rotated.stdout)
    assert second["id"] != first["id"]
    assert f"keys revoke {first['id']}" in rotated.stderr
    lines = (await app(stage, "list")).stdout.splitlines()
    one, other = (json.loads(line) for line in lines)
    assert (one["id"], other["id"]) == (first["id"], second["id"])
    same = ("role", "shops", "terminal", "partner", "signed_by", "certificate_sha256")
    assert [one[name] for name in same] == [other[name] for name in same]
    assert (one["signed_by"], one["certificate_sha256"]) == (TEST_KEY, "ab" * 32)
    assert one["last_used_at"] is None

    third = await app(stage, "rotate", second["id"])
    assert (third.returncode, third.stdout) == (1, "")
    assert f"revoke one of {first['id']}, {second['id']}" in third.stderr
    assert (await app(stage, "revoke", first["id"])).returncode == 0
    refused = await app(stage, "rotate", first["id"])
    assert refused.stderr.strip() == f"there is no live key {first['id']}"
    assert (await app(stage, "rotate", second["id"])).returncode == 0


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        ({"role": "cashier"}, "is not a valid Role"),
        ({"shops": []}, "--shop: a pos key needs a shop"),
        ({"shops": ["S1", "S2"]}, "--shop: a pos key has one shop"),
        ({"terminal": None}, "--terminal: a pos key needs a terminal"),
        ({"terminal": "T 1"}, "--terminal: must be 1 to 64 printable"),
        ({"role": "ops"}, "--shop: a ops key belongs to a person"),
        ({"certificate_sha256": "ab"}, "--certificate-sha256 must be 64"),
        ({"signed_by": "/nowhere.pem"}, "--signed-by /nowhere.pem can't be read"),
        ({"signed_by": __file__}, "must be a public key in PEM"),
    ],
)
async def test_what_no_key_can_be_is_said_in_a_line(stage: Stage, terms: dict[str, object], line: str) -> None:
    with pytest.raises(CannotStart) as refused:
        await create(stage, **terms)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_terminals_third_key_is_refused(stage: Stage) -> None:
    first, second = await create(stage), await create(stage)
    with pytest.raises(CannotStart, match=f"2 live keys: revoke one of {first['id']}, {second['id']}"):
        await create(stage)
    await create(stage, terminal="T2")
