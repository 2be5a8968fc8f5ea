"""A decision in the contract's words, for comparison with what a case expects."""

from collections.abc import Sequence
from typing import Any

from app.domain.basket import Line
from app.domain.decision import Decision, Effect, LineDecision
from app.domain.draws.records import DrawRecord
from app.domain.rules.prices import split_price

UNTOUCHED = ["skipped", "on", None, None]  # What every explanation says of a rule without a verdict of its own.


def shown(decision: Decision, *, lines: Sequence[Line], rules: Sequence[str]) -> dict[str, Any]:
    """`lines` of the basket, `rules` by id. `touched` are the rules with a verdict of their own."""
    own = {
        verdict.rule: [verdict.verdict.value, verdict.because, verdict.need, verdict.have]
        for verdict in decision.verdicts
    }
    return {
        "totals": {
            "gross": decision.gross,
            "discount": decision.discount,
            "redeemed": decision.redeemed,
            "paid": decision.paid,
            "redeemed_units": dict(decision.redeemed_units),
            "accrued": dict(decision.accrued),
        },
        "lines": [_line(decided, line.qty_milli) for decided, line in zip(decision.lines, lines, strict=True)],
        "effects": [_effect(effect) for effect in decision.effects],
        "verdicts": {rule: own.get(rule, UNTOUCHED) for rule in rules},
        "touched": list(own),
        "redeem": {
            wallet: {
                "max_units": terms.max_units,
                "max_money": terms.max_money,
                "bound_by": terms.bound_by,
                "terms": dict(terms.terms),
                "strength_units": terms.strength_units,
            }
            for wallet, terms in decision.redeem_terms.items()
        },
        "coupons": [[coupon.code, coupon.word.value, coupon.rule, coupon.because] for coupon in decision.coupons],
        "draws": [_draw(draw) for draw in decision.draws],
        "uses": _uses(decision),
        "hints": [[hint.rule, hint.what, hint.missing, dict(hint.gives)] for hint in decision.hints],
        "surprise": decision.surprise,
    }


def _line(line: LineDecision, qty_milli: int) -> dict[str, Any]:
    return {
        "id": line.id,
        "gross": line.gross,
        "discount": line.discount,
        "redeemed": line.redeemed,
        "paid": line.paid,
        "redeemed_units": dict(line.redeemed_units),
        "accrued": dict(line.accrued),
        "kept": dict(line.kept),
        "parts": [[part.rule, part.units if part.wallet else part.amount] for part in line.parts],
        "prices": [
            [pair.qty_milli, pair.price] if pair.amount is None else [pair.qty_milli, pair.price, pair.amount]
            for pair in split_price(paid=line.paid, qty_milli=qty_milli)
        ],
    }


def _effect(effect: Effect) -> list[Any]:
    """Five values, and a sixth with the rest where there is any: gift, coupon, codes, cost."""
    rest = {
        "gift": effect.gift,
        "coupon": effect.coupon,
        "codes": list(effect.codes),
        "cost": dict(effect.cost),
    }
    named = {key: value for key, value in rest.items() if value}
    return [effect.rule, effect.wallet, effect.wanted, effect.given, effect.limited_by, *([named] if named else [])]


def _draw(draw: DrawRecord) -> dict[str, Any]:
    return {
        "rule": draw.rule,
        "algorithm": draw.algorithm.value,
        "day": draw.day.isoformat(),
        "ticket": draw.ticket,
        "choice": draw.choice,
        "state": dict(draw.state),
        "chance": [draw.numerator, draw.denominator],
        "drew": draw.drew,
        "prize": draw.prize,
        "because": draw.because,
        "wallet": draw.wallet,
        "units": draw.units,
        "gift": draw.gift,
        "pool": draw.pool,
        "code": draw.code,
        "cost": draw.cost,
        "keeps": draw.keeps,
        "slip_of": draw.slip_of,
    }


def _uses(decision: Decision) -> dict[str, list[Any]]:
    """`{"customer rule/r1/max": ["2026-11", 500, "share", {"A": 500}]}`; the last one only where there are shares.

    Raises:
        ValueError: a counter is named twice, which one use would say.
    """
    uses: dict[str, list[Any]] = {}
    for use in decision.uses:
        name = f"{use.scope.value} {use.name}"
        if name in uses:
            raise ValueError(f"{name} is used twice in {decision.uses}")
        by_line = {line: share for line, share in use.by_line.items() if share}
        uses[name] = [use.period, use.amount, use.back.value, *([by_line] if by_line else [])]
    return uses


def only(whole: Any, named: Any) -> Any:
    """`whole` cut to what `named` names, so that the two can be compared; a list keeps its length."""
    if isinstance(named, dict) and isinstance(whole, dict):
        return {key: only(whole[key], value) for key, value in named.items() if key in whole}
    if isinstance(named, list) and isinstance(whole, list) and len(named) == len(whole):
        return [only(part, value) for part, value in zip(whole, named, strict=True)]
    return whole
