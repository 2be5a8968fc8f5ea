"""What is kept of a purchase: its lines for returns; for back-tests the basket as it was sent, and what the rules saw
beside it. No personal data: a birthday is kept as days since the nearest one.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import orjson

from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, Verdict
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
    if visit.is_confirmed:
        document["visit"]["is_confirmed"] = True
    if visit.is_by_id:
        document["visit"]["is_by_id"] = True
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
            accrued=_without_zeros(line.accrued),
            redeemed_units=_without_zeros(line.redeemed_units),
            kept=_without_zeros(line.kept),
            cost_units=line.cost_units,
        )
        for line in decision.lines
    ]


def _without_zeros(units: Mapping[str, int]) -> Mapping[str, int]:
    return {wallet: count for wallet, count in units.items() if count} if units else {}


def stored_verdicts(verdicts: Iterable[Verdict]) -> bytes:
    """As JSON. Rules that no line of the basket touches are filled in when the purchase is read.

    The serialiser takes four times as long over dataclasses as over dictionaries.
    """
    return orjson.dumps(
        [
            {
                "rule": each.rule,
                "verdict": each.verdict,
                "because": each.because,
                "need": each.need,
                "have": each.have,
            }
            for each in verdicts
        ]
    )


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
