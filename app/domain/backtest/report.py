"""The figures of a trial as a document for people: JSON-ready, money in minor units, shares in millionths."""

from collections.abc import Mapping
from typing import Any

from app.domain.amounts import MICRO
from app.domain.backtest.sums import BUCKETS, Group, Pair, Side, Sums
from app.domain.program import GiveDraw, Program, Scope


def report_of(sums: Sums, draft: Program) -> dict[str, Any]:
    """Everything a marketer asks before publishing: what it costs, who gains and loses, which limits bind, and the
    baskets that change most.
    """
    real, tried = _cost(sums, is_draft=False), _cost(sums, is_draft=True)
    return {
        "currency": draft.currency,
        "baskets": sums.baskets,
        "lines": sums.lines,
        "customers": sums.customers,
        "without_facts": sums.without_facts,
        "unreadable": sums.unreadable,
        "redemptions_refused": dict(sorted(sums.refused.items())),
        "totals": {
            "gross": sums.gross,
            "discount": _sides(sums.discount, key="cost"),
            "redeemed": _sides(sums.redeemed, key="cost"),
            "units": {
                wallet: _sides(pair, key="given") | {"value": _sides(pair, key="cost")}
                for wallet, pair in sorted(sums.units.items())
            },
            "cost": _change(real, tried) | {"share_real": _share(real, sums.gross), "share": _share(tried, sums.gross)},
        },
        "rules": _rules(sums, draft),
        "tiers": {tier: _group(group) for tier, group in sorted(sums.tiers.items())},
        "segments": {segment: _group(group) for segment, group in sorted(sums.segments.items())},
        "customers_change": {
            "winners": {"customers": sums.winners, "amount": sums.won},
            "losers": {"customers": sums.losers, "amount": sums.lost},
            "same": sums.customers - sums.winners - sums.losers,
            "spread": [
                {"above": None if not place else BUCKETS[place - 1], "customers": customers}
                for place, customers in enumerate(sums.spread)
            ],
        },
        "limits": [
            {"rule": rule, "limited_by": limit, "baskets": cut.baskets, "wanted": cut.wanted, "given": cut.given}
            for (rule, limit), cut in sorted(sums.cuts.items(), key=lambda item: (-item[1].baskets, item[0]))
        ],
        "budgets": _budgets(sums, draft),
        "days": [
            {"day": day, "real": pair.real.cost, "draft": pair.draft.cost} for day, pair in sorted(sums.days.items())
        ],
        "changes": [
            {
                "purchase": change.purchase,
                "receipt": change.receipt,
                "shop": change.shop,
                "at": change.at,
                **_change(change.real, change.draft),
            }
            for change in sorted(sums.changes, reverse=True)
        ],
    }


def _cost(sums: Sums, *, is_draft: bool) -> int:
    def of(pair: Pair) -> int:
        return pair.draft.cost if is_draft else pair.real.cost

    return of(sums.discount) + sum(of(pair) for pair in sums.units.values())


def _change(real: int, draft: int) -> dict[str, int]:
    return {"real": real, "draft": draft, "difference": draft - real}


def _sides(pair: Pair, *, key: str) -> dict[str, int]:
    return _change(getattr(pair.real, key), getattr(pair.draft, key))


def _share(part: int, whole: int) -> int:
    return part * MICRO // whole if whole else 0


def _rules(sums: Sums, draft: Program) -> list[dict[str, Any]]:
    """Rules of either side: the draft's in its order, also those that gave nothing, and behind them those that are no
    longer in it.
    """
    titles = {rule.id: rule.title for rule in draft.rules}
    kinds = {rule.id: rule.kind.value for rule in draft.rules}
    gone = sorted(sums.rules.keys() - titles.keys())
    return [
        {
            "rule": rule,
            "kind": kinds.get(rule) or sums.kinds[rule],
            "title": dict(titles.get(rule, {})),
            "is_in_draft": rule in titles,
            "real": _side(sums.rules[rule].real if rule in sums.rules else Side()),
            "draft": _side(sums.rules[rule].draft if rule in sums.rules else Side()),
        }
        for rule in (*titles, *gone)
    ]


def _side(side: Side) -> dict[str, int]:
    return {"baskets": side.baskets, "given": side.given, "cost": side.cost}


def _group(group: Group) -> dict[str, Any]:
    return {
        "baskets": group.baskets,
        "gross": group.gross,
        "discount": _sides(group.discount, key="cost"),
        "units_value": _sides(group.units, key="cost"),
    }


def _budgets(sums: Sums, draft: Program) -> list[dict[str, Any]]:
    """What would be used of each budget, and the local day on which it would have been used up; None: it lasts."""
    ends = ends_of(draft)
    budgets = []
    for key, days in sorted(sums.budgets.items()):
        name, _, period = key.partition("|")
        end = ends.get(name) or ends.get("/".join(name.split("/")[:2]))
        if end is None:
            continue
        used, over = 0, None
        for day, amount in sorted(days.items()):
            used += amount
            if used >= end and over is None:
                over = day
        budgets.append({"name": name, "period": period, "max": end, "would_use": used, "used_up_on": over})
    return budgets


def ends_of(draft: Program) -> Mapping[str, int]:
    """The bounds of the whole program's counters, by counter; a cap's by the beginning of its counters' names."""
    ends: dict[str, int] = {}
    for rule in draft.rules:
        if rule.limit is not None and rule.limit.budget is not None:
            ends[f"rule/{rule.id}/budget"] = rule.limit.budget
        if rule.limit is not None and rule.limit.uses is not None:
            ends[f"rule/{rule.id}/uses"] = rule.limit.uses
        if isinstance(rule.give, GiveDraw):
            ends |= {
                f"stock/{rule.id}/{prize.id}": prize.stock for prize in rule.give.prizes if prize.stock is not None
            }
    ends |= {f"cap/{cap.id}": cap.max for cap in draft.caps if cap.per is Scope.PROGRAM}
    return ends
