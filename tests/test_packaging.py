"""What is shipped beside the code: locks, the image, the composition, the licence, what CI runs."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from app.config import describe_settings
from app.engines.postgres import SUPERUSER
from app.engines.throwaway import throwaway_engines
from app.storage.engine import Database
from app.storage.migrate import upgrade, weakness
from app.verification import findings

ROOT = Path(__file__).parent.parent
LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-uv.txt"]


def requirements(name: str) -> dict[str, list[str]]:
    """The locked `name==version` by package, each with the hashes of its files."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (ROOT / name).read_text().splitlines():
        if pinned := re.match(r"^([a-z0-9][a-z0-9._\[\]-]*==\S+)", line):
            current = found.setdefault(pinned[1], [])
        current += re.findall(r"--hash=(sha256:[0-9a-f]{64})", line)
    return found


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and arguments, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_names_no_host(name: str) -> None:
    locked = requirements(name)
    assert locked
    assert all(locked.values())
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|-e|\.|/)", text, re.MULTILINE)


def test_the_development_set_holds_the_runtime_set_at_the_same_versions() -> None:
    assert requirements("requirements.txt").items() <= requirements("requirements-dev.txt").items()


def test_locks_that_carry_addresses_are_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"uv.lock", "pylock.toml", ".venv/", ".data/", "secrets/"} <= set(ignored)
    assert not (ROOT / "uv.lock").exists()


def test_the_image_is_built_in_stages_and_runs_as_a_number_that_is_not_root() -> None:
    instructions = dockerfile()
    starts = [index for index, (word, _) in enumerate(instructions) if word == "FROM"]
    assert len(starts) == 3
    final = instructions[starts[-1] :]
    user = next(argument for word, argument in final if word == "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert not any(word == "RUN" for word, _ in final[final.index(("USER", user)) :])
    installs = " ".join(argument for word, argument in instructions if word == "RUN" and "install" in argument)
    assert installs.count("--require-hashes") == 4  # uv and the packages, to run and to compile with.
    assert ("COPY", "--from=core /service/build /service/build") in final


def test_the_image_starts_the_service_and_asks_it_how_it_is() -> None:
    instructions = dict(dockerfile())
    assert json.loads(instructions["CMD"]) == ["python", "-m", "app", "serve"]
    check = json.loads(instructions["HEALTHCHECK"].partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    assert "/health/live" in check[2]
    compile(check[2], "HEALTHCHECK", "exec")


def test_the_image_takes_the_code_and_nothing_else() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert allowed[0] == "*"
    assert "loadtest/data" in allowed
    copied = [argument.split()[:-1] for word, argument in dockerfile() if word == "COPY" and "--from" not in argument]
    for source in (name for names in copied for name in names):
        assert f"!{source}" in allowed
        assert (ROOT / source).exists()


def test_every_container_is_read_only_without_capabilities_and_new_privileges() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name
        if "build" not in service and service["image"] != "kopilka":
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_the_composition_migrates_before_it_serves_and_keeps_passwords_in_files() -> None:
    services = compose()["services"]
    assert services["service"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["command"] == ["python", "-m", "app", "migrate"]
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert services["jobs"]["command"] == ["python", "-m", "app", "jobs"]
    assert services["postgres"]["image"].startswith("postgres:18")
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/superuser_password"
    assert {secret for service in services.values() for secret in service.get("secrets", ())} == set(
        compose()["secrets"]
    )


def test_only_the_migration_knows_the_database_s_owner_and_nobody_its_superuser() -> None:
    services = compose()["services"]
    known = {name: set(service.get("secrets", ())) for name, service in services.items()}
    passwords = {"superuser_password", "owner_password", "application_password"}
    assert known == {
        "service": {"DATABASE_URL"},
        "jobs": {"DATABASE_URL"},
        "migrate": {"DATABASE_URL", "DATABASE_OWNER_URL"},
        "postgres": passwords,
        "valkey": set(),
    }
    head = (ROOT / "compose.yaml").read_text().partition("\nname:")[0]
    urls = dict(re.findall(r"printf 'postgresql://(\w+):%s@[^>]*> secrets/(\w+)", head))
    assert urls == {"kopilka": "DATABASE_OWNER_URL", "loyalty_app": "DATABASE_URL"}
    assert services["postgres"]["environment"]["POSTGRES_USER"] not in urls


async def test_with_the_composition_s_roles_the_owner_migrates_and_the_application_serves() -> None:
    """On a server of its own, as it is when its image has made the database and runs the script."""
    script = (ROOT / "compose.roles.sql").read_text()
    with throwaway_engines() as engines:
        place = await _run(engines.database_url(), "show data_directory")  # The server's own user must read them.
        for name in ("owner_password", "application_password"):
            await _run(engines.database_url(), f"copy (select 'Vq7-nC2_wLr9-Tz4') to '{place}/{name}'")
        await _run(engines.database_url(), script.replace("/run/secrets", place))
        owner, app = (engines.database_url(user=user) for user in ("kopilka", "loyalty_app"))
        await asyncio.to_thread(upgrade, owner, say=lambda _: None)
        assert await asyncio.to_thread(weakness, owner) is None
        assert await asyncio.to_thread(weakness, app) is None
        database = Database(app)
        await database.open()
        try:
            async with database.connection() as connection:
                assert await connection.fetchval("select current_user::text") == "loyalty_app"
                assert await connection.fetchval("select array_agg(rolname::text) from pg_roles where rolsuper") == [
                    SUPERUSER
                ]
                assert await connection.fetchval("select has_table_privilege('entries', 'insert')")
                assert not await connection.fetchval("select has_table_privilege('entries', 'update')")
                assert not await connection.fetchval("select pg_has_role('kopilka', 'member')")
                assert await connection.fetchval("select has_table_privilege('loyalty_auditor', 'audit_tx', 'select')")
        finally:
            await database.close()
        assert await findings(app) == []


async def _run(url: str, statement: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        if statement.startswith("show "):
            return str(await connection.fetchval(statement))
        return str(await connection.execute(statement))
    finally:
        await connection.close()


def test_only_known_settings_are_set() -> None:
    known = {fact.name for fact in describe_settings()}
    services = compose()["services"]
    for name in ("service", "jobs", "migrate"):
        assert set(services[name]["environment"]) <= known
    instruction = dict(dockerfile())["ENV"]
    of_python = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert set(re.findall(r"(\w+)=", instruction)) <= known | of_python


def test_the_licence_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


def test_continuous_integration_does_nothing_else_than_check_and_test() -> None:
    commands = [
        line
        for line in (ROOT / ".ci" / "run").read_text().splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["make check", "make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
