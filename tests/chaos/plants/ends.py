"""Bugs about how holds end and goods come back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.identifiers import CustomerId, TxId
from app.domain.ledger.chart import TxKind
from app.domain.ledger.hold_states import HoldKind, HoldState
from app.domain.ledger.moves import Moves
from app.domain.ledger.offline import spend_or_owe
from app.domain.ledger.recording import record
from app.domain.ledger.releasing import NOTHING_FREED, HoldEnd
from app.flows import resolve_hold
from app.flows.asks import Desk, Settled
from app.flows.ledger_port import StoredPurchase, Taken
from app.flows.requests import Answer, CaptureRequest, Write
from app.flows.resolve_hold import ResolveHold
from app.storage import holds, ledger
from app.storage.ledger import Round
from tests.chaos.plants import plant, replaced


@plant(
    "capture-without-state-check",
    faults=["answers lost"],
    emphasis="holds",
    caught_by=["holds end once", "a hold's end is told once", "holds go by the one clock"],
    commands=["serve"],
)
def capture_without_state_check() -> None:
    """A hold of points is captured as often as somebody asks, released and expired ones too; each time it is paid.

    Four guards would have stopped it, each by itself: the flow's look at the state, the plan's own, the lots (which
    hold nothing for it any more), and the update of the hold's row, which takes only a held one.
    """
    holds.RESOLVE_HOLDS = replaced(holds.RESOLVE_HOLDS, " and h.state = 'held'", "")
    capture = ResolveHold._capture

    def capture_again(self: ResolveHold, desk: Desk, write: Write, request: CaptureRequest) -> Settled:
        hold = desk.hold.state if desk.hold else None
        if hold is None or hold.kind is not HoldKind.REDEEM or hold.is_open or request.lines is not None:
            return capture(self, desk, write, request)
        moves, tx_id = Moves(desk.book), TxId(desk.moment.new_id())
        for wallet, _, units in hold.units:
            spend_or_owe(moves, wallet, units)
        hold.state, hold.resolved_tx = HoldState.CAPTURED, tx_id
        chained = record(
            desk.book, moves, desk.moment, program=desk.program.program, kind=TxKind.CAPTURE, tx_id=tx_id,
            origin=resolve_hold._origin(write, hold), parent=hold.id,
        )  # fmt: skip
        end = HoldEnd(chained, {}, {}, NOTHING_FREED)
        return Settled(chained, Answer(201, self._answers.hold(resolve_hold._posted(desk, hold, end))))

    ResolveHold._capture = capture_again  # type: ignore[method-assign]


@plant(
    "holds-by-own-clock",
    faults=["clock skewed", "clients reset", "clock skewed"],
    emphasis="holds",
    caught_by=["holds go by the one clock", "a hold's end is told once", "holds end once"],
    commands=["serve"],
    is_locked=True,
)
def holds_by_own_clock() -> None:
    """Each instance asks its own clock what time it is, for holds and all else.

    Nothing would have noticed: the clock of a customer's books only never runs back.
    """
    take = Round.take

    async def take_by_own_clock(self: Round, locks: Sequence[int]) -> Taken:
        return replace(await take(self, locks), now=datetime.fromtimestamp(time.time(), UTC))

    Round.take = take_by_own_clock  # type: ignore[method-assign]


@plant(
    "return-without-lock",
    faults=["clients reset"],
    emphasis="returns",
    caught_by=["refunds stay within what was paid", "verify finds nothing"],
    commands=["serve"],
)
def return_without_lock() -> None:
    """What is left of a purchase is read before the lock on its customer is waited for, and not again afterwards; the
    purchase itself isn't locked. Two tills take the same goods back.

    The customers' lock would have been enough, had the lines been read under it; passing over a locked customer and
    beginning anew, as rounds do, hides most of it, so they wait here.
    """
    ledger.LOCK_PATRONS = ledger.LOCK_PATRONS_WAITING
    ledger.LOCK_PURCHASES = replaced(ledger.LOCK_PURCHASES, " for no key update of p", "")
    read, owners = Round.lock_purchases, Round.purchase_owners

    async def owners_and_goods(self: Any, ids: Sequence[UUID]) -> Mapping[UUID, CustomerId]:
        self.goods = getattr(self, "goods", {}) | dict(await read(self, ids))
        return await owners(self, ids)

    async def goods_as_read(self: Any, ids: Sequence[UUID]) -> Mapping[UUID, StoredPurchase]:
        return {each: self.goods[each] for each in ids}

    Round.purchase_owners = owners_and_goods  # type: ignore[method-assign]
    Round.lock_purchases = goods_as_read  # type: ignore[method-assign]


@plant(
    "debt-not-covered",
    faults=["clients reset"],
    emphasis="returns",
    caught_by=["the ledger's own rules", "verify finds nothing"],
)
def debt_not_covered() -> None:
    """What comes in covers a debt in the balance, and stays in its lot as if it had not: it could be spent again.

    No constraint sees lots and balances together; the look at the balance before each redemption keeps it from being
    spent, until the lot's end takes it from the balance a second time.
    """

    def cover_nothing(self: Moves, lot: Any, units: int) -> None:
        purse = self.book.purse(lot.wallet)
        purse.floor = max(purse.floor, min(0, purse.available))

    Moves._cover = cover_nothing  # type: ignore[method-assign]
