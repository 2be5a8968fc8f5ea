"""Full sets become units of another wallet in the posting that filled them, whatever posting it is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ledger.audit import Check, terms_of
from app.domain.ledger.audit.conversions import check_conversions
from app.domain.ledger.audit.findings import Notes
from app.domain.ledger.audit.lots import AVAILABLE
from app.domain.ledger.audit.purses import PurseState
from app.domain.ledger.books import Book
from app.domain.ledger.chart import TxKind
from app.domain.ledger.conversion import conversions_of
from app.domain.ledger.plans import bring_up_to_date, plan_adjust, plan_redeem
from app.domain.ledger.postings import Origin
from app.domain.program import Convert, Wallet
from tests.domain.ledger.papers import PROGRAM, papers_of
from tests.domain.ledger.shop import Shop

STAMPS = {"stamps": {"value": 0, "convert": {"every": 10, "into": "points", "units": 100}}}
CHAIN = {
    "points": {"value": 100, "expire_after_days": 5, "convert": {"every": 7, "into": "gold", "units": 2}},
    "gold": {"value": 100, "activate_after_days": 1},
    "stamps": {"value": 0, "expire_after_days": 9, "convert": {"every": 3, "into": "points", "units": 5}},
    "seals": {"value": 0, "activate_after_days": 2, "expire_after_days": 4,
              "convert": {"every": 2, "into": "stamps", "units": 1}},
}  # fmt: skip


def cafe(**points: object) -> Shop:
    return Shop(program={"wallets": {"points": {"value": 100, **points}, **STAMPS}})


def converted(shop: Shop) -> dict[str, int]:
    entries = shop.postings[-1].posting.entries
    return {entry.wallet: entry.amount for entry in entries if entry.account == "program:converted"}


def test_full_sets_convert_in_the_purchase_that_filled_them() -> None:
    shop = cafe(expire_after_days=30)
    shop.sell(gives={("s", "stamps"): 7})
    assert (shop.available_in("stamps"), shop.available, converted(shop)) == (7, 0, {})
    shop.sell(gives={("s", "stamps"): 16, ("base", "points"): 5})
    assert (shop.available_in("stamps"), shop.available) == (3, 205)
    assert converted(shop) == {"stamps": 20, "points": -200}
    arrived = [lot for lot in shop.book.added if lot.remaining == 200]
    assert [lot.expires_at for lot in arrived] == [shop.now + timedelta(days=30)]
    shop.check()


def test_stamps_that_expire_first_make_the_set() -> None:
    shop = Shop(program={"wallets": {"points": {}, "stamps": {**STAMPS["stamps"], "expire_after_days": 9}}})
    shop.sell(gives={("s", "stamps"): 8})
    shop.pass_days(5)
    shop.sell(gives={("s", "stamps"): 8})
    shop.pass_days(5)
    assert shop.available_in("stamps") == 6
    shop.check()


def test_a_correction_converts_too_and_a_debt_is_covered_first() -> None:
    shop = cafe()
    bought = shop.sell(gives={("base", "points"): 30})
    shop.postings.append(
        plan_redeem(shop.book, shop.program, shop.moment(), wallet="points", units=30, origin=Origin())
    )
    shop.bring_back(bought)
    assert shop.available == -30
    shop.postings.append(
        plan_adjust(shop.book, shop.program, shop.moment(), wallet="stamps", units=10, origin=Origin())
    )
    assert (shop.available, shop.book.purse("points").floor, shop.available_in("stamps")) == (70, 0, 0)
    shop.check()


def test_owed_stamps_are_no_set() -> None:
    shop = cafe()
    bought = shop.sell(gives={("s", "stamps"): 10})
    assert (shop.available_in("stamps"), shop.available) == (0, 100)
    shop.bring_back(bought)
    assert (shop.available_in("stamps"), shop.available) == (-10, 100)
    shop.sell(gives={("s", "stamps"): 15})
    assert (shop.available_in("stamps"), shop.available) == (5, 100)
    shop.check()


def test_what_a_return_gives_back_may_fill_a_set() -> None:
    shop = cafe()
    shop.sell(gives={("s", "stamps"): 9})
    bought = shop.sell(redeem={"stamps": 9})
    shop.sell(gives={("s", "stamps"): 4})
    plan = shop.bring_back(bought)
    assert (dict(plan.given_back), shop.available_in("stamps"), shop.available) == ({"stamps": 9}, 3, 100)
    shop.check()


def test_points_are_converted_along_the_whole_chain_at_once() -> None:
    shop = Shop(program={"wallets": CHAIN})
    shop.sell(gives={("s", "stamps"): 11})  # 3 sets: 15 points; 2 sets of 7: 4 gold, from tomorrow on.
    assert [shop.available_in(wallet) for wallet in ("stamps", "points", "gold")] == [2, 1, 0]
    assert shop.book.purse("gold").pending == 4
    assert converted(shop) == {"stamps": 9, "points": -1, "gold": -4}
    shop.check()


def test_a_wallet_comes_after_all_that_feed_it() -> None:
    def wallet(key: str, into: str | None) -> Wallet:
        return Wallet(key, convert=Convert(2, into, 1) if into else None)

    wallets = {key: wallet(key, into) for key, into in {"c": "d", "a": "c", "b": "c", "d": None}.items()}
    assert [each.wallet for each in conversions_of(wallets)] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="circle"):
        conversions_of({"a": wallet("a", "b"), "b": wallet("b", "a")})


def test_a_set_that_was_full_for_a_moment_is_converted_whenever_somebody_looks() -> None:
    shops = [
        Shop(program={"wallets": {"points": {}, "stamps": {**STAMPS["stamps"], "expire_after_days": 4}}, "rules": [
            {"id": "late", "kind": "bonus", "give": {"units": 1, "wallet": "stamps", "activate_after_days": 2}},
        ]})
        for _ in range(2)
    ]  # fmt: skip
    for shop, steps in zip(shops, ([1, 1, 1, 1, 1, 1], [6]), strict=True):
        shop.sell(gives={("s", "stamps"): 6, ("late", "stamps"): 6})
        for days in steps:
            shop.pass_days(days)
        assert (shop.available, shop.available_in("stamps")) == (100, 0)
        shop.check()
    one, other = ([(lot.wallet, lot.remaining, lot.active_at) for lot in shop.book.added] for shop in shops)
    assert one == other


units = st.integers(0, 25)


@given(
    gives=st.lists(st.tuples(st.sampled_from(list(CHAIN)), units, st.integers(0, 3)), min_size=1, max_size=6),
    looks=st.lists(st.integers(1, 6), max_size=6),
)
def test_whether_a_job_has_run_changes_nothing(gives: list[tuple[str, int, int]], looks: list[int]) -> None:
    """Two books, one brought up to date again and again, the other only at the end."""
    seen: list[object] = []
    for stops in (looks, [sum(looks)]):
        shop = Shop(program={"wallets": CHAIN})
        for wallet, amount, days in gives:
            shop.sell(gives={("s", wallet): amount} if amount else {})
            shop.pass_days(days)
        for days in stops:
            shop.pass_days(days)
        shop.check()
        lots = [lot for lot in (shop.book.lots or {}).values() if lot.remaining]
        seen.append(
            (
                shop.book.balances(CHAIN),
                sorted((lot.wallet, lot.remaining, lot.active_at, str(lot.expires_at)) for lot in lots),
            )
        )
    assert seen[0] == seen[1]


@given(data=st.data())
def test_every_posting_balances_and_leaves_no_full_set(data: st.DataObject) -> None:
    shop = Shop(program={"wallets": CHAIN})
    purchases = []
    for step in data.draw(st.lists(st.sampled_from(["buy", "buy", "return", "days", "correct", "act"]), max_size=10)):
        gives = {("s", wallet): n for wallet in CHAIN if (n := data.draw(units))}
        if step == "buy":
            purchases.append(shop.sell(gives=gives, qty=data.draw(st.integers(1, 3))))
        elif step == "act":
            shop.act(gives=gives)
        elif step == "days":
            shop.pass_days(data.draw(st.integers(1, 6)))
        elif step == "correct":
            wallet, amount = data.draw(st.sampled_from(list(CHAIN))), data.draw(st.integers(1, 40))
            plan = plan_adjust(shop.book, shop.program, shop.moment(), wallet=wallet, units=amount, origin=Origin())
            shop.postings.append(plan)
        elif step == "return" and purchases and not (bought := data.draw(st.sampled_from(purchases))).is_all_back:
            line = bought.lines[0]
            shop.bring_back(bought, data.draw(st.integers(1, line.qty_milli - line.returned_milli)))
        shop.check()  # Every posting that is built balances; the lots are the balances.
        for conversion in conversions_of(shop.program.wallets):
            assert shop.available_in(conversion.wallet) < conversion.every
    assert papers_of(shop, purchases).audit() == []


def test_what_one_posting_cannot_convert_converts_with_the_next() -> None:
    """A set of 1 becomes a million: the million sets of 10^12 points are the most, the audit knows it."""
    wallets = {"points": {}, "stamps": {"value": 0, "convert": {"every": 1, "into": "points", "units": 10**6}}}
    shop = Shop(program={"wallets": wallets})

    def correct(units: int) -> None:
        plan = plan_adjust(shop.book, shop.program, shop.moment(), wallet="stamps", units=units, origin=Origin())
        shop.postings.append(plan)

    correct(2_500_000)
    assert (shop.available_in("stamps"), shop.available) == (1_500_000, 10**12)
    assert papers_of(shop, []).audit() == []
    correct(1)
    assert (shop.available_in("stamps"), shop.available) == (500_001, 2 * 10**12)
    correct(-1)
    assert (shop.available_in("stamps"), shop.available) == (0, 2_500_000 * 10**6)
    shop.check()
    assert papers_of(shop, []).audit() == []


@pytest.mark.parametrize(("sets", "found"), [(10**6, False), (10**6 - 1, True), (10**6 + 1, True)])
def test_the_audit_allows_what_is_left_only_beyond_the_most(sets: int, found: bool) -> None:
    convert = {"every": 1, "into": "points", "units": 10**6}
    shop = Shop(program={"wallets": {"points": {}, "stamps": {"value": 0, "convert": convert}}})
    adjusted = plan_adjust(shop.book, shop.program, shop.moment(), wallet="stamps", units=2_500_000, origin=Origin())
    shop.postings.append(adjusted)
    (tx,) = papers_of(shop, []).txs
    notes, purse = Notes(None), PurseState()
    purse.units[AVAILABLE] = 2_500_000 - sets
    converted = {"stamps": sets, "points": -sets * 10**6}
    terms = {PROGRAM: terms_of(shop.program)}
    check_conversions(tx, converted, purses={"stamps": purse}, terms=terms, notes=notes)
    assert {finding.check for finding in notes.findings} == ({Check.CONVERSION} if found else set())


def test_a_posting_that_fills_a_set_needs_the_lots() -> None:
    shop = cafe()
    shop.book.lots = None
    with pytest.raises(RuntimeError, match="were not loaded"):
        shop.sell(gives={("s", "stamps"): 10})


def test_without_a_program_nothing_converts() -> None:
    shop = Shop(program={"wallets": {"points": {}, "stamps": {**STAMPS["stamps"], "activate_after_days": 1}}})
    shop.sell(gives={("s", "stamps"): 10})
    book: Book = shop.book
    shop.now += timedelta(days=1)
    (posted,) = bring_up_to_date(book, shop.moment(), None)
    assert (posted.posting.kind, shop.available_in("stamps")) == (TxKind.ACTIVATE, 10)
    assert posted.posting.at == datetime(2026, 3, 2, 12, tzinfo=UTC)
