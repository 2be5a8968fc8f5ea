"""Receipts become requests with fixed keys and bodies, and every line a treatment."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from loadtest.options import SAMPLE
from loadtest.receipts.baskets import BASKET_LINES_MAX
from loadtest.receipts.census import LineTreatment as L
from loadtest.receipts.census import ReceiptTreatment as R
from loadtest.receipts.files import load, read
from loadtest.receipts.lanes import owner_of, share_out
from loadtest.receipts.model import Note
from loadtest.receipts.moving import Moving
from loadtest.receipts.planning import Plan, Purchase, Registration, Return, plan_requests
from tests.loadtest.samples import retail

MOVING = Moving(zone=ZoneInfo("Europe/London"), days=5655)
TIME = "1/18/2011 10:0"


def plan(text: str, *, redeem_every: int = 5) -> Plan:
    return plan_requests(read(text), moving=MOVING, redeem_every=redeem_every, wallet="points")


def rows(*short: str) -> str:
    """Rows without a time: number, code, quantity, price, customer; each is a minute later than the one before."""
    full = []
    for minute, row in enumerate(short):
        number, code, quantity, price, customer = row.split("|")
        full.append(f"{number}|{code}|{quantity}|{TIME}{minute}|{price}|{customer}")
    return retail(*full)


def treatments(made: Plan) -> dict[L, int]:
    return {treatment: tallied.lines for treatment, tallied in made.census.lines.items()}


@pytest.fixture(scope="module")
def sample_plan() -> Plan:
    return plan(load(SAMPLE)[0])


def test_the_sample_leaves_no_row_without_a_treatment(sample_plan: Plan) -> None:
    census = sample_plan.census
    assert census.missing_rows() == 0
    assert treatments(sample_plan) == {
        L.SOLD: 19_687,
        L.SOLD_AT_ZERO: 5,
        L.RETURNED_IN_FULL: 514,
        L.RETURNED_IN_PART: 1,
        L.UNMATCHED_NEVER_BOUGHT: 105,
        L.UNMATCHED_OTHER_PRICE: 16,
    }
    assert {t: c.receipts for t, c in census.receipts.items()} == {
        R.SALE: 1_063,
        R.RETURN_IN_FULL: 187,
        R.RETURN_IN_PART: 19,
        R.RETURN_NOT_AT_ALL: 55,
    }
    assert census.receipts_read == 1_324
    money = census.lines[L.SOLD].money - sum(c.money for t, c in census.lines.items() if "return" in t)
    assert money == 52_751_361


def test_the_sample_registers_every_customer_before_anything_else_of_theirs(sample_plan: Plan) -> None:
    seen: set[str] = set()
    for step in sample_plan.steps:
        if isinstance(step, Registration):
            assert step.customer not in seen
            seen.add(step.customer)
        else:
            assert step.customer in seen
    assert len(seen) == 353


def test_the_samples_returns_never_exceed_their_purchase(sample_plan: Plan) -> None:
    left: dict[tuple[str, str], int] = {}
    for step in sample_plan.steps:
        if isinstance(step, Purchase):
            lines = step.body["basket"]
            assert isinstance(lines, dict)
            left |= {(step.number, line["id"]): line["qty"] for line in lines["lines"]}
        elif isinstance(step, Return):
            for line_id, units in step.units.items():
                left[step.purchase, line_id] -= units
    assert min(left.values()) == 0


def test_the_samples_keys_and_receipt_numbers_are_unique(sample_plan: Plan) -> None:
    keys = [step.key for step in sample_plan.steps]
    numbers = [step.number for step in sample_plan.steps if not isinstance(step, Registration)]
    assert len(set(keys)) == len(keys)
    assert len(set(numbers)) == len(numbers) == sample_plan.receipts
    assert all(key.isascii() and key.isprintable() and len(key) <= 255 for key in keys)


def test_planning_twice_gives_the_same_plan(sample_plan: Plan) -> None:
    assert plan(load(SAMPLE)[0]) == sample_plan


def test_a_purchase_says_all_that_a_till_would() -> None:
    made = plan(rows("541431|23166|74215|1.04|12346", "541432|POST|1|18|12346"), redeem_every=2)
    registration, first, second = made.steps
    assert isinstance(registration, Registration)
    assert isinstance(first, Purchase)
    assert isinstance(second, Purchase)
    assert (registration.key, registration.body) == ("replay/online_retail/customer/12346", {"card": "OR-12346"})
    assert first.key == "replay/online_retail/purchase/541431"
    assert first.gross == 7_718_360
    assert first.body == {
        "receipt": {"number": "541431"},
        "at": "2026-07-13T10:00:00+01:00",
        "basket": {"lines": [{"id": "1", "sku": "23166", "qty": 74215, "price": 104, "name": "NAME OF 23166"}]},
        "customer": {"card": "OR-12346"},
    }
    assert (first.redeems, second.redeems, second.body["redeem"]) == (False, True, {"points": "max"})
    basket = second.body["basket"]
    assert isinstance(basket, dict)
    assert basket["lines"][0]["category"] == "service/postage"


def test_every_nth_purchase_of_a_customer_redeems_and_none_at_0() -> None:
    text = rows("1|22423|1|1|7", "2|22423|1|1|8", "3|22423|1|1|7", "4|22423|1|1|", "5|22423|1|1|7", "6|22423|1|1|7")
    redeeming = [s.number for s in plan(text, redeem_every=2).steps if isinstance(s, Purchase) and s.redeems]
    assert redeeming == ["3", "6"]
    assert not [s for s in plan(text, redeem_every=0).steps if isinstance(s, Purchase) and s.redeems]


def test_a_return_names_lines_and_quantities_and_has_its_own_number() -> None:
    made = plan(rows("1|22423|5|1|7", "2|22960|5|1|7", "C3|22423|-2|1|7", "C4|22423|-1|1|7", "C4|22960|-5|1|7"))
    returns = [step for step in made.steps if isinstance(step, Return)]
    assert [(r.number, r.purchase, r.units) for r in returns] == [
        ("C3", "1", {"1": 2}),
        ("C4/1", "2", {"1": 5}),
        ("C4/2", "1", {"1": 1}),
    ]
    assert returns[1].key == "replay/online_retail/return/C4/1"
    assert returns[1].body == {"receipt": {"number": "C4/1"}, "lines": [{"id": "1", "qty": 5}]}


def test_each_kind_of_dirt_has_a_treatment_of_its_own() -> None:
    made = plan(
        rows(
            "1|22423|5|1|7",
            "1|22423|5|0|7",
            "1|22960|-1|1|7",
            "1|22961|0|1|7",
            "1|22962|1|-1|7",
            "2|22423|-9|0|",
            "A3|B|1|11062.06|",
            "C4|22423|-9|1|7",
            "C4|22423|1|1|7",
            "C4|D|-1|281|7",
        )
    )
    assert treatments(made) == {
        L.SOLD: 1,
        L.SOLD_AT_ZERO: 1,
        L.LEFT_OUT_NEGATIVE_QUANTITY: 2,
        L.LEFT_OUT_ZERO_QUANTITY: 1,
        L.LEFT_OUT_NEGATIVE_PRICE: 1,
        L.LEFT_OUT_ADJUSTMENT: 1,
        L.RETURNED_IN_PART: 1,
        L.LEFT_OUT_POSITIVE_IN_CANCELLATION: 1,
        L.UNMATCHED_NEVER_BOUGHT: 1,
    }
    assert {t: c.receipts for t, c in made.census.receipts.items()} == {
        R.SALE: 1,
        R.SALE_WITHOUT_LINES: 1,
        R.ADJUSTMENT: 1,
        R.RETURN_IN_PART: 1,
    }
    assert made.census.missing_rows() == 0
    part = made.census.lines[L.RETURNED_IN_PART]
    assert (part.money, part.matched) == (900, 500)
    assert made.census.notes[Note.SAME_CODE_TWICE] == 1


def test_a_cancellation_with_a_line_left_out_is_not_matched_in_full() -> None:
    made = plan(rows("1|22423|5|1|7", "C2|22423|-5|1|7", "C2|22423|1|1|7"))
    assert made.census.receipts[R.RETURN_IN_PART].receipts == 1


def test_a_cancellation_without_a_customer_is_not_matched() -> None:
    made = plan(rows("1|22423|5|1|", "C2|22423|-5|1|"))
    assert [type(step) for step in made.steps] == [Purchase]
    assert "customer" not in made.steps[0].body
    assert treatments(made) == {L.SOLD: 1, L.UNMATCHED_NO_CUSTOMER: 1}


def test_a_customer_who_only_cancels_is_registered() -> None:
    made = plan(rows("C2|22423|-5|1|7"))
    assert [type(step) for step in made.steps] == [Registration]


def test_a_sale_of_too_many_lines_becomes_several_receipts() -> None:
    codes = range(10_000, 10_000 + BASKET_LINES_MAX + 1)
    made = plan(retail(*(f"1|{code}|1|{TIME}0|1|7" for code in codes), f"C2|{codes[-1]}|-1|{TIME}5|1|7"))
    _, first, second, back = made.steps
    assert isinstance(first, Purchase)
    assert isinstance(second, Purchase)
    assert isinstance(back, Return)
    assert [first.number, second.number, back.purchase] == ["1/1", "1/2", "1/2"]
    assert (first.gross, second.gross) == (50_000, 100)
    assert made.census.notes[Note.SPLIT] == 1


def test_lanes_keep_each_customers_order_and_lose_nothing(sample_plan: Plan) -> None:
    lanes = share_out(sample_plan.steps, connections=8)
    place = {id(step): number for number, step in enumerate(sample_plan.steps)}
    assert sorted(place[id(step)] for lane in lanes for step in lane) == list(range(len(sample_plan.steps)))
    lane_of: dict[str, int] = {}
    for number, lane in enumerate(lanes):
        assert [place[id(step)] for step in lane] == sorted(place[id(step)] for step in lane)
        for step in lane:
            assert lane_of.setdefault(owner_of(step), number) == number
    sizes = [len(lane) for lane in lanes]
    assert max(sizes) - min(sizes) < 5


def test_purchases_without_a_customer_spread_over_lanes() -> None:
    made = plan(rows(*(f"{number}|22423|1|1|" for number in range(1, 5))))
    assert [len(lane) for lane in share_out(made.steps, connections=2)] == [2, 2]
    assert len(share_out(made.steps, connections=9)) == 4
