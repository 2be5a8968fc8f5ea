"""The model of holds against figures worked out by hand from the contract."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model import busy
from tests.model.arithmetic import Json
from tests.model.examples import examples
from tests.model.holds import Holds
from tests.model.play import customer_ids, play
from tests.model.redemption import Refused
from tests.model.test_model_whole import program

NOON = datetime(2026, 11, 21, 9, tzinfo=UTC)
DAY = 24 * 3_600
VISIT: Any = {"shop": "S1", "channel": "pos", "identified_by": "card"}
BONUS: Json = {"kind": "bonus", "give": {"units": 10}}


def bank(*rules: Json, points: int = 0, **wallet: Any) -> Holds:
    """With one customer, `ann`, who has so many points."""
    books = Holds(program(*rules, wallets={"points": {"value": 1, **wallet}}))
    books.register("ann")
    if points:
        books.adjust("ann", wallet="points", points=points, at=NOON)
    return books


def hold(books: Holds, *lines: tuple[int, int], day: int = 0, ttl: int = DAY, **more: Any) -> Any:
    """Of (qty, price) lines; more: `redeem`, `coupons`."""
    basket = {
        "lines": [{"id": str(i), "qty": qty, "price": price} for i, (qty, price) in enumerate(lines)],
        "coupons": more.get("coupons", []),
    }
    at = NOON + timedelta(days=day)
    visit = {"at": at, **VISIT}
    return books.hold(
        "ann", basket=basket, redeem=more.get("redeem", {}), visit=visit, ttl_seconds=ttl, now=at, receipt=("T1", "1")
    )


def capture(books: Holds, lines: dict[str, int] | None = None, *, place: int = 0, day: int = 0) -> Any:
    wanted = None if lines is None else [{"id": id_, "qty": qty} for id_, qty in lines.items()]
    return books.capture(place, lines=wanted, now=NOON + timedelta(days=day))


def release(books: Holds, *, day: int = 0) -> Any:
    return books.release(0, now=NOON + timedelta(days=day))


def balance(books: Holds) -> tuple[int, int]:
    """Available and held."""
    shown = books.balances("ann")["points"]
    return shown["available"], shown["held"]


def test_held_points_are_there_again_at_the_end_and_not_before() -> None:
    books = bank(points=50)
    hold(books, (1, 100), redeem={"points": 40})
    for after, expected in [(timedelta(days=1, microseconds=-1), (10, 40)), (timedelta(days=1), (50, 0))]:
        books.advance(NOON + after)
        assert balance(books) == expected
    assert capture(books, day=1) == Refused(["hold_expired"])
    assert release(books, day=1) == Refused(["hold_expired"])


def test_a_hold_ends_once() -> None:
    books = bank(points=50)
    hold(books, (1, 100), redeem={"points": 40})
    assert release(books)["given_back"] == {"points": 40}
    assert capture(books) == Refused(["hold_already_resolved"])
    assert balance(books) == (50, 0)


def test_nothing_is_brought_before_the_capture_and_lots_run_from_it() -> None:
    books = bank(BONUS, expire_after_days=10)
    assert hold(books, (1, 100), ttl=7 * DAY)["totals"]["accrued"] == {"points": 10}
    assert (books.state("ann")["purchases"], balance(books)) == (0, (0, 0))
    capture(books, day=3)
    assert books.lots("ann")["points"][0]["expires_at"] == NOON + timedelta(days=13)
    assert (books.state("ann")["purchases"], balance(books)) == (1, (10, 0))


def test_the_units_that_were_taken_first_are_redeemed() -> None:
    """Half of 60 is captured: of lots of 50 and 50, 30 of the first; 20 and 10 go back."""
    books = bank(points=50, expire_after_days=10)
    books.adjust("ann", wallet="points", points=50, at=NOON + timedelta(days=1))
    hold(books, (2, 100), day=1, redeem={"points": 60})
    assert [lot["remaining"] for lot in books.lots("ann")["points"]] == [40]
    answer = capture(books, {"0": 1}, day=1)
    assert (answer["totals"]["redeemed_units"], answer["totals"]["paid"]) == ({"points": 30}, 70)
    assert [lot["remaining"] for lot in books.lots("ann")["points"]] == [20, 50]


def test_what_goes_back_to_a_lot_that_has_ended_expires_and_covers_nothing() -> None:
    books = bank(BONUS, points=50, expire_after_days=2)
    hold(books, (1, 100), redeem={"points": 50}, ttl=5 * DAY)
    books.advance(NOON + timedelta(days=3))
    assert balance(books) == (0, 50)
    told = release(books, day=3)
    assert (told["given_back"], told["expired_again"], balance(books)) == ({"points": 50}, {"points": 50}, (0, 0))


def test_what_comes_back_covers_a_debt_first() -> None:
    books = bank(BONUS, points=50)
    books.accrue("ann", basket={"lines": [{"id": "0", "qty": 1, "price": 5}]}, redeem={}, at=NOON, **VISIT)
    hold(books, (1, 100), redeem={"points": 55})
    books.redeem("ann", wallet="points", points=5, at=NOON)
    books.return_lines(0, lines=None, now=NOON)
    assert balance(books) == (-10, 55)
    release(books)
    assert (balance(books), [lot["remaining"] for lot in books.lots("ann")["points"]]) == ((45, 0), [40, 5])


def test_every_figure_of_a_line_loses_its_share() -> None:
    """Of three at 100 with 15 and 6 off, two stay: 200, and of 279 paid 186, so 14 off: 6 - 2 redeemed, 10 discount."""
    off = {"kind": "discount", "give": {"amount": 18}}
    books = bank(off, BONUS, points=7)
    hold(books, (3, 100), (1, 50), redeem={"points": 7})
    line = capture(books, {"0": 2})["lines"][0]
    whole = books.holds[0].decision["lines"][0]
    assert (whole["discount"], whole["redeemed"], whole["accrued"]) == (15, 6, {"points": 9})
    assert (line["gross"], line["paid"]) == (200, 279 - 93)
    assert line["gross"] - line["discount"] - line["redeemed"] == line["paid"]
    assert (line["discount"], line["redeemed"], line["redeemed_units"]) == (10, 4, {"points": 4})
    assert line["accrued"] == {"points": 6}


def test_a_capture_and_all_returns_give_back_a_budget_to_the_whole() -> None:
    rule = {"kind": "discount", "give": {"percent": "10"}, "limit": {"budget": 100, "uses": 1}}
    books = bank(rule)
    hold(books, (3, 100), (1, 70))
    assert books.counts[None, ("budget", "r0"), ""] == 37
    capture(books, {"0": 2})
    assert (books.counts[None, ("budget", "r0"), ""], books.counts[None, ("uses", "r0"), ""]) == (20, 1)
    for _ in range(2):
        books.return_lines(0, lines=[{"id": "0", "qty": 1}], now=NOON)
    assert (books.counts[None, ("budget", "r0"), ""], books.counts[None, ("uses", "r0"), ""]) == (0, 0)


def test_a_gift_stays_whole_and_its_cost_goes_over_to_what_is_captured() -> None:
    mug = {"kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": 30}}
    books = bank(mug, points=30)
    hold(books, (1, 100), (1, 200), redeem={"rewards": {"r0": 1}})
    answer = capture(books, {"1": 1})
    assert (answer["totals"]["redeemed_units"], balance(books)) == ({"points": 30}, (0, 0))
    assert [each["given"] for each in answer["effects"]] == [1]
    returned: Any = books.return_lines(0, lines=None, now=NOON)
    assert returned["given_back"] == {"points": 30}


@pytest.mark.parametrize("ended", ["released", "expired"])
@pytest.mark.parametrize("on_return", ["keep", "take_back"])
def test_a_draw_is_told_with_the_capture_and_taken_over_after_the_end(ended: str, on_return: str) -> None:
    draw = {"algorithm": "independent", "chance": "1", "prizes": [{"id": "p", "units": 7, "stock": 1}]}
    books = bank({"kind": "random_reward", "give": {"draw": draw}, "on_return": on_return})
    books.secret_of = lambda day: day.isoformat().encode()
    held = hold(books, (1, 100))
    assert (held["draws"], held["totals"]["accrued"], held["surprise"]) == ([], {}, True)
    if ended == "released":
        release(books)
    hold(books, (1, 100), day=2)
    captured = capture(books, place=1, day=2)
    (drawn,) = captured["draws"]
    assert (drawn["slip_of"], drawn["prize"], captured["totals"]["accrued"]) == ("hold 0", "p", {"points": 7})


def test_more_than_is_held_is_not_captured() -> None:
    books = bank(BONUS)
    hold(books, (1, 100))
    assert capture(books, {"0": 2}) == Refused(["validation_error"])
    assert capture(books)["totals"]["accrued"] == {"points": 10}


def test_a_second_capture_is_held_against_what_was_held() -> None:
    """Its lines were there, though the first capture left one of them out."""
    books = bank(BONUS)
    hold(books, (2, 100), (1, 50))
    capture(books, {"0": 1})
    assert capture(books, {"0": 2, "1": 1}) == Refused(["hold_already_resolved"])
    assert capture(books, {"0": 3}) == Refused(["validation_error"])


@examples(150)
@given(st.data())
def test_nothing_is_made_or_lost(data: st.DataObject) -> None:
    """What came less what went is what there is, held units included; a line of a capture adds up."""
    document = data.draw(busy.programs())
    operations = data.draw(busy.operations(document, with_holds=True))
    books, outcomes = play(document, operations, start=NOON)
    there: Counter[str] = Counter()
    for customer_id in customer_ids(operations):
        for wallet, shown in books.balances(customer_id).items():
            there[wallet] += shown["available"] + shown["pending"] + shown["held"]
    for wallet in document["wallets"]:
        came = sum(books.flows[wallet, why] for why in ("issued", "adjusted", "given_back"))
        went = sum(books.flows[wallet, why] for why in ("redeemed", "taken_back", "expired"))
        assert came - went == there[wallet]
    for outcome in outcomes:
        for line in outcome.get("lines", []) if isinstance(outcome, dict) and "totals" in outcome else []:
            assert line["gross"] - line["discount"] - line["redeemed"] == line["paid"]
            assert sum(part.get("amount", 0) for part in line["parts"]) == line["discount"]
            earned: Counter[str] = Counter()
            for part in line["parts"]:
                earned[part.get("wallet", "")] += part.get("units", 0)
            assert {wallet: units for wallet, units in earned.items() if wallet and units} == {
                wallet: units for wallet, units in line["accrued"].items() if units
            }
