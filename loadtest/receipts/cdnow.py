"""Reads CDNOW: one row a purchase of some CDs, 18 months, no returns; master (with a header) or the tenth of it.

A row says how many CDs and how much money, and the money is the total: it doesn't divide evenly by the CDs. So a row
becomes a basket of one line with quantity 1 whose price is the money; the number of CDs is its name ("2 CDs") and its
tag ("cds:2"). We turned down quantity = CDs with a rounded unit price: the gross would no longer be what was paid.

A row has a day and no hour: the rows of a day are sold from noon on, a second apart, in the file's order.
The sample's customers keep their number in the master.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

from loadtest.receipts.model import Line, Note, Reading, Receipt, ReceiptKind, RowFault, Source, in_time_order
from loadtest.receipts.money import minor_units

TIMEZONE = "America/New_York"
CARD_PREFIX = "CDNOW-"
SKU = "CD"
NOON_HOUR = 12
# Noon to midnight has 43,200 seconds; later rows of a day would share its last one. The master's fullest day has 504.
SECONDS_MAX = 12 * 60 * 60 - 1

# Master id, in the sample also the id there, day, CDs, money.
_ROW = re.compile(r"(\d+)(?:\s+\d+)?\s+(\d{8})\s+(\d{1,6})\s+(\d+\.\d+)", re.ASCII)
_HEADER = re.compile(r"customer_id\b", re.IGNORECASE)


def read(text: str) -> Reading:
    """All rows of a file as receipts, in time order. A receipt's number: customer, day and which of that day it is."""
    rows = 0
    receipts: list[Receipt] = []
    notes: Counter[Note] = Counter()
    faults: Counter[RowFault] = Counter()
    of_day: Counter[str] = Counter()
    of_customer_day: Counter[tuple[str, str]] = Counter()
    for raw in text.splitlines():
        row = raw.strip()
        if not row or (not rows and _HEADER.match(row)):
            continue
        rows += 1
        try:
            customer, day, line, is_rounded = _parse(row)
            noon = datetime.strptime(day, "%Y%m%d").replace(hour=NOON_HOUR)  # noqa: DTZ007 - local; zone comes later.
        except ValueError:
            faults[RowFault.BROKEN] += 1
            continue
        at = noon + timedelta(seconds=min(of_day[day], SECONDS_MAX))
        of_day[day] += 1
        of_customer_day[customer, day] += 1
        number = f"{customer}-{day}-{of_customer_day[customer, day]}"
        receipts.append(Receipt(number=number, kind=ReceiptKind.SALE, customer=customer, at=at, lines=(line,)))
        notes[Note.PRICE_ROUNDED] += is_rounded
    return Reading(
        source=Source.CDNOW, currency="USD", rows=rows, receipts=in_time_order(receipts), notes=notes, faults=faults
    )


def _parse(row: str) -> tuple[str, str, Line, bool]:
    found = _ROW.fullmatch(row)
    if found is None:
        raise ValueError(f"not a CDNOW row: {row[:60]!r}")
    customer, day, cds_text, money = found.groups()
    cds = int(cds_text)
    price, is_rounded = minor_units(money)
    line = Line(sku=SKU, name="1 CD" if cds == 1 else f"{cds} CDs", quantity=1, price=price, tags=(f"cds:{cds}",))
    return customer, day, line, is_rounded
