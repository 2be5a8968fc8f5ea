"""A stored purchase read back: what the rules saw that day, and what was given.

The basket is stored as it was sent, with the visit and the customer's facts beside it. Purchases of a release that kept
no facts are read as far as they tell: the tier and what was available are in the answer; the number of earlier
purchases is not, and is counted by the trial.

A coupon code that was refused that day (expired, used up, another customer's) is left out: the draft couldn't have used
it either. One that nobody knew stays, as the draft may name it, but `unknown_codes` says so.

A back-test reads millions of them, so of an answer only the parts are parsed that are looked at (measured: 6 of 31
microseconds). They are cut out by keys that the service writes in a fixed order; in a string each quotation mark has a
backslash before it, so no text can look like a key. An answer without them is parsed whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

import orjson

from app.domain.amounts import MILLI
from app.domain.basket import Basket, Channel, ClosedTo, IdentifiedBy, Line, Payment, Visit
from app.domain.coupons import CouponWord, normal_code
from app.domain.customer import CustomerFacts
from app.domain.rules.given import TillFacts

NOTHING: frozenset[str] = frozenset()
_OPEN: frozenset[ClosedTo] = frozenset()
_EPOCH = datetime.fromtimestamp(0, UTC)
_CHANNELS = {channel.value: channel for channel in Channel}
_IDENTIFIED_BY = {way.value: way for way in IdentifiedBy}
# Codes that the day's clock, counters or customer were against.
_REFUSED = frozenset({CouponWord.NOT_STARTED, CouponWord.EXPIRED, CouponWord.USED_UP, CouponWord.WRONG_CUSTOMER})


class Given(NamedTuple):
    """What one rule really gave: minor units of discount, units of a wallet, or pieces (`wallet` None, no discount)."""

    rule: str
    kind: str
    wallet: str | None
    given: int


@dataclass(frozen=True, slots=True)
class PastRow:
    """A purchase as the database has it; `customer_id` None is nobody's. `basket` and `answer` are JSON."""

    id: UUID
    customer_id: UUID | None
    shop: str
    program: int
    at: datetime
    basket: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class Past:
    """`facts` None: no customer. `has_facts` is whether they were stored that day. `decided_at` is when it was posted,
    to the millisecond: the purchase's id (UUIDv7) holds it. `unknown_codes` are normalised codes.
    """

    row: PastRow
    basket: Basket
    visit: Visit
    facts: CustomerFacts | None
    has_facts: bool
    redeem: Mapping[str, int | Literal["max"]]
    rewards: Mapping[str, int]
    gross: int
    discount: int
    redeemed: int
    given: tuple[Given, ...]
    receipt: str
    decided_at: datetime
    unknown_codes: frozenset[str]
    till: TillFacts | None = None  # What a till without connection gave: no draft could have given anything else.


def read_past(row: PastRow, zone: tzinfo) -> Past:
    """`zone` is the one by which the draft knows days.

    Raises:
        ValueError, KeyError, TypeError: the row isn't one that this service wrote.
    """
    asked: dict[str, Any] = orjson.loads(row.basket)
    stored = asked.get("facts")
    head, tail = _parts(row.answer) if stored is not None or row.customer_id is None else _whole(row.answer)
    visit, totals = asked.get("visit") or {}, head["totals"]
    codes, unknown = _codes(asked["coupons"], tail["coupons"]) if asked.get("coupons") else ((), NOTHING)
    facts = None
    if row.customer_id is not None:
        id_ = str(row.customer_id)
        facts = _facts_of_answer(id_, head) if stored is None else _facts(id_, stored, row.at, zone)
    identified_by = visit.get("identified_by")
    payments, discounts = asked.get("payments"), asked.get("discounts")
    return Past(
        row,
        Basket(
            tuple([_line(line) for line in asked["lines"]]),
            codes,
            tuple([Payment(each["method"], each["amount"]) for each in payments]) if payments else (),
        ),
        Visit(
            row.at,
            _CHANNELS[visit.get("channel") or "pos"],
            row.shop,
            _IDENTIFIED_BY[identified_by] if identified_by else None,
            visit.get("partner"),
            _set(visit.get("card_types")),
            is_confirmed=visit.get("is_confirmed", False),
            is_by_id=visit.get("is_by_id", False),
        ),
        facts,
        stored is not None,
        asked.get("redeem") or {},
        asked.get("rewards") or {},
        totals["gross"],
        totals["discount"],
        totals["redeemed"],
        tuple([Given(each["rule"], each["kind"], each.get("wallet"), each["given"]) for each in tail["effects"]]),
        (head.get("receipt") or {}).get("number") or "",
        _EPOCH + timedelta(milliseconds=row.id.int >> 80),
        unknown,
        None if discounts is None else TillFacts(tuple(discounts)),
    )


def _parts(answer: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of an answer stands before its lines, and its effects and coupons."""
    lines = answer.find(b',"lines":[')
    effects = answer.find(b'"effects":[', lines)
    end = answer.find(b',"surprise":{', effects)
    if lines < 0 or effects < 0 or end < 0:
        return _whole(answer)
    return orjson.loads(answer[:lines] + b"}"), orjson.loads(b"{" + answer[effects:end] + b"}")


def _whole(answer: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    told = orjson.loads(answer)
    return told, told


def _codes(sent: list[str], told: list[dict[str, Any]]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The codes that weren't refused, as they were sent, and those of them that nobody knew."""
    words = [each["verdict"] for each in told]
    kept = [code for code, word in zip(sent, words, strict=True) if word not in _REFUSED]
    unknown = [code for code, word in zip(sent, words, strict=True) if word == CouponWord.UNKNOWN]
    return tuple(kept), frozenset(map(normal_code, unknown))


def _line(line: dict[str, Any]) -> Line:
    """A line as it was sent and accepted; its name is nothing that rules look at."""
    get = line.get
    qty, tags, closed = line["qty"], get("tags"), get("no")
    return Line(
        line["id"],
        qty * MILLI if type(qty) is int else int(Decimal(qty) * MILLI),
        line["price"],
        get("sku"),
        None,
        get("category"),
        get("brand"),
        frozenset(tags) if tags else NOTHING,
        get("list_price"),
        get("min_price") or 0,
        frozenset(map(ClosedTo, closed)) if closed else _OPEN,
    )


def _facts(id_: str, stored: dict[str, Any], at: datetime, zone: tzinfo) -> CustomerFacts:
    last, days = stored["last_purchase_at"], stored["birthday_days"]
    return CustomerFacts(
        id_,
        stored["tier"],
        stored["available"],
        stored["purchases"],
        datetime.fromisoformat(last) if last is not None else None,
        None if days is None else _birthday(at.astimezone(zone).date(), days),
        _set(stored["tags"]),
        _set(stored["segments"]),
        stored["is_gift_card"],
    )


def _facts_of_answer(id_: str, told: dict[str, Any]) -> CustomerFacts:
    """What the answer tells of a customer whose facts weren't stored."""
    terms = told["redeem"]["wallets"]
    customer = told.get("customer") or {}
    # At least what could be redeemed that day was available; nobody was let redeem more.
    available = {wallet: each["max_units"] for wallet, each in terms.items()}
    return CustomerFacts(id=id_, tier=customer.get("tier"), available=available)


def _birthday(today: date, days_since: int) -> date:
    """A birthday that was so many days ago that day: the real one isn't stored."""
    return today - timedelta(days=days_since)


def _set(names: list[str] | None) -> frozenset[str]:
    return frozenset(names) if names else NOTHING
