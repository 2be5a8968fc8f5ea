"""Whether the database suits this release: its schema, brought there where it is ours, and its durability.

An embedded database is migrated by whoever starts it. A named one is migrated only by `migrate`: several instances and
releases may be working on it. A release works on the schema of the next one too (see migrations/), so one migration
ahead is a warning.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from app.addresses import without_password
from app.config import CannotStart
from app.engines import Addresses
from app.flows.failures import DatabaseGone
from app.storage.engine import Database, UnsafeDatabase
from app.storage.migrate import SchemaState, schema_state, upgrade, weakness

AHEAD_MAX = 1


class DatabaseUnfit(CannotStart):
    """The database can't be worked on; the line says what to do."""


def migrate_schema(addresses: Addresses, *, say: Callable[[str], None]) -> None:
    """Brings the schema to this release's, as the owner."""
    with _told(addresses.owner_url):
        upgrade(addresses.owner_url, say=say)
        check_schema(schema_state(addresses.owner_url), say=say)
        _warn(addresses.owner_url, say=say)
    say("the database's schema is up to date")


def prepare_schema(addresses: Addresses, *, say: Callable[[str], None]) -> None:
    """Migrates an embedded database, checks a named one; raises `DatabaseUnfit`."""
    if addresses.embedded:
        with _told(addresses.owner_url):
            upgrade(addresses.owner_url, say=say)
    with _told(addresses.database_url):
        check_schema(schema_state(addresses.database_url), say=say)
        _warn(addresses.database_url, say=say)


def _warn(url: str, *, say: Callable[[str], None]) -> None:
    if (line := weakness(url)) is not None:
        say(line)


def check_schema(state: SchemaState, *, say: Callable[[str], None]) -> None:
    """Refuses a schema that this release can't work on, warns of one that is newer."""
    if state.behind:
        raise DatabaseUnfit(
            f"the database is {_migrations(state.behind)} behind this release: run `python -m app migrate` first"
        )
    if state.ahead > AHEAD_MAX:
        raise DatabaseUnfit(f"the database is {_migrations(state.ahead)} ahead of this release: start a newer release")
    if state.ahead:
        say(f"warning: the database is {_migrations(state.ahead)} ahead of this release")


def check_durability(addresses: Addresses, *, allow_unsafe: bool) -> None:
    """Refuses a server whose settings would lose answered purchases, in one line and before any worker starts."""

    async def open_once() -> None:
        database = Database(addresses.database_url, allow_unsafe=allow_unsafe)
        await database.open()
        await database.close()

    try:
        asyncio.run(open_once())
    except (UnsafeDatabase, DatabaseGone) as error:
        raise DatabaseUnfit(str(error)) from None


def _migrations(count: int) -> str:
    return "one migration" if count == 1 else f"{count} migrations"


@contextmanager
def _told(url: str) -> Iterator[None]:
    """One line for a database that can't be reached or used."""
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DatabaseUnfit(f"the database {without_password(url)} cannot be used: {reason}") from None
