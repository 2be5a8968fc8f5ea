"""Runs the migrations on one connection, in one transaction each, one runner at a time.

Two first starts at once both come here: the second waits for the first by an advisory lock and then finds nothing to
do.
"""

import asyncio
import os

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

_LOCK = 0x6B6F70696C6B61  # "kopilka": held by whoever is migrating.


def _migrate(connection: Connection) -> None:
    connection.execute(text(f"select pg_advisory_lock({_LOCK})"))
    connection.commit()
    try:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text(f"select pg_advisory_unlock({_LOCK})"))
        connection.commit()


async def _run(url: str) -> None:
    # The driver takes the plain address, with every option that libpq knows; SQLAlchemy's own spelling loses some.
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations ask the database what it can do: they have no offline form")

given = context.config.attributes.get("url") or os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
asyncio.run(_run(str(given)))
