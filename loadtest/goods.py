"""Baskets of five lines out of real receipts: five lines in a row of a sale, as they were bought together. Larger ones
go on with the sales after it.

The receipts are those of `loadtest/data`. They know no categories and brands, so each article gets one of the program's
by a hash of its code, always the same. A pound counts as twenty roubles: the prices are then a grocer's.
"""

from __future__ import annotations

import json
import zlib
from functools import cache
from typing import Any

from loadtest.options import SAMPLE
from loadtest.program import BRANDS, CATEGORIES, COUPON
from loadtest.receipts.files import load, read
from loadtest.receipts.model import Line, ReceiptKind

LINES = 5
BASKETS_MAX = 1000
QUANTITY_MAX = 24  # above it the shop sold wholesale
PRICE_FACTOR = 20
# Of all baskets one in ten brings the coupon, two in three are paid by card.
COUPON_EVERY = 10
CASH_EVERY = 3


@cache
def baskets(lines: int = LINES) -> tuple[bytes, ...]:
    """`BASKETS_MAX` baskets (of many lines: as many as there are goods for) as JSON objects
    `{"lines", "payments", "coupons"?}`, the same ones every time.
    """
    text, _ = load(SAMPLE)
    found: list[bytes] = []
    left: list[Line] = []
    for receipt in read(text).receipts:
        if receipt.kind is not ReceiptKind.SALE:
            continue
        goods = [line for line in receipt.lines if line.category is None and _is_retail(line)]
        left = [*left, *goods] if lines > LINES else goods
        while len(left) >= lines and len(found) < BASKETS_MAX:
            found.append(_json(_basket(left[:lines], place=len(found))))
            left = left[lines:]
    if not found:
        raise ValueError(f"{SAMPLE} holds no basket of {lines} lines")
    return tuple(found)


def _is_retail(line: Line) -> bool:
    return 0 < line.quantity <= QUANTITY_MAX and line.price > 0 and bool(line.name)


def _basket(lines: list[Line], *, place: int) -> dict[str, Any]:
    method = "cash" if place % CASH_EVERY == 0 else "card"
    basket = {
        "lines": [_line(line, place=at) for at, line in enumerate(lines, start=1)],
        "payments": [{"method": method, "amount": sum(line.money for line in lines) * PRICE_FACTOR}],
    }
    return basket | ({"coupons": [COUPON]} if place % COUPON_EVERY == 0 else {})


def _line(line: Line, *, place: int) -> dict[str, Any]:
    hashed = zlib.crc32(line.sku.encode())
    return {
        "id": str(place),
        "sku": line.sku,
        "name": line.name,
        "category": CATEGORIES[hashed % len(CATEGORIES)],
        "brand": BRANDS[hashed // len(CATEGORIES) % len(BRANDS)],
        "qty": line.quantity,
        "price": line.price * PRICE_FACTOR,
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
