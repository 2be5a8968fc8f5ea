"""What became of each line and receipt of a file, counted: a line has exactly one treatment, none is lost silently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from loadtest.receipts.model import Note, RowFault


class LineTreatment(StrEnum):
    """The one thing that was done with a line. The value is its row in the table."""

    SOLD = "sold"
    SOLD_AT_ZERO = "sold at price 0"
    LEFT_OUT_NEGATIVE_QUANTITY = "left out: negative quantity in a sale"
    LEFT_OUT_ZERO_QUANTITY = "left out: quantity 0"
    LEFT_OUT_NEGATIVE_PRICE = "left out: negative price"
    LEFT_OUT_ADJUSTMENT = "left out: on an adjustment, neither sale nor cancellation"
    LEFT_OUT_POSITIVE_IN_CANCELLATION = "left out: positive quantity in a cancellation"
    RETURNED_IN_FULL = "returned in full"
    RETURNED_IN_PART = "returned in part: fewer were bought in the file"
    UNMATCHED_NEVER_BOUGHT = "not returned: never bought in the file"
    UNMATCHED_OTHER_PRICE = "not returned: bought at another price only"
    UNMATCHED_ALL_BACK = "not returned: all that was bought is back already"
    UNMATCHED_NO_CUSTOMER = "not returned: no customer to search for"


class ReceiptTreatment(StrEnum):
    """The one thing that was planned for a receipt."""

    SALE = "sale: sent as a purchase"
    SALE_WITHOUT_LINES = "sale: not sent, no line left to sell"
    RETURN_IN_FULL = "cancellation: matched in full"
    RETURN_IN_PART = "cancellation: matched in part"
    RETURN_NOT_AT_ALL = "cancellation: not sent, not matched at all"
    ADJUSTMENT = "adjustment: not sent"


@dataclass(slots=True)
class Tallied:
    """Lines of one treatment. Money in minor units, as the file says it, positive also for goods that come back;
    `matched` is the part of it that is sent as returns."""

    lines: int = 0
    money: int = 0
    matched: int = 0


@dataclass(slots=True)
class ReceiptsTallied:
    """Receipts of one treatment; money and matched are the sums of their lines'."""

    receipts: int = 0
    lines: int = 0
    money: int = 0
    matched: int = 0


@dataclass(slots=True)
class Census:
    """Counts of a whole file."""

    rows: int = 0
    lines: dict[LineTreatment, Tallied] = field(default_factory=dict)
    receipts: dict[ReceiptTreatment, ReceiptsTallied] = field(default_factory=dict)
    notes: Counter[Note] = field(default_factory=Counter)
    faults: Counter[RowFault] = field(default_factory=Counter)

    def line(self, treatment: LineTreatment, *, money: int, matched: int = 0) -> None:
        """Counts one line."""
        tallied = self.lines.setdefault(treatment, Tallied())
        tallied.lines += 1
        tallied.money += money
        tallied.matched += matched

    def receipt(self, treatment: ReceiptTreatment, *, lines: int, money: int, matched: int = 0) -> None:
        """Counts one receipt with all of its lines."""
        tallied = self.receipts.setdefault(treatment, ReceiptsTallied())
        tallied.receipts += 1
        tallied.lines += lines
        tallied.money += money
        tallied.matched += matched

    @property
    def receipts_read(self) -> int:
        return sum(tallied.receipts for tallied in self.receipts.values())

    def missing_rows(self) -> int:
        """Rows of the file that have no treatment; anything but 0 is a mistake in this program."""
        treated = sum(tallied.lines for tallied in self.lines.values()) + sum(self.faults.values())
        return self.rows - treated
