"""What `python -m app erasures …` does: erasures are listed into a file that is kept apart from the database's backups,
and are done again on a database that was restored from one of them: a backup knows everybody as they were.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from app.api.answers import JsonAnswers
from app.api.erasure import erasure_bytes
from app.config import CannotStart, Settings
from app.deed_log import command_deed, log_on
from app.domain.rejections import Rejected, Rejection
from app.flows.erase_customer import AskedBy, EraseCustomer, EraseRequest, Erasure, Ground
from app.flows.failures import DatabaseBusy, DatabaseGone
from app.flows.requests import Caller, Role, Write
from app.keyring import open_keyring
from app.storage.engine import Database, UnsafeDatabase
from app.storage.erasures import ErasuresDatabase
from app.vault import KeyringVault
from app.wiring import snapshots_of
from app.wiring_personal import erasing_on

PAGE_MAX = 1_000  # Some 5 ms of the database, 200 KB.
T = TypeVar("T")


class _Line(BaseModel):
    """An erasure as `list` writes it; what a later release has added is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    customer: UUID
    asked_by: AskedBy
    asked_at: AwareDatetime | None = None
    ground: Ground


@dataclass(frozen=True, slots=True)
class Again:
    """How many customers were erased now, had been before, and are unknown: they came after the backup."""

    erased: int
    before: int
    unknown: int

    def line(self) -> str:
        return f"erased {self.erased:,}; {self.before:,} had been, {self.unknown:,} are not in this database"


def listed(database_url: str) -> Sequence[str]:
    """All erasures, a JSON object each, the newest first. Raises `CannotStart`."""

    async def act(database: Database) -> Sequence[str]:
        return [erasure_bytes(each).decode() async for each in _all(ErasuresDatabase(database))]

    return _run(database_url, act)


def reapply(path: Path, *, settings: Settings, database_url: str, redis_url: str | None) -> Again:
    """Erase everybody whom the file names. Raises `CannotStart`: then the same command goes on where it ended."""
    requests = list(_read(path))
    keyring = open_keyring(settings.secrets_path, data_dir=settings.data_dir)

    async def act(database: Database) -> Again:
        snapshots = snapshots_of(keyring, database, redis_url)
        try:
            vault = KeyringVault(keyring)
            erasing = erasing_on(database, snapshots=snapshots, answers=JsonAnswers(), vault=vault)
            again = await _reapplied(erasing, requests)
        finally:
            await snapshots.close()
        async with log_on(database, part="reapply_erasures") as log:
            details = {"erased": again.erased, "before": again.before, "unknown": again.unknown}
            await log.note(command_deed("reapply_erasures", object="erasures", details=details))
        return again

    return _run(database_url, act)


async def _reapplied(erasing: EraseCustomer, requests: Sequence[EraseRequest]) -> Again:
    erased = before = unknown = 0
    for request in requests:
        if await erasing.erased_at(request.customer) is not None:
            before += 1
            continue
        try:
            await erasing.erase(_write_of(request), request)
            erased += 1
        except Rejected as rejected:
            if rejected.rejection is not Rejection.CUSTOMER_NOT_FOUND:
                raise
            unknown += 1
    return Again(erased, before, unknown)


def _write_of(request: EraseRequest) -> Write:
    """Under a key of the customer's: whoever runs the command twice at once does it once."""
    name = f"reapply {request.customer}"
    return Write(
        caller=Caller(key_id="reapply erasures", role=Role.ADMIN),
        key=name,
        fingerprint=sha256(name.encode()).digest()[:16],
        request_id=name,
    )


def _read(path: Path) -> Iterator[EraseRequest]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CannotStart(f"{path} can't be read: {error.strerror}") from None
    for place, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line = _Line.model_validate_json(text)
        except ValidationError:
            raise CannotStart(f"{path}, line {place}: not an erasure as `erasures list` writes it") from None
        yield EraseRequest(line.customer, asked_by=line.asked_by, asked_at=line.asked_at, ground=line.ground)


async def _all(erasures: ErasuresDatabase) -> AsyncIterator[Erasure]:
    page: Sequence[Erasure] = await erasures.erasures(before=None, limit=PAGE_MAX)
    while page:
        for each in page:
            yield each
        page = await erasures.erasures(before=page[-1].customer, limit=PAGE_MAX)


def _run(database_url: str, act: Callable[[Database], Awaitable[T]]) -> T:
    try:
        return asyncio.run(_acted(database_url, act))
    except Rejected as rejected:
        raise CannotStart(f"{rejected.detail} What is done stays, and a new run goes on.") from None
    except (DatabaseGone, DatabaseBusy, UnsafeDatabase) as error:
        raise CannotStart(f"the database can't be used ({error}); what is done stays, and a new run goes on") from None


async def _acted(database_url: str, act: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(database_url, allow_unsafe=True)
    try:
        await database.open()
        return await act(database)
    finally:
        await database.close()
