"""Cards of customers: issued, blocked, moved to a new number. A card may have a type that rules test by `card_type`.

The types lie in the profile's row by the number's digest, so that a purchase reads them with the customer; a card that
is blocked has none there any more, and nobody is found by it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from app.domain.card_numbers import CARD_PREFIX, make_number
from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows import refusals
from app.flows.guessing import Uncounted
from app.flows.ledger_port import Patron
from app.flows.once import Once
from app.flows.ports import Snapshots, Vault
from app.flows.ports_customers import CustomerTx
from app.flows.requests import Answer, Write
from app.flows.sealed_answers import CARD_MEMBERS, SealedAnswers

CARDS_MAX = 50  # Of one customer; lost and replaced ones are no longer counted.


@dataclass(frozen=True, slots=True)
class CardState:
    """`number` in clear: whoever issues a card must print it."""

    number: str
    type: str | None
    state: str  # active, blocked
    customer: UUID


class CardTx(CustomerTx, Protocol):
    async def insert_card(self, customer_id: UUID, digest: bytes, *, card_type: str | None) -> None: ...

    async def block_card(self, customer_id: UUID, digest: bytes) -> tuple[bool, str | None]:
        """Whether this customer has such a card (blocked already or not), and its type."""
        ...

    async def set_card_types(self, customer_id: UUID, card_types: Mapping[str, str]) -> None: ...


class KeepCards:
    """`luck` gives an integer below its argument."""

    def __init__(
        self,
        once: Once[CardTx],
        *,
        vault: Vault,
        snapshots: Snapshots,
        answer: Callable[[CardState], bytes],
        sealed: SealedAnswers,
        luck: Callable[[int], int],
    ) -> None:
        self._once = once
        self._vault = vault
        self._snapshots = snapshots
        self._answer = answer
        self._sealed = sealed
        self._luck = luck

    async def issue(self, write: Write, customer: UUID, *, number: Identifier | None, card_type: str | None) -> Answer:
        """A card of the caller's number, or of one made up here.

        Raises:
            Rejected: `customer_not_found`, `identifier_taken` (kept), `limit_exceeded`.
        """
        card = number or self._new_number()

        async def act(tx: CardTx, patron: Patron) -> CardState:
            await self._add(tx, write, patron, card, card_type=card_type)
            return CardState(card.value, card_type, "active", customer)

        return await self._run(write, customer, act, status=201, touched=[card])

    async def block(self, write: Write, customer: UUID, *, number: Identifier) -> Answer:
        """Nobody is found by it any more; blocking twice changes nothing. Raises `Rejected(NOT_FOUND)`."""

        async def act(tx: CardTx, patron: Patron) -> CardState:
            card_type = await self._take_out(tx, patron, number)
            return CardState(number.value, card_type, "blocked", customer)

        return await self._run(write, customer, act, status=200, touched=[number])

    async def move(self, write: Write, customer: UUID, *, number: Identifier, to: Identifier | None) -> Answer:
        """Block a card and issue another of its type. Raises `Rejected`: as `issue` and `block`."""
        card = to or self._new_number()

        async def act(tx: CardTx, patron: Patron) -> CardState:
            card_type = await self._take_out(tx, patron, number)
            await self._add(tx, write, patron, card, card_type=card_type)
            return CardState(card.value, card_type, "active", customer)

        return await self._run(write, customer, act, status=201, touched=[number, card])

    def _new_number(self) -> Identifier:
        return Identifier(IdentifierKind.CARD, make_number(CARD_PREFIX, self._luck(10**18)))

    async def _run(
        self, write: Write, customer: UUID, act: "_Act", *, status: int, touched: list[Identifier]
    ) -> Answer:
        async def locked(tx: CardTx) -> Answer:
            patron = (await tx.lock_patrons([customer], wait=True)).get(customer)
            if patron is None or patron.is_gift_card:
                raise refusals.no_customer()
            if patron.is_erased:
                raise refusals.erased()
            state = await act(tx, patron)
            await tx.set_card_types(customer, patron.card_types)
            await tx.update_profile(customer, profile=patron.profile, tags=patron.tags)
            return Answer(status, self._sealed.stored(self._answer(state), patron, members=CARD_MEMBERS))

        async def tell(_: Answer | None) -> None:
            await self._snapshots.forget([customer])
            await self._snapshots.drop([self._vault.digest(card) for card in touched])

        return await self._sealed.opened(await self._once.run(write, locked, after=tell))

    async def _add(self, tx: CardTx, write: Write, patron: Patron, card: Identifier, *, card_type: str | None) -> None:
        digest = self._vault.digest(card)
        if await tx.taken_identifiers([digest]):
            if not write.is_counted:
                raise Uncounted(1)
            fault = Fault("/number", "taken", "must be a number that no card has or had")
            raise Rejected(Rejection.IDENTIFIER_TAKEN, "There is a card with this number.", (fault,))
        person = self._vault.open(patron.book.customer_id, patron.profile)
        if len(person.cards) >= CARDS_MAX:
            raise Rejected(Rejection.LIMIT_EXCEEDED, f"A customer has at most {CARDS_MAX} cards.")
        await tx.insert_card(patron.book.customer_id, digest, card_type=card_type)
        if card_type is not None:
            patron.card_types = {**patron.card_types, digest.hex(): card_type}
        self._seal(patron, cards=(*person.cards, card.value))

    async def _take_out(self, tx: CardTx, patron: Patron, card: Identifier) -> str | None:
        digest = self._vault.digest(card)
        is_theirs, card_type = await tx.block_card(patron.book.customer_id, digest)
        if not is_theirs:
            raise Rejected(Rejection.NOT_FOUND, "The customer has no such card.")
        patron.card_types = {key: value for key, value in patron.card_types.items() if key != digest.hex()}
        person = self._vault.open(patron.book.customer_id, patron.profile)
        self._seal(patron, cards=tuple(number for number in person.cards if number != card.value))
        return card_type

    def _seal(self, patron: Patron, *, cards: tuple[str, ...]) -> None:
        owner, profile = patron.book.customer_id, patron.profile
        person = replace(self._vault.open(owner, profile), cards=cards)
        patron.profile = self._vault.seal(owner, person, wrapped_key=profile.wrapped_key)


class _Act(Protocol):
    async def __call__(self, tx: CardTx, patron: Patron) -> CardState: ...
