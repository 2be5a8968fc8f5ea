"""Cancellations find the purchases that they take back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.receipts.baskets import baskets_of
from loadtest.receipts.census import Census, LineTreatment
from loadtest.receipts.matching import Bought, Match
from loadtest.receipts.model import Line
from tests.loadtest.samples import line, receipt


def bought(*purchases: list[Line]) -> Bought:
    """What a customer has who made these purchases, numbered 1, 2 …"""
    goods = Bought()
    for number, lines in enumerate(purchases, start=1):
        for sale in baskets_of(receipt(str(number), lines), census=Census()):
            goods.add(sale)
    return goods


def taken(match: Match) -> list[list[tuple[str, str, int]]]:
    return [[(part.purchase, part.line_id, part.quantity) for part in group] for group in match.returns]


def treatments(match: Match) -> list[LineTreatment]:
    return [fate.treatment for fate in match.fates]


def test_the_newest_purchase_that_covers_a_line_is_taken() -> None:
    goods = bought([line("A", 5, 100)], [line("A", 5, 100)], [line("A", 2, 100)])
    assert taken(goods.take_back([line("A", -3, 100)])) == [[("2", "1", 3)]]


def test_the_purchase_that_covers_all_wins_over_newer_ones_that_cover_some() -> None:
    goods = bought([line("A", 5, 100), line("B", 5, 200)], [line("B", 9, 200)], [line("A", 9, 100)])
    match = goods.take_back([line("A", -1, 100), line("B", -1, 200)])
    assert taken(match) == [[("1", "1", 1), ("1", "2", 1)]]
    assert treatments(match) == [LineTreatment.RETURNED_IN_FULL] * 2


def test_a_cancellation_may_need_several_returns() -> None:
    goods = bought([line("A", 5, 100)], [line("B", 5, 200)])
    match = goods.take_back([line("A", -1, 100), line("B", -2, 200)])
    assert taken(match) == [[("2", "1", 2)], [("1", "1", 1)]]


def test_what_no_single_purchase_covers_is_spread_over_the_newest() -> None:
    goods = bought([line("A", 5, 100)], [line("A", 4, 100)], [line("A", 2, 100)])
    match = goods.take_back([line("A", -7, 100)])
    assert taken(match) == [[("3", "1", 2)], [("2", "1", 4)], [("1", "1", 1)]]
    assert treatments(match) == [LineTreatment.RETURNED_IN_FULL]


def test_the_same_code_on_two_lines_is_taken_from_both() -> None:
    goods = bought([line("A", 2, 100), line("B", 1, 100), line("A", 3, 100)])
    match = goods.take_back([line("A", -4, 100), line("A", -1, 100)])
    assert taken(match) == [[("1", "1", 2), ("1", "3", 3)]]
    assert treatments(match) == [LineTreatment.RETURNED_IN_FULL] * 2


def test_what_came_back_once_does_not_come_back_again() -> None:
    goods = bought([line("A", 5, 100)])
    goods.take_back([line("A", -3, 100)])
    match = goods.take_back([line("A", -4, 100)])
    assert taken(match) == [[("1", "1", 2)]]
    assert match.fates[0].found == 2
    assert treatments(match) == [LineTreatment.RETURNED_IN_PART]
    assert treatments(goods.take_back([line("A", -1, 100)])) == [LineTreatment.UNMATCHED_ALL_BACK]


def test_of_two_equal_lines_the_first_gets_what_there_is() -> None:
    match = bought([line("A", 5, 100)]).take_back([line("A", -4, 100), line("A", -4, 100)])
    assert [fate.found for fate in match.fates] == [4, 1]


def test_each_reason_for_finding_nothing_has_its_name() -> None:
    match = bought([line("A", 5, 100)]).take_back([line("A", -1, 99), line("D", -1, 100)])
    assert not match.returns
    assert treatments(match) == [LineTreatment.UNMATCHED_OTHER_PRICE, LineTreatment.UNMATCHED_NEVER_BOUGHT]


def test_only_goods_that_come_back_are_taken() -> None:
    for wrong in (line("A", 1, 100), line("A", 0, 100), line("A", -1, -5)):
        with pytest.raises(ValueError, match="only lines with negative"):
            bought([line("A", 5, 100)]).take_back([wrong])


SKUS = st.sampled_from("AB")
PRICES = st.sampled_from([100, 200])
BASKET = st.lists(st.builds(line, SKUS, st.integers(1, 4), PRICES), min_size=1, max_size=4)
CANCELLATION = st.lists(st.builds(line, SKUS, st.integers(-6, -1), PRICES), min_size=1, max_size=4)


@given(baskets=st.lists(BASKET, max_size=4), cancellations=st.lists(CANCELLATION, max_size=5))
def test_nothing_comes_back_that_was_not_bought_and_all_that_can_does(
    baskets: list[list[Line]], cancellations: list[list[Line]]
) -> None:
    goods = bought(*baskets)
    left: Counter[tuple[str, int]] = Counter()
    sold: dict[tuple[str, str], Line] = {}
    for number, basket in enumerate(baskets, start=1):
        for place, item in enumerate(basket, start=1):
            left[item.sku, item.price] += item.quantity
            sold[str(number), str(place)] = item
    returned: Counter[tuple[str, str]] = Counter()
    for wanted in cancellations:
        match = goods.take_back(wanted)
        by_goods: Counter[tuple[str, int]] = Counter()
        for group in match.returns:
            assert len({part.purchase for part in group}) == 1
            for part in group:
                item = sold[part.purchase, part.line_id]
                by_goods[item.sku, item.price] += part.quantity
                returned[part.purchase, part.line_id] += part.quantity
        asked: Counter[tuple[str, int]] = Counter()
        for item in wanted:
            asked[item.sku, item.price] -= item.quantity
        assert by_goods == Counter({kind: min(count, left[kind]) for kind, count in asked.items() if left[kind]})
        assert sum(fate.found for fate in match.fates) == by_goods.total()
        assert all(0 <= f.found <= -item.quantity for f, item in zip(match.fates, wanted, strict=True))
        left -= by_goods
    assert all(count <= sold[place].quantity for place, count in returned.items())
