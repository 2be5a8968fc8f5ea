"""What requests of a round need of the program's shared state, and what each leaves for the next."""

from datetime import date
from uuid import UUID

import pytest

from app.domain.counters import Back, Count, Scope
from app.domain.coupons import Coupon
from app.domain.ledger.returns import Uses, UseState
from app.domain.rules.standing import Needs
from app.flows.ledger_port import Shared, SharedChanges
from app.flows.shared_use import SharedUse, Wanted, apply

ANNA, BORIS = UUID(int=1), UUID(int=2)


def _shared() -> Shared:
    return Shared(
        counts={"budget": Count("", 10), "cap": Count("2026-10", 99)},
        coupons={"SPRING": Coupon("SPRING", uses=1, uses_max=5), "GIVEN": Coupon("GIVEN")},
        codes={"p": ["A", "B"], "q": ["X"]},
    )


def test_needs_of_a_round_are_those_of_all_its_requests() -> None:
    wanted = Wanted()
    assert wanted.is_nothing
    wanted.add(Needs(frozenset({"a", "b"}), {"p": 2}), codes=("SPRING",))
    wanted.add(Needs(frozenset({"b"}), {"p": 1, "q": 1}), codes=("SPRING", "OTHER"))
    wanted.add(Needs())
    assert (wanted.counters, wanted.coupons, wanted.pools) == ({"a", "b"}, {"SPRING", "OTHER"}, {"p": 3, "q": 1})
    assert not wanted.is_nothing


def test_a_return_needs_what_the_purchase_took_of_the_program() -> None:
    wanted = Wanted()
    mine = UseState(Scope.CUSTOMER, "mine", "", 1, Back.WHOLE, {})
    budget = UseState(Scope.PROGRAM, "budget", "", 7, Back.SHARE, {"1": 7})
    wanted.add_stored(Uses(counts=[mine, budget], coupons=("SPRING",), codes=("GIVEN",)))
    assert (wanted.counters, wanted.coupons, wanted.pools) == ({"budget"}, {"SPRING", "GIVEN"}, {})


def test_what_one_request_takes_the_next_one_sees() -> None:
    shared, changes = _shared(), SharedChanges()
    use = SharedUse(
        counts=(("budget", "", 5), ("cap", "2026-11", 3)),
        coupons={"SPRING": 1},
        given={"A": ANNA},
        commitments={date(2026, 11, 22): "c"},
    )
    apply(use, shared, changes)
    assert shared.counts == {"budget": Count("", 15), "cap": Count("2026-11", 3)}
    assert (shared.coupons["SPRING"].uses, shared.codes) == (2, {"p": ["B"], "q": ["X"]})
    apply(SharedUse(counts=(("budget", "", 1),), coupons={"SPRING": 1}, given={"B": BORIS}), shared, changes)
    assert shared.codes == {"p": [], "q": ["X"]}
    assert changes == SharedChanges(
        counts={"budget": Count("", 16), "cap": Count("2026-11", 3)},
        coupons={"SPRING": 2},
        given={"A": ANNA, "B": BORIS},
        commitments={date(2026, 11, 22): "c"},
    )


def test_what_comes_back_is_there_for_the_next_request() -> None:
    shared, changes = _shared(), SharedChanges()
    back = SharedUse(counts=(("budget", "", -4), ("cap", "2026-09", -9)), coupons={"SPRING": -1}, voided=("GIVEN",))
    apply(back, shared, changes)
    assert shared.counts == {"budget": Count("", 6), "cap": Count("2026-10", 99)}  # An old period is forgotten.
    assert shared.coupons["SPRING"].uses == 0
    assert shared.coupons["GIVEN"].is_blocked
    assert (changes.coupons, changes.voided) == ({"SPRING": -1}, ["GIVEN"])


@pytest.mark.parametrize(
    "use", [SharedUse(counts=(("budget", "", 1), ("other", "", 1))), SharedUse(given={"A": ANNA, "C": ANNA})]
)
def test_what_was_not_locked_is_not_taken(use: SharedUse) -> None:
    shared, changes = _shared(), SharedChanges()
    with pytest.raises(RuntimeError):
        apply(use, shared, changes)
    assert (shared, changes) == (_shared(), SharedChanges())


def test_what_takes_nothing_changes_nothing() -> None:
    shared, changes = _shared(), SharedChanges()
    apply(SharedUse(), shared, changes)
    assert (shared, changes) == (_shared(), SharedChanges())
