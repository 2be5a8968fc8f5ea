"""What a file of receipts holds, as it was read, before anyone decides what to send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class UnusableInputError(Exception):
    """The run can't begin; the text is one line for the person who typed the command."""


class Source(StrEnum):
    """Formats that can be read. The value goes into idempotency keys, so it never changes."""

    ONLINE_RETAIL = "online_retail"
    CDNOW = "cdnow"


class ReceiptKind(StrEnum):
    SALE = "sale"
    CANCELLATION = "cancellation"
    ADJUSTMENT = "adjustment"  # Bookkeeping under a receipt number ("Adjust bad debt"): no goods move.


class Note(StrEnum):
    """Marks that a line or receipt may carry besides its one treatment; a line may have several."""

    PRICE_ROUNDED = "price rounded half-up to the minor unit"
    SAME_CODE_TWICE = "stock code repeated on its receipt"
    SERVICE_CODE = "manual or service code (M, POST, C2, D …)"
    NO_NAME = "line without a name"
    SEVERAL_MINUTES = "receipt printed over several minutes: the first counts"
    NO_CUSTOMER = "receipt without a customer"
    SPLIT = "sale over 500 lines: sent as several receipts"


class RowFault(StrEnum):
    """Why a row of the file can't become a line. Such rows are counted, their money is unknown."""

    BROKEN = "unreadable row"
    SECOND_CUSTOMER = "second customer on one receipt"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as read. `quantity` is signed, `price` is in minor units and may be negative in dirty data."""

    sku: str
    name: str
    quantity: int
    price: int
    category: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def money(self) -> int:
        """Signed value of the line in minor units."""
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Receipt:
    """One numbered document. `at` is the shop's local time, without a zone."""

    number: str
    kind: ReceiptKind
    customer: str | None
    at: datetime
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole file: receipts in time order, and what reading already had to say about it."""

    source: Source
    currency: str
    rows: int
    receipts: tuple[Receipt, ...]
    notes: Counter[Note] = field(default_factory=Counter)
    faults: Counter[RowFault] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        numbers = {receipt.number for receipt in self.receipts}
        if len(numbers) != len(self.receipts):
            raise ValueError(f"receipt numbers repeat: {len(self.receipts)} receipts, {len(numbers)} numbers")


def in_time_order(receipts: list[Receipt]) -> tuple[Receipt, ...]:
    """Order in which a shop would send them: by time, within a minute sales before cancellations, then by number."""
    return tuple(sorted(receipts, key=lambda r: (r.at, r.kind is ReceiptKind.CANCELLATION, r.number)))
