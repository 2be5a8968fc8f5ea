"""The addresses a command works with: named servers as they are, else the embedded engines of DATA_DIR."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from app.config import Settings
from app.engines.keeper import EngineKeeper
from app.engines.places import Places, prepare_data_dir
from app.engines.postgres import APPLICATION_ROLE, SUPERUSER, database_url
from app.engines.valkey import valkey_url


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are."""

    database_url: str  # as the service works
    owner_url: str  # as the migrations work
    redis_url: str | None  # None: the command said that it needs none
    embedded: bool  # whether the database is ours


@contextmanager
def engines_for(
    settings: Settings, *, say: Callable[[str], None], lasting: bool = False, cache: bool = True
) -> Iterator[Addresses]:
    """Runs or finds the engines that the settings don't name, until the end of the block.

    lasting: the command stays until it is stopped, and takes over engines whose owner ends; cache: it needs the cache.
    Raises `EngineFailed`.
    """
    keeper = _keeper(settings, say=say, lasting=lasting, cache=cache)
    if keeper is None:
        yield _addresses(settings, None)
        return
    keeper.start()
    try:
        yield _addresses(settings, keeper)
    finally:
        keeper.stop()


@asynccontextmanager
async def running_engines(
    settings: Settings, *, say: Callable[[str], None], lasting: bool = False, cache: bool = True
) -> AsyncIterator[Addresses]:
    """`engines_for` inside a running event loop, which it doesn't block."""
    keeper = _keeper(settings, say=say, lasting=lasting, cache=cache)
    if keeper is None:
        yield _addresses(settings, None)
        return
    keeper.start()
    try:
        yield await asyncio.to_thread(_addresses, settings, keeper)
    finally:
        await asyncio.to_thread(keeper.stop)


def _keeper(settings: Settings, *, say: Callable[[str], None], lasting: bool, cache: bool) -> EngineKeeper | None:
    """None where nothing has to be embedded."""
    postgres = settings.database_url is None
    # An embedded database always has its cache beside it: a later command may need it.
    valkey = settings.redis_url is None and (cache or postgres)
    if not postgres and not valkey:
        return None
    prepare_data_dir(settings.data_dir)
    return EngineKeeper(Places(settings.data_dir), postgres=postgres, valkey=valkey, lasting=lasting, say=say)


def _addresses(settings: Settings, keeper: EngineKeeper | None) -> Addresses:
    """Waits for the keeper's engines."""
    sockets = keeper.wait() if keeper else None
    redis_url = settings.redis_url
    if redis_url is None and sockets is not None:
        redis_url = valkey_url(sockets)
    if settings.database_url is not None:
        owner_url = settings.database_owner_url or settings.database_url
        return Addresses(settings.database_url, owner_url, redis_url, embedded=False)
    if sockets is None:
        raise RuntimeError("no database is named and none is kept")
    return Addresses(
        database_url(sockets, user=APPLICATION_ROLE), database_url(sockets, user=SUPERUSER), redis_url, embedded=True
    )
