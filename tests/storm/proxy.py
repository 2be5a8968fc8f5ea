"""A network between two parties that can be told to fail: it passes, delays, cuts and swallows.

It listens on loopback or on a Unix socket, and hands each connection on to its upstream. What passes is shown, chunk by
chunk, to the fault of the moment, which says what happens to it and keeps its own count of how often it strikes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

CHUNK_BYTES = 1 << 16

Address = Path | tuple[str, int]


class Side(Enum):
    """Which way a chunk travels."""

    OUT = "to the upstream"
    BACK = "to the client"


@dataclass(frozen=True, slots=True)
class Pass:
    """It goes on, after `seconds`, and not before `let_go` is set."""

    seconds: float = 0.0
    let_go: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The first `passed` bytes of the chunk go on (None: all; -1: all but the last), then both ends see the connection
    break.
    """

    passed: int | None = 0


@dataclass(frozen=True, slots=True)
class Swallow:
    """But for its first `passed` bytes (-1: all but the last), the chunk and all that follows on this connection is
    never seen again, and neither end is told.
    """

    passed: int = 0


Fate = Pass | Cut | Swallow
Fault = Callable[[Side, bytes], Fate]
Mark = Callable[[Side, bytes], bool]


def nothing_wrong(_side: Side, _data: bytes) -> Fate:
    return Pass()


def holds(side: Side, text: bytes) -> Mark:
    """A chunk of that side with these bytes."""
    return lambda moving, data: moving is side and text in data


def once(mark: Mark, fate: Fate, *, times: int = 1, skip: int = 0, struck: asyncio.Event | None = None) -> Fault:
    """The fate of the first `times` chunks with the mark, after `skip` of them; `struck` is set by each."""
    seen = 0

    def fault(moving: Side, data: bytes) -> Fate:
        nonlocal seen
        if mark(moving, data):
            seen += 1
            if skip < seen <= skip + times:
                if struck is not None:
                    struck.set()
                return fate
        return Pass()

    return fault


@dataclass(slots=True)
class Proxy:
    """`fault` may be replaced at any time, and holds for chunks that come after."""

    upstream: Address
    address: Address
    fault: Fault = nothing_wrong
    is_black_hole: bool = False  # Everything, of connections old and new, is swallowed while it is.
    _links: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Of a proxy on loopback."""
        if isinstance(self.address, Path):
            raise TypeError("a Unix socket has no address in HTTP")
        return f"http://{self.address[0]}:{self.address[1]}"

    def cut_all(self) -> None:
        """Break every connection that is open now."""
        for link in self._links:
            link.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either end leaves."""
        link = asyncio.current_task()
        if link is None:
            raise RuntimeError("a connection is served in a task")
        self._links.add(link)
        ends = [writer]
        try:
            if isinstance(self.upstream, Path):
                back, out = await asyncio.open_unix_connection(str(self.upstream))
            else:
                back, out = await asyncio.open_connection(*self.upstream)
            ends.append(out)
            pumps = [
                asyncio.create_task(self._pump(Side.OUT, reader, out)),
                asyncio.create_task(self._pump(Side.BACK, back, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # The upstream is down, or we were told to cut: the client sees its connection break.
        finally:
            self._links.discard(link)
            for end in ends:
                with suppress(OSError):
                    end.transport.abort()

    async def _pump(self, side: Side, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while data := await source.read(CHUNK_BYTES):
                fate = Swallow() if self.is_black_hole else self.fault(side, data)
                if isinstance(fate, Swallow):
                    target.write(data[: fate.passed])
                    await asyncio.Event().wait()
                elif isinstance(fate, Cut):
                    target.write(data[: fate.passed])
                    await target.drain()
                    return
                else:
                    if fate.seconds:
                        await asyncio.sleep(fate.seconds)
                    if fate.let_go is not None:
                        await fate.let_go.wait()
                target.write(data)
                await target.drain()
            if self.is_black_hole:
                await asyncio.Event().wait()  # Nor is a farewell heard.


@asynccontextmanager
async def proxied(upstream: Address, *, at: Path | None = None) -> AsyncIterator[Proxy]:
    """A proxy on a Unix socket `at`, or on a free port of loopback."""
    if at is None:
        proxy = Proxy(upstream, ("127.0.0.1", 0))
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.address = server.sockets[0].getsockname()[:2]
    else:
        proxy = Proxy(upstream, at)
        server = await asyncio.start_unix_server(proxy.serve, str(at))
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
        await server.wait_closed()
        if proxy._links:
            await asyncio.wait(proxy._links)
