"""Gift cards: made, sold and activated at a till, spent in part, blocked.

A gift card is a customer without a person: its number is the identifier, its balance a wallet with lots and a chain of
postings like everybody's. So it is spent by `redeem`, or pays a basket as the customer of `accrue` where the program's
`redemption` has its wallet; nothing accrues to it, and returns give back to its lots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from app.domain.amounts import AMOUNT_MAX
from app.domain.card_numbers import GIFT_PREFIX, make_number
from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.ledger.balances import WalletBalance
from app.domain.ledger.plans import Chained, Moment, bring_up_to_date, plan_load
from app.domain.ledger.postings import Origin
from app.domain.program import Program
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows import refusals
from app.flows.claims import receipt_claims
from app.flows.ledger_port import Changes, NewClaim, Patron
from app.flows.once import Once
from app.flows.ports import Clock, Programs, Snapshots, Vault, fresh_ids
from app.flows.ports_customers import CustomerTx, Reads
from app.flows.requests import Answer, Receipt, Write

COUNT_MAX = 500  # Cards of one call: an answer of 20 KB.


@dataclass(frozen=True, slots=True)
class MakeRequest:
    """`units` None: the till says how many at the activation. `expire_after_days` None: by the wallet's terms."""

    wallet: str
    count: int
    units: int | None
    expire_after_days: int | None
    batch: str | None


@dataclass(frozen=True, slots=True)
class GiftCardRow:
    """`state`: made, active, blocked."""

    customer_id: UUID
    wallet: str
    units: int | None
    expire_after_days: int | None
    state: str
    activated_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class GiftCard:
    """`state`: inactive, active, spent, expired, blocked."""

    id: UUID
    state: str
    wallet: str
    units: int | None
    balance: WalletBalance
    version: int
    activated_at: datetime | None
    expires_at: datetime | None
    tx_id: UUID | None = None


class GiftCardTx(CustomerTx, Protocol):
    async def insert_gift_cards(
        self, cards: Sequence[tuple[UUID, bytes]], request: MakeRequest, *, by: str
    ) -> None: ...

    async def lock_gift_card(self, customer_id: UUID) -> GiftCardRow | None: ...

    async def activate_gift_card(
        self, customer_id: UUID, *, units: int, at: datetime, expires_at: datetime | None
    ) -> None: ...

    async def block_gift_card(self, customer_id: UUID) -> None:
        """Also the customer's row, so that nothing can be spent."""
        ...


class GiftCardReads(Protocol):
    async def gift_card(self, customer_id: UUID) -> GiftCardRow | None: ...


