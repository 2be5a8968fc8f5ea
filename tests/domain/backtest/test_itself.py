"""The proof of a back-test: a published program tried on its own purchases gives what was really given, basket by
basket, to the last unit. Luck is left out: a trial's tickets aren't the real ones.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

import app.demo
from app.domain.backtest.report import report_of
from app.domain.basket import IdentifiedBy
from app.domain.coupons import Coupon
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.evaluate import compile_program
from tests.domain.backtest.bench_trial import document as document_of_bench
from tests.domain.backtest.purchases import BEGAN, VERSION, Shop
from tests.domain.backtest.sent import seen_customers, sent_baskets
from tests.domain.backtest.tried import tried
from tests.model.examples import examples

FOLDER = Path(app.demo.__file__).parent
# The end of a whole program's budget is told and not cut, so what really met one isn't the same.
PROGRAM_ENDS = {"budget", "uses", "pool"}
SEEDS_MAX = 25  # Most often the first will do.


def _without_luck(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "rules": [rule for rule in document["rules"] if rule["kind"] != "random_reward"]}


def _documents() -> dict[str, dict[str, Any]]:
    paths = [FOLDER / "program.json", *sorted((FOLDER / "programs").glob("*.json"))]
    ready = {path.stem: json.loads(path.read_text()) for path in paths}
    return {name: _without_luck(each) for name, each in {**ready, "bench": document_of_bench()}.items()}


DOCUMENTS = _documents()


def named(document: object, key: str) -> list[str]:
    """Every word that stands under a key, anywhere in the document, and one that doesn't."""

    def walk(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            for name, value in part.items():
                if name == key and isinstance(value, str):
                    yield value
                if name == key and isinstance(value, list):
                    yield from (word for word in value if isinstance(word, str))
                yield from walk(value)
        elif isinstance(part, list):
            for each in part:
                yield from walk(each)

    return sorted({*walk(document), "else"})


@st.composite
def sales(draw: st.DrawFn, document: dict[str, Any]) -> Shop:
    """Up to eight sales by the program, an hour or some days apart, with whatever its rules name."""
    stored = {"STORED": Coupon("STORED", pool=draw(st.sampled_from(named(document, "coupon"))), uses_max=None)}
    shop = Shop(
        compile_program(read_program(document)),
        codes={**stored, "OLD": Coupon("OLD", uses=1)},
        free_codes={pool: tuple(f"{pool}-{place}" for place in range(100)) for pool in named(document, "coupon")},
    )
    wallets = list(document["wallets"])
    card_types = frozenset(named(document, "card_type"))
    costs = [rule["id"] for rule in document["rules"] if "cost" in rule]
    baskets = sent_baskets(
        codes=(*named(document, "coupon"), "STORED", "OLD"),
        methods=named(document, "method"),
        skus=[*named(document, "sku"), *named(document, "skus")],
        categories=named(document, "category"),
        brands=named(document, "brand"),
        tags=named(document, "tag"),
    )
    customers = seen_customers(
        tiers=[tier["id"] for tier in document.get("tiers", [])],
        wallets=wallets,
        tags=named(document, "tag"),
        segments=named(document, "segment"),
        serials=2,
    )
    redeems = st.one_of(
        st.none(),
        st.dictionaries(st.sampled_from(wallets), st.one_of(st.integers(0, 300), st.just("max")), max_size=2),
        *([st.sampled_from(costs).map(lambda rule: {"rewards": {rule: 1}})] if costs else []),
    )
    hours = 0
    for _ in range(draw(st.integers(1, 8))):
        hours += draw(st.sampled_from([1, 5, 24, 24 * 9]))
        customer = draw(customers)
        try:
            shop.sell(
                draw(baskets),
                customer,
                at=BEGAN.replace(day=1 + hours // 24 % 28, hour=hours % 24, month=10 + hours // 24 // 28),
                redeem=draw(redeems) if customer is not None else None,
                identified_by=draw(st.sampled_from(list(IdentifiedBy))),
                partner=draw(st.sampled_from([None, *named(document, "partner")])),
                card_types=draw(st.sampled_from([card_types, frozenset()])),
            )
        except Rejected:
            continue  # Nothing was sold.
    return shop


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@examples(80)
@given(data=st.data())
def test_a_program_tried_on_its_own_purchases_changes_nothing(name: str, data: st.DataObject) -> None:
    document = DOCUMENTS[name]
    shop = data.draw(sales(document))
    effects = [effect for decided in shop.decided for effect in decided.decision.effects]
    if any(effect.limited_by in PROGRAM_ENDS for effect in effects):
        return
    draft = read_program(document)
    values = {VERSION: {wallet.id: wallet.value for wallet in draft.wallets.values()}}
    sums = tried(shop.rows, draft, coupons=shop.codes, values=values)
    told = report_of(sums, draft)
    assert told["changes"] == []
    assert (told["baskets"], told["unreadable"], told["redemptions_refused"]) == (len(shop.rows), 0, {})
    assert told["totals"]["discount"]["difference"] == told["totals"]["redeemed"]["difference"] == 0
    for pair in (*sums.rules.values(), *sums.units.values(), *sums.days.values()):
        assert (pair.real.given, pair.real.baskets) == (pair.draft.given, pair.draft.baskets)
    assert told["customers_change"]["same"] == told["customers"]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_the_sales_of_this_test_are_no_empty_ones(name: str) -> None:
    """Most rules of each program give something in what is sold here."""
    document, gave = DOCUMENTS[name], set[str]()
    purchases = [rule["id"] for rule in document["rules"] if "event" not in json.dumps(rule.get("when"))]
    # It says something of these sales, not of luck; what a seed draws depends on the modules that are loaded, too.
    for number in range(SEEDS_MAX):

        @seed(number)
        @examples(200)
        @given(sales(document))
        def sell(shop: Shop) -> None:
            gave.update(effect.rule for decided in shop.decided for effect in decided.decision.effects)

        sell()
        if len(gave) * 2 > len(purchases):
            return
    pytest.fail(f"only {gave} of {purchases} gave something")
