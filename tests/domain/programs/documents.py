"""Documents for the tests: one that uses every key of the language that this version knows, and ways to alter it."""

import copy
import json
from typing import Any, Final

REMOVED: Final = object()

_FULL = """
{"currency": "RUB", "timezone": "Europe/Moscow",
 "wallets": {"points": {"value": 100, "activate_after_days": 14, "expire_after_days": 365, "expire_round": "none",
                        "debt": "clamp"},
             "stamps": {"value": 0, "expire_after_days": null},
             "cashback": {}},
 "redemption": {"wallets": ["points", "cashback"], "max_share": "0.30", "min_units": 10, "min_paid": 100, "step": 5,
                "strength": {"phone": 0, "card": null}},
 "accrual": {"base": "net"},
 "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1000000}, {"id": "gold", "from": 5000000}],
 "tier_policy": {"measure": "units", "window": "ever", "down": "never"},
 "lanes": [{"id": "shelf", "combine": "best_line"}, {"id": "base", "combine": "best"}, {"id": "extra"}],
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
      {"days_since_last": {"min": 30, "max": 90}}, {"payment": {"method": "card", "min": 1000}}]},
   "on": {"sku": ["4601"], "category": ["drinks/coffee"], "brand": ["X"], "tag": ["own"],
          "price": {"min": 100, "max": 50000}, "discounted": false,
          "exclude": {"sku": ["1"], "category": ["drinks/tea"], "brand": ["Y"], "tag": ["sale"]},
          "units": {"every": 3, "take": 1, "times": 2, "which": "dearest", "per": "line"}},
   "give": {"percent": "10"}},
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
  {"id": "cash", "kind": "cashback", "lane": "extra", "enabled": false, "give": {"percent": "5"}}]}
"""


def full() -> Any:
    """The document that uses every key."""
    return json.loads(_FULL)


def least() -> Any:
    """Only what has no default."""
    return {"currency": "EUR", "timezone": "UTC", "wallets": {"points": {}}, "rules": []}


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
