"""Whatever is held: a release leaves nothing behind, a capture is the purchase, and returns end at the whole."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import half_up
from app.domain.counters import Back, Count, Scope, Use
from app.domain.decision import Decision, LineDecision
from app.domain.ledger.books import Book
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.purchase_states import PurchaseState
from tests.domain.ledger.held_baskets import decision_of, line_of
from tests.domain.ledger.held_shop import HeldShop
from tests.model.examples import examples

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@st.composite
def _shops(draw: st.DrawFn) -> Callable[[], HeldShop]:
    """Makes the same shop each time: lots that end at different instants, some of them pending."""
    lots = draw(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3), st.booleans()), min_size=1, max_size=4))
    expire = draw(st.sampled_from([None, 5, 9]))

    def make() -> HeldShop:
        shop, later = HeldShop(expire_after_days=expire), HeldShop(expire_after_days=expire, activate_after_days=4)
        at_once = shop.program
        for units, days, is_pending in lots:
            shop.program = later.program if is_pending else at_once
            shop.buy(accrue=units, paid=0)
            shop.pass_time(days * DAY)
        shop.program = at_once
        return shop

    return make


@st.composite
def _baskets(draw: st.DrawFn, *, available: int, costs: bool = False) -> Decision:
    """Lines that redeem so many units at most, in all; with uses by share of the program and of the customer."""
    lines: list[LineDecision] = []
    left = available
    for place in range(draw(st.integers(1, 4))):
        gross = draw(st.integers(0, 3_000))
        discount = draw(st.integers(0, gross))
        redeemed = draw(st.integers(0, gross - discount))
        units = draw(st.integers(0, left))
        left -= units
        accrued = draw(st.integers(0, 90))
        cost = draw(st.integers(0, units)) if costs else 0
        lines.append(
            line_of(
                str(place),
                gross=gross,
                discount=discount,
                redeemed=redeemed,
                units={"points": units} if units else {},
                accrued={"points": accrued} if accrued else {},
                kept={"points": draw(st.integers(0, accrued))} if accrued and draw(st.booleans()) else {},
                costs={"whole": {"points": cost}} if cost else {},
            )
        )
    shares = {line.id: draw(st.integers(0, 50)) for line in lines}
    amount = sum(shares.values())
    uses = [Use(scope, f"rule/x/{scope}", "", amount, Back.SHARE, shares) for scope in (Scope.CUSTOMER, Scope.PROGRAM)]
    once = Use(Scope.PROGRAM, "rule/x/uses", "", 1, Back.WHOLE)
    return decision_of(*lines, uses=[use for use in (*uses, once) if use.amount])


def _lots(book: Book) -> list[tuple[object, ...]]:
    return sorted(
        (lot.wallet, lot.active_at, str(lot.expires_at), lot.remaining, lot.is_pending)
        for lot in (book.lots or {}).values()
        if lot.remaining
    )


def _stands(shop: HeldShop) -> tuple[object, ...]:
    book = shop.book
    counts = {name: count for name, count in shop.counts.items() if count.used}
    return _lots(book), book.purses, book.progress, book.tier, book.memory, counts


@examples(150)
@given(data=st.data(), make=_shops(), days=st.integers(0, 8), by_time=st.booleans())
def test_a_hold_that_is_released_leaves_nothing_behind(
    data: st.DataObject, make: Callable[[], HeldShop], days: int, by_time: bool
) -> None:
    """Whenever it ends, everything stands as if it had never been: what has expired meanwhile, has."""
    shop, twin = make(), make()
    hold = shop.hold(data.draw(_baskets(available=shop.available)), ttl=days * DAY if by_time else 30 * DAY)
    shop.check()
    for each in (shop, twin):
        each.pass_time(days * DAY)
        each.check()
    if not by_time:
        shop.release(hold)
    shop.check()
    assert not hold.is_open
    assert _stands(shop) == _stands(twin)


@examples(150)
@given(data=st.data(), make=_shops(), minutes=st.integers(0, 60))
def test_a_whole_capture_is_the_purchase_of_that_moment(
    data: st.DataObject, make: Callable[[], HeldShop], minutes: int
) -> None:
    """Lots, balances, progress, tier, counters: as if the same basket were bought when it is captured."""
    shop, twin = make(), make()
    decision = data.draw(_baskets(available=shop.available))
    hold = shop.hold(decision, ttl=2 * 60 * MINUTE)
    for each in (shop, twin):
        each.now += minutes * MINUTE
    shop.capture(hold)
    twin.purchase(decision)
    shop.check()
    assert _stands(shop) == _stands(twin)
    assert shop.book.bought_at == twin.book.bought_at


@examples(150)
@given(data=st.data())
def test_a_capture_of_less_and_any_split_of_returns_end_at_the_whole(data: st.DataObject) -> None:
    """Money, units, counters, progress: nothing is left over and nothing is missing."""
    shop = HeldShop()
    shop.buy(accrue=200, paid=777)
    before = _stands(shop)
    decision = data.draw(_baskets(available=150, costs=True), label="decision")
    qty = data.draw(st.sampled_from([1, 2, 3, 7]), label="pieces")
    hold = shop.hold(decision, qty=qty)
    dropped = _some(data, {line.id: qty * 1_000 for line in decision.lines})
    end = shop.capture(hold, dropped)
    shop.check()
    goods = hold.goods
    assert goods is not None
    captured = {line.id: line for line in goods.lines}
    for line in decision.lines:
        left = dropped.get(line.id, 0)
        if line.id in captured:
            assert captured[line.id].paid == line.paid - half_up(line.paid * left, qty * 1_000)
    assert sum(units for _, _, units in end.spent) + sum(end.given_back.values()) == sum(
        decision.redeemed_units.values()
    )
    kept = sum(units for line in goods.lines for units in line.kept.values())
    totals = {"refund": 0, "taken": 0, "given": 0}
    while not goods.is_all_back:
        asked = {
            line.id: data.draw(st.integers(0, line.qty_milli - line.returned_milli), label=f"back {line.id}")
            for line in goods.lines
            if line.qty_milli > line.returned_milli
        }
        plan = shop.return_lines(goods, [(line_id, back) for line_id, back in asked.items() if back] or None)
        shop.check()
        totals["refund"] += plan.refund
        totals["taken"] += plan.taken_back.get("points", 0)
        totals["given"] += plan.given_back.get("points", 0)
    assert totals == {
        "refund": sum(line.paid for line in goods.lines),
        "taken": sum(line.accrued.get("points", 0) for line in goods.lines) - kept,
        "given": sum(units for _, _, units in end.spent),
    }
    lots, purses, progress, _, memory, counts = _stands(shop)
    assert shop.available == 200 + kept
    assert (progress.paid, progress.purchases) == (777, 1)  # type: ignore[attr-defined]
    assert (memory, counts) == (before[4], {})
    if not kept:
        assert (lots, purses) == before[:2]


def _some(data: st.DataObject, qty_milli: dict[str, int]) -> dict[str, int]:
    """So much of each line, but not all of it."""
    dropped = {
        line_id: data.draw(st.integers(0, qty), label=f"dropped {line_id}") for line_id, qty in qty_milli.items()
    }
    if dropped == qty_milli:
        dropped[next(iter(qty_milli))] = 0
    return dropped


@examples(100)
@given(data=st.data(), make=_shops())
def test_books_with_holds_add_up_after_every_step(data: st.DataObject, make: Callable[[], HeldShop]) -> None:
    """Every posting balances, and what is held is what lots and open holds say, whatever comes after what."""
    shop = make()
    holds: list[Hold] = []
    bought: list[PurchaseState] = []
    for _ in range(data.draw(st.integers(1, 10))):
        still_open = [hold for hold in holds if hold.is_open]
        acts = ["hold", "units", "buy", "pass"] + ["release", "capture"] * bool(still_open) + ["return"] * bool(bought)
        match data.draw(st.sampled_from(acts)):
            case "hold":
                basket = data.draw(_baskets(available=max(0, shop.available)))
                holds.append(shop.hold(basket, ttl=data.draw(st.integers(1, 4)) * DAY))
            case "units" if shop.available > 0:
                holds.append(shop.hold_units(data.draw(st.integers(1, shop.available)), ttl=DAY))
            case "release":
                shop.release(data.draw(st.sampled_from(still_open)))
            case "capture":
                hold = data.draw(st.sampled_from(still_open))
                if hold.goods is None:
                    shop.capture_units(hold)
                else:
                    shop.capture(hold, _some(data, {line.id: line.qty_milli for line in hold.goods.lines}))
                    bought.append(hold.goods)
            case "return":
                shop.return_lines(bought.pop(data.draw(st.integers(0, len(bought) - 1))))
            case "buy":
                bought.append(shop.buy(accrue=data.draw(st.integers(0, 50))))
            case _:
                shop.pass_time(data.draw(st.integers(0, 60)) * 60 * MINUTE)
        shop.check()
    shop.pass_time(30 * DAY)
    shop.check()
    assert (shop.held, shop.book.open_holds) == (0, 0)
    mine = sum(
        use.amount - use.given_back for goods in bought for use in goods.uses.counts if use.scope is Scope.CUSTOMER
    )
    assert shop.book.memory.counts.get("rule/x/customer", Count("", 0)).used == mine
    theirs = {"rule/x/program": 0, "rule/x/uses": 0}
    for goods in bought:
        for use in goods.uses.counts:
            if use.scope is Scope.PROGRAM:
                theirs[use.name] += use.amount - use.given_back
    assert {name: shop.counts[name].used if name in shop.counts else 0 for name in theirs} == theirs
