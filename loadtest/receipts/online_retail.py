"""Reads UCI's Online Retail: one row a line, an invoice is all rows of one number.

`C541433` is a cancellation, `541433` a sale; any other letter (`A563185`, "Adjust bad debt") is bookkeeping. Times are
the shop's local time to the minute; where the rows of an invoice differ by a minute, the first counts. Rows that can't
be read are counted, never guessed at.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from datetime import datetime

from loadtest.receipts.model import Line, Note, Reading, Receipt, ReceiptKind, RowFault, Source, in_time_order
from loadtest.receipts.money import minor_units

TIMEZONE = "Europe/London"
CARD_PREFIX = "OR-"
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")

_NUMBER = re.compile(r"[A-Za-z]?\d+", re.ASCII)
_SALE = re.compile(r"\d+", re.ASCII)
_CANCELLATION = re.compile(r"[Cc]\d+", re.ASCII)
_QUANTITY = re.compile(r"-?\d{1,7}", re.ASCII)
_GOODS = re.compile(r"\d{5}")
_DATES = ("%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
# Codes that name no goods, as the shop used them; a rule can leave `service` out by its category.
_SERVICES = {
    "POST": "service/postage",
    "DOT": "service/postage",
    "C2": "service/carriage",
    "M": "service/manual",
    "D": "service/discount",
    "BANK CHARGES": "service/bank-charges",
    "AMAZONFEE": "service/fee",
    "CRUK": "service/commission",
    "S": "service/samples",
    "B": "service/bad-debt",
}


class _Invoice:
    """Rows of one number gathered so far."""

    __slots__ = ("at_first", "at_last", "customer", "lines")

    def __init__(self, *, customer: str | None, at: datetime) -> None:
        self.customer = customer
        self.at_first = at
        self.at_last = at
        self.lines: list[Line] = []


def is_header(line: str) -> bool:
    """Whether a line is the header of this format, in any column order, with or without a column of row numbers."""
    return set(COLUMNS) <= {name.strip() for name in next(csv.reader([line]), [])}


def category_of(sku: str) -> str | None:
    """Path of the category of a code that names no goods; None for goods (five digits, perhaps letters after them)."""
    if _GOODS.match(sku):
        return None
    return _SERVICES.get(sku.upper(), "service/other")


def read(text: str) -> Reading:
    """All invoices of a file, in time order."""
    invoices: dict[str, _Invoice] = {}
    notes: Counter[Note] = Counter()
    faults: Counter[RowFault] = Counter()
    rows = 0
    for row in csv.DictReader(io.StringIO(text, newline="")):
        rows += 1
        try:
            if None in row or None in row.values():
                raise ValueError("too many or too few columns")
            number, customer, at = _head(row)
            line, is_rounded = _line(row)
        except ValueError:
            faults[RowFault.BROKEN] += 1
            continue
        invoice = invoices.setdefault(number, _Invoice(customer=customer, at=at))
        if invoice.customer != customer:
            faults[RowFault.SECOND_CUSTOMER] += 1
            continue
        invoice.at_first = min(invoice.at_first, at)
        invoice.at_last = max(invoice.at_last, at)
        invoice.lines.append(line)
        notes[Note.PRICE_ROUNDED] += is_rounded
    notes[Note.SEVERAL_MINUTES] += sum(i.at_first != i.at_last for i in invoices.values())
    receipts = [
        Receipt(number=number, kind=_kind(number), customer=i.customer, at=i.at_first, lines=tuple(i.lines))
        for number, i in invoices.items()
    ]
    return Reading(
        source=Source.ONLINE_RETAIL,
        currency="GBP",
        rows=rows,
        receipts=in_time_order(receipts),
        notes=notes,
        faults=faults,
    )


def _head(row: dict[str, str]) -> tuple[str, str | None, datetime]:
    number = row["InvoiceNo"].strip()
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"not an invoice number: {number[:40]!r}")
    # Some copies of the set were saved by way of a spreadsheet or a data frame and say 17850.0.
    customer = row["CustomerID"].strip().removesuffix(".0")
    return number, customer or None, _moment(row["InvoiceDate"].strip())


def _moment(text: str) -> datetime:
    for form in _DATES:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the shop's local time; its zone comes later.
        except ValueError:
            continue
    raise ValueError(f"not a time: {text[:40]!r}")


def _line(row: dict[str, str]) -> tuple[Line, bool]:
    quantity = row["Quantity"].strip()
    sku = row["StockCode"].strip()
    if not _QUANTITY.fullmatch(quantity) or not sku:
        raise ValueError(f"not a quantity or no stock code: {quantity[:40]!r}")
    price, is_rounded = minor_units(row["UnitPrice"].strip())
    name = row["Description"].strip()
    return Line(sku=sku, name=name, quantity=int(quantity), price=price, category=category_of(sku)), is_rounded


def _kind(number: str) -> ReceiptKind:
    if _CANCELLATION.fullmatch(number):
        return ReceiptKind.CANCELLATION
    return ReceiptKind.SALE if _SALE.fullmatch(number) else ReceiptKind.ADJUSTMENT
