"""Erasing a customer: the personal data is gone, the ledger is as it was.

What is destroyed, in one transaction: the customer's own key and the profile sealed with it, so that no copy of the
profile can be opened again, wherever it lies; the keyed hashes by which phone, cards and external id were found; tags,
segments and card types; codes that were sent and the app's secret; who had brought them. What stays is what no longer
tells who it was: the postings with all that hangs on them (purchases, holds, lots, coupons, an id that others name as
theirs who brought them) and the history of consents. A record of the erasure stays for the regulator.

Then the purchases are tidied: what each kept of the masked name, tags, segments, card types and of how far the birthday
was is blanked, with the data of other acts. Of few postings at once; the rest in batches by a duty of the jobs'
process, since that takes minutes for whoever has come a hundred thousand times, and an erasure must not wait for it.

It is final. Whoever names the customer by a phone or card finds nobody; the id still finds the books. They are closed:
nothing is posted to them by anybody (`customer_blocked`) but what gives back - a return, a hold's release - and what
time brings, so points expire as they would have. An adjustment that waits for a second person can't be posted any more,
only declined. Erasing once more answers with the first record.

An open hold isn't ended here: the goods may be on the counter. It can only be released, by the till or by its time.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.flows import refusals
from app.flows.cursors import id_of, to_text_cursor
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.ledger_port import Patron
from app.flows.new_consents import records_of
from app.flows.once import Once
from app.flows.ports import Snapshots
from app.flows.ports_customers import CustomerTx
from app.flows.requests import Answer, Write
from app.flows.results import Page

# Postings that are tidied in the request, and in one transaction of the duty. A purchase of five lines with `explain`
# takes 1.1 ms (measured on a busy machine): 0.1 and 1.1 seconds, with answers of the largest size 3 and 30.
AT_ONCE_MAX = 100
BATCH_MAX = 1_000


class AskedBy(StrEnum):
    CUSTOMER = "customer"
    REPRESENTATIVE = "representative"
    AUTHORITY = "authority"
    OPERATOR = "operator"  # The shop itself, as where the purpose has ended.


class Ground(StrEnum):
    GDPR = "gdpr_17"  # Regulation (EU) 2016/679, article 17.
    RU_152FZ = "ru_152fz"  # Federal law 152-FZ of 27.07.2006, articles 14, 20, 21.
    OTHER = "other"
    UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """`asked_at`: when it was asked for; laws count days from then."""

    customer: UUID
    asked_by: AskedBy = AskedBy.CUSTOMER
    asked_at: datetime | None = None
    ground: Ground = Ground.UNSTATED


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is kept of an erasure. `erased_by` is the id of a key or a person of ours; `tidied_at` when the last of the
    purchases was freed of what tells of the person, None while that goes on.
    """

    customer: UUID
    erased_at: datetime
    erased_by: str
    asked_by: AskedBy
    asked_at: datetime | None
    ground: Ground
    tidied_at: datetime | None = None


class ErasureTx(CustomerTx, Protocol):
    async def erasure(self, customer_id: UUID) -> Erasure | None: ...

    async def erase(self, request: EraseRequest, *, by: str) -> tuple[Erasure, Sequence[bytes]]:
        """Destroy all of it, once, of a customer who is locked; the record, and the digests that led to them."""
        ...


class ErasureReads(Protocol):
    """Raise DatabaseGone, DatabaseBusy."""

    async def erasure(self, customer_id: UUID) -> Erasure | None: ...

    async def erasures(self, *, before: UUID | None, limit: int) -> Sequence[Erasure]:
        """The newest first; before: the customer of the one that the page begins after."""
        ...

    async def untidied(self) -> UUID | None:
        """Any erased customer whose purchases aren't tidied."""
        ...

    async def tidy(self, customer_id: UUID, *, most: int) -> bool:
        """So many postings more; whether those were the last. Raises Conflict too."""
        ...


class EraseCustomer:
    """`answer` gives the record its bytes; `consents` is what the profile tells of them, where it can be opened."""

    def __init__(
        self,
        once: Once[ErasureTx],
        reads: ErasureReads,
        *,
        snapshots: Snapshots,
        answer: Callable[[Erasure], bytes],
        consents: Callable[[Patron], Sequence[Mapping[str, object]]],
    ) -> None:
        self._once = once
        self._reads = reads
        self._snapshots = snapshots
        self._answer = answer
        self._consents = consents

    async def erase(self, write: Write, request: EraseRequest) -> Answer:
        """The record, 200, also of an earlier erasure. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        dropped: list[bytes] = []

        async def act(tx: ErasureTx) -> Answer:
            patron = (await tx.lock_patrons([request.customer], wait=True)).get(request.customer)
            if patron is None or patron.is_gift_card:  # A gift card has no person to be forgotten.
                raise refusals.no_customer()
            record = await tx.erasure(request.customer)
            if record is None:
                known = records_of(self._consents(patron), otherwise_at=patron.registered_at)
                await tx.insert_missing_consents(request.customer, known)
                record, digests = await tx.erase(request, by=write.caller.key_id)
                dropped.extend(digests)
            return Answer(200, self._answer(record))

        async def tell(_: Answer | None) -> None:
            await self._snapshots.forget([request.customer])
            await self._snapshots.drop(dropped)

        answer = await self._once.run(write, act, after=tell)
        with suppress(DatabaseGone, DatabaseBusy, Conflict):  # It is erased; the duty does what is left.
            await self._reads.tidy(request.customer, most=AT_ONCE_MAX)
        return answer

    async def erased_at(self, customer_id: UUID) -> datetime | None:
        record = await self._reads.erasure(customer_id)
        return None if record is None else record.erased_at

    async def page(self, *, limit: int, cursor: str | None) -> Page[Erasure]:
        """Of all customers, the newest first."""
        before = None if cursor is None else id_of(cursor)
        found = await self._reads.erasures(before=before, limit=limit + 1)
        following = to_text_cursor(str(found[limit - 1].customer)) if len(found) > limit else None
        return Page(tuple(found[:limit]), following)


class TidyErasures:
    """The duty: what erasures have left of the purchases."""

    def __init__(self, reads: ErasureReads) -> None:
        self._reads = reads

    async def run_once(self) -> int:
        """A batch; 0 where nothing is left to do. Raises DatabaseGone, DatabaseBusy, Conflict."""
        customer = await self._reads.untidied()
        if customer is None:
            return 0
        await self._reads.tidy(customer, most=BATCH_MAX)
        return 1
