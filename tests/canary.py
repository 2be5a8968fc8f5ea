"""Personal data in all the ways it may have been written down, and all the places where it may have been written."""

import base64
import json
import quopri
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import asyncpg
from redis.asyncio import Redis

# Shorter ones would be found by chance.
NEEDLE_BYTES_MIN = 6


def phones(national: str) -> tuple[str, ...]:
    """Usual spellings of a Russian number, of ten digits; one that holds another is left out."""
    area, first, second, third = national[:3], national[3:6], national[6:8], national[8:]
    return (
        national,
        *(
            f"{area}{a}{first}{b}{second}{b}{third}"
            for a in (" ", "-", ") ", ")", ".", "\u00a0", "/")
            for b in (" ", "-", "", "\u2013", ".", "\u00a0")
        ),
    )


def needles(text: str | bytes) -> frozenset[bytes]:
    """The text as bytes, whichever way it was spelled and encoded on the way."""
    if isinstance(text, bytes):
        return frozenset(_plain_ways(text))
    found: set[bytes] = set()
    for spelled in {text, text.lower(), text.upper(), text.title(), text.swapcase()}:
        escaped = json.dumps(spelled)[1:-1]
        found |= {
            *_plain_ways(spelled.encode()),
            spelled.encode("utf-16-le"),
            spelled.encode("utf-16-be"),
            escaped.encode(),
            escaped.upper().encode(),
            quote(spelled, safe="").encode(),
            quote(spelled, safe="").lower().encode(),
            quote_plus(spelled).encode(),
            quopri.encodestring(spelled.encode()).strip(),
        }
    return frozenset(each for each in found if len(each) >= NEEDLE_BYTES_MIN)


def _plain_ways(plain: bytes) -> Iterator[bytes]:
    yield plain
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    yield from _base64s(plain)


def _base64s(plain: bytes) -> Iterator[bytes]:
    """What stands in base64 wherever the text begins among the bytes around it."""
    for before in range(3):
        length = before + len(plain)
        encoded = base64.b64encode(b"\0" * before + plain)
        whole = encoded[-(-before * 8 // 6) : length * 8 // 6]  # Characters that depend on it alone.
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


class Canary:
    """`texts` by what they are, for messages."""

    def __init__(self, texts: Mapping[str, Iterable[str | bytes]]) -> None:
        self._needles = {what: frozenset().union(*map(needles, each)) for what, each in texts.items()}

    def found_in(self, hay: bytes) -> set[str]:
        """What of it stands there."""
        return {what for what, each in self._needles.items() if any(needle in hay for needle in each)}

    def found(self, places: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
        """By place what stands there; places without anything left out."""
        seen: dict[str, set[str]] = {}
        for place, hay in places:
            if what := self.found_in(hay):
                seen.setdefault(place, set()).update(what)
        return seen


async def tables(owner: asyncpg.Connection) -> list[tuple[str, bytes]]:
    """Every row of every table as a dump would have it; bytes as they are."""
    names = await owner.fetch("select tablename from pg_tables where schemaname = 'public'")
    return [
        (name, b"\n".join(_bytes(value) for row in await owner.fetch(f'select * from "{name}"') for value in row))
        for name in (row["tablename"] for row in names)
    ]


def dump(url: str, *, program: Path) -> list[tuple[str, bytes]]:
    """What `pg_dump` says of the whole database, a place a table; binary columns as they are, not in its digits."""
    whole = subprocess.run(
        [program, "--dbname", url, "--format", "plain"], capture_output=True, check=True, timeout=60
    ).stdout
    clear = re.sub(rb"\\\\x([0-9a-f]*)", lambda found: bytes.fromhex(found[1].decode()), whole)
    clear = clear.replace(b"\\\\", b"\\")  # As COPY writes each of them.
    return [(f"dump {part[:60].split(b' (')[0].decode()}", part) for part in clear.split(b"\nCOPY ")]


async def cache(url: str) -> list[tuple[str, bytes]]:
    """Every key of Redis with what it holds."""
    async with Redis.from_url(url) as redis:
        found = []
        keys: list[Any] = await redis.keys("*")
        for key in keys:
            kind = await redis.type(key)
            # Of a kind that isn't ours: as it lies in memory.
            value: Any = await (
                redis.hgetall(key) if kind == b"hash" else redis.get(key) if kind == b"string" else redis.dump(key)
            )
            parts = [part for pair in value.items() for part in pair] if isinstance(value, dict) else [value or b""]
            found.append((f"redis {key.decode(errors='replace')}", b"\n".join([key, *parts])))
        return found


def files(folder: Path) -> list[tuple[str, bytes]]:
    """Every file below a folder."""
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
