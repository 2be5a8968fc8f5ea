"""The model of the books against figures worked out by hand from the contract."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model import sequences, strategies
from tests.model.arithmetic import Json
from tests.model.books import Books
from tests.model.examples import examples
from tests.model.play import customer_ids, play
from tests.model.pricing import Refused

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def bank(*rules: Json, **wallet: Any) -> Books:
    """A bank with one wallet of points worth 1 and one customer, `ann`."""
    document = {
        "currency": "RUB",
        "timezone": "UTC",
        "wallets": {"points": wallet},
        "rules": [{"id": f"r{i}", "kind": "bonus", "give": give} for i, give in enumerate(rules)],
        "tiers": [{"id": "new", "from": 0}, {"id": "old", "from": 1_000}],
    }
    books = Books(document)
    books.register("ann")
    return books


def buy(books: Books, *lines: tuple[int | str, int], day: int = 0, redeem: int | str = 0) -> Any:
    basket = {"lines": [{"id": str(i), "qty": qty, "price": price} for i, (qty, price) in enumerate(lines)]}
    return books.accrue(
        "ann",
        basket=basket,
        redeem={"points": redeem},
        at=START + timedelta(days=day),
        shop="S1",
        channel="pos",
        identified_by="card",
    )


def give_back(books: Books, purchase: int, lines: dict[str, int | str] | None, *, day: int) -> Any:
    wanted = None if lines is None else [{"id": id_, "qty": qty} for id_, qty in lines.items()]
    return books.return_lines(purchase, lines=wanted, now=START + timedelta(days=day))


def balance(books: Books) -> tuple[int, int]:
    shown = books.balances("ann")["points"]
    return shown["available"], shown["pending"]


def remaining(books: Books) -> list[int]:
    return [lot["remaining"] for lot in books.state("ann")["lots"]["points"]]


def test_points_become_active_and_expire_at_their_instant() -> None:
    books = bank({"units": 10}, activate_after_days=14, expire_after_days=30)
    buy(books, (1, 100))
    for after, expected in [
        (timedelta(days=14, seconds=-1), (0, 10)),
        (timedelta(days=14), (10, 0)),
        (timedelta(days=30, seconds=-1), (10, 0)),
        (timedelta(days=30), (0, 0)),
    ]:
        books.advance(START + after)
        assert balance(books) == expected


def test_a_partial_return_rounds_half_up_in_total_and_ends_at_the_whole() -> None:
    """10 points on three units: 3 1/3 and 6 2/3 so far become 3 and 7."""
    books = bank({"units": 10})
    buy(books, (3, 100))
    answers = [give_back(books, 0, {"0": 1}, day=day) for day in (1, 2, 3)]
    assert [answer["taken_back"]["points"] for answer in answers] == [3, 4, 3]
    assert [answer["refund"] for answer in answers] == [100, 100, 100]
    assert give_back(books, 0, {"0": "0.001"}, day=4) == Refused(["return_exceeds_purchase"])


def test_redeemed_points_come_back_to_their_lots_in_the_order_they_were_spent() -> None:
    books = bank(expire_after_days=10)
    for day in (0, 1):
        books.adjust("ann", wallet="points", points=50, at=START + timedelta(days=day))
    buy(books, (4, 20), day=2, redeem=80)
    assert remaining(books) == [20]
    assert give_back(books, 0, {"0": 3}, day=3)["given_back"] == {"points": 60}
    assert remaining(books) == [50, 30]


def test_points_given_back_to_an_expired_lot_expire_again_at_once() -> None:
    books = bank(expire_after_days=10)
    books.adjust("ann", wallet="points", points=50, at=START)
    buy(books, (1, 50), day=2, redeem=50)
    assert give_back(books, 0, None, day=10)["given_back"] == {"points": 50}
    assert balance(books) == (0, 0)


@pytest.mark.parametrize(("debt", "available", "after_the_next"), [("allow", -10, 0), ("clamp", 0, 10)])
def test_points_spent_meanwhile_become_a_debt_or_are_let_go(debt: str, available: int, after_the_next: int) -> None:
    books = bank({"units": 10}, debt=debt)
    buy(books, (1, 100))
    books.redeem("ann", wallet="points", points=10, at=START)
    give_back(books, 0, None, day=1)
    assert balance(books) == (available, 0)
    buy(books, (1, 100), day=2)
    assert balance(books) == (after_the_next, 0)
    assert remaining(books) == ([] if debt == "allow" else [10])


def test_taken_back_from_the_purchases_own_lots_first() -> None:
    books = bank({"units": 10}, expire_after_days=30)
    buy(books, (1, 100))
    buy(books, (1, 100), day=1)
    books.redeem("ann", wallet="points", points=4, at=START + timedelta(days=1))
    give_back(books, 1, None, day=2)
    assert remaining(books) == [6]
    give_back(books, 0, None, day=3)
    assert balance(books) == (-4, 0)


def test_the_earliest_expiry_is_spent_first_whatever_came_first() -> None:
    books = bank()
    for day, expires in [(0, None), (1, 20), (2, 15)]:
        books.program["wallets"]["points"]["expire_after_days"] = expires
        books.adjust("ann", wallet="points", points=10, at=START + timedelta(days=day))
    books.redeem("ann", wallet="points", points=25, at=START + timedelta(days=3))
    lots = books.state("ann")["lots"]["points"]
    assert [(lot["remaining"], lot["expires_at"]) for lot in lots] == [(5, None)]


def test_the_purchase_that_lifts_the_tier_is_decided_by_the_old_one() -> None:
    books = bank({"units": 1})
    books.program["rules"][0]["when"] = {"tier": ["old"]}
    assert [buy(books, (1, price))["totals"]["accrued"] for price in (999, 1, 1)] == [{}, {}, {"points": 1}]
    give_back(books, 0, None, day=1)
    assert books.state("ann")["tier"] == "old"  # It never goes down.
    assert books.state("ann")["purchases"] == 2


def test_points_accrued_on_a_receipt_cant_be_redeemed_on_it() -> None:
    assert buy(bank({"units": 10}), (1, 100), redeem=1).code == "insufficient_points"


def test_what_comes_back_covers_what_the_purchase_had_brought() -> None:
    """Buying with points, spending what that brought and returning it leaves no free points behind."""
    books = bank({"units": 10}, debt="clamp")
    books.adjust("ann", wallet="points", points=10, at=START)
    buy(books, (1, 10), redeem=10)
    books.redeem("ann", wallet="points", points=10, at=START)
    answer = give_back(books, 0, None, day=1)
    assert (answer["given_back"], answer["taken_back"], answer["clamped"]) == ({"points": 10}, {"points": 10}, {})
    assert balance(books) == (0, 0)


def test_what_clamp_let_go_is_due_with_the_next_return_and_lines_tell_what_was_posted() -> None:
    books = bank({"units_each": 5}, debt="clamp")
    buy(books, (1, 100), (1, 100))
    books.redeem("ann", wallet="points", points=7, at=START)
    first = give_back(books, 0, {"0": 1}, day=1)
    assert (first["taken_back"], first["clamped"]) == ({"points": 3}, {"points": 2})
    assert [line["taken_back"] for line in first["lines"]] == [{"points": 3}]
    books.adjust("ann", wallet="points", points=20, at=START + timedelta(days=1))
    second = give_back(books, 0, {"1": 1}, day=2)
    assert (second["taken_back"], second["clamped"]) == ({"points": 7}, {})
    assert [line["taken_back"] for line in second["lines"]] == [{"points": 5}]
    assert balance(books) == (13, 0)


def test_points_given_back_to_an_expired_lot_cover_no_debt() -> None:
    books = bank({"units": 10}, expire_after_days=10)
    books.adjust("ann", wallet="points", points=50, at=START)
    buy(books, (1, 50), day=2, redeem=50)
    buy(books, (1, 100), day=3)
    books.redeem("ann", wallet="points", points=20, at=START + timedelta(days=4))
    give_back(books, 1, None, day=5)
    assert balance(books) == (-10, 0)
    answer = give_back(books, 0, None, day=10)
    assert (answer["given_back"], answer["expired_again"]) == ({"points": 50}, {"points": 50})
    assert balance(books) == (-20, 0)


def test_points_that_end_before_they_begin_are_pending_and_cover_no_debt() -> None:
    books = bank({"units": 10}, activate_after_days=14, expire_after_days=10)
    buy(books, (1, 100))
    assert balance(books) == (0, 10)
    give_back(books, 0, None, day=10)
    assert balance(books) == (-10, 0)
    basket = {"lines": [{"id": "0", "qty": 1, "price": 100}]}
    visit: Any = {"shop": "S1", "channel": "pos", "identified_by": "card"}
    books.accrue("ann", basket=basket, redeem={}, at=START, now=START + timedelta(days=20), **visit)
    assert balance(books) == (-10, 0)


def test_a_redemption_with_no_basket_is_bounded_by_strength_too() -> None:
    books = bank()
    books.program["redemption"] = {"strength": {"phone": 5}}
    books.adjust("ann", wallet="points", points=50, at=START)
    refused = books.redeem("ann", wallet="points", points=6, identified_by="phone", at=START)
    assert refused == Refused(["confirmation_required"])
    books.redeem("ann", wallet="points", points=5, identified_by="phone", at=START)
    books.redeem("ann", wallet="points", points=45, identified_by="card", at=START)
    assert balance(books) == (0, 0)


@examples(100)
@given(st.data())
def test_nothing_is_made_or_lost(data: st.DataObject) -> None:
    """What came less what went is what there is; a purchase that is all back has posted the whole, if not clamped."""
    document = data.draw(strategies.programs())
    operations = data.draw(sequences.operations(document))
    books, _ = play(document, operations, start=START)
    there: Counter[str] = Counter()
    for customer_id in customer_ids(operations):
        for wallet, shown in books.balances(customer_id).items():
            there[wallet] += shown["available"] + shown["pending"]
    for wallet, terms in document["wallets"].items():
        came = sum(books.flows[wallet, why] for why in ("issued", "adjusted", "given_back"))
        went = sum(books.flows[wallet, why] for why in ("redeemed", "taken_back", "expired"))
        assert came - went == there[wallet]
        for purchase in books.purchases:
            if purchase.is_all_back:
                assert purchase.given_back(wallet) == sum(part for _, part in purchase.spent.get(wallet, []))
                accrued = sum(line.accrued.get(wallet, 0) for line in purchase.lines.values())
                assert purchase.taken_back(wallet) == accrued or terms.get("debt") == "clamp"
