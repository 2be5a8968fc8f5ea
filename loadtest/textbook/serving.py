"""The textbook's database, made and filled, and its service in processes of its own."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import create_async_engine
from uuid_utils.compat import uuid7

from app.domain.ledger.terms import dates_of, wallet_terms
from app.domain.program import Program
from app.domain.programs.read import read_program
from loadtest.scenarios import Chain
from loadtest.textbook.tables import ApiKey, Base, Customer, Lot

DATABASE = "kopilka_textbook"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0
ROOT = Path(__file__).parents[2]


class TextbookFailed(Exception):
    """It didn't start; the text says why."""


@contextmanager
def serve(
    url: str, chain: Chain, program: Mapping[str, Any], *, workers: int, points: int = 0, wallet: str = "points"
) -> Iterator[int]:
    """The textbook's port, as long as it serves. Raises `TextbookFailed`.

    Args:
        url: of the server, as a role that may make databases; the textbook's own database is made anew beside it.
        chain: the tills' keys and the customers, as the generator has them.
        points: what each customer begins with in the wallet.
    """
    own = database_url(url, DATABASE)
    asyncio.run(fill(url, own, chain, read_program(program), points=points, wallet=wallet))
    environment = {
        **os.environ,
        "TEXTBOOK_URL": own,
        "TEXTBOOK_PROGRAM": json.dumps(program),
        "TEXTBOOK_WORKERS": str(workers),
        "COMPILED_CORE": "off",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest.textbook"], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    try:
        yield _port_of(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def database_url(url: str, name: str) -> str:
    """As SQLAlchemy writes it, another database of the same server."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="postgresql+asyncpg", path=f"/{name}"))


async def fill(url: str, own: str, chain: Chain, program: Program, *, points: int, wallet: str) -> None:
    """The database, its tables, the tills' keys and the customers, with statistics that the planner can use."""
    server = create_async_engine(database_url(url, urlsplit(url).path[1:]), isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(f"drop database if exists {DATABASE} with (force)"))
        await connection.execute(text(f"create database {DATABASE}"))
    await server.dispose()
    engine = create_async_engine(own)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(ApiKey), _keys(chain))
        await connection.execute(insert(Customer), _customers(chain, points=points, wallet=wallet))
        if points:
            await connection.execute(insert(Lot), _lots(chain, program, points=points, wallet=wallet))
        await connection.execute(text("analyze"))
    await engine.dispose()


def _keys(chain: Chain) -> list[dict[str, Any]]:
    return [
        {"key_hash": sha256(till.key.encode()).digest(), "shop": till.shop, "terminal": till.terminal}
        for till in chain.tills
    ]


def _customers(chain: Chain, *, points: int, wallet: str) -> list[dict[str, Any]]:
    return [
        {
            "id": UUID(customer.id),
            "phone": customer.phone,
            "card": customer.card,
            "version": 0,
            "paid": 0,
            "purchases": 0,
            "balances": {wallet: points} if points else {},
            "counters": {},
        }
        for customer in chain.customers
    ]


def _lots(chain: Chain, program: Program, *, points: int, wallet: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    active_at, expires_at = dates_of(wallet_terms(program.wallets[wallet]), now=now, at=now, zone=program.timezone)
    return [
        {
            "id": uuid7(),
            "customer_id": UUID(customer.id),
            "wallet": wallet,
            "remaining": points,
            "active_at": active_at,
            "expires_at": expires_at,
        }
        for customer in chain.customers
    ]


def _port_of(process: subprocess.Popen[bytes]) -> int:
    """Printed when the workers answer."""
    if process.stdout is None:
        raise ValueError("started without a pipe")
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS_MAX)
    line = process.stdout.readline() if ready else b""
    if not line.strip().isdigit():
        raise TextbookFailed("the textbook's service didn't start; it said why above")
    return int(line)
