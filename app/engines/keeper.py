"""One process owns the engines of a DATA_DIR; every other command finds them through it.

The owner holds a lock on DATA_DIR/engines.lock for as long as its engines run, and says in engines.json where they are.
It starts an engine again that dies. A command that finds the lock taken is a guest: it waits until the owner's engines
answer and uses them. When the owner ends, the engines end with it; a guest that means to stay (`lasting`: serve, jobs)
then takes the lock and starts them again in the same place, so its connections come back after a moment. It never
settles on the engines of a command that is about to end.

All this is one thread that lives as long as its engines: the kernel ends a child when the thread that started it ends.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from app.engines.pair import EnginePair
from app.engines.places import EngineFailed, Places
from app.engines.postgres import SUPERUSER, database_url
from app.engines.valkey import valkey_answers

# How often a waiting command looks, and how often one that is settled does.
WAIT_SECONDS = 0.05
WATCH_SECONDS = 0.2
# The owner's first start may make a cluster on a slow disk, or recover one.
GUEST_SECONDS_MAX = 330.0
# Between attempts to start an engine that doesn't stay up; 2 s is what a till is promised after the database is back.
RESTART_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)
CONNECT_SECONDS_MAX = 3.0


@dataclass(frozen=True, slots=True)
class Record:
    """engines.json: what runs, for other commands and for fault drills."""

    owner: int  # process id
    lasting: bool  # whether the owner stays until it is stopped
    sockets: str
    postgres: int | None  # process ids
    valkey: int | None


class EngineKeeper(threading.Thread):
    """Owns or finds the engines; `wait` gives the sockets' directory, `stop` ends what is owned."""

    def __init__(
        self, places: Places, *, postgres: bool, valkey: bool, lasting: bool, say: Callable[[str], None]
    ) -> None:
        """postgres, valkey: which of the two the command needs."""
        super().__init__(name="engines", daemon=True)
        self._places = places
        self._postgres = postgres
        self._valkey = valkey
        self._lasting = lasting
        self._say = say
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._sockets: Path | None = None
        self._failure: BaseException | None = None

    def wait(self) -> Path:
        """The directory of the running engines' sockets; raises `EngineFailed` when they can't be had."""
        self._settled.wait()
        if self._failure is not None:
            raise self._failure
        if self._sockets is None:
            raise EngineFailed("the start was called off")
        return self._sockets

    def stop(self) -> None:
        """Returns when what was owned has ended."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        try:
            self._find_or_own()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
        finally:
            self._settled.set()

    def _find_or_own(self) -> None:
        began = time.monotonic()
        told = False
        while not self._stopping.is_set():
            with self._lock() as owned:
                if owned:
                    self._own()
                    continue
            if not self._settled.is_set() and (sockets := self._found()):
                self._settle(sockets)
                if not self._lasting:
                    return
            waited = time.monotonic() - began
            if not self._settled.is_set() and waited > GUEST_SECONDS_MAX:
                raise EngineFailed(f"another command holds {self._places.lock}, but its engines do not answer")
            if not self._settled.is_set() and waited > 1 and not told:
                told = True
                self._say("waiting for another command that uses this DATA_DIR")
            self._stopping.wait(WATCH_SECONDS if self._settled.is_set() else WAIT_SECONDS)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        """Whether this process owns the engines now; given back at the end."""
        with self._places.lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _own(self) -> None:
        """Runs the engines until told to stop."""
        taking_over = self._settled.is_set()
        pair: EnginePair | None = None
        try:
            pair = EnginePair.prepare(self._places, postgres=self._postgres, valkey=self._valkey, say=self._say)
            pair.start(say=self._say)
            self._write_record(pair)
            self._settle(pair.sockets)
            self._watch(pair)
        except (EngineFailed, OSError) as error:
            if not taking_over:
                raise
            # The command is up and answers 503 meanwhile; the reason may pass.
            self._say(f"{error}; trying again")
            self._stopping.wait(RESTART_PAUSES[-1])
        finally:
            self._places.record.unlink(missing_ok=True)
            if pair is not None:
                pair.stop()

    def _watch(self, pair: EnginePair) -> None:
        failures = 0
        while not self._stopping.wait(WATCH_SECONDS):
            if not (ended := pair.ended()):
                failures = 0
                continue
            for name in ended:
                self._say(f"{name} has ended unexpectedly; starting it again")
            self._stopping.wait(RESTART_PAUSES[min(failures, len(RESTART_PAUSES) - 1)])
            failures += 1
            try:
                pair.start(say=self._say)
                self._write_record(pair)
            except (EngineFailed, OSError) as error:
                self._say(str(error))

    def _settle(self, sockets: Path) -> None:
        if self._sockets not in {None, sockets}:
            self._say(f"the engines have moved to {sockets}: start this command again")
        self._sockets = sockets
        self._settled.set()

    def _found(self) -> Path | None:
        """The sockets of another command's engines, if they answer and will stay."""
        try:
            record = Record(**json.loads(self._places.record.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        if self._lasting and not record.lasting:
            return None
        for name, wanted, runs in (
            ("DATABASE_URL", self._postgres, record.postgres),
            ("REDIS_URL", self._valkey, record.valkey),
        ):
            if wanted and runs is None:
                raise EngineFailed(f"process {record.owner} uses this DATA_DIR with another {name}: set the same one")
        sockets = Path(record.sockets)
        if self._valkey and not valkey_answers(sockets):
            return None
        return sockets if not self._postgres or asyncio.run(_postgres_answers(sockets)) else None

    def _write_record(self, pair: EnginePair) -> None:
        record = Record(
            owner=os.getpid(),
            lasting=self._lasting,
            sockets=str(pair.sockets),
            postgres=pair.postgres.pid if pair.postgres else None,
            valkey=pair.valkey.pid if pair.valkey else None,
        )
        aside = self._places.record.with_suffix(".new")
        aside.write_text(json.dumps(asdict(record), indent=2) + "\n")
        aside.replace(self._places.record)


async def _postgres_answers(sockets: Path) -> bool:
    try:
        connection = await asyncpg.connect(database_url(sockets, user=SUPERUSER), timeout=CONNECT_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    await connection.close()
    return True
