"""Where it all happens: engines, two instances and the jobs, proxies between everybody, and people with keys."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from app.engines.places import SOCKETS_PARENT
from app.storage import migrate
from tests.chaos.engines import Engines
from tests.chaos.processes import Process, keep_running
from tests.kit import Stage, free_port
from tests.storm.proxy import Proxy, proxied
from tests.storm.stands import socket_of
from tests.storm.wire import Lost, Wire

INSTANCES = 2
READY_SECONDS_MAX = 40.0


@dataclass(slots=True)
class Site:
    """Lists are by instance. `front`: from tills to an instance; `database`, `cache`: from it to its engines."""

    directory: Path
    engines: Engines
    stage: Stage
    front: list[Proxy] = field(default_factory=list)
    database: list[Proxy] = field(default_factory=list)
    cache: list[Proxy] = field(default_factory=list)
    services: list[Process] = field(default_factory=list)
    jobs: list[Process] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Of a command that goes round the proxies."""
        return {**os.environ, **self.jobs[0].env}

    @property
    def processes(self) -> list[Process]:
        return [*self.services, *self.jobs]

    async def owner(self) -> asyncpg.Connection:
        """A superuser's connection that goes round the proxies."""
        return await asyncpg.connect(self.stage.owner_url, timeout=10)

    async def until_ready(self, *, seconds: float = READY_SECONDS_MAX) -> None:
        """Both instances say that they are ready, past their proxies.

        Raises:
            RuntimeError: with the end of the log of the one that doesn't.
        """
        give_up = time.monotonic() + seconds
        for place, process in enumerate(self.services):
            wire = Wire(f"http://127.0.0.1:{self.ports[place]}")
            while not await _is_ready(wire):
                if time.monotonic() > give_up:
                    raise RuntimeError(f"{process.name} is not ready: {process.tail()}")
                await asyncio.sleep(0.1)
            wire.hang_up()


async def _is_ready(wire: Wire) -> bool:
    try:
        return (await wire.request("GET", "/health/ready", headers={}, seconds=2)).status == 200
    except Lost:
        return False


def _directory() -> Path:
    """Root's may be passed through: the engines' account has its directories in there."""
    directory = Path(tempfile.mkdtemp(prefix="kopilka-chaos-", dir=SOCKETS_PARENT))
    directory.chmod(0o711)
    return directory


@asynccontextmanager
async def opened(*, plant: str | None) -> AsyncIterator[Site]:
    """A site with an empty, migrated database; gone, mounts and all, at the end of the block."""
    directory = _directory()
    site: Site | None = None
    engines: Engines | None = None
    try:
        engines = Engines.prepare(directory)
        await engines.start("valkey")
        await engines.start("postgres")
        secrets = directory / "service"
        secrets.mkdir(mode=0o700)
        owner_url = engines.postgres.url()
        await asyncio.to_thread(migrate.upgrade, owner_url, say=lambda _: None)
        site = Site(
            directory,
            engines,
            Stage(engines.postgres.url(user="loyalty_app"), owner_url, engines.valkey.url, secrets),
        )
        site.stage.keyring()
        async with AsyncExitStack() as stack:
            await _wire_up(site, stack, plant=plant)
            try:
                yield site
            finally:
                await _close(site)
    finally:
        if engines is not None:
            await asyncio.to_thread(engines.stop)
        shutil.rmtree(directory, ignore_errors=True)


async def _wire_up(site: Site, stack: AsyncExitStack, *, plant: str | None) -> None:
    postgres, valkey = socket_of(site.stage.owner_url), Path(site.stage.redis_url.removeprefix("unix://"))
    for place in range(INSTANCES):
        site.database.append(await stack.enter_async_context(proxied(postgres)))
        site.cache.append(await stack.enter_async_context(proxied(valkey)))
        site.ports.append(free_port())
        site.front.append(await stack.enter_async_context(proxied(("127.0.0.1", site.ports[place]))))
        name = f"service {'AB'[place]}"
        env = _env(site, database=site.database[place], cache=site.cache[place], port=site.ports[place])
        site.services.append(Process(name, "serve", env, site.directory / f"{name[-1]}.log", plant=plant))
    env = _env(site, database=site.database[0], cache=site.cache[0], port=0) | {
        "DATABASE_URL": site.stage.database_url,
        "REDIS_URL": site.stage.redis_url,
    }
    site.jobs.append(Process("jobs", "jobs", env, site.directory / "jobs.log", plant=plant))
    for process in site.processes:
        process.start()
    site.tasks = [asyncio.create_task(keep_running(site.processes)), asyncio.create_task(site.engines.keep_running())]
    await site.until_ready()


def _env(site: Site, *, database: Proxy, cache: Proxy, port: int) -> dict[str, str]:
    name = site.stage.database_url.partition("@/")[2].partition("?")[0]
    return {
        "DATABASE_URL": f"postgresql://loyalty_app@127.0.0.1:{_port(database)}/{name}?sslmode=disable",
        "DATABASE_OWNER_URL": site.stage.owner_url,
        "REDIS_URL": f"redis://127.0.0.1:{_port(cache)}",
        "DATA_DIR": str(site.stage.data_dir),
        "WORKERS": "1",
        "PORT": str(port),
        "AT_MAX_AGE_HOURS": "0",
        "LOG_LEVEL": "warning",
    }


def _port(proxy: Proxy) -> int:
    if isinstance(proxy.address, Path):
        raise TypeError("this proxy listens on a Unix socket")
    return proxy.address[1]


async def _close(site: Site) -> None:
    for task in site.tasks:
        task.cancel()
    await asyncio.gather(*site.tasks, return_exceptions=True)
    for process in site.processes:
        process.is_wanted = False
    with suppress(OSError):
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in site.processes))
