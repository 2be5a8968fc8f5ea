"""Time ends a hold at its instant, whoever looks and whenever: before the lots that end then, and dated by it."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.counters import Back, Count, Scope, Use
from app.domain.ledger.hold_states import HoldState
from app.domain.ledger.plans import bring_up_to_date
from app.domain.ledger.postings import Origin
from tests.domain.ledger.held_baskets import decision_of, line_of
from tests.domain.ledger.held_shop import HeldShop
from tests.domain.ledger.shop import START
from tests.model.examples import examples

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BUDGET = Use(Scope.PROGRAM, "rule/x/budget", "", 9, Back.SHARE, {"1": 9})
MINE = Use(Scope.CUSTOMER, "rule/x/uses", "", 1, Back.WHOLE)
STAMPS = {"value": 0, "convert": {"every": 10, "into": "points", "units": 100}}


def test_a_hold_ends_at_its_instant_though_nobody_looked_then() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    hold = shop.hold(decision_of(line_of(units={"points": 50}), uses=[BUDGET, MINE]), ttl=HOUR)
    shop.pass_time(HOUR - timedelta(microseconds=1))
    assert (hold.state, shop.kinds) == (HoldState.HELD, ["purchase", "hold"])
    shop.pass_time(5 * DAY)
    posting = shop.postings[-1].posting
    assert (shop.kinds, hold.state, hold.resolved_tx) == (
        ["purchase", "hold", "release"],
        HoldState.EXPIRED,
        posting.tx_id,
    )
    assert (posting.at, posting.created_at, posting.parent_tx) == (START + HOUR, shop.now, hold.id)
    assert posting.origin == Origin()
    assert (shop.available, shop.held, shop.book.open_holds, shop.book.due_at) == (80, 0, 0, None)
    (ended,) = shop.book.ended
    assert (ended.hold, ended.freed.counters) == (hold, (("rule/x/budget", "", -9),))
    assert shop.book.memory.counts == {}
    shop.check()


def test_a_hold_that_is_over_is_ended_once() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    shop.hold_units(50, ttl=HOUR)
    shop.pass_time(HOUR)
    shop.pass_time(HOUR)
    assert (shop.kinds, len(shop.book.ended)) == (["purchase", "hold", "release"], 1)


@pytest.mark.parametrize(
    ("ttl", "kinds", "available"),
    [
        # The lot ends after a day: what came back an hour before expires with it, later by itself.
        (DAY - HOUR, ["release", "expire"], 0),
        (DAY, ["release", "expire"], 0),
        (DAY + HOUR, ["expire", "release"], 0),
    ],
)
def test_what_a_lot_had_when_it_ended_expires_by_when_it_came_back(
    ttl: timedelta, kinds: list[str], available: int
) -> None:
    shop = HeldShop(expire_after_days=1)
    shop.buy(accrue=80)
    shop.hold_units(50, ttl=ttl)
    shop.pass_time(3 * DAY)
    assert (shop.kinds[2:], shop.available, shop.held) == (kinds, available, 0)
    release = next(each.posting for each in shop.postings if each.posting.kind == "release")
    expired = sum(entry.amount for entry in release.entries if entry.account == "program:expired")
    assert expired == (0 if ttl < DAY else 50)
    shop.check()


def test_at_one_instant_a_hold_ends_then_a_lot_expires_then_another_begins() -> None:
    shop = HeldShop(expire_after_days=2)
    shop.buy(accrue=80)
    shop.program = HeldShop(activate_after_days=1).program
    shop.now += DAY
    shop.buy(accrue=7)
    shop.hold_units(50, ttl=DAY)
    shop.pass_time(DAY)
    assert shop.kinds[3:] == ["release", "expire", "activate"]
    assert {each.posting.at for each in shop.postings[3:]} == {START + 2 * DAY}
    assert (shop.available, shop.pending) == (7, 0)
    shop.check()


def test_what_comes_back_covers_a_debt_before_later_points_do() -> None:
    shop = HeldShop(expire_after_days=10)
    bought = shop.buy(accrue=50)
    shop.hold_units(50, ttl=HOUR)
    shop.bring_back(bought)
    shop.program = HeldShop(activate_after_days=1).program
    shop.buy(accrue=50)
    shop.pass_time(20 * DAY)
    # The old lot's units covered the debt as they came back, so all of the new one is left when that lot's end comes.
    assert (shop.kinds[3:], shop.available) == (["purchase", "release", "activate"], 50)
    shop.check()


def test_several_holds_end_each_by_a_posting_of_its_own() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    last, first, second = (shop.hold_units(10, ttl=ttl) for ttl in (2 * HOUR, HOUR, HOUR))
    shop.pass_time(DAY)
    assert [each.posting.parent_tx for each in shop.postings[4:]] == [first.id, second.id, last.id]
    assert [each.hold for each in shop.book.ended] == [first, second, last]
    shop.check()


def test_without_a_program_holds_end_too() -> None:
    shop = HeldShop()
    shop.buy(accrue=80)
    shop.hold_units(50, ttl=HOUR)
    shop.now += HOUR
    (chained,) = bring_up_to_date(shop.book, shop.moment(), None)
    assert (chained.posting.kind.value, shop.available) == ("release", 80)


def test_a_set_that_comes_back_converts_at_the_instant() -> None:
    shop = HeldShop(program={"wallets": {"points": {"expire_after_days": 1}, "stamps": STAMPS}})
    shop.sell(gives={("s", "stamps"): 9})
    shop.hold_units(5, wallet="stamps", ttl=HOUR)
    shop.sell(gives={("s", "stamps"): 4})
    assert (shop.available_in("stamps"), shop.available) == (8, 0)
    shop.pass_time(2 * DAY)
    # Its points ran from when the hold ended, and have ended meanwhile.
    assert (shop.available_in("stamps"), shop.available, shop.kinds[3:]) == (3, 0, ["release", "expire"])
    assert shop.postings[-1].posting.at == START + HOUR + DAY
    shop.check()


Step = Callable[[HeldShop], object]


@st.composite
def _steps(draw: st.DrawFn) -> list[Step]:
    """Lots that begin and end at any hour, holds among them, and debts that stand while units are held."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 5))):
        activate, expire = draw(st.integers(0, 3)), draw(st.integers(1, 4))
        units, wait, hours = draw(st.integers(1, 30)), draw(st.integers(0, 30)), draw(st.sampled_from([1, 5, 24, 48]))
        wallet = draw(st.sampled_from(["points", "points", "stamps"]))
        match draw(st.sampled_from(["buy", "buy", "hold", "owe"])):
            case "buy":
                steps.append(partial(_give, wallet=wallet, rule=f"r{activate}{expire}", units=units))
            case "hold":
                steps.append(partial(_hold, wallet=wallet, units=units, hours=hours))
            case "owe":
                steps.append(partial(_owe, rule=f"r0{expire}", units=units, hours=hours))
        steps.append(partial(HeldShop.pass_time, span=wait * HOUR))
    return steps


