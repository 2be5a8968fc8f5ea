"""Random baskets as tills send them, and customers as the rules see them (hypothesis)."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from app.domain.customer import CustomerFacts
from tests.domain.backtest.purchases import BEGAN, person

Words = Sequence[str]
WORDS = ("a", "b", "c/d", "c", 'x,"lines":[', "é")

quantities = st.one_of(st.integers(1, 5), st.sampled_from(["0.345", "1.5", "2", "0.001", "9999.999"]), st.just(10_000))
prices = st.one_of(st.integers(0, 50_000), st.sampled_from([0, 1, 99, 10**6]))


def sent_lines(
    *, skus: Words = WORDS, categories: Words = WORDS, brands: Words = WORDS, tags: Words = WORDS
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """One to five lines; each member that may be missing sometimes is, or is null."""
    optional = {
        "sku": st.one_of(st.none(), st.sampled_from(skus)),
        "name": st.sampled_from(["Coffee", "", '"effects":[']),
        "category": st.one_of(st.none(), st.sampled_from([word for word in categories if '"' not in word])),
        "brand": st.one_of(st.none(), st.sampled_from(brands)),
        "tags": st.lists(st.sampled_from(tags), max_size=2, unique=True),
        "list_price": st.one_of(st.none(), prices),
        "min_price": st.one_of(st.none(), st.integers(0, 500)),
        "no": st.lists(st.sampled_from(["discount", "accrue", "redeem", "coupon"]), max_size=2, unique=True),
    }
    one = st.fixed_dictionaries({"qty": quantities, "price": prices}, optional=optional)
    return st.lists(one, min_size=1, max_size=5).map(
        lambda lines: [{"id": str(place), **each} for place, each in enumerate(lines)]
    )


def sent_baskets(
    *, codes: Words = (), methods: Words = ("card", "cash"), **words: Words
) -> st.SearchStrategy[dict[str, Any]]:
    payments = st.fixed_dictionaries({"method": st.sampled_from(methods), "amount": st.integers(0, 10**6)})
    return st.fixed_dictionaries(
        {"lines": sent_lines(**words)},
        optional={
            "payments": st.lists(payments, max_size=2),
            "coupons": st.lists(st.sampled_from(codes), max_size=2) if codes else st.just([]),
        },
    )


def seen_customers(
    *, tiers: Words = (), wallets: Words = ("points",), tags: Words = (), segments: Words = (), serials: int = 3
) -> st.SearchStrategy[CustomerFacts | None]:
    """One of so many people, a gift card at times, or nobody. Everything else changes from visit to visit."""
    some = st.builds(
        person,
        st.integers(1, serials),
        tier=st.sampled_from(tiers) if tiers else st.none(),
        available=st.dictionaries(st.sampled_from(wallets), st.one_of(st.integers(-50, 5_000), st.just(60_000))),
        purchases=st.integers(0, 12),
        last_purchase_at=st.one_of(
            st.none(), st.integers(0, 90 * 24 * 3600).map(lambda ago: BEGAN - timedelta(seconds=ago))
        ),
        birthday=st.one_of(st.none(), st.dates(date(1940, 1, 1), date(2010, 12, 31))),
        tags=st.frozensets(st.sampled_from(tags)) if tags else st.just(frozenset()),
        segments=st.frozensets(st.sampled_from(segments)) if segments else st.just(frozenset()),
        is_gift_card=st.integers(0, 9).map(lambda luck: luck == 0),
    )
    return st.one_of(st.none(), some, some, some)
