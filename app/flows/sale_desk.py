"""A basket settled in a round: what a purchase and a held basket share, so that a hold can't take what a purchase would
not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.abuse.velocity import NO_LIMITS, Velocity, check_pace
from app.domain.counters import advance
from app.domain.draws.luck import Luck
from app.domain.ledger.moments import Moment
from app.domain.ledger.postings import Origin
from app.domain.program import Program
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.most_taken import most_taken
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim, receipt_claims
from app.flows.identity import reference
from app.flows.ledger_port import Patron
from app.flows.ports import Clock, Programs, Vault
from app.flows.promises import Promise, read_token, refuse_changed
from app.flows.requests import PurchaseRequest, Receipt, Write
from app.flows.sales import AtLimits, Decided, decide_sale, needs_of_sale
from app.flows.shared_use import SharedUse
from app.flows.standings import codes_of, luck_of, program_day, shared_use_of, standing_of


@dataclass(frozen=True, slots=True)
class Pin:
    """What a quote's token pins while it is valid; nothing of it without one."""

    promise: Promise | None = None
    program: CompiledProgram | None = None


class OnDesk(NamedTuple):
    """A basket as it was decided, and what it takes of the program's shared state. `pace` is what it adds to the
    customer's day.
    """

    moment: Moment
    decided: Decided
    use: SharedUse
    origin: Origin
    pace: Sequence[tuple[str, str, int]] = ()

    @property
    def program(self) -> Program:
        """The one that decided."""
        return self.decided.program.program

    def keep_pace(self, patron: Patron) -> None:
        """It counts in the customer's day. Once it is planned: what is refused has not been."""
        advance(patron.book.memory.pace, self.pace)


class SaleDesk:
    def __init__(
        self, *, programs: Programs, vault: Vault, clock: Clock, limits: AtLimits, velocity: Velocity = NO_LIMITS
    ) -> None:
        self._programs = programs
        self._vault = vault
        self._clock = clock
        self._limits = limits
        self._velocity = velocity

    async def ask(self, write: Write, request: PurchaseRequest, settle: Callable[[Desk, OnDesk], Settled]) -> Ask:
        """The basket's way through a round; `settle` gets it decided. Raises `Rejected` for a token that isn't ours."""
        receipt = _receipt(request)
        pin = await self._pin(request)
        return Ask(
            write=write,
            key=key_claim(write.caller, write.key),
            customer=reference(request.customer, self._vault),
            settle=lambda desk: settle(desk, self._decide(desk, write, request, pin)),
            receipts=tuple(receipt_claims(receipt)),
            needs_lots=bool(request.redeem or request.rewards),
            takes=lambda program: most_taken(program, request.basket, redeem=request.redeem, rewards=request.rewards),
            spends=any(request.redeem.values()) or any(request.rewards.values()),
            wants=lambda program: needs_of_sale(program, request),
            coupons=codes_of(request.basket.coupons),
            pinned=pin.program,
        )

    async def _pin(self, request: PurchaseRequest) -> Pin:
        promise = read_token(request.quote, self._vault) if request.quote else None
        if promise is None or self._clock.now() >= promise.until:
            return Pin()
        return Pin(promise, await self._programs.compiled(promise.program))

    def _decide(self, desk: Desk, write: Write, request: PurchaseRequest, pin: Pin) -> OnDesk:
        receipt, now = _receipt(request), desk.moment.now
        at = self._limits.check(request.at, now=now, promise=pin.promise)
        patron, shared, program = desk.patron, desk.shared, pin.program or desk.program
        luck = self._luck(receipt, desk, pin) if program.has_draws else None
        decided = decide_sale(
            request,
            write.caller,
            version=pin.promise.program if pin.promise else desk.program_version,
            program=program,
            patron=patron,
            vault=self._vault,
            promise=pin.promise,
            at=at,
            standing=standing_of(patron, shared, now=now, luck=luck),
        )
        pace: Sequence[tuple[str, str, int]] = ()
        if patron is not None and self._velocity.is_on:
            decision = decided.decision
            pace = check_pace(
                self._velocity,
                patron.book,
                program.program,
                now=now,
                accrued=decision.accrued,
                redeemed=decision.redeemed_units,
            )
        customer = patron.book.customer_id if patron else None
        return OnDesk(
            moment=Moment(now=now, at=at, ids=desk.moment.ids),
            decided=decided,
            use=shared_use_of(decided.decision, shared, customer=customer, luck=luck),
            origin=Origin(
                idempotency_key=write.key,
                shop=receipt.shop,
                terminal=receipt.terminal,
                receipt=receipt.number,
                program=decided.version,
            ),
            pace=pace,
        )

    def _luck(self, receipt: Receipt, desk: Desk, pin: Pin) -> Luck:
        """Of the day that the deciding version lives in."""
        now = desk.moment.now
        day = program_day((pin.program or desk.program).program, now)
        if pin.promise is not None and day < program_day(desk.program.program, now):
            # The newest version is a day further on: the secret of this day is public.
            refuse_changed(pin.promise.totals, {})
        return luck_of(receipt, day=day, vault=self._vault)


def _receipt(request: PurchaseRequest) -> Receipt:
    if request.receipt is None:
        raise ValueError("a purchase has a receipt")
    return request.receipt
