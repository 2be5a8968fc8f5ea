"""What `python -m app masters …` does: the master key is replaced while the service runs.

The order, each step done on all machines before the next (`docs/personal-data.md`):

1. `masters add`: a second master key lies in SECRETS_FILE; restart every process. All can open what it wraps.
2. `masters rotate`: it is the first one from now on, and all customers' keys are wrapped anew; restart every process.
3. `masters rotate` once more, for customers whom the processes before the restart have registered.
4. `masters drop`: it waits until the cache has forgotten what was wrapped before, and looks once more for who needs an
   old key: a process that was not restarted may register somebody at any moment. Restart every process.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import orjson

from app.config import CannotStart, Settings
from app.deed_log import command_deed, log_on
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.ports_audit_log import Details
from app.flows.rewrap import rewrap_all
from app.keyring import Keyring, add_master, drop_masters, open_keyring, promote_master
from app.progress import progress_bar
from app.storage.engine import Database, UnsafeDatabase
from app.storage.rewraps import RewrapsDatabase
from app.wrapped_keys import NAMED_BYTES, MasterKeys, UnknownMaster, master_id

CACHE_SECONDS = 35.0  # The cache keeps a profile for 30 as it was wrapped when it was put there.


def listed(settings: Settings) -> str:
    """The master keys by their names, as one JSON object a line."""
    keyring = _keyring(settings)
    states = ("first", *("other" for _ in keyring.other_masters))
    keys = zip((keyring.master, *keyring.other_masters), states, strict=True)
    return "\n".join(orjson.dumps({"id": master_id(key).hex(), "state": state}).decode() for key, state in keys)


def add(settings: Settings, database_url: str) -> str:
    """The name of the new master key. Raises `CannotStart`: one is waiting already, or the file can't be written."""
    _keyring(settings)
    made = master_id(add_master(settings.secrets_path)).hex()
    asyncio.run(_on(database_url, settings, lambda database: _noted(database, "add_master", {"master": made})))
    return made


def rotate(settings: Settings, database_url: str) -> int:
    """How many customers' keys were wrapped anew. Raises `CannotStart`."""
    promote_master(settings.secrets_path)
    keyring = _keyring(settings)
    if not keyring.other_masters:
        raise CannotStart("there is one master key: `python -m app masters add` makes another")
    return asyncio.run(_on(database_url, settings, lambda database: _rewrapped(database, keyring)))


def drop(settings: Settings, database_url: str, *, rest: Callable[[float], None] = time.sleep) -> int:
    """How many master keys are gone, half a minute later. Raises `CannotStart`: customers' keys are wrapped by them."""
    keyring = _keyring(settings)
    if keyring.other_masters:
        _refuse_while_needed(settings, database_url, keyring)
        rest(CACHE_SECONDS)
        _refuse_while_needed(settings, database_url, keyring)
    dropped = drop_masters(settings.secrets_path)
    asyncio.run(_on(database_url, settings, lambda database: _noted(database, "drop_masters", {"count": dropped})))
    return dropped


def _refuse_while_needed(settings: Settings, database_url: str, keyring: Keyring) -> None:
    """Raises `CannotStart`."""
    waiting = asyncio.run(_on(database_url, settings, lambda database: _keys_on(database, keyring).count()))
    if waiting:
        raise CannotStart(
            f"{waiting:,} customers' keys need another master key: restart every process that has not been since the"
            " last `python -m app masters rotate`, and run it again first"
        )


async def _rewrapped(database: Database, keyring: Keyring) -> int:
    masters, keys = MasterKeys(keyring), _keys_on(database, keyring)
    with progress_bar("wrapping keys", is_shown=sys.stderr.isatty()) as bar:
        task = bar.add_task("customers", total=await keys.count())
        count = await rewrap_all(keys, masters.rewrap, done=lambda rows: bar.advance(task, rows))
    await _noted(database, "rotate_master", {"master": masters.id.hex(), "customers": count})
    return count


def _keys_on(database: Database, keyring: Keyring) -> RewrapsDatabase:
    return RewrapsDatabase(database, first=master_id(keyring.master), length=NAMED_BYTES)


async def _noted(database: Database, action: str, details: Details) -> None:
    async with log_on(database, part=action) as log:
        await log.note(command_deed(action, object="master-keys", details=details))


async def _on(database_url: str, settings: Settings, work: Callable[[Database], Awaitable[int | None]]) -> int:
    """The work on a database of its own. Raises `CannotStart`."""
    database = Database(database_url, allow_unsafe=settings.allow_unsafe_database)
    try:
        await database.open()
        return await work(database) or 0
    except (DatabaseGone, DatabaseBusy, Conflict, UnsafeDatabase) as error:
        raise CannotStart(f"the database can't be used ({error}); what is done stays, and a new run goes on") from None
    except UnknownMaster as error:
        raise CannotStart(f"{error}: put it back into SECRETS_FILE, or erase the customer") from None
    finally:
        await database.close()


def _keyring(settings: Settings) -> Keyring:
    return open_keyring(settings.secrets_path, data_dir=settings.data_dir)
