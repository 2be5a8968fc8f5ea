"""What is kept of a purchase for back-tests: the basket as it was sent, and what the rules saw beside it. No personal
data: a birthday is kept as days since the nearest one.
"""

from datetime import date
from typing import Any

import orjson

from app.domain.customer import CustomerFacts
from app.domain.rules.birthdays import days_since_nearest
from app.flows.requests import PurchaseRequest
from app.flows.sales import Decided


def stored_basket(request: PurchaseRequest, decided: Decided) -> bytes:
    visit = decided.visit
    document: dict[str, Any] = {
        "lines": request.lines,
        "coupons": request.basket.coupons,
        "payments": [{"method": payment.method, "amount": payment.amount} for payment in request.basket.payments],
        "redeem": dict(request.redeem),
        "rewards": dict(request.rewards),
        "visit": {
            "channel": visit.channel,
            "identified_by": visit.identified_by,
            "partner": visit.partner,
            "card_types": sorted(visit.card_types),
        },
    }
    if decided.facts is not None:
        document["facts"] = _facts(decided.facts, today=decided.at.astimezone(decided.program.program.timezone).date())
    return orjson.dumps(document)


def _facts(facts: CustomerFacts, *, today: date) -> dict[str, Any]:
    return {
        "tier": facts.tier,
        "available": dict(facts.available),
        "purchases": facts.purchases,
        "last_purchase_at": facts.last_purchase_at,
        "birthday_days": None if facts.birthday is None else days_since_nearest(facts.birthday, today),
        "tags": sorted(facts.tags),
        "segments": sorted(facts.segments),
        "is_gift_card": facts.is_gift_card,
    }
