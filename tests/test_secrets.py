"""Secrets that are refused at a start, and those that never show: in logs, command lines, metrics, answers, errors."""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import BadSetting, Settings
from app.keyring import NAMES, BadKeyring, open_keyring
from app.weak_secrets import check_secrets, read_address
from tests.e2e.process_table import processes
from tests.kit import Stage, live, purchase

STRONG = "Vq7-nC2_wLr9-Tz4"
FAR = "postgresql://kopilka:{}@db.example:5432/kopilka"


def said(tmp_path: Path, **values: Any) -> list[str]:
    lines: list[str] = []
    check_secrets(Settings(data_dir=tmp_path, **values), say=lines.append)
    return lines


@pytest.mark.parametrize("name", ["database_url", "database_owner_url"])
@pytest.mark.parametrize(
    "password",
    [
        "kopilka",
        "KOPILKA",
        "postgres",
        "changeme",
        "short-1A",
        "mysecretpassword",
        "%70ostgrespostgres",
        "aaaaaaaaaaaaaaaa",
        "",
    ],
)
def test_a_password_that_anybody_would_try_is_refused_and_not_shown(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(BadSetting, match=f"setting {name.upper()} holds a password that") as refusal:
        said(tmp_path, **{name: FAR.format(password)})
    assert "\n" not in str(refusal.value)
    if len(password) > 8:
        assert password not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        FAR.format(STRONG),
        "postgresql://kopilka@db.example/kopilka",  # By a certificate.
        "postgresql://kopilka:kopilka@localhost/kopilka",
        "postgresql://kopilka:kopilka@127.0.0.1:6432/kopilka",
        "postgresql://kopilka:kopilka@[::1]:5432/kopilka",
        "postgresql://kopilka:kopilka@/kopilka?host=/run/postgresql",
    ],
)
def test_a_strong_password_or_one_that_the_machine_guards_will_do(tmp_path: Path, url: str) -> None:
    assert said(tmp_path, database_url=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kopilka:kopilka@localhost,db.example/kopilka",
        "postgresql://kopilka:kopilka@/kopilka?host=db.example",
        "postgresql:///kopilka?host=db.example&user=kopilka&password=kopilka",
        "postgresql://kopilka:kopilka@localhost/kopilka?host=db.example",
        "postgresql://kopilka:kopilka@127.0.0.1.example/kopilka",
    ],
)
def test_every_form_of_an_address_is_read(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSetting):
        said(tmp_path, database_url=url)


def test_a_cache_without_password_is_told_of(tmp_path: Path) -> None:
    assert "REDIS_URL names no password" in said(tmp_path, redis_url="redis://cache.example:6379/0")[0]
    for url in (
        f"redis://:{STRONG}@cache.example",
        f"redis://cache.example?password={STRONG}",
        "redis://127.0.0.1",
        "redis://:secret@127.0.0.1",
        "unix:///run/valkey.sock",
        "redis://localhost:6379",
    ):
        assert said(tmp_path, redis_url=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@cache.example:6379/0",
        "rediss://default:mysecretpassword@cache.example",
        "redis://kopilka-service:kopilka-service@10.0.0.7",
        "redis://cache.example?password=short-1A",
    ],
)
def test_a_cache_s_password_that_anybody_would_try_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSetting, match="setting REDIS_URL holds a password that") as refusal:
        said(tmp_path, redis_url=url)
    assert "secret" not in str(refusal.value).replace("REDIS_URL", "")


def test_a_password_that_the_driver_takes_from_the_environment_is_judged_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = "postgresql://kopilka@db.example/kopilka"
    monkeypatch.setenv("PGPASSWORD", "kopilka")
    with pytest.raises(BadSetting, match="PGPASSWORD holds a password that is the user's name"):
        said(tmp_path, database_url=far)
    with pytest.raises(BadSetting, match="PGPASSWORD"):
        said(tmp_path, database_url="postgresql://kopilka@127.0.0.1/kopilka", database_owner_url=far)
    assert said(tmp_path, database_url="postgresql://kopilka@127.0.0.1/kopilka") == []
    assert said(tmp_path, database_url=FAR.format(STRONG)) == []  # The address has its own.
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGUSER", "kopilka")
    with pytest.raises(BadSetting, match="is the user's name"):
        said(tmp_path, database_url="postgresql:///kopilka")
    monkeypatch.setenv("PGPASSWORD", STRONG)
    assert said(tmp_path, database_url=far) == []


@pytest.mark.parametrize(
    ("rows", "is_weak"),
    [
        ("db.example:5432:kopilka:kopilka:kopilka\n", True),
        ("*:*:*:*:changeme\n", True),
        (r"db.example:*:*:kopilka:short\:1A" + "\n", True),
        (f"db.example:*:*:kopilka:{STRONG}\n", False),
        (r"db.example:*:*:kopilka:ab\:cdefghijk\\l" + "\n", False),
        ("elsewhere.example:*:*:kopilka:kopilka\n", False),
        ("db.example:*:*:somebody:somebody\n", False),
        ("# *:*:*:*:changeme\n\nnonsense\n", False),
    ],
)
@pytest.mark.parametrize("by", ["PGPASSFILE", "option"])
def test_a_file_of_passwords_is_judged_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, rows: str, is_weak: bool
) -> None:
    path = tmp_path / "pgpass"
    path.write_text(rows)
    far = "postgresql://kopilka@db.example/kopilka"
    if by == "option":
        far += f"?passfile={path}"
    else:
        monkeypatch.setenv("PGPASSFILE", str(path))
    if is_weak:
        with pytest.raises(BadSetting, match=r"the file of passwords .*pgpass holds a password that"):
            said(tmp_path, database_url=far)
    else:
        assert said(tmp_path, database_url=far) == []


