"""Both engines in a temporary directory of their own, for tests and fault drills: as durable as the real ones.

Started by the calling thread, they end with it, whatever happens to it.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.engines.pair import EnginePair
from app.engines.places import SOCKETS_PARENT, EngineFailed, Places, prepare_data_dir
from app.engines.postgres import DATABASE, SUPERUSER, Postgres
from app.engines.valkey import Valkey

# Several may run side by side on a developer's machine.
_SMALL = {"shared_buffers": "64MB", "max_wal_size": "512MB", "min_wal_size": "64MB"}


@dataclass(frozen=True, slots=True)
class ThrowawayEngines:
    """The engines, each with its own `pid`, `start`, `stop` and `kill`."""

    directory: Path
    postgres: Postgres
    valkey: Valkey

    def database_url(self, *, user: str = SUPERUSER, database: str = DATABASE) -> str:
        return self.postgres.url(user=user, database=database)

    @property
    def redis_url(self) -> str:
        return self.valkey.url


@contextmanager
def throwaway_engines(*, settings: Mapping[str, str] | None = None) -> Iterator[ThrowawayEngines]:
    """Engines that are gone, files and all, at the end of the block. settings: of PostgreSQL, over the usual ones."""
    directory = Path(tempfile.mkdtemp(prefix="kopilka-test-", dir=SOCKETS_PARENT))
    places = Places(directory / "data")
    pair: EnginePair | None = None
    try:
        prepare_data_dir(places.data_dir)
        pair = EnginePair.prepare(
            places,
            postgres=True,
            valkey=True,
            say=lambda _: None,
            flushed=False,  # a machine that loses power loses the test run anyway
            settings={**_SMALL, **(settings or {})},
        )
        if pair.postgres is None or pair.valkey is None:
            raise EngineFailed("a test needs both engines")
        pair.start(say=lambda _: None)
        yield ThrowawayEngines(directory=directory, postgres=pair.postgres, valkey=pair.valkey)
    finally:
        if pair is not None:
            if pair.postgres is not None:
                pair.postgres.stop(at_once=True)  # a checkpoint of files that are deleted next
            pair.stop()
        shutil.rmtree(directory, ignore_errors=True)
