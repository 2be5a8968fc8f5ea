"""A back-test's report as a page: charts a person reads at a glance, tables beside them, nothing fetched from anywhere.

Mako is here already, with the migrations; every value is escaped by its filter. Charts are inline SVG of integers.
Digits are grouped here, unlike on receipts: these are sums of a whole chain's month.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mako.template import Template  # type: ignore[import-untyped]

from app.api.speech import Speech

_TEMPLATE = Template(  # noqa: S702 - "h" escapes every value
    filename=str(Path(__file__).with_name("backtest_page.html.mako")), default_filters=["h"], strict_undefined=True
)
CHART_WIDTH, CHART_HEIGHT = 720, 200
BAR_WIDTH = 220
PER_MILLE = 1_000
MARKS_MAX = 31  # Days up to which each has a mark of its own; more would be a thick line.
CHANGED_MAX = 30  # Rules that are shown at once; the others unfold.
_THIN = "\N{NARROW NO-BREAK SPACE}"
_DISCOUNT = "discount"
_CUT_BY = {
    "receipt": "its limit a receipt",
    "customer": "its limit a customer",
    "customer_uses": "its uses a customer",
    "best_line": "a better rule on some of the lines",
    "min_price": "the lines' lowest prices",
    "pool": "codes left in the pool",
    "pieces": "pieces a receipt",
}


def page_of(report: Mapping[str, Any]) -> bytes:
    """The page in UTF-8. `report` is what `app.domain.backtest.report` made, with its period and speed."""
    words = Words(report)
    changed, others = rows_of(report["rules"])
    text: str = _TEMPLATE.render(
        report=report,
        cost=report["totals"]["cost"],
        words=words,
        changed=changed,
        others=others,
        lines=lines_of(report["days"]),
        spread=spread_of(report["customers_change"]["spread"], words),
        limits=limits_of(report, words),
        budgets=budgets_of(report, words),
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
    )
    return text.encode()


class Words:
    """How this report's values are written."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self._speech = Speech(report["currency"])
        self._kinds = {rule["rule"]: rule["kind"] for rule in report["rules"]}

    def count(self, number: int) -> str:
        """12345 is `12 345`, with a narrow space that doesn't break."""
        return f"{number:,}".replace(",", _THIN)

    def money(self, minor: int) -> str:
        whole, mark, rest = self._speech.money(abs(minor)).partition(".")
        return ("-" if minor < 0 else "") + self.count(int(whole)) + mark + rest

    def signed(self, minor: int) -> str:
        return ("+" if minor > 0 else "") + self.money(minor)

    def percent(self, micro: int) -> str:
        return f"{micro // 10_000}.{micro // 100 % 100:02} %"

    def moment(self, text: str) -> str:
        """`2026-11-21 12:00 UTC+03:00`."""
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M %Z")

    def of_rule(self, rule: str, amount: int) -> str:
        """An amount in a rule's own unit: money of discounts, else units or pieces."""
        return self.money(amount) if self._kinds.get(rule) == _DISCOUNT else self.count(amount)

    def title(self, rule: Mapping[str, Any]) -> str:
        return self._speech.text_of(rule["title"]) or str(rule["rule"])


def rows_of(rules: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rules with the lengths of their two bars; the dearest side of all has the full one.

    First those that change most; apart from them those whose cost stays the same, and those beyond `CHANGED_MAX`.
    """
    most = max((rule[side]["cost"] for rule in rules for side in ("real", "draft")), default=0) or 1
    rows = [
        {
            "rule": rule,
            "real": rule["real"]["cost"] * BAR_WIDTH // most,
            "draft": rule["draft"]["cost"] * BAR_WIDTH // most,
            "difference": rule["draft"]["cost"] - rule["real"]["cost"],
            "is_same": rule["draft"] == rule["real"],
        }
        for rule in rules
    ]
    rows.sort(key=lambda row: (row["is_same"], -abs(row["difference"])))
    shown = sum(not row["is_same"] for row in rows[:CHANGED_MAX])
    return rows[:shown], rows[shown:]


def lines_of(days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Two lines over the days as SVG points, what the top of the chart stands for, and days to write below it."""
    most = max((max(day["real"], day["draft"]) for day in days), default=0) or 1
    steps = max(1, len(days) - 1)

    def points(side: str) -> list[tuple[int, int]]:
        return [
            (place * CHART_WIDTH // steps, CHART_HEIGHT - day[side] * CHART_HEIGHT // most)
            for place, day in enumerate(days)
        ]

    ticks = sorted({0, len(days) // 2, len(days) - 1}) if days else []
    return {
        "sides": [(side, points(side)) for side in ("real", "draft")],
        "marks": len(days) <= MARKS_MAX,
        "most": most,
        "ticks": [days[place]["day"] for place in ticks],
    }


def spread_of(buckets: Sequence[Mapping[str, Any]], words: Words) -> list[dict[str, Any]]:
    """Customers by what they gain or lose: a label and a height in thousandths of the highest."""
    most = max((bucket["customers"] for bucket in buckets), default=0) or 1
    bounds = [bucket["above"] for bucket in buckets[1:]]
    shown = []
    for place, bucket in enumerate(buckets):
        if not place:
            label = f"{words.money(bounds[0])} or less"
        elif place == len(bounds):
            label = f"above {words.money(bounds[-1])}"
        elif bounds[place] == 0:
            label = "the same"
        else:
            label = f"{words.money(bounds[place - 1])} to {words.money(bounds[place])}"
        height = bucket["customers"] * PER_MILLE // most
        shown.append({"label": label, "customers": bucket["customers"], "height": height})
    return shown


def limits_of(report: Mapping[str, Any], words: Words) -> list[dict[str, Any]]:
    """Limits that bind, amounts in each rule's own unit."""
    return [
        {
            **limit,
            "cut_by": _CUT_BY.get(limit["limited_by"], limit["limited_by"].replace(":", " ")),
            "wanted": words.of_rule(limit["rule"], limit["wanted"]),
            "given": words.of_rule(limit["rule"], limit["given"]),
        }
        for limit in report["limits"]
    ]


def budgets_of(report: Mapping[str, Any], words: Words) -> list[dict[str, Any]]:
    """Budgets, uses, stocks and caps of the whole program, by the names that the document has for them."""
    shown = []
    for budget in report["budgets"]:
        what, is_own_unit, rule = _name_of(budget["name"])
        ends = {
            key: words.of_rule(rule, budget[key]) if is_own_unit else words.count(budget[key])
            for key in ("max", "would_use")
        }
        shown.append({**budget, **ends, "what": what})
    return shown


def _name_of(counter: str) -> tuple[str, bool, str]:
    """What a counter is called, whether it counts in its rule's own unit, and the rule (empty for a cap)."""
    kind, _, name = counter.partition("/")
    if kind == "cap":
        return f"cap {name}", False, ""
    rule, _, end = name.rpartition("/")
    return (f"{rule}: stock of {end}" if kind == "stock" else f"{rule}: {end}"), end == "budget", rule
