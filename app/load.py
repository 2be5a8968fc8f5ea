"""The command `load`: customers and opening balances of another scheme, brought in by COPY with a progress bar.

A file that was loaded half-way goes on where it ended: each portion of its rows is loaded once, however often and from
wherever the same file is sent. Rows that can't be loaded stop none of the others; they are written to a file of their
own, by line and without personal data.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path

import orjson

from app.clock import DatabaseClock
from app.config import CannotStart, Settings
from app.deed_log import command_deed, log_on
from app.domain.rejections import Rejected
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.load_customers import LoadCustomers, Loaded
from app.flows.publish_program import ProgramShelf
from app.keyring import Keyring
from app.load_files import CustomerFile
from app.progress import progress_bar
from app.storage.bulk_load import LoadDatabase
from app.storage.engine import Database, UnsafeDatabase
from app.storage.housekeeping import Housekeeping
from app.storage.reads import ReadsDatabase
from app.vault import KeyringVault


@dataclass(slots=True)
class Tally:
    """What a whole file came to."""

    customers: int = 0
    postings: int = 0
    refused_rows: set[int] = field(default_factory=set)
    loaded_before: int = 0

    def add(self, loaded: Loaded) -> None:
        self.customers += loaded.customers
        self.postings += loaded.postings
        self.refused_rows |= {row.line for row in loaded.refused}
        self.loaded_before += loaded.customers if loaded.is_repeated else 0

    def line(self, *, seconds: float) -> str:
        before = f" ({self.loaded_before:,} of them by an earlier run)" if self.loaded_before else ""
        return (
            f"loaded {self.customers:,} customers{before} and {self.postings:,} opening postings "
            f"in {seconds:,.1f} s; {len(self.refused_rows):,} rows refused"
        )


async def load(
    path: Path, *, settings: Settings, keyring: Keyring, database_url: str, say: Callable[[str], None]
) -> Tally:
    """Load a file; what is refused goes to `PATH.refused.jsonl`, which isn't there where nothing is.

    Raises:
        CannotStart: the file or the database can't be read, or others never stop registering the same customers. What
            was loaded stays.
    """
    began, tally, source = time.monotonic(), Tally(), CustomerFile(path)
    refused_path = path.with_name(path.name + ".refused.jsonl")
    database = Database(database_url, allow_unsafe=settings.allow_unsafe_database)
    try:
        await database.open()
        await Housekeeping(database).ensure_partitions()
        shelf = ProgramShelf(ReadsDatabase(database), clock=DatabaseClock())
        loader = LoadCustomers(LoadDatabase(database), programs=shelf, vault=KeyringVault(keyring))
        with refused_path.open("wb") as refused, progress_bar("loading", is_shown=sys.stderr.isatty()) as bar:
            task = bar.add_task("customers", total=source.rows)
            for portion in source.portions(region=settings.phone_region):
                loaded = await loader.load(portion)
                tally.add(loaded)
                refused.writelines(orjson.dumps(asdict(row)) + b"\n" for row in loaded.refused)
                bar.update(task, advance=loaded.customers + len({row.line for row in loaded.refused}))
    except Rejected as rejected:
        raise CannotStart(rejected.detail) from None
    except Conflict:
        raise CannotStart(
            f"the customers of {path} are written elsewhere too, again and again; "
            "the same command goes on where this one ended"
        ) from None
    except (DatabaseGone, DatabaseBusy, UnsafeDatabase) as error:
        raise CannotStart(f"the load could not go on ({error}); the same command goes on where it ended") from None
    except OSError as error:
        raise CannotStart(f"{refused_path} can't be written: {error.strerror}") from None
    finally:
        await _note(database, path, tally)
        await database.close()
        with suppress(OSError):
            if not refused_path.stat().st_size:
                refused_path.unlink()
    say(tally.line(seconds=time.monotonic() - began))
    if tally.refused_rows:
        say(f"which rows and why: {refused_path}")
    return tally


async def _note(database: Database, path: Path, tally: Tally) -> None:
    """What was loaded goes to the audit log, also where the load ended half-way; a database that is away is not waited
    for.
    """
    if not tally.customers:
        return
    details: dict[str, str | int | bool] = {
        "customers": tally.customers - tally.loaded_before,
        "loaded_before": tally.loaded_before,
        "postings": tally.postings,
        "refused_rows": len(tally.refused_rows),
        "sha256": await asyncio.to_thread(_sha256_of, path),
    }
    with suppress(DatabaseGone, OSError):
        async with log_on(database, part="load") as log:
            await log.note(command_deed("load", details=details))


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