def test_an_address_knows_its_machine() -> None:
    assert read_address("redis://[::1]:6379/0").is_of_this_machine
    assert read_address("unix:///run/valkey.sock").is_of_this_machine
    assert not read_address("rediss://10.0.0.7").is_of_this_machine


def test_a_file_of_secrets_that_others_may_write_is_refused_and_one_they_may_read_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    open_keyring(path, data_dir=tmp_path)
    assert said(tmp_path) == []
    path.chmod(0o644)
    assert ["may be read by everybody" in line for line in said(tmp_path)] == [True]
    path.chmod(0o602)
    with pytest.raises(BadSetting, match="may be written by others"):
        said(tmp_path)


@pytest.mark.parametrize(
    "weak",
    [bytes(32), b"\xff" * 32, b"kopilka-" * 4, secrets.token_hex(16).encode(), b"0123456789012345678901234567890A"],
)
def test_a_key_that_somebody_made_by_hand_is_refused(tmp_path: Path, weak: bytes) -> None:
    path = tmp_path / "secrets.json"
    open_keyring(path, data_dir=tmp_path)
    stored = json.loads(path.read_text())
    stored["signing"] = base64.b64encode(weak).decode()
    path.write_text(json.dumps(stored))
    with pytest.raises(BadKeyring, match="the key signing is not random") as refusal:
        open_keyring(path, data_dir=tmp_path)
    assert stored["signing"] not in str(refusal.value)


def test_one_key_for_two_purposes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    open_keyring(path, data_dir=tmp_path)
    stored = json.loads(path.read_text())
    stored["cache"] = stored["master"]
    path.write_text(json.dumps(stored))
    with pytest.raises(BadKeyring, match="stands there twice"):
        open_keyring(path, data_dir=tmp_path)


def test_random_keys_are_never_called_weak(tmp_path: Path) -> None:
    for attempt in range(200):
        open_keyring(tmp_path / str(attempt) / "secrets.json", data_dir=tmp_path)


def command(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        check=False,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_no_setting_is_shown_and_no_failed_start_tells_one(tmp_path: Path) -> None:
    far = f"postgresql://kopilka:{STRONG}@127.0.0.1:1/kopilka"
    env = {
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": far,
        "REDIS_URL": f"redis://:{STRONG}@127.0.0.1:1",
        "LOG_LEVEL": "debug",
    }
    for words in (("settings",), ("serve", "--port", "0"), ("jobs",), ("migrate",), ("verify",)):
        ended = command(*words, **env)
        assert STRONG not in ended.stdout + ended.stderr, words
        assert ended.returncode == (0 if words == ("settings",) else 1)
    for line in ("migrate", "verify", "keys list", "load x.csv"):
        refused = command(*line.split(), DATA_DIR=str(tmp_path), DATABASE_URL=FAR.format("kopilka"))
        assert (refused.returncode, refused.stdout) == (1, ""), line
        assert "setting DATABASE_URL holds a password that is the user's name" in refused.stderr, line
    weak = command("serve", DATA_DIR=str(tmp_path), DATABASE_URL=FAR.format("kopilka"))
    assert (weak.returncode, weak.stdout) == (1, "")
    assert re.fullmatch(r"setting DATABASE_URL holds a password that is the user's name[^\n]*\n", weak.stderr)


async def test_a_service_at_work_shows_no_secret_at_any_level(stage: Stage) -> None:
    keyring = stage.keyring()
    stored = json.loads((stage.data_dir / "secrets.json").read_text())
    secret = {f"the key {name}": stored[name] for name in NAMES}
    secret |= {f"{name} in hex": getattr(keyring, name).hex() for name in NAMES}
    till = await stage.key("pos", shop="S1", terminal="T1")
    secret |= {"the till's key": till, "its last part": till.rpartition("_")[2], "the password": STRONG}
    url = stage.database_url.replace("loyalty_app@", f"loyalty_app:{STRONG}@")
    assert STRONG in url
    async with (
        live(stage, LOG_LEVEL="debug", DATABASE_URL=url) as service,
        httpx.AsyncClient(base_url=service.url) as http,
    ):
        headers = {"Authorization": f"Bearer {till}", "Idempotency-Key": "k-1"}
        bodies = (purchase({"phone": "+79001234567"}), {"basket": till})
        told = [(await http.post("/v1/accrue", json=body, headers=headers)).text for body in bodies]
        told += [(await http.get(path)).text for path in ("/metrics", "/openapi.json", "/health/ready")]
        told += [each.command for each in processes()]
        assert service.stop() == 0
    told += [service.log.read_text(), *(path.read_text() for path in stage.data_dir.rglob("*.log"))]
    assert any('"level":"debug"' in text or "request" in text for text in told)
    for name, value in secret.items():
        assert not [text for text in told if value in text], name
