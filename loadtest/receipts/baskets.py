"""A sale becomes the basket, or the baskets, that the API takes: quantities above 0, prices from 0, at most 500 lines.

Lines that no till could send are left out and counted. A sale of more lines than a basket may have becomes several
receipts, `573585/1` and `573585/2`, since every line of it was sold.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from loadtest.receipts.census import Census, LineTreatment, ReceiptTreatment
from loadtest.receipts.model import Line, Note, Receipt, ReceiptKind

# The API's bound for one basket.
BASKET_LINES_MAX = 500


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as it is sent: `id` is unique in its basket, quantity above 0, price in minor units from 0."""

    id: str
    line: Line

    def __post_init__(self) -> None:
        if self.line.quantity <= 0 or self.line.price < 0:
            raise ValueError(f"not to be sold: {self.line}")


@dataclass(frozen=True, slots=True)
class Sale:
    """A basket that is sent under its own receipt number. `at` is the shop's local time, not yet moved."""

    number: str
    customer: str | None
    at: datetime
    lines: tuple[SoldLine, ...]

    @property
    def gross(self) -> int:
        """Minor units."""
        return sum(sold.line.money for sold in self.lines)


def baskets_of(receipt: Receipt, *, census: Census) -> tuple[Sale, ...]:
    """The baskets of a sale; none for a sale of which no line is left. Counts every line, the receipt and its marks."""
    if receipt.kind is not ReceiptKind.SALE:
        raise ValueError(f"not a sale: {receipt.number}")
    _mark(receipt, census)
    kept: list[Line] = []
    for line in receipt.lines:
        treatment = _treatment(line)
        census.line(treatment, money=line.money)
        if treatment in (LineTreatment.SOLD, LineTreatment.SOLD_AT_ZERO):
            kept.append(line)
    census.receipt(
        ReceiptTreatment.SALE if kept else ReceiptTreatment.SALE_WITHOUT_LINES,
        lines=len(receipt.lines),
        money=sum(line.money for line in receipt.lines),
    )
    chunks = [kept[start : start + BASKET_LINES_MAX] for start in range(0, len(kept), BASKET_LINES_MAX)]
    census.notes[Note.SPLIT] += len(chunks) > 1
    return tuple(
        Sale(
            number=receipt.number if len(chunks) == 1 else f"{receipt.number}/{part}",
            customer=receipt.customer,
            at=receipt.at,
            lines=tuple(SoldLine(id=str(place), line=line) for place, line in enumerate(chunk, start=1)),
        )
        for part, chunk in enumerate(chunks, start=1)
    )


def count_adjustment(receipt: Receipt, *, census: Census) -> None:
    """Counts a receipt that is bookkeeping only; nothing of it is sent."""
    for line in receipt.lines:
        census.line(LineTreatment.LEFT_OUT_ADJUSTMENT, money=line.money)
    census.receipt(
        ReceiptTreatment.ADJUSTMENT, lines=len(receipt.lines), money=sum(line.money for line in receipt.lines)
    )


def _treatment(line: Line) -> LineTreatment:
    if line.price < 0:
        return LineTreatment.LEFT_OUT_NEGATIVE_PRICE
    if line.quantity < 0:
        return LineTreatment.LEFT_OUT_NEGATIVE_QUANTITY
    if line.quantity == 0:
        return LineTreatment.LEFT_OUT_ZERO_QUANTITY
    return LineTreatment.SOLD if line.price else LineTreatment.SOLD_AT_ZERO


def _mark(receipt: Receipt, census: Census) -> None:
    codes = Counter(line.sku for line in receipt.lines)
    census.notes[Note.SAME_CODE_TWICE] += sum(count - 1 for count in codes.values())
    census.notes[Note.SERVICE_CODE] += sum(line.category is not None for line in receipt.lines)
    census.notes[Note.NO_NAME] += sum(not line.name for line in receipt.lines)
    census.notes[Note.NO_CUSTOMER] += receipt.customer is None
