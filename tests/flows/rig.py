"""Rounds on a real database that can be interrupted: before a statement something happens, or nothing until told so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from app.api.answers import JsonAnswers
from app.cache.absent import NoSnapshots
from app.clock import DatabaseClock
from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.ledger.plans import Chained
from app.domain.rejections import Rejected, Rejection
from app.flows.ledger_port import RoundTx
from app.flows.move_points import MovePoints
from app.flows.publish_program import ProgramShelf
from app.flows.requests import AdjustRequest, Answer, Caller, Receipt, RedeemRequest, Role, Write
from app.flows.rounds import BESIDE_MIN, IN_FLIGHT_MAX, Rounds
from app.storage.engine import Database
from app.storage.ledger import LedgerDatabase
from app.storage.reads import ReadsDatabase
from app.vault import KeyringVault
from tests.kit import Stage, small_program

SOON_SECONDS = 1.0

TILL = Caller("till", Role.POS, ("S1",), "T1")
_SERIAL = count(1)

Interruption = Callable[[], Awaitable[None]]


class Pause:
    """Holds whoever comes until `go`."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._open = asyncio.Event()

    async def __call__(self) -> None:
        self._reached.set()
        await self._open.wait()

    async def reached(self) -> None:
        await asyncio.wait_for(self._reached.wait(), 5)

    def go(self) -> None:
        self._open.set()


class InterruptedTx:
    """A round's statements; before one of them comes what was planned."""

    def __init__(self, tx: RoundTx, before: dict[str, Interruption]) -> None:
        self._tx = tx
        self._before = before

    def __getattr__(self, name: str) -> Any:
        statement = getattr(self._tx, name)

        async def run(*arguments: Any, **named: Any) -> Any:
            for planned in (name, "begin") if name in ("take", "glance") else (name,):
                if interruption := self._before.pop(planned, None):
                    await interruption()
            return await statement(*arguments, **named)

        return run


@dataclass(slots=True)
class InterruptedLedger:
    """The port `LedgerStore`. `before`: by statement, what happens once before it is next run; "begin" is a round's
    first, whichever it is, and "committed" comes before it is heard that a round under locks is.
    """

    store: LedgerDatabase
    before: dict[str, Interruption] = field(default_factory=dict)

    @asynccontextmanager
    async def round(self) -> AsyncIterator[RoundTx]:
        async with self.store.round() as tx:
            yield cast("RoundTx", InterruptedTx(tx, self.before))
        await self._committed()

    @asynccontextmanager
    async def unlocked(self) -> AsyncIterator[RoundTx]:
        async with self.store.unlocked() as tx:
            yield cast("RoundTx", InterruptedTx(tx, self.before))

    async def _committed(self) -> None:
        if interruption := self.before.pop("committed", None):
            await interruption()


class Forgetful(NoSnapshots):
    """The port `Snapshots`, always empty; remembers whom it was told to forget."""

    def __init__(self) -> None:
        self.forgotten: list[UUID] = []

    async def forget(self, customer_ids: Sequence[UUID]) -> None:
        self.forgotten += customer_ids


@dataclass(slots=True)
class Watching:
    """The port `RoundWatch`, remembered."""

    sizes: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    redone: int = 0

    def round_done(self, *, size: int, seconds: float) -> None:
        assert seconds >= 0
        self.sizes.append(size)

    def round_redone(self) -> None:
        self.redone += 1

    def round_failed(self, error: BaseException, *, retried: int) -> None:
        assert retried >= 0
        self.failures.append(type(error).__name__)

    def posted(self, postings: list[Chained]) -> None:
        assert isinstance(postings, list)


@dataclass(slots=True)
class Rig:
    rounds: Rounds
    points: MovePoints
    ledger: InterruptedLedger
    watch: Watching
    snapshots: Forgetful
    owner: asyncpg.Connection

    async def customer(self, points: int = 0) -> UUID:
        customer = uuid4()
        await self.owner.execute("insert into customers (id) values ($1)", customer)
        if points:
            await self.give(customer, points)
        return customer

    async def give(self, customer: UUID, points: int, *, key: str | None = None, deadline: float | None = None) -> Any:
        """The JSON of the answer. Raises `Rejected`."""
        request = AdjustRequest(_identified(customer), "points", points, "rig")
        return _read(await self.points.adjust(_write(key, request, deadline=deadline), request))

    async def take(self, customer: UUID, points: int, *, key: str | None = None, receipt: str | None = None) -> Any:
        """Likewise, with a receipt."""
        number = receipt or f"R{next(_SERIAL)}"
        request = RedeemRequest(_identified(customer), "points", points, Receipt("S1", "T1", number), "rig")
        return _read(await self.points.redeem(_write(key, request), request))


@asynccontextmanager
async def open_rig(stage: Stage) -> AsyncIterator[Rig]:
    """As one process has it; several may be open. `small_program` is version 1."""
    owner = await asyncpg.connect(stage.owner_url)
    await owner.execute(
        "insert into programs (version, document, published_by) values (1, $1, 'rig') on conflict do nothing",
        orjson.dumps(small_program()).decode(),
    )
    database = Database(stage.database_url, allow_unsafe=True)
    await database.open()
    clock, answers, watch, snapshots = DatabaseClock(), JsonAnswers(), Watching(), Forgetful()
    ledger = InterruptedLedger(LedgerDatabase(database))
    rounds = Rounds(
        ledger,
        programs=ProgramShelf(ReadsDatabase(database), clock=clock),
        answers=answers,
        snapshots=snapshots,
        clock=clock,
        watch=cast("Any", watch),
    )
    points = MovePoints(rounds, vault=KeyringVault(stage.keyring()), answers=answers)
    try:
        yield Rig(rounds, points, ledger, watch, snapshots, owner)
        await rounds.drain()
    finally:
        await database.close()
        await owner.close()


@asynccontextmanager
async def standing_still(rig: Rig) -> AsyncIterator[None]:
    """Rounds stand still in every place, so that what is asked inside waits and shares one round when it ends."""
    pauses = [Pause() for _ in range(IN_FLIGHT_MAX)]
    held = []
    for pause in pauses:
        rig.ledger.before = {"begin": pause}
        customer = await rig.customer()
        held += [asyncio.create_task(rig.give(customer, 1)) for _ in range(BESIDE_MIN)]
        await pause.reached()
    yield
    await asyncio.sleep(0)  # Whoever asked is in the queue.
    rig.watch.sizes.clear()
    for pause in pauses:
        pause.go()
    await asyncio.gather(*held)


async def refusal_of(work: "asyncio.Task[object]") -> Rejection:
    with pytest.raises(Rejected) as refused:
        await work
    return refused.value.rejection


def _identified(customer: UUID) -> Identifier:
    return Identifier(IdentifierKind.ID, str(customer))


def _write(key: str | None, request: object, *, deadline: float | None = None) -> Write:
    fingerprint = hash(repr(request)).to_bytes(16, "big", signed=True)
    return Write(TILL, key or f"K{next(_SERIAL)}", fingerprint, "request", deadline)


def _read(answer: Answer) -> Any:
    return {"status": answer.status, "is_replayed": answer.is_replayed, **orjson.loads(answer.body)}
