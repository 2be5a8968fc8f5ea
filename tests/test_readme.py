"""README.md keeps its word: every command in it is run as it stands there, and every answer is the one it shows.

In a clone with a service that `make run` has started (see `tests.newcomer`). Ids, times, tokens and keys differ from
run to run: they are compared by their kind, all else by value. A member `"…"` in an answer stands for members left out.

Not run, only looked at: `make` targets other than `run` must be targets of the Makefile (`test` would run this test,
and `check` runs before it); of `docker` commands the files and services they name must exist, as no engine runs here.
Commands of the production section get a database and a cache of these tests; a service that README starts for the
world listens on the loopback only.
"""

import ast
import asyncio
import json
import re
import shlex
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
import typer
import yaml

from app.cli import cli
from app.config import describe_settings
from app.engines import ThrowawayEngines
from app.flows.post_round import Round
from tests import readme
from tests.newcomer import READY, Newcomer
from tests.readme import ROOT, Step

PYTHON = ".venv/bin/python -m app "
STEPS = readme.steps()
SECTIONS = list(dict.fromkeys(step.section for step in STEPS))
REST = "…"
WELL_SECONDS_MAX = 20.0
# What differs from run to run, by kind; the first that fits counts.
KINDS = {
    "an id": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "a time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "a token": r"[\w-]{40,}\.[\w-]{20,}",
    "a key": r"kpl_live_(\w{12}_[\w-]{43}\w{6}|…)",
    "a key's id": r"[0-9a-f]{12}",
}
# Connections of a process of ours, as long as it runs.
AT_WORK = "pg_stat_activity where application_name like 'kopilka/%' and datname = current_database()"
# Packages whose docstring is the map of their modules.
MAPS = ["app", "app/flows", "app/storage", "app/cache", "app/api", "app/domain", "app/domain/rules"]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    newcomer = Newcomer(tmp_path_factory.mktemp("newcomer"))
    try:
        yield newcomer
        newcomer.stop()
    finally:
        newcomer.close()


