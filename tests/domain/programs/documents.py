"""Documents for the tests: one that uses every key of the language, and ways to alter it."""

import copy
import json
from typing import Any, Final

from app.domain.program import Rule
from app.domain.programs import read_program

REMOVED: Final = object()

_FULL = """
{"currency": "RUB", "timezone": "Europe/Moscow",
 "wallets": {"points": {"value": 100, "activate_after_days": 14, "expire_after_days": 365, "expire_round": "month",
                        "debt": "clamp"},
             "stamps": {"value": 0, "expire_after_days": null,
                        "convert": {"every": 10, "into": "points", "units": 100}},
             "cashback": {}},
 "redemption": {"wallets": ["points", "cashback"], "max_share": "0.30", "min_units": 10, "min_paid": 100, "step": 5,
                "strength": {"phone": 0, "id": 0, "card": null, "code": 5000}},
 "accrual": {"base": "net"},
 "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1000000}, {"id": "gold", "from": 5000000}],
 "tier_policy": {"measure": "units", "window": "year", "down": "end_of_window"},
 "lanes": [{"id": "shelf", "combine": "best_line"}, {"id": "base", "combine": "best"}, {"id": "extra"}],
 "caps": [{"id": "month", "wallet": "cashback", "per": "customer", "period": "month", "by": "category", "depth": 2,
           "max": 150000}, {"id": "all", "wallet": "points", "per": "program", "max": 1000000}],
 "rules": [
  {"id": "gold-10", "kind": "discount", "lane": "shelf", "priority": 10, "enabled": true,
   "from": "2026-01-01T00:00:00+03:00", "until": "2027-01-01T00:00:00Z",
   "title": {"en": "Gold 10 %", "ru": "Золото 10 %"},
   "when": {"all": [
      {"tier": ["gold"]},
      {"basket_total": {"min": 100000, "max": 200000}},
      {"any": [{"channel": ["pos", "online"]}, {"not": {"shop": ["S1"]}}]},
      {"basket_has": {"on": {"sku": ["4601"]}, "min_qty": "0.5", "min_amount": 100}},
      {"weekday": [6, 7]}, {"hours": ["22:00", "06:00"]}, {"date": {"from": "2026-11-01", "until": "2026-11-30"}},
      {"birthday": {"before": 3, "after": 7}}, {"purchase_number": {"min": 2, "max": 9, "every": 3}},
      {"days_since_last": {"min": 30, "max": 90}}, {"payment": {"method": "card", "min": 1000}},
      {"segment": ["sleeping"]}, {"tag": ["staff"]}, {"partner": ["grocer"]}, {"card_type": ["club"]},
      {"coupon": ["spring ", "pool-1"]}, {"identified_by": ["phone", "card", "code"]}, {"not": {"event": ["review"]}}]},
   "on": {"sku": ["4601"], "category": ["drinks/coffee"], "brand": ["X"], "tag": ["own"],
          "price": {"min": 100, "max": 50000}, "discounted": false,
          "exclude": {"sku": ["1"], "category": ["drinks/tea"], "brand": ["Y"], "tag": ["sale"]},
          "units": {"every": 3, "take": 1, "times": 2, "which": "dearest", "per": "line"}},
   "give": {"percent": "10"}, "cost": {"points": 150, "stamps": 1},
   "limit": {"receipt": 50000, "customer": {"max": 100000, "uses": 3, "period": "month"}, "budget": 10000000,
             "uses": 1000},
   "messages": {"cashier": {"en": "Gold: {given}", "ru": "Золото: {given}"}, "customer": {"en": "{title}: {amount}"}},
   "receipt": [{"text": {"en": "{title}"}, "align": "center"},
               {"left": {"en": "Discount"}, "right": {"en": "{amount}"}},
               {"code": "https://example.org/?r={rule}", "format": "qr"}, {"divider": true}]},
  {"id": "amount", "kind": "discount", "give": {"amount": 5000}},
  {"id": "each", "kind": "discount", "give": {"amount_each": 1000}},
  {"id": "unit", "kind": "discount", "give": {"unit_price": 9900}},
  {"id": "set", "kind": "discount", "give": {"price": 19900}, "on": {"units": {"every": 2}}},
  {"id": "steps", "kind": "discount",
   "give": {"steps": [{"min": 100000, "percent": "5"}, {"min": 300000, "amount": 40000}]}},
  {"id": "base", "kind": "bonus", "lane": "base", "give": {"percent": "2.5", "wallet": "stamps"}},
  {"id": "per", "kind": "bonus", "lane": "base", "give": {"per": {"amount": 10000, "units": 1}}},
  {"id": "units", "kind": "bonus", "lane": "base", "give": {"units": 100}},
  {"id": "units-each", "kind": "bonus", "lane": "base", "give": {"units_each": 10}},
  {"id": "double", "kind": "bonus", "lane": "extra", "give": {"multiply": "2"}},
  {"id": "cash", "kind": "cashback", "lane": "extra", "enabled": false, "give": {"percent": "5"}},
  {"id": "bundle", "kind": "discount", "give": {"bundle": {"skus": ["A", "B", "B"], "price": 19900}}},
  {"id": "mug", "kind": "reward", "on": {"units": {"every": 3}}, "give": {"gift": "MUG"}, "cost": {"stamps": 6}},
  {"id": "code", "kind": "reward", "lane": "extra", "give": {"coupon": "pool-1"}, "on_return": "keep"},
  {"id": "review", "kind": "bonus", "lane": "extra", "when": {"event": ["review"]},
   "give": {"units": 50, "wallet": "points", "activate_after_days": 3, "expire_after_days": null}},
  {"id": "independent", "kind": "random_reward", "lane": "extra", "on_return": "take_back",
   "give": {"draw": {"algorithm": "independent", "chance": "0.05", "prizes": [
               {"id": "p1", "weight": 70, "units": 100}, {"id": "p2", "weight": 25, "percent": "10"},
               {"id": "tv", "weight": 5, "gift": "TV", "stock": 3, "cost": 5000000},
               {"id": "c", "coupon": "pool-1", "stock": null}]},
            "wallet": "cashback", "activate_after_days": 0, "expire_after_days": 30}},
  {"id": "bag", "kind": "random_reward", "lane": "extra",
   "give": {"draw": {"algorithm": "bag", "size": 100, "prizes": [{"id": "p1", "weight": 100, "units": 1}]}}},
  {"id": "pity", "kind": "random_reward", "lane": "extra",
   "give": {"draw": {"algorithm": "pity", "chance": "0.1", "guarantee_every": 10,
                     "prizes": [{"id": "p1", "units": 1}]}}},
  {"id": "paced", "kind": "random_reward", "lane": "extra", "from": "2026-01-01T00:00:00Z",
   "until": "2027-01-01T00:00:00Z", "limit": {"budget": 1000000},
   "give": {"draw": {"algorithm": "paced", "chance": "1", "prizes": [{"id": "tv", "gift": "TV", "cost": 500}]}}},
  {"id": "balanced", "kind": "random_reward", "lane": "extra",
   "give": {"draw": {"algorithm": "balanced", "share": "0.30", "tolerance": "0.05",
                     "prizes": [{"id": "p1", "units": 1}]}}}]}
"""


def full() -> Any:
    """The document that uses every key."""
    return json.loads(_FULL)


def least() -> Any:
    """Only what has no default."""
    return {"currency": "EUR", "timezone": "UTC", "wallets": {"points": {}}, "rules": []}


def only_rule(**members: object) -> Rule:
    """The only rule of a small program."""
    document = {
        **least(),
        "wallets": {"points": {}, "cashback": {}},
        "tiers": [{"id": "gold", "from": 0}],
        "rules": [{"id": "r", "kind": "discount", "give": {"amount": 1}, **members}],
    }
    return read_program(document).rules[0]


def altered(pointer: str, value: object, document: Any = None) -> Any:
    """The full document (or another) with one place set, or removed; a pointer one past a list's end appends."""
    changed = copy.deepcopy(full() if document is None else document)
    *path, last = (token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])
    holder = changed
    for token in path:
        holder = holder[int(token)] if isinstance(holder, list) else holder[token]
    if isinstance(holder, list) and int(last) == len(holder):
        holder.append(value)
    elif value is REMOVED:
        del holder[int(last) if isinstance(holder, list) else last]
    else:
        holder[int(last) if isinstance(holder, list) else last] = value
    return changed
