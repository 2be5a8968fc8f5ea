"""One connection to Redis that is kept, for the scripts that nearly every read runs.

For each command the driver's client takes a connection out of a pool, wraps it in retries and time-outs, measures it:
three times the processor time of the connection itself. Here nothing is tried again, and whoever asks sets the time.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.exceptions import NoScriptError


class LuaScript:
    """`sha` is the name that Redis knows it by, once it has seen the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Line:
    """Runs scripts, one after another. Raises what the driver raises; a call that is given up breaks the connection
    off, and the next one makes it anew.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        """pool: how connections are made; none of it is taken out."""
        self._pool = pool
        self._connection = pool.connection_class(**pool.connection_kwargs)
        self._turn = asyncio.Lock()

    async def run(self, script: LuaScript, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        async with self._turn:
            await self._pool.ensure_connection(self._connection)  # The server may have closed it meanwhile.
            try:
                return await self._call("EVALSHA", script.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self._call("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        await self._connection.disconnect()

    async def _call(self, *words: Any) -> Any:
        # The parser's own packing, in C; the driver's takes a microsecond a word.
        await self._connection.send_packed_command(pack_command(words), check_health=False)
        return await self._connection.read_response()
