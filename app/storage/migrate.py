"""The schema: bring it to head, or say how far it is from there."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.storage.engine import APP_ROLE

_ROLE = """
select current_user::text, current_user = $1
    or (exists (select from pg_roles where rolname = $1) and pg_has_role(current_user, $1, 'member'))
"""
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """`behind` counts migrations the database lacks, `ahead` those that this release doesn't know."""

    current: str | None
    behind: int
    ahead: int


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def upgrade(owner_url: str, *, say: Callable[[str], None]) -> None:
    """Migrate to head. Safe to run twice, and twice at once."""
    before = schema_state(owner_url)
    if not before.behind:
        return
    say(f"migrating the database: {before.behind} to go")
    config = _config()
    config.attributes["url"] = owner_url
    command.upgrade(config, "head")


def schema_state(url: str) -> SchemaState:
    """How the database's schema relates to this release's migrations."""
    return asyncio.run(read_schema_state(url))


def weakness(url: str) -> str | None:
    """What is missing of the least rights that the service should work with, in one line; None: nothing."""
    return asyncio.run(_weakness(url))


async def _weakness(url: str) -> str | None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        me, is_usable = await connection.fetchrow(_ROLE, APP_ROLE)
    finally:
        await connection.close()
    if is_usable:
        return None
    return (
        f"warning: {me} could not make or join the role {APP_ROLE}, so the service works with {me}'s own rights: "
        f"as an administrator, create role {APP_ROLE} login; grant {APP_ROLE} to {me}; then migrate a fresh database"
    )


async def read_schema_state(url: str) -> SchemaState:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        exists = await connection.fetchval("select to_regclass('alembic_version') is not null")
        current = await connection.fetchval("select version_num from alembic_version") if exists else None
    finally:
        await connection.close()
    known = _revisions()
    if current is None:
        return SchemaState(None, behind=len(known), ahead=0)
    if current in known:
        return SchemaState(current, behind=known.index(current), ahead=0)
    return SchemaState(current, behind=0, ahead=_steps_ahead(current, known[0]))


def head() -> str:
    """The newest migration of this release."""
    return _revisions()[0]


def _revisions() -> list[str]:
    """This release's migrations, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def _steps_ahead(current: str, head: str) -> int:
    """Revisions are numbered one after another, so an unknown one tells how far ahead it is; an unreadable one counts
    as far.
    """
    return int(current) - int(head) if current.isdecimal() and head.isdecimal() and current > head else 2