class KeepGiftCards:
    """`luck` gives an integer below its argument; `numbers_answer` and `answer` give answers their bytes."""

    def __init__(
        self,
        once: Once[GiftCardTx],
        cards: GiftCardReads,
        reads: Reads,
        *,
        programs: Programs,
        vault: Vault,
        snapshots: Snapshots,
        clock: Clock,
        luck: Callable[[int], int],
        numbers_answer: Callable[[Sequence[str], MakeRequest], bytes],
        answer: Callable[[GiftCard], bytes],
    ) -> None:
        self._once = once
        self._cards = cards
        self._reads = reads
        self._programs = programs
        self._vault = vault
        self._snapshots = snapshots
        self._clock = clock
        self._luck = luck
        self._numbers_answer = numbers_answer
        self._answer = answer

    async def make(self, write: Write, request: MakeRequest) -> Answer:
        """Cards without value, 201 with their numbers. Raises `Rejected` for a wallet that the program hasn't."""
        _check_wallet(await self._program(), request.wallet)
        numbers = [make_number(GIFT_PREFIX, self._luck(10**18)) for _ in range(request.count)]

        async def act(tx: GiftCardTx) -> Answer:
            ids = fresh_ids()
            cards = [(next(ids), self._digest(number)) for number in numbers]
            await tx.insert_gift_cards(cards, request, by=write.caller.key_id)
            return Answer(201, self._numbers_answer(numbers, request))

        return await self._once.run(write, act)

    async def activate(self, write: Write, number: Identifier, receipt: Receipt, *, units: int | None) -> Answer:
        """Put its value on a card that has been sold.

        Raises:
            Rejected: `not_found`, `duplicate_receipt` (kept), `customer_blocked` (kept); `validation_error` at `/units`
                where they are missing, are not the card's own, or the card is active already.
        """
        program = await self._program()
        version = await self._programs.newest()
        changed: list[UUID] = []

        async def act(tx: GiftCardTx) -> Answer:
            patron, row = await self._locked(tx, number)
            claims = list(receipt_claims(receipt))
            known = (await tx.read_known(claims=[digest for _, digest in claims], identifiers=[], customers=[])).claims
            if known:
                original = str(next(iter(known.values())).answer_id)
                raise Rejected(
                    Rejection.DUPLICATE_RECEIPT, "This receipt was posted before.", facts={"original_tx_id": original}
                )
            worth = _worth(row, units)
            _check_wallet(program, row.wallet)
            now, card_id = (await tx.take([])).now, patron.book.customer_id
            moment = Moment.by_clock(now, fresh_ids(), book=patron.book)
            patron.book.load_lots((await tx.read_lots([card_id], purchases=[])).get(card_id, ()))
            origin = Origin(
                idempotency_key=write.key,
                shop=receipt.shop,
                terminal=receipt.terminal,
                receipt=receipt.number,
                program=version,
                reason="gift card sold",
            )
            chained = plan_load(
                patron.book,
                program,
                moment,
                wallet=row.wallet,
                units=worth,
                expire_after_days=row.expire_after_days,
                origin=origin,
            )
            tx_id = chained.posting.tx_id
            await tx.write(
                Changes(
                    patrons=[patron],
                    postings=[chained],
                    claims=[NewClaim(digest, kind, None, tx_id) for kind, digest in claims],
                )
            )
            card = _activated(patron, row, chained, at=now, units=worth)
            await tx.activate_gift_card(card.id, units=worth, at=now, expires_at=card.expires_at)
            changed.append(card_id)
            return Answer(201, self._answer(card), tx_id=tx_id)

        return await self._once.run(write, act, after=partial(self._tell, number, changed))

    async def block(self, write: Write, number: Identifier) -> Answer:
        """Nothing can be spent from it any more; what is on it stays in the books. Raises `Rejected(NOT_FOUND)`."""
        changed: list[UUID] = []

        async def act(tx: GiftCardTx) -> Answer:
            patron, row = await self._locked(tx, number)
            await tx.block_gift_card(row.customer_id)
            changed.append(row.customer_id)
            balance = patron.book.purse(row.wallet).frozen()
            card = GiftCard(
                id=row.customer_id,
                state="blocked",
                wallet=row.wallet,
                units=row.units,
                balance=balance,
                version=patron.book.version,
                activated_at=row.activated_at,
                expires_at=row.expires_at,
            )
            return Answer(200, self._answer(card))

        return await self._once.run(write, act, after=partial(self._tell, number, changed))

    async def card(self, number: Identifier) -> GiftCard:
        """As it is now. Raises `Rejected(NOT_FOUND)`."""
        owner = await self._reads.owner(self._vault.digest(number))
        row = None if owner is None else await self._cards.gift_card(owner)
        patron = None if owner is None else await self._reads.books(owner)
        if row is None or patron is None:
            raise _no_card()
        version, program, now = patron.book.version, await self._program(), self._clock.now()
        bring_up_to_date(patron.book, Moment.by_clock(now, fresh_ids()), program)
        balance = patron.book.purse(row.wallet).frozen()
        return GiftCard(
            id=row.customer_id,
            state=_state(row, balance, now=now),
            wallet=row.wallet,
            units=row.units,
            balance=balance,
            version=version,
            activated_at=row.activated_at,
            expires_at=row.expires_at,
        )

    async def _tell(self, number: Identifier, changed: list[UUID], answer: Answer | None) -> None:
        """changed: the card, where any attempt came so far."""
        if answer is not None and answer.is_replayed:  # Whoever did it may not have lived to tell.
            owner = await self._reads.owner(self._vault.digest(number))
            changed = changed if owner is None else [owner]
        await self._snapshots.forget(changed)

    async def _locked(self, tx: GiftCardTx, number: Identifier) -> tuple[Patron, GiftCardRow]:
        digest = self._digest(number.value)
        owner = (await tx.read_known(claims=[], identifiers=[digest], customers=[])).owners.get(digest)
        patron = None if owner is None else (await tx.lock_patrons([owner], wait=True)).get(owner)
        row = None if owner is None else await tx.lock_gift_card(owner)
        if patron is None or row is None:
            raise _no_card()
        return patron, row

    async def _program(self) -> Program:
        compiled = await self._programs.current()
        if compiled is None:
            raise refusals.no_program()
        return compiled.program

    def _digest(self, number: str) -> bytes:
        return self._vault.digest(Identifier(IdentifierKind.CARD, number))


def _check_wallet(program: Program, wallet: str) -> None:
    if wallet not in program.wallets:
        raise refusals.no_wallet()


def _no_card() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such gift card.")


def _worth(row: GiftCardRow, units: int | None) -> int:
    """What the activation puts on the card."""
    if row.state == "blocked":
        raise Rejected(Rejection.CUSTOMER_BLOCKED, "The card is blocked.")
    if row.state != "made":
        fault = Fault("/number", "active_already", "must be a card that was not activated before")
        raise Rejected(Rejection.VALIDATION_ERROR, "The card is active already.", (fault,))
    worth = row.units if units is None else units
    if worth is None or not 0 < worth <= AMOUNT_MAX:
        fault = Fault("/units", "required", f"must say how much is put on the card, 1 to {AMOUNT_MAX}")
        raise Rejected(Rejection.VALIDATION_ERROR, "The card has no value of its own.", (fault,))
    if row.units is not None and worth != row.units:
        fault = Fault("/units", "not_its_value", f"must be the card's own value, {row.units}, or not be there")
        raise Rejected(Rejection.VALIDATION_ERROR, "The card has another value.", (fault,))
    return worth


def _activated(patron: Patron, row: GiftCardRow, chained: Chained, *, at: datetime, units: int) -> GiftCard:
    lot = patron.book.added[-1]
    return GiftCard(
        id=row.customer_id,
        state="active",
        wallet=row.wallet,
        units=units,
        balance=patron.book.purse(row.wallet).frozen(),
        version=chained.posting.version,
        activated_at=at,
        expires_at=lot.expires_at,
        tx_id=chained.posting.tx_id,
    )


def _state(row: GiftCardRow, balance: WalletBalance, *, now: datetime) -> str:
    if row.state != "active":
        return "inactive" if row.state == "made" else "blocked"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    return "active" if balance.available or balance.pending or balance.held else "spent"
