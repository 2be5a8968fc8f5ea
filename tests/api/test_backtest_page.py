"""The page of a back-test's report: what a marketer reads, and nothing that a document could put into it."""

from copy import deepcopy
from typing import Any

import pytest

from app.api.backtest_page import CHANGED_MAX, Words, lines_of, page_of, rows_of
from app.domain.backtest.report import report_of
from app.domain.backtest.sums import Change, Sums
from app.domain.programs import read_program
from tests.kit import small_program

THIN = "\N{NARROW NO-BREAK SPACE}"
EVIL = '<script>alert("1")</script>'
HOSTILE = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;"


def report(*, currency: str = "RUB", rules: int = 1) -> dict[str, Any]:
    """One basket of 12,345.00 whose discount went from 1,000.00 to 1,234.56; limits and budgets that bind."""
    draft = read_program(
        small_program(
            currency=currency,
            rules=[
                {"id": f"r{place}", "kind": "discount", "title": {"en": EVIL}, "give": {"percent": "10"}}
                for place in range(rules)
            ]
            + [{"id": "bonus", "kind": "bonus", "give": {"percent": "1"}, "limit": {"budget": 5000}}],
        )
    )
    sums = Sums(baskets=1, lines=2, gross=1_234_500, refused={"redeem_limit_exceeded": 3}, without_facts=1)
    sums.discount.real.cost, sums.discount.draft.cost = 100_000, 123_456
    for place in range(rules):
        sums.rules[f"r{place}"].real.cost, sums.rules[f"r{place}"].draft.cost = 100_000, 123_456 + place
    sums.rules[EVIL].real.cost = 5
    sums.kinds[EVIL] = "reward"
    sums.tiers[EVIL].baskets = sums.segments[""].baskets = 1
    sums.cuts["r0", "customer"].add(type(sums.cuts["r0", "customer"])(1, 500_000, 123_456))
    sums.cuts["bonus", f"cap:{EVIL}"].baskets = 1
    sums.budgets["rule/bonus/budget|"] = {"2026-11-02": 4000, "2026-11-03": 2000}
    sums.days["2026-11-02"].draft.cost = 123_456
    sums.note_customers([23_456])
    sums.note_change(Change(23_456, "p", EVIL, EVIL, "2026-11-02T10:00:00+03:00", 100_000, 123_456))
    return {
        "period": {"from": "2026-11-01T00:00:00+00:00", "until": "2026-12-01T00:00:00+00:00", "last": None},
        **report_of(sums, draft),
        "speed": {"workers": 1, "milliseconds": 1000, "baskets_per_second": 6543},
    }


def test_amounts_are_grouped_and_in_the_currencys_own_digits() -> None:
    page = page_of(report()).decode()
    assert f"1{THIN}234.56" in page
    assert "+234.56" in page
    assert f"6{THIN}543 baskets a second" in page
    yen = page_of(report(currency="JPY")).decode()
    assert f"123{THIN}456" in yen
    assert "234.56" not in yen
    assert f"+23{THIN}456" in yen
    assert f"123{THIN}.456" not in page_of(report(currency="KWD")).decode()
    assert "123.456" in page_of(report(currency="KWD")).decode()


def test_nothing_of_the_document_is_markup() -> None:
    page = page_of(report()).decode()
    assert EVIL not in page
    # Its title, its name, a tier, a cap, a receipt and a shop.
    assert page.count(HOSTILE) >= 6
    assert page.count("<script") == 0


def test_limits_and_budgets_are_told_in_words_and_own_units() -> None:
    page = page_of(report()).decode()
    assert "its limit a customer" in page
    assert f"5{THIN}000.00" in page  # Wanted by a discount: money.
    assert "bonus: budget" in page
    assert f">6{THIN}000<" in page  # Used of a bonus: units.
    assert "2026-11-03" in page
    assert "rule/bonus/budget" not in page
    assert "In 3 baskets the draft would have refused what was redeemed (redeem limit exceeded)" in page


def test_moments_are_for_people() -> None:
    page = page_of(report()).decode()
    assert "2026-11-01 00:00 UTC to 2026-12-01 00:00 UTC" in " ".join(page.split())
    assert "2026-11-02 10:00 UTC+03:00" in page


def test_a_long_program_shows_what_changes_most_and_folds_the_rest() -> None:
    told = report(rules=CHANGED_MAX + 5)
    changed, others = rows_of(told["rules"])
    assert len(changed) == CHANGED_MAX
    assert [row["difference"] for row in changed] == sorted((row["difference"] for row in changed), reverse=True)
    assert {row["rule"]["rule"] for row in others} >= {"bonus", "r0", EVIL}
    page = page_of(told).decode()
    assert page.count("<details>") == 1
    assert f"{len(others)} other rules, which change least or nothing" in page


def test_rules_that_all_stay_the_same_are_shown_at_once() -> None:
    told = report()
    told["rules"] = [deepcopy(rule) | {"draft": rule["real"]} for rule in told["rules"]]
    page = page_of(told).decode()
    assert "No rule changes." in page
    assert "<details open>" in page


def test_a_period_without_purchases_says_so() -> None:
    draft = read_program(small_program())
    empty = {**report(), **report_of(Sums(), draft)}
    page = page_of(empty).decode()
    assert "There are no purchases in this period" in page
    assert "<svg" not in page


@pytest.mark.parametrize("days", [1, 2, 31, 400])
def test_days_lie_within_the_chart(days: int) -> None:
    lines = lines_of([{"day": f"d{place}", "real": place, "draft": 2 * place} for place in range(days)])
    for _, points in lines["sides"]:
        assert len(points) == days
        assert all(0 <= x <= 720 and 0 <= y <= 200 for x, y in points)
    assert lines["ticks"][0] == "d0"
    assert lines["ticks"][-1] == f"d{days - 1}"
    assert lines["marks"] is (days <= 31)


def test_a_rule_without_a_title_goes_by_its_id() -> None:
    words = Words(report())
    assert words.title({"rule": "r", "title": {}}) == "r"
    assert words.title({"rule": "r", "title": {"ru": "Правило"}}) == "Правило"
    assert words.percent(93_080) == "9.30 %"
    assert words.money(-123_456_789) == f"-1{THIN}234{THIN}567.89"
