"""What `make growth` makes of what it measures, and a run of it against services of its own."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loadtest import growth
from loadtest.generator import Outcome
from loadtest.goods import LINES, baskets
from loadtest.growth import Factor, Growth, Options, Place
from loadtest.program import program, with_rules

OUTCOME = Outcome(
    seconds=2.0, right=200, wrong=0, unsent=0, statuses={"201": 200}, p50_ms=1.0, p99_ms=2.0, max_ms=3.0,
    processor_us={"service": 100.0, "postgres": 50.0, "valkey": 1.0, "generator": 9.0}, others_share=0.0, errors=(),
)  # fmt: skip
OPTIONS = Options(seconds=1.0, repeats=3, customers=10, purchases=2, day_requests=40, data=Path())


def test_a_factor_is_met_from_its_goal_on_and_always_without_one() -> None:
    assert Factor("x", 0.9, 0.9).is_met
    assert not Factor("x", 0.899, 0.9).is_met
    assert Factor("x", 0.1).is_met


def test_a_comparison_is_the_median_of_neighbours_and_counts_wrong_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    rights = iter([100, 50, 100, 95, 100, 90])  # Before and after, three times.
    monkeypatch.setattr(Place, "run", lambda *_, **__: replace(OUTCOME, right=next(rights), wrong=1))
    found, place = Growth(), Place.__new__(Place)
    growth._compare("x", place, place, "accrue", found, OPTIONS, lambda _: None)
    assert [(each.value, each.is_met) for each in found.factors] == [(0.9, True)]
    assert found.factors[0].note == "50 to 45 a second"
    assert found.wrong == 6


def test_lines_are_linear_where_a_line_costs_no_more_in_a_large_basket(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {5: 200.0, 50: 650.0, 500: 5150.0}

    def run(*_: object, lines: int) -> Outcome:
        return replace(OUTCOME, processor_us={"service": costs[lines] - 50, "postgres": 50.0})

    monkeypatch.setattr(Place, "run", run)
    found = Growth()
    growth._lines(Place.__new__(Place), found, OPTIONS, lambda _: None)
    assert found.line_us == costs
    assert found.factors[0].value == pytest.approx(1.0)
    costs[500] = 9650.0
    growth._lines(Place.__new__(Place), found, OPTIONS, lambda _: None)
    assert not found.factors[1].is_met


def test_more_rules_are_rules_that_no_basket_meets() -> None:
    few, many = with_rules(10), with_rules(500)
    assert (len(few["rules"]), len(many["rules"])) == (10, 500)
    assert many["rules"][:10] == few["rules"]
    assert all("nobody-buys" in rule["on"]["sku"][0] for rule in many["rules"][10:])
    assert program()["lanes"] == many["lanes"]


def test_large_baskets_are_real_lines_too() -> None:
    assert all(basket.count(b'"sku"') == 50 for basket in baskets(50)[:20])
    assert baskets()[0].count(b'"sku"') == LINES


def test_all_of_it_runs_on_small_services(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--seconds", "0.3", "--repeats", "1", "--customers", "60", "--purchases", "3", "--day-requests", "80"]
    assert growth.main([*small, "--data", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "purchases of spenders" in told, told
    assert "10 to 500 rules" in told, told
    assert len(list(tmp_path.glob("growth-*.json"))) == 1


def test_what_is_missed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    growth.show(Growth(factors=[Factor("x", 0.5, 0.9), Factor("y", 1.0, 0.9)], bytes={"txs": 270.4}), Console())
    told = capsys.readouterr().out
    assert told.count("NO") == told.count("yes") == 1
    assert "270" in told
