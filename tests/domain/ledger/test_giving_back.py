"""What returns give back besides points: counters by share, uses and codes when everything is back, slips of draws."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import half_up
from app.domain.counters import Back, Count, Scope, Use
from app.domain.draws.records import DrawRecord, Slip
from app.domain.ledger.plans import plan_load
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import LineState, PurchaseState, Uses, UseState
from app.domain.ledger.returns import plan_return, quantities
from app.domain.program import Algorithm
from tests.domain.ledger.papers import papers_of
from tests.domain.ledger.shop import Shop

MONTH = "2026-03"  # The month of the shop's clock.
MAX = Use(Scope.CUSTOMER, "rule/x/max", MONTH, 7, Back.SHARE, {"1": 7})
TIMES = Use(Scope.CUSTOMER, "rule/x/uses", "", 1, Back.WHOLE)
BUDGET = Use(Scope.PROGRAM, "rule/x/budget", "", 9, Back.SHARE, {"1": 9})
STOCK = Use(Scope.PROGRAM, "stock/lucky/tv", "", 1, Back.WHOLE)
BAG = Use(Scope.PROGRAM, "bag/lucky", "", 1, Back.NEVER)
DRAW = DrawRecord(
    rule="lucky", algorithm=Algorithm.PITY, day=date(2026, 3, 1), ticket="0123", choice="4567", state={"misses": 2},
    numerator=1, denominator=2, drew="tv", prize="tv", gift="TV", cost=500,
)  # fmt: skip


def test_a_purchase_advances_the_customers_counters_only() -> None:
    shop = Shop()
    shop.sell(uses=[MAX, TIMES, BUDGET])
    shop.sell(uses=[MAX, TIMES])
    assert shop.book.memory.counts == {"rule/x/max": Count(MONTH, 14), "rule/x/uses": Count("", 2)}
    shop.pass_days(31)
    shop.sell(uses=[Use(Scope.CUSTOMER, "rule/y/uses", "", 1, Back.WHOLE)])
    assert shop.book.memory.counts == {"rule/x/uses": Count("", 2), "rule/y/uses": Count("", 1)}


def test_amounts_go_back_by_share_and_uses_with_the_whole() -> None:
    shop = Shop()
    bought = shop.sell(qty=2, uses=[MAX, TIMES, BUDGET, STOCK, BAG], coupons=("SPRING",), codes=("GIVEN",))
    plan = shop.bring_back(bought, 1000)
    assert (plan.freed, plan.coupons, plan.voided) == ((("rule/x/budget", "", -5),), (), ())
    assert shop.book.memory.counts == {"rule/x/max": Count(MONTH, 3), "rule/x/uses": Count("", 1)}
    plan = shop.bring_back(bought)
    assert plan.freed == (("rule/x/budget", "", -4), ("stock/lucky/tv", "", -1))
    assert (plan.coupons, plan.voided, shop.book.memory.counts) == (("SPRING",), ("GIVEN",), {})
    assert [use.given_back for use in bought.uses.counts] == [7, 1, 9, 1, 0]


def test_nothing_goes_back_to_a_period_that_is_over() -> None:
    shop = Shop()
    bought = shop.sell(uses=[MAX])
    shop.pass_days(31)
    shop.sell(uses=[MAX._replace(period="2026-04")])
    shop.bring_back(bought)
    assert shop.book.memory.counts == {"rule/x/max": Count("2026-04", 7)}


def test_nobodys_purchase_gives_back_to_the_program() -> None:
    shop = Shop()
    line = LineState("1", 1000, 100, {}, {})
    uses = Uses([UseState(*BUDGET), UseState(*TIMES)], ("SPRING",), ("GIVEN",))
    nobodys = PurchaseState(tx_id=shop.sell().tx_id, lines=[line], spent=(), uses=uses)
    plan = plan_return(
        None, nobodys, shop.moment(), back={"1": 1000}, sold_by=shop.program, today=shop.program, origin=Origin()
    )
    assert (plan.freed, plan.coupons, plan.voided) == ((("rule/x/budget", "", -9),), ("SPRING",), ("GIVEN",))


def test_what_a_rule_keeps_is_not_taken_back() -> None:
    shop = Shop()
    bought = shop.sell(gives={("base", "points"): 10, ("lucky", "points"): 30}, kept={"points": 30}, qty=2)
    assert dict(shop.bring_back(bought, 1000).taken_back) == {"points": 5}
    assert dict(shop.bring_back(bought).taken_back) == {"points": 5}
    assert shop.available == 30
    assert papers_of(shop, [bought]).audit() == []


def test_a_whole_return_leaves_a_slip_and_the_next_draw_uses_it_up() -> None:
    shop = Shop()
    bought = shop.sell(qty=2, draws=[DRAW])
    assert shop.bring_back(bought, 1000).draws == ()
    assert shop.book.memory.slips == {}
    assert shop.bring_back(bought).draws == (DRAW,)
    slip = Slip(str(bought.tx_id), DRAW.day, "0123", "4567", {"misses": 2})
    assert shop.book.memory.slips == {"lucky": [slip]}
    shop.pass_days(40)
    again = shop.sell(draws=[replace(DRAW, slip_of=slip.purchase)])
    assert shop.book.memory.slips == {}
    shop.bring_back(again)
    assert shop.book.memory.slips == {"lucky": [replace(slip, purchase=str(again.tx_id))]}
    assert papers_of(shop, [bought, again]).audit() == []


def test_the_oldest_slip_goes_first() -> None:
    shop = Shop()
    first, second = shop.sell(draws=[DRAW]), shop.sell(draws=[replace(DRAW, ticket="89ab")])
    shop.bring_back(second)
    shop.bring_back(first)
    assert [slip.purchase for slip in shop.book.memory.slips["lucky"]] == [str(second.tx_id), str(first.tx_id)]
    shop.sell(draws=[replace(DRAW, ticket="89ab", slip_of=str(second.tx_id))])
    assert [slip.purchase for slip in shop.book.memory.slips["lucky"]] == [str(first.tx_id)]
    with pytest.raises(ValueError, match="has no slip of purchase"):
        shop.sell(draws=[replace(DRAW, slip_of=str(second.tx_id))])


def test_a_prize_that_was_kept_is_never_given_again() -> None:
    shop = Shop()
    kept = replace(DRAW, keeps=True, code="GIVEN")
    bought = shop.sell(draws=[kept])
    plan = shop.bring_back(bought)
    assert (plan.draws, plan.voided) == ((), ())
    assert [slip.kept for slip in shop.book.memory.slips["lucky"]] == [True]
    redrawn = replace(DRAW, keeps=True, prize=None, because="kept", slip_of=str(bought.tx_id))
    again = shop.sell(draws=[redrawn])
    shop.bring_back(again)
    assert [slip.kept for slip in shop.book.memory.slips["lucky"]] == [True]
    assert papers_of(shop, [bought, again]).audit() == []


def test_a_draw_without_a_prize_leaves_its_slip_too() -> None:
    shop = Shop()
    missed = replace(DRAW, drew=None, prize=None, keeps=True)
    shop.bring_back(shop.sell(draws=[missed]))
    assert [slip.kept for slip in shop.book.memory.slips["lucky"]] == [False]


def test_a_code_that_was_drawn_is_void_once() -> None:
    shop = Shop()
    bought = shop.sell(draws=[replace(DRAW, code="GIVEN")], codes=("OTHER", "GIVEN"))
    assert shop.bring_back(bought).voided == ("OTHER", "GIVEN")


def test_another_act_brings_points_and_counts_but_no_progress() -> None:
    shop = Shop()
    bought = shop.sell(paid=10)
    before = replace(shop.book.progress)
    shop.act(gives={("base", "points"): 20}, uses=[TIMES, BUDGET])
    assert shop.book.progress == before
    assert shop.book.memory.counts == {"rule/x/uses": Count("", 1)}
    assert (shop.available, shop.postings[-1].posting.kind) == (20, "event")
    assert papers_of(shop, [bought]).audit() == []


def test_a_gift_cards_load_is_a_lot_of_the_cards_own_term() -> None:
    shop = Shop(expire_after_days=30, activate_after_days=1)
    shop.card_days = 3
    for days in (3, None):
        plan = plan_load(
            shop.book, shop.program, shop.moment(), wallet="points", units=50, expire_after_days=days, origin=Origin()
        )
        shop.postings.append(plan)
    entries = [(entry.account.value, entry.amount, entry.rule) for entry in shop.postings[-1].posting.entries]
    assert entries == [("customer:pending", 50, None), ("program:issued", -50, None)]
    ends = [lot.expires_at for lot in shop.book.added]
    assert ends == [shop.now + timedelta(days=3), shop.now + timedelta(days=30)]
    assert shop.postings[-1].posting.kind == "event"
    shop.check()


@given(
    lines=st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 500), st.integers(0, 90)), min_size=1, max_size=4),
    data=st.data(),
)
def test_any_split_ends_exactly_at_the_whole(lines: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """Counters have the half-up share of each line after every return, and the last one gives all back."""
    shop = Shop()
    shop.sell(uses=[MAX])  # Somebody's use besides, which stays.
    mine = {str(place): each for place, (_, each, _) in enumerate(lines)}
    programs = {str(place): each for place, (_, _, each) in enumerate(lines)}
    uses = [
        Use(Scope.CUSTOMER, "rule/x/max", MONTH, sum(mine.values()), Back.SHARE, mine), TIMES,
        Use(Scope.PROGRAM, "rule/x/budget", "", sum(programs.values()), Back.SHARE, programs),
    ]  # fmt: skip
    bought = shop.sell(uses=uses)
    bought.lines = [LineState(str(place), qty, 0, {}, {}) for place, (qty, _, _) in enumerate(lines)]
    while not bought.is_all_back:
        back = {
            line.id: qty
            for line in bought.lines
            if (left := line.qty_milli - line.returned_milli) and (qty := data.draw(st.integers(0, left)))
        }
        plan = plan_return(
            shop.book,
            bought,
            shop.moment(),
            back=back or quantities(bought, None),
            sold_by=shop.program,
            today=shop.program,
            origin=Origin(),
        )
        assert all(units < 0 for _, _, units in plan.freed)
        back_by_now = sum(half_up(mine[line.id] * line.returned_milli, line.qty_milli) for line in bought.lines)
        counts = shop.book.memory.counts
        assert counts["rule/x/max"] == Count(MONTH, 7 + sum(mine.values()) - back_by_now)
    assert shop.book.memory.counts == {"rule/x/max": Count(MONTH, 7)}
    assert [use.given_back for use in bought.uses.counts] == [use.amount for use in bought.uses.counts]