@pytest.fixture(scope="module")
def servers(engines: ThrowawayEngines, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the production section exports, by name: an empty database, a cache, a place for the secrets."""
    asyncio.run(execute(engines.database_url(), "create database readme"))
    return {
        "DATABASE_URL": engines.database_url(database="readme"),
        "REDIS_URL": engines.redis_url,
        "SECRETS_FILE": str(tmp_path_factory.mktemp("secrets") / "secrets.json"),
    }


@pytest.mark.parametrize("section", SECTIONS)
def test_the_commands_of_a_section_do_what_it_shows(section: str, newcomer: Newcomer, servers: dict[str, str]) -> None:
    try:
        for step in STEPS:
            if step.section == section:
                do(step, newcomer, servers)
    finally:
        newcomer.exported.clear()


def do(step: Step, newcomer: Newcomer, servers: dict[str, str]) -> None:
    """Runs a command, or what may be run of it; fails for one that none of these ways knows."""
    command = step.command
    if re.fullmatch(r"(\w+=\w+ )*make run", command):
        prices_a_basket(newcomer.serve(command), newcomer)
    elif command.startswith("make "):
        is_a_target(shlex.split(command)[1])
    elif re.match(r"[A-Z_]+=", command):
        newcomer.serve()
        assert newcomer.assign(command), command
    elif exported := re.fullmatch(r"export ([A-Z_]+)=\S+", command):
        newcomer.exported[exported[1]] = servers[exported[1]]
    elif command.startswith("curl "):
        newcomer.serve()
        if "/health/" in command:
            wait_until_well(f"http://127.0.0.1:{newcomer.port}")
        compare(step, newcomer.run(command))
    elif re.match(re.escape(PYTHON) + r"(serve|jobs)\b", command):
        runs_until_stopped(command.replace("--host 0.0.0.0", "--host 127.0.0.1"), newcomer, servers)
    elif command.startswith(PYTHON):
        compare(step, newcomer.run(command))
    elif command.startswith("docker compose "):
        is_composed(shlex.split(command)[2:])
    else:
        pytest.fail(f"README.md:{step.line}: no test runs {command}")


def prices_a_basket(call: str, newcomer: Newcomer) -> None:
    assert json.loads(newcomer.run(call))["state"] == "quoted"


def is_a_target(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert name in phony[1].split()
    assert re.search(rf"^{name}:", makefile, re.MULTILINE)


def runs_until_stopped(command: str, newcomer: Newcomer, servers: dict[str, str]) -> None:
    database = servers["DATABASE_URL"]
    with newcomer.another(command) as running:
        if command.startswith(PYTHON + "serve"):
            base = running.wait_for(READY).removeprefix(READY)
            wait_until_well(base)
            # Neither a demo program nor demo customers come into a database that was named.
            assert asyncio.run(count(database, "programs")) == 0
            assert asyncio.run(count(database, "customers")) == 0
        else:
            running.wait_until(lambda: asyncio.run(count(database, AT_WORK)) > 0, what="it is connected")


def wait_until_well(base: str) -> None:
    """On a busy machine the cache is late now and then, and the service `degraded` until it is asked again."""
    give_up = time.monotonic() + WELL_SECONDS_MAX
    while (told := how_it_is(base)) != "ok":
        assert time.monotonic() < give_up, told
        time.sleep(0.1)


def how_it_is(base: str) -> str:
    try:
        return str(httpx.get(base + "/health/ready").json()["status"])
    except httpx.TimeoutException:
        return "late"


def is_composed(words: list[str]) -> None:
    composition = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert (ROOT / "Dockerfile").is_file()
    if words[0] == "exec":
        assert words[1] in composition["services"]
        command: Any = typer.main.get_command(cli)
        assert words[2:5] == ["python", "-m", "app"]
        for word in words[5:7]:
            command = command.commands[word]
    else:
        assert words == ["up", "--build", "--detach"]
        assert composition["services"]["service"]["build"] == "."


def compare(step: Step, printed: str) -> None:
    """What was printed against what README shows, if it shows an answer."""
    if step.answer is None:
        return
    place = f"README.md:{step.answer.line}"
    if step.answer.language == "json":
        shown = json.loads(step.answer.text)
        assert trimmed(kinds(json.loads(printed)), shown) == without_rest(kinds(shown)), place
    else:
        assert printed.strip() == step.answer.text.strip(), place


def kinds(value: Any) -> Any:
    """The value with what differs from run to run replaced by its kind."""
    if isinstance(value, dict):
        return {name: kinds(member) for name, member in value.items()}
    if isinstance(value, list):
        return [kinds(member) for member in value]
    if isinstance(value, str):
        return next((kind for kind, form in KINDS.items() if re.fullmatch(form, value, re.ASCII)), value)
    return value


def trimmed(value: Any, shown: Any) -> Any:
    """The value without what README leaves out."""
    if isinstance(value, dict) and isinstance(shown, dict):
        return {
            name: trimmed(member, shown.get(name))
            for name, member in value.items()
            if REST not in shown or name in shown
        }
    if isinstance(value, list) and isinstance(shown, list) and len(value) == len(shown):
        return [trimmed(*pair) for pair in zip(value, shown, strict=True)]
    return value


def without_rest(shown: Any) -> Any:
    if isinstance(shown, dict):
        return {name: without_rest(member) for name, member in shown.items() if name != REST}
    return [without_rest(member) for member in shown] if isinstance(shown, list) else shown


def test_the_listed_metrics_are_those_that_are_served(newcomer: Newcomer) -> None:
    newcomer.serve()
    served = httpx.get(f"http://127.0.0.1:{newcomer.port}/metrics").text
    names = set(re.findall(r"^# TYPE (kopilka_\w+)", served, re.MULTILINE))
    assert set(re.findall(r"`(kopilka_\w+)`", readme.README.read_text(encoding="utf-8"))) == names


def test_the_diagram_shows_the_phases_of_a_round_in_their_order() -> None:
    phases = [name for name, member in vars(Round).items() if callable(member) and not name.startswith("_")]
    assert phases == ["glance", "claim", "lock", "read", "share", "decide", "write"]
    (diagram,) = [block for block in readme.blocks() if block.language == "mermaid"]
    told = re.findall(r": (\w+)", diagram.text)
    shown = [word for word in told if word in {*phases, "commit", "tell"}]
    assert shown == [*phases, "commit", "tell", "tell"]


def test_the_table_of_settings_is_that_of_the_service() -> None:
    facts = [(fact.name, fact.default or "-", fact.meaning) for fact in describe_settings()]
    assert readme.table("Settings") == facts


def test_the_table_of_commands_is_that_of_the_command_line() -> None:
    found: list[tuple[str, ...]] = []

    def visit(command: Any, *words: str) -> None:
        if isinstance(command, typer.core.TyperGroup):
            for name, inner in command.commands.items():
                visit(inner, *words, name)
        else:
            found.append((" ".join(words), " ".join((command.help or "").split())))

    visit(typer.main.get_command(cli))
    assert sorted(readme.table("Commands")) == sorted(found)


def test_links_lead_to_files() -> None:
    assert readme.links()
    assert [link for link in readme.links() if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("package", MAPS)
def test_a_package_s_map_names_all_its_modules(package: str) -> None:
    told = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or ""
    modules = {path.stem for path in (ROOT / package).glob("*.py")}
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    missing = (modules | folders) - {"__init__", "__main__", *re.findall(r"\w+", told)}
    assert not missing, f"{package}/__init__.py doesn't say what {', '.join(sorted(missing))} is for"


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def count(url: str, rows: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(f"select count(*) from {rows}"))
    finally:
        await connection.close()