def _give(shop: HeldShop, *, wallet: str, rule: str, units: int) -> None:
    shop.sell(gives={(rule, wallet): units})


def _hold(shop: HeldShop, *, wallet: str, units: int, hours: int) -> None:
    units = min(units, max(0, shop.available_in(wallet)))
    if units:
        line = line_of(units={wallet: units})
        shop.hold(decision_of(line, uses=[MINE, BUDGET]), ttl=hours * HOUR)


def _owe(shop: HeldShop, *, rule: str, units: int, hours: int) -> None:
    """Bought, held, brought back: `available` is below 0 until the hold ends or other points come."""
    bought = shop.sell(gives={(rule, "points"): units})
    _hold(shop, wallet="points", units=units, hours=hours)
    shop.bring_back(bought)


def _shop(*, converts: bool) -> HeldShop:
    rules = [
        {
            "id": f"r{activate}{expire}",
            "kind": "bonus",
            "give": {"units": 1, "activate_after_days": activate, "expire_after_days": expire},
        }
        for activate in range(4)
        for expire in range(1, 5)
    ]
    stamps = {"value": 0, "convert": {"every": 10, "into": "points", "units": 7}} if converts else {"value": 0}
    return HeldShop(
        program={"wallets": {"points": {"value": 100, "expire_after_days": 2}, "stamps": stamps}, "rules": rules}
    )


def _seen(shop: HeldShop) -> object:
    book = shop.book
    lots = sorted(
        (lot.wallet, lot.active_at, str(lot.expires_at), lot.remaining, lot.held, lot.is_pending)
        for lot in (book.lots or {}).values()
        if lot.remaining or lot.held
    )
    holds = [(hold.expires_at, hold.state) for hold in book.holds.values()]
    return lots, book.purses, holds, shop.counts, book.memory, book.due_at


@examples(150)
@given(steps=_steps(), converts=st.booleans(), days=st.integers(0, 8))
def test_it_makes_no_difference_when_somebody_looks(steps: list[Step], converts: bool, days: int) -> None:
    """At each instant, or once, days later: the same lots, balances, holds and counters."""
    looked, left = _shop(converts=converts), _shop(converts=converts)
    for shop in (looked, left):
        for step in steps:
            step(shop)
            shop.check()
    end = left.now + days * DAY
    while looked.book.due_at is not None and looked.book.due_at <= end:
        looked.pass_time(max(looked.book.due_at - looked.now, timedelta()))
        looked.check()
    for shop in (looked, left):
        shop.pass_time(end - shop.now)
        shop.check()
    assert _seen(left) == _seen(looked)
    assert not any(hold.state is HoldState.HELD and hold.expires_at <= end for hold in left.book.holds.values())
    assert left.book.memory.counts.get("rule/x/uses", Count("", 0)).used == sum(
        hold.state is HoldState.HELD for hold in left.book.holds.values()
    )
