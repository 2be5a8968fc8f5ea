"""What a rule asks: `when` it applies and which lines or units it is `on` (contract, section 4, "when" and "on").

A line is the raw JSON line; `Facts` is all that a condition may look at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.model.arithmetic import Json, half_up, number


@dataclass(frozen=True)
class Facts:
    """`customer` is `{"tier", "purchases", "last_purchase_at", "birthday", "available"}`, and now and then `"tags"` and
    `"segments"`; `at` is an aware instant; `codes` are the coupon codes that can be used, and the names of their pools;
    `event` is the type of an act that is no purchase.
    """

    zone: ZoneInfo
    basket: Json
    customer: Json | None
    shop: str
    channel: str
    at: datetime
    identified_by: str | None = None
    partner: str | None = None
    card_types: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    event: str | None = None

    @property
    def today(self) -> date:
        return self.at.astimezone(self.zone).date()


def gross(line: Json) -> int:
    return half_up(line["price"] * number(line["qty"]))


def holds(when: Json | None, facts: Facts) -> bool:
    """Whether the one test of `when` holds; no `when` always does."""
    if when is None:
        return True
    ((name, need),) = when.items()
    return TESTS[name](need, facts)


def within(value: Any, need: Json) -> bool:
    """Bounds are included; a bound that isn't named doesn't bind."""
    return not (need.get("min") is not None and value < need["min"]) and not (
        need.get("max") is not None and value > need["max"]
    )


def tier_is(need: list[str], facts: Facts) -> bool:
    return facts.customer is not None and facts.customer.get("tier") in need


def basket_has(need: Json, facts: Facts) -> bool:
    found = [line for line in facts.basket["lines"] if line_matches(line, need.get("on"))]
    if not found:
        return False
    quantity = sum((number(line["qty"]) for line in found), Fraction(0))
    amount = sum(gross(line) for line in found)
    return quantity >= number(need.get("min_qty", 0)) and amount >= need.get("min_amount", 0)


def hours(need: list[str], facts: Facts) -> bool:
    """`[from, to)` of the local clock; one that ends before it starts crosses midnight."""
    start, end = need
    now = facts.at.astimezone(facts.zone).strftime("%H:%M")
    return start <= now < end if start < end else now >= start or now < end


def in_dates(need: Json, facts: Facts) -> bool:
    day = facts.today.isoformat()
    return (need.get("from") is None or need["from"] <= day) and (need.get("until") is None or day <= need["until"])


def near_birthday(need: Json, facts: Facts) -> bool:
    if facts.customer is None or facts.customer.get("birthday") is None:
        return False
    born = date.fromisoformat(facts.customer["birthday"])
    feasts = [birthday_in(born, year) for year in range(facts.today.year - 1, facts.today.year + 2)]
    before, after = timedelta(days=need.get("before", 0)), timedelta(days=need.get("after", 0))
    return any(feast - before <= facts.today <= feast + after for feast in feasts)


def birthday_in(born: date, year: int) -> date:
    """29 February is the 28th in other years."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def purchase_number(need: Json, facts: Facts) -> bool:
    if facts.customer is None:
        return False
    this = facts.customer.get("purchases", 0) + 1
    return within(this, need) and (need.get("every") is None or this % need["every"] == 0)


def days_since_last(need: Json, facts: Facts) -> bool:
    """Local days between the last purchase and this one."""
    if facts.customer is None or facts.customer.get("last_purchase_at") is None:
        return False
    last = facts.customer["last_purchase_at"].astimezone(facts.zone).date()
    return within((facts.today - last).days, need)


def paid_by(need: Json, facts: Facts) -> bool:
    payments = [each["amount"] for each in facts.basket.get("payments", []) if each["method"] == need["method"]]
    return bool(payments) and sum(payments) >= need.get("min", 0)


def listed(need: str | list[str]) -> list[str]:
    return [need] if isinstance(need, str) else need


def found_by(need: str | list[str], facts: Facts) -> bool:
    """`id` and `external_id` count as a card."""
    ways = {"card" if way in ("id", "external_id") else way for way in listed(need)}
    way = "card" if facts.identified_by in ("id", "external_id") else facts.identified_by
    return way in ways


TESTS: dict[str, Callable[[Any, Facts], bool]] = {
    "all": lambda need, facts: all(holds(test, facts) for test in need),
    "any": lambda need, facts: any(holds(test, facts) for test in need),
    "not": lambda need, facts: not holds(need, facts),
    "tier": tier_is,
    "channel": lambda need, facts: facts.channel in need,
    "shop": lambda need, facts: facts.shop in need,
    "basket_total": lambda need, facts: within(sum(gross(line) for line in facts.basket["lines"]), need),
    "basket_has": basket_has,
    "weekday": lambda need, facts: facts.today.isoweekday() in need,
    "hours": hours,
    "date": in_dates,
    "birthday": near_birthday,
    "purchase_number": purchase_number,
    "days_since_last": days_since_last,
    "payment": paid_by,
    "segment": lambda need, facts: not set(need).isdisjoint((facts.customer or {}).get("segments", ())),
    "tag": lambda need, facts: not set(need).isdisjoint((facts.customer or {}).get("tags", ())),
    "partner": lambda need, facts: facts.partner in need,
    "card_type": lambda need, facts: not set(need).isdisjoint(facts.card_types),
    "identified_by": found_by,
    "coupon": lambda need, facts: any(each.strip().upper() in facts.codes for each in listed(need)),
    "event": lambda need, facts: facts.event in listed(need),
}


def line_matches(line: Json, on: Json | None, *, cheaper: bool = False) -> bool:
    """Whether a line is one of `on`; `cheaper` says that something made it cheaper already."""
    if on is None:
        return True
    if not all(in_list(line, name, on[name]) for name in LISTS if name in on):
        return False
    if not within(line["price"], on.get("price", {})):
        return False
    if on.get("discounted") is False and (cheaper or (line.get("list_price") or 0) > line["price"]):
        return False
    exclude = on.get("exclude", {})
    return not any(in_list(line, name, exclude[name]) for name in LISTS if name in exclude)


LISTS = ("sku", "category", "brand", "tag")


def in_list(line: Json, name: str, wanted: list[str]) -> bool:
    if name == "tag":
        return any(tag in wanted for tag in line.get("tags", []))
    if name == "category":  # A path: a rule on `drinks` covers `drinks/coffee`.
        path = line.get("category")
        return path is not None and any(path == each or path.startswith(each + "/") for each in wanted)
    return line.get(name) in wanted
