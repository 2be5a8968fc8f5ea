"""Connections to PostgreSQL: pools that refuse unsafe servers, open transactions, and translate the driver's errors
once.

Small rounds (a glance and a write, `app.flows.post_round`) have connections of their own, where each statement is
planned once, and again when its tables' statistics change: for arrays of any length and by indexes (the tests of plans
look at exactly these). Left to itself PostgreSQL plans what takes arrays anew each time, since for the few that it sees
a plan looks cheaper than for the ten that it guesses: 400 µs for what a small round reads, which then takes 100 to run.
And a plan kept from an hour in which a table was empty would read all of what it has become. No list or report goes
there: those are planned for what they ask. PostgreSQL's processes behind them work only while a round waits, so where
they are on this machine they stay on the processor of a worker that stays on one (`app.processors` has the figures).
Those of the other pool run anywhere: a list or a report would be in the tills' way.

The driver is asyncpg itself, not SQLAlchemy's wrapper: a round is a handful of prepared array statements, and the
wrapper's cost comes with each of them. SQLAlchemy stays where it serves: migrations. No statement here depends on
session state, so a connection goes back to the pool without the usual round trip of resets.

Bounds, in milliseconds: a round needs some 10; a statement may wait for a lock as long as a till's cashier barely
notices; whatever holds a lock on a connection that was cut off is over after TRANSACTION_MS, so that a customer is free
within 6 seconds (PostgreSQL 17 and newer; older ones end it after IDLE_MS once they notice).

A server that says nothing is given up after PATIENCE_SECONDS, whatever it was asked: the connection is broken off,
since the driver would wait as long again for an answer to its cancellation, and so are all that were idle beside it.
"""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg

from app import processors
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone, DatabaseSilent
from app.flows.rounds import IN_FLIGHT_MAX

APP_ROLE = "loyalty_app"
LOCK_MS = 1_500
STATEMENT_MS = 3_500
IDLE_MS = 4_000
TRANSACTION_MS = 4_500
CONNECT_SECONDS = 2.0
# For a whole transaction, the wait for a connection included: a request that has waited 2 seconds for its round has its
# answer in 6.
PATIENCE_SECONDS = 3.5
# Two rounds in flight, and reads beside them.
POOL_MIN, POOL_MAX = 2, 12
# Small rounds in flight. With these it is fourteen of PostgreSQL's usual hundred a worker.
GLANCES_MIN, GLANCES_MAX = 0, IN_FLIGHT_MAX
FULL_SECONDS = 1.0  # A server that had no room for one more connection isn't asked for one by each small round.
STATEMENTS_MAX = 100  # A connection keeps prepared, the least used go.
_PEER = struct.Struct("iII")  # Who is at a socket's other end, as Linux says it: process, user, group.
_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}

Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy

# The connection is of no use any more, and those beside it may not be either.
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.exceptions.TransactionTimeoutError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)
# The server wonders at what it was asked. It may be what the connection remembers: types that were dropped and made
# again (a dump restored, a migration taken back) have other numbers. So whoever tries again has a connection made anew.
_OUTDATED = asyncpg.InternalServerError
# It will do again when there is room: on disk, in memory, for another session.
_EXHAUSTED = (asyncpg.InsufficientResourcesError,)
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.TransactionRollbackError)

# What would lose purchases that were already answered.
_UNSAFE = """
select name from pg_settings
where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
order by name
"""
_WHO = """
select (select string_agg(quote_ident(name), ', ') from unnest(current_schemas(false)) name) as schemas,
    current_user <> $1 and exists (select from pg_roles where rolname = $1)
        and pg_has_role(current_user, $1, 'member') as may_step_down
"""
_IDENTITY = """
select s.system_identifier::text || '-' || c.timeline_id::text from pg_control_system() s, pg_control_checkpoint() c
"""


class UnsafeDatabase(Exception):
    """The server's settings would lose acknowledged purchases; `str()` is one line that says which."""


