"""Figures add up in any order, and a trial gives the same ones however its baskets are divided among workers."""

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.backtest.past import PastRow
from app.domain.backtest.report import report_of
from app.domain.backtest.sums import BUCKETS, CHANGES_MAX, Change, Sums
from app.domain.customer import CustomerFacts
from app.domain.rejections import Rejected
from tests.domain.backtest.purchases import BEGAN, Shop
from tests.domain.backtest.sent import seen_customers, sent_baskets
from tests.domain.backtest.tried import added, draft_of, shop_of, tried
from tests.model.examples import examples

DAYS_APART = 5  # Thirteen purchases reach into the third month.
PAST = (
    {"id": "base", "kind": "bonus", "give": {"percent": "5"}, "on": {"category": ["c"]}},
    {"id": "off", "kind": "discount", "give": {"percent": "3"}, "when": {"tier": ["gold"]}},
    {"id": "gone", "kind": "cashback", "give": {"percent": "2"}, "when": {"segment": ["s"]}},
)
TIERS = [{"id": "silver", "from": 0}, {"id": "gold", "from": 1000}]
PARTS = {"wallets": {"points": {"value": 100}, "cashback": {}}, "tiers": TIERS}
# Everything that remembers: limits and caps of customers, budgets, what is shared; no draw whose state is shared.
DRAFT = draft_of(
    {
        "id": "off",
        "kind": "discount",
        "give": {"percent": "4"},
        "limit": {"customer": {"max": 2000, "uses": 3, "period": "month"}, "budget": 3000, "uses": 4, "receipt": 900},
    },
    {"id": "base", "kind": "bonus", "give": {"percent": "10"}, "limit": {"customer": {"max": 40, "period": "week"}}},
    {"id": "back", "kind": "cashback", "give": {"percent": "3"}, "on": {"category": ["a", "c"]}},
    {"id": "fifth", "kind": "bonus", "give": {"units": 20}, "when": {"purchase_number": {"every": 5}}},
    {
        "id": "luck",
        "kind": "random_reward",
        "give": {
            "draw": {"algorithm": "independent", "chance": "0.5", "prizes": [{"id": "p", "weight": 1, "units": 9}]}
        },
    },
    {
        "id": "pity",
        "kind": "random_reward",
        "give": {
            "draw": {
                "algorithm": "pity",
                "chance": "0.1",
                "guarantee_every": 3,
                "prizes": [{"id": "p", "weight": 1, "gift": "MUG", "stock": 2}],
            }
        },
    },
    caps=[
        {"id": "mine", "wallet": "cashback", "period": "month", "by": "category", "max": 150},
        {"id": "all", "wallet": "points", "per": "program", "period": "day", "max": 50},
    ],
    **PARTS,
)


@st.composite
def pasts(draw: st.DrawFn) -> list[PastRow]:
    """Up to thirteen purchases by three customers and nobody, over two months."""
    shop = shop_of(*PAST, **PARTS)
    baskets = sent_baskets(categories=("a", "c", "c/d", "e"), skus=("a",), brands=("b",), tags=("t",))
    customers = seen_customers(tiers=("silver", "gold"), segments=("s", "other"))
    for place in range(draw(st.integers(0, 13))):
        sell(shop, draw(baskets), draw(customers), place, redeem=draw(st.sampled_from([None, {"points": "max"}])))
    return shop.rows


def sell(
    shop: Shop, basket: dict[str, Any], customer: CustomerFacts | None, place: int, *, redeem: dict[str, Any] | None
) -> None:
    at = BEGAN.replace(day=1 + place * DAYS_APART % 28, month=10 + place * DAYS_APART // 28)
    try:
        shop.sell(basket, customer, at=at, redeem=redeem)
    except Rejected:
        return


def shown(sums: Sums) -> dict[str, Any]:
    """All figures, the changes in the order of the report (a heap has several)."""
    return report_of(sums, DRAFT)


@examples(150)
@given(pasts(), st.data())
def test_workers_divide_customers_as_they_like(rows: list[PastRow], data: st.DataObject) -> None:
    """Nobody's purchases go to any worker; each of a customer's to one."""
    owners = sorted({str(row.customer_id or row.id) for row in rows})
    workers = data.draw(st.integers(1, 4))
    of = {owner: data.draw(st.integers(0, workers - 1)) for owner in owners}
    parts = [
        tried([row for row in rows if of[str(row.customer_id or row.id)] == part], DRAFT) for part in range(workers)
    ]
    order = data.draw(st.permutations(range(workers)))
    alone = tried(rows, DRAFT)
    assert shown(added([parts[place] for place in order])) == shown(alone)
    assert alone.baskets == len(rows)


@examples(60)
@given(pasts(), pasts(), pasts())
def test_adding_is_associative_and_commutative(one: list[PastRow], two: list[PastRow], three: list[PastRow]) -> None:
    a, b, c = (tried(rows, DRAFT) for rows in (one, two, three))
    left = added([added([deepcopy(a), b]), c])
    right = added([deepcopy(a), added([deepcopy(b), c])])
    assert shown(left) == shown(right) == shown(added([c, b, a]))
    assert shown(added([a])) == shown(a)


@examples(100)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 10**6)), max_size=40, unique=True), st.randoms())
def test_the_largest_changes_are_kept_in_any_order(changes: list[tuple[int, int]], luck: Any) -> None:
    made = [Change(size, f"{place:09}", "R", "S", "", 0, size) for size, place in changes]
    luck.shuffle(made)
    sums = Sums()
    for change in made:
        if sums.may_note(change.size):
            sums.note_change(change)
    assert sorted(sums.changes) == sorted(made)[-CHANGES_MAX:]


def test_customers_are_counted_where_their_gain_belongs() -> None:
    sums = Sums()
    gains = [-2_000_000, -1_000_000, -999_999, -1, 0, 1, 1_000, 1_001, 1_000_000, 1_000_001]
    sums.note_customers(gains)
    # At most -10,000.00: two; up to -1,000.00: one … none loses less than 0.01; one the same; and up.
    assert sums.spread == [2, 1, 0, 0, 1, 1, 2, 1, 0, 1, 1]
    assert len(sums.spread) == len(BUCKETS) + 1
    assert (sums.customers, sums.winners, sums.losers) == (10, 5, 4)
    assert (sums.won, sums.lost) == (1 + 1_000 + 1_001 + 1_000_000 + 1_000_001, 2_000_000 + 1_000_000 + 999_999 + 1)
