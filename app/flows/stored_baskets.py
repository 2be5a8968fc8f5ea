"""What is kept of a purchase: its lines for returns; for back-tests the basket as it was sent, and what the rules saw
beside it. No personal data: a birthday is kept as days since the nearest one.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.ledger.purchase_states import LineState
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
    if request.given is not None:
        document["discounts"] = request.given.discounts
    if decided.facts is not None:
        document["facts"] = _facts(decided.facts, today=decided.at.astimezone(decided.program.program.timezone).date())
    return orjson.dumps(document)


def line_states(decision: Decision, *, qty_milli: Mapping[str, int]) -> list[LineState]:
    """The lines as returns need them; members that say nothing are left empty."""
    return [
        LineState(
            id=line.id,
            qty_milli=qty_milli[line.id],
            paid=line.paid,
            accrued={wallet: units for wallet, units in line.accrued.items() if units},
            redeemed_units={wallet: units for wallet, units in line.redeemed_units.items() if units},
            kept={wallet: units for wallet, units in line.kept.items() if units},
            cost_units=line.cost_units,
        )
        for line in decision.lines
    ]


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