class Database:
    """The connections of one process, in two pools. `instance` names the process in `pg_stat_activity`."""

    def __init__(self, url: str, *, allow_unsafe: bool = False) -> None:
        self._url = url
        self._allow_unsafe = allow_unsafe
        self._pool: asyncpg.Pool | None = None
        self._glances: asyncpg.Pool | None = None
        self._settings: dict[str, str] = {}
        self._is_full_until = 0.0
        self.instance = uuid4().hex[:12]
        self.identity = ""

    async def open(self) -> None:
        """Connect, check the server, make the pools.

        Raises:
            DatabaseGone: there is no server, or it refuses us.
            UnsafeDatabase: its settings would lose purchases.
        """
        self._settings = await self._probe()
        with _translated():
            self._pool = await self._pool_of(POOL_MIN, POOL_MAX, self._settings, init=self._note_identity)
            self._glances = await self._pool_of(
                GLANCES_MIN,
                GLANCES_MAX,
                self._settings | _PLANNED_ONCE,
                init=self._begin_glances,
                connection_class=_GlanceConnection,
            )

    async def close(self) -> None:
        pools = [pool for pool in (self._pool, self._glances) if pool is not None]
        self._pool = self._glances = None
        await asyncio.gather(*map(_close, pools))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction, committed when the block ends well.

        Raises:
            DatabaseGone, DatabaseBusy, Conflict
        """
        async with self.connection() as connection, transaction_on(connection):
            yield connection

    @asynccontextmanager
    async def unhurried(self) -> AsyncIterator[Connection]:
        """One transaction on a connection of its own that no limit of time ends: for the few writes that go over very
        many rows. Locks are waited for no longer than elsewhere.

        Raises:
            DatabaseGone, DatabaseBusy, Conflict
        """
        limits = ("statement_timeout", "transaction_timeout")
        settings = {name: "0" if name in limits else value for name, value in self._settings.items()}
        with _translated():
            connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, server_settings=settings)
            try:
                async with connection.transaction():
                    yield connection
            finally:
                connection.terminate()  # What was committed stays; a broken one would not close politely.

    @asynccontextmanager
    async def connection(self, *, is_glance: bool = False) -> AsyncIterator[Connection]:
        """A connection for statements that each stand alone. is_glance: one of small rounds, where plans are kept.

        Raises:
            DatabaseGone, DatabaseBusy, Conflict
        """
        is_lent = False
        try:
            with _translated():
                async with asyncio.timeout(PATIENCE_SECONDS):
                    pool, connection = await self._lend(is_glance=is_glance)
                    is_lent = True
                    try:
                        yield connection
                    except BaseException as error:
                        if _is_broken(error) or isinstance(error, _OUTDATED):
                            connection.terminate()
                        raise
                    finally:
                        await pool.release(connection)
        except DatabaseGone as gone:
            # Who has waited in vain for a connection knows nothing of the server: it waited for others.
            has_asked = is_lent or not isinstance(gone, DatabaseSilent)
            if has_asked and not isinstance(gone.__cause__, _EXHAUSTED):
                await self._expire()
            raise
        except _OUTDATED:
            await self._expire()
            raise

    async def _lend(self, *, is_glance: bool) -> tuple[asyncpg.Pool, Connection]:
        """A connection, and the pool that it goes back to."""
        if self._pool is None or self._glances is None:
            raise DatabaseGone("the pools are closed")
        if is_glance and (time.monotonic() >= self._is_full_until or self._glances.get_idle_size()):
            try:
                return self._glances, await self._glances.acquire()
            except _EXHAUSTED:  # The server has no room for one more: of the others some are there.
                self._is_full_until = time.monotonic() + FULL_SECONDS
        return self._pool, await self._pool.acquire()

    async def _expire(self) -> None:
        """All connections are made anew on their next use."""
        for pool in (self._pool, self._glances):
            if pool is not None:
                await pool.expire_connections()

    async def _pool_of(
        self,
        least: int,
        most: int,
        settings: dict[str, str],
        *,
        init: Callable[[Any], Awaitable[None]],
        connection_class: type[asyncpg.Connection] = asyncpg.Connection,
    ) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            self._url,
            min_size=least,
            max_size=most,
            # Prepared statements stay; a fresh backend now and then bounds its memory.
            max_queries=1_000_000,
            max_cached_statement_lifetime=0,
            statement_cache_size=STATEMENTS_MAX,
            max_inactive_connection_lifetime=0,
            command_timeout=PATIENCE_SECONDS,
            timeout=CONNECT_SECONDS,
            server_settings=settings,
            init=init,
            connection_class=connection_class,
            reset=_keep,
        )

    async def _probe(self) -> dict[str, str]:
        """The settings that connections are opened with, after a look at the server by a first one."""
        settings = {
            "application_name": f"kopilka/{self.instance}",
            "timezone": "UTC",
            "jit": "off",
            "lock_timeout": str(LOCK_MS),
            "statement_timeout": str(STATEMENT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_MS),
            "client_connection_check_interval": "1000",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "3",
        }
        with _translated():
            connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, command_timeout=PATIENCE_SECONDS)
            try:
                unsafe = [row["name"] for row in await connection.fetch(_UNSAFE)]
                who = await connection.fetchrow(_WHO, APP_ROLE)
                version = connection.get_server_version()
            finally:
                await connection.close(timeout=CONNECT_SECONDS)
        if unsafe and not self._allow_unsafe:
            raise UnsafeDatabase(
                f"the database runs with {' and '.join(unsafe)} off and would lose answered purchases "
                "(ALLOW_UNSAFE_DATABASE=true starts anyway)"
            )
        if version.major >= 17:
            settings["transaction_timeout"] = str(TRANSACTION_MS)
        if who["schemas"] is not None:
            # As it is now, whoever the session's role will be, and temporary tables last: nobody's come before ours.
            settings["search_path"] = f"{who['schemas']}, pg_temp"
        if who["may_step_down"]:
            settings["role"] = APP_ROLE
        return settings

    async def _note_identity(self, connection: asyncpg.Connection) -> None:
        # A restored or failed-over database must not meet cached snapshots newer than itself: its name is part of their
        # keys.
        self.identity = await connection.fetchval(_IDENTITY)

    async def _begin_glances(self, connection: "_GlanceConnection") -> None:
        await self._note_identity(connection)
        connection.keep_server_here()


class _GlanceConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """One of small rounds. A class of its own, since the driver shows its socket to nobody else."""

    __slots__ = ()

    def keep_server_here(self) -> None:
        """The server's process behind it stays beside this one, where `processors.keep_here` can have it so."""
        line = self._transport.get_extra_info("socket")
        if sys.platform == "linux" and line is not None:
            with suppress(OSError, ValueError):  # It may be closed by now.
                # Who listens there, the parent of all that answer; over TCP it is 0.
                peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
                processors.keep_here(self.get_server_pid(), parent=_PEER.unpack(peer)[0])


