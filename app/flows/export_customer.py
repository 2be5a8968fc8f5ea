"""All that is kept of one customer, in clear: the answer to "what do you know of me?".

A document has the whole profile and at most POSTINGS_MAX postings, the newest first, with the purchases, holds and acts
of these, fewer where these are large (BYTES_MAX); it names the next document's cursor where there are more. Each is of
one moment. Coupons, consents and alerts are in every document, CODES_MAX of each; it says so where there are more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import Identifier, IdentifierKind
from app.flows.cursors import place_of, to_cursor
from app.flows.erase_customer import Erasure
from app.flows.keep_consents import ConsentRecord
from app.flows.ports import Vault
from app.flows.read_customer import ReadCustomer
from app.flows.results import CustomerProfile, HistoryItem, HoldView

POSTINGS_MAX = 500  # A document: with purchases of ten lines some 5 MB, and a second of the database at most.
# Of what was asked and answered in the purchases of a document; one posting is told at any size. The largest answers
# have 127 KB: 500 of them held up the service's loop for half a second, these 8 MB for 35 ms.
BYTES_MAX = 8_000_000
CODES_MAX = 1_000  # Coupons of one customer; consents and alerts likewise.


@dataclass(frozen=True, slots=True)
class ExportedPurchase:
    """`answer` is what the till was answered that day, `basket` what was asked; both JSON. `returned_milli` by line."""

    id: UUID
    shop: str
    terminal: str
    at: datetime
    answer: bytes
    basket: bytes
    returned_milli: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ExportedAct:
    """Another act than a purchase; `data` is JSON as it was sent."""

    tx_id: UUID
    type: str
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class ExportedCoupon:
    """`is_given`: by a reward or a prize."""

    code: str
    pool: str | None
    uses: int
    is_given: bool
    is_blocked: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """A place in a prize draw's list."""

    draw: str
    place: int
    purchase: UUID


@dataclass(frozen=True, slots=True)
class ExportedAlert:
    """Something unusual that was noticed; `day` is the till's."""

    kind: str
    shop: str
    terminal: str
    day: date
    raised_at: datetime
    times: int
    state: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database has of a customer besides the profile. `is_last`: there are no earlier postings; `is_complete`:
    coupons, consents and alerts are all there are.
    """

    postings: Sequence[HistoryItem]
    purchases: Sequence[ExportedPurchase]
    holds: Sequence[HoldView]
    acts: Sequence[ExportedAct]
    entries: Sequence[ExportedEntry]
    consents: Sequence[ConsentRecord]
    coupons: Sequence[ExportedCoupon]
    alerts: Sequence[ExportedAlert]
    erasure: Erasure | None
    is_last: bool
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Export:
    """`card_types` are by number; cards without a type have none."""

    profile: CustomerProfile
    card_types: Mapping[str, str]
    kept: Kept
    next: str | None


class ExportReads(Protocol):
    async def kept(
        self, customer_id: UUID, *, before: int | None, postings_max: int, bytes_max: int, codes_max: int
    ) -> Kept:
        """before: only postings of earlier versions. Raises DatabaseGone, DatabaseBusy."""
        ...


class ExportCustomer:
    def __init__(self, reads: ExportReads, *, customers: ReadCustomer, vault: Vault) -> None:
        self._reads = reads
        self._customers = customers
        self._vault = vault

    async def export(self, customer_id: UUID, *, cursor: str | None) -> Export:
        """Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        before = None if cursor is None else place_of(cursor)
        profile = await self._customers.profile(customer_id)
        patron, _ = await self._customers.patron(customer_id)
        kept = await self._reads.kept(
            customer_id, before=before, postings_max=POSTINGS_MAX, bytes_max=BYTES_MAX, codes_max=CODES_MAX
        )
        types = {card: patron.card_types.get(self._digest(card)) for card in profile.cards}
        return Export(
            profile=replace(profile, erased_at=None if kept.erasure is None else kept.erasure.erased_at),
            card_types={card: card_type for card, card_type in types.items() if card_type is not None},
            kept=replace(kept, postings=self._customers.with_reasons(patron, kept.postings)),
            next=None if kept.is_last else to_cursor(kept.postings[-1].version),
        )

    def _digest(self, card: str) -> str:
        return self._vault.digest(Identifier(IdentifierKind.CARD, card)).hex()
