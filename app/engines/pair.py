"""The two engines of one DATA_DIR, started and stopped together; the caller owns them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from app.engines import process
from app.engines.places import (
    Account,
    Places,
    engine_account,
    reachable,
    remove_sockets,
    sockets_directory,
)
from app.engines.postgres import Postgres, cluster_major
from app.engines.programs import find_postgres, find_valkey, reachable_postgres, reachable_valkey
from app.engines.valkey import STOP_STEPS, Valkey


@dataclass(frozen=True, slots=True)
class EnginePair:
    """PostgreSQL and Valkey, or the one of them that is wanted."""

    sockets: Path
    postgres: Postgres | None
    valkey: Valkey | None

    @classmethod
    def prepare(
        cls,
        places: Places,
        *,
        postgres: bool,
        valkey: bool,
        say: Callable[[str], None],
        flushed: bool = True,
        settings: dict[str, str] | None = None,
    ) -> EnginePair:
        """Finds programs and places, and makes the cluster when there is none; starts nothing."""
        account = engine_account(places.cluster)
        _end_orphaned_valkey(places)
        sockets = sockets_directory(places, account)
        try:
            return cls._prepared(
                places, sockets, account, postgres=postgres, valkey=valkey, say=say, flushed=flushed, settings=settings
            )
        except BaseException:
            remove_sockets(sockets)
            raise

    @classmethod
    def _prepared(
        cls,
        places: Places,
        sockets: Path,
        account: Account | None,
        *,
        postgres: bool,
        valkey: bool,
        say: Callable[[str], None],
        flushed: bool,
        settings: dict[str, str] | None,
    ) -> EnginePair:
        # Root's DATA_DIR may be closed to the engines' account; its sockets never are.
        copies = places.programs if reachable(places.data_dir, account) else sockets.parent / "programs"
        return cls(
            sockets=sockets,
            postgres=_postgres(places, sockets, account, copies=copies, say=say, flushed=flushed, settings=settings)
            if postgres
            else None,
            valkey=_valkey(places, sockets, account, copies=copies) if valkey else None,
        )

    def start(self, *, say: Callable[[str], None]) -> None:
        """Starts what doesn't run. Must be called by a thread that lives as long as the engines shall."""
        if self.valkey and not self.valkey.is_running:
            self.valkey.start()
        if self.postgres and not self.postgres.is_running:
            self.postgres.start(say=say)

    def stop(self) -> None:
        """Stops both at the same time and takes their sockets away."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            for engine in (self.postgres, self.valkey):
                if engine:
                    pool.submit(engine.stop)
        remove_sockets(self.sockets)

    def ended(self) -> list[str]:
        """Names of the engines that don't run (any more)."""
        named = {"PostgreSQL": self.postgres, "Valkey": self.valkey}
        return [name for name, engine in named.items() if engine and not engine.is_running]


def _postgres(
    places: Places,
    sockets: Path,
    account: Account | None,
    *,
    copies: Path,
    say: Callable[[str], None],
    flushed: bool,
    settings: dict[str, str] | None,
) -> Postgres:
    programs = find_postgres(major=cluster_major(places.cluster))
    engine = Postgres(
        programs=reachable_postgres(programs, account=account, copies=copies),
        cluster=places.cluster,
        sockets=sockets,
        log=places.logs / "postgres.log",
        account=account,
        settings=settings,
    )
    if not engine.is_made:
        say(f"making a PostgreSQL {programs.major} database in {places.cluster}")
        engine.make(flushed=flushed)
    return engine


def _valkey(places: Places, sockets: Path, account: Account | None, *, copies: Path) -> Valkey:
    program = reachable_valkey(find_valkey(), account=account, copies=copies)
    return Valkey(program=program, sockets=sockets, log=places.logs / "valkey.log", account=account)


def _end_orphaned_valkey(places: Places) -> None:
    """Where the kernel doesn't end the children of a killed owner: ends its Valkey. (PostgreSQL names itself.)"""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(places.record.read_bytes())
        pid = int(record["valkey"])
        if record["sockets"] in process.command_line(pid):
            process.end_stranger(pid, STOP_STEPS)