@asynccontextmanager
async def transaction_on(connection: Connection) -> AsyncIterator[None]:
    """One transaction, committed when the block ends well. Raises the driver's errors."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except BaseException as error:
        if not _is_broken(error):  # Else the connection is broken off, and the transaction with it.
            await transaction.rollback()
        raise
    await transaction.commit()


def _is_broken(error: BaseException) -> bool:
    """Whether nothing more can be asked of the connection."""
    return isinstance(error, (asyncio.CancelledError, *_GONE))


async def _close(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), CONNECT_SECONDS)
    except (TimeoutError, *_GONE):
        pool.terminate()


async def _keep(connection: Any) -> None:
    """Nothing to reset: see the module's docstring."""


class _translated:  # noqa: N801 - reads as a clause: `with _translated():`
    """The driver's errors in our words; everything else passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, asyncio.CancelledError | DatabaseGone | DatabaseBusy | Conflict):
            return
        if isinstance(error, _BUSY):
            raise DatabaseBusy(type(error).__name__) from error
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            raise Conflict(f"{type(error).__name__}: {error.constraint_name}") from error
        if isinstance(error, TimeoutError):
            raise DatabaseSilent(type(error).__name__) from error
        if _is_broken(error) or isinstance(error, _EXHAUSTED):
            raise DatabaseGone(type(error).__name__) from error
