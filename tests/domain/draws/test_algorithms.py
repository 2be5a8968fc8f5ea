"""Ten thousand purchases of each algorithm keep its promise, and each draw is what an independent model says."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.draws.algorithms import CHANCE_PARTS, cost_of, draw, terms_of
from app.domain.draws.continuity import Link
from app.domain.draws.luck import SPAN, Ticket
from app.domain.program import Algorithm, Prize, Rule
from tests.domain.draws.model import MILLION, chance_of, prize_of
from tests.domain.draws.town import BASE, HOURS, RARE, START, UNITS, VALUE, Town, rule_of

PURCHASES = 10_000
SIGMAS = 5


def is_binomial(wins: int, *, of: int, numerator: int, denominator: int) -> bool:
    """Whether so many wins lie within five standard deviations of what the chance promises."""
    drift = wins * denominator - of * numerator
    return drift * drift <= SIGMAS * SIGMAS * of * numerator * (denominator - numerator)


def prizes_of(links: Sequence[Link]) -> Counter[str | None]:
    return Counter(link.record.prize for link in links)


@pytest.mark.parametrize("chance", [10_000, 50_000, 500_000])
def test_an_independent_draw_wins_as_often_as_its_chance_says(chance: int) -> None:
    links = list(Town(rule_of(Algorithm.INDEPENDENT, chance=chance)).shop(PURCHASES))
    wins = PURCHASES - prizes_of(links)[None]
    assert is_binomial(wins, of=PURCHASES, numerator=chance, denominator=MILLION)


def test_prizes_are_won_by_their_weights() -> None:
    prizes = prizes_of(list(Town(rule_of(Algorithm.INDEPENDENT, chance=500_000)).shop(PURCHASES)))
    wins = PURCHASES - prizes[None]
    for prize in UNITS:
        assert is_binomial(prizes[prize.id], of=wins, numerator=prize.weight, denominator=100), prize.id


@pytest.mark.parametrize(("size", "weights"), [(100, (5, 20, 1)), (7, (1, 1, 1)), (40, (10, 20, 10))])
def test_every_full_bag_holds_exactly_its_prizes(size: int, weights: tuple[int, int, int]) -> None:
    prizes = tuple(Prize(f"p{place}", weight, units=100) for place, weight in enumerate(weights))
    links = list(Town(rule_of(Algorithm.BAG, prizes=prizes, size=size)).shop(PURCHASES))
    promised = {f"p{place}": weight for place, weight in enumerate(weights)}
    for start in range(0, PURCHASES - PURCHASES % size, size):
        bag = prizes_of(links[start : start + size])
        assert {prize: count for prize, count in bag.items() if prize} == promised


def test_a_bag_is_shuffled() -> None:
    """No place in a bag is better than another: each of ten has its share of a thousand single prizes."""
    links = list(Town(rule_of(Algorithm.BAG, prizes=(Prize("one", 1, units=1),), size=10)).shop(PURCHASES))
    places = Counter(place % 10 for place, link in enumerate(links) if link.record.prize)
    for place in range(10):
        assert is_binomial(places[place], of=PURCHASES // 10, numerator=1, denominator=10), places


@pytest.mark.parametrize(("chance", "every"), [(50_000, 10), (0, 5), (200_000, 3)])
def test_pity_never_misses_more_often_than_promised(chance: int, every: int) -> None:
    customers = 20
    links = list(
        Town(rule_of(Algorithm.PITY, chance=chance, guarantee_every=every), customers=customers).shop(PURCHASES)
    )
    misses, gaps = [0] * customers, []
    for place, link in enumerate(links):
        buyer = place % customers
        assert link.record.state["misses"] == misses[buyer] <= every - 1
        misses[buyer] += 1
        if link.record.prize:
            gaps.append(misses[buyer])
            misses[buyer] = 0
    mean, variance = pity_terms(chance / MILLION, every)
    assert len(gaps) > PURCHASES / mean / 2
    assert abs(sum(gaps) - mean * len(gaps)) <= SIGMAS * (variance * len(gaps)) ** 0.5


def pity_terms(chance: float, every: int) -> tuple[float, float]:
    """Mean and variance of the draws up to a prize."""
    survival, mean, square = 1.0, 0.0, 0.0
    for misses in range(every):
        wins = 1.0 if misses == every - 1 else chance + (1 - chance) * misses / (every - 1)
        mean += survival * wins * (misses + 1)
        square += survival * wins * (misses + 1) ** 2
        survival *= 1 - wins
    return mean, square - mean * mean


@pytest.mark.parametrize(("purchases", "half_low", "half_high"), [(PURCHASES, 48, 70), (PURCHASES // 2, 27, 45)])
def test_a_paced_budget_lasts_whatever_the_rate(purchases: int, half_low: int, half_high: int) -> None:
    """10,000 purchases at the first chance would cost 1.25 budgets, half as many 0.63: both end with it spent."""
    budget = 160_000
    town = Town(rule_of(Algorithm.PACED, prizes=(Prize("p", 1, units=100),), chance=200_000, budget=budget))
    spent = [town.spent() for _ in town.shop(purchases)]
    assert max(spent) <= budget
    assert half_low * budget <= 100 * spent[purchases // 2] <= half_high * budget
    assert spent[-1] * 100 >= 90 * budget
    assert spent[purchases * 9 // 10] < budget, "it was gone before the end"


@pytest.mark.parametrize("prizes", [UNITS, RARE], ids=["many small prizes", "some dear ones"])
def test_balanced_surprises_keep_their_share(prizes: tuple[Prize, ...]) -> None:
    """30 % ± 5 % of all that rewards cost, at every purchase after the first five hundred."""
    town = Town(rule_of(Algorithm.BALANCED, prizes=prizes, share=300_000, tolerance=50_000), plain=500)
    shares = []
    for link in town.shop(PURCHASES):
        surprise = link.record.state["surprise"] + link.record.cost
        shares.append((surprise * 100, link.record.state["plain"] + surprise))
    assert all(25 * whole <= part <= 35 * whole for part, whole in shares[500:])
    part, whole = shares[-1]
    assert 29 * whole <= part <= 31 * whole


def test_a_prize_over_the_tolerated_share_is_no_win() -> None:
    """At 100 of plain and 30 % ± 5 %, a prize may cost 53 (53/153 = 34.6 %), not 54 (35.06 %)."""
    for cost, because in ((53, None), (54, "share")):
        rule = rule_of(Algorithm.BALANCED, prizes=(Prize("p", 1, units=cost),), share=300_000, tolerance=50_000)
        drawn = draw(rule, Ticket(0, 0), {"plain": 100, "surprise": 0}, wallet_value=VALUE)
        assert (drawn.prize, drawn.because) == (terms_of(rule).prizes[0], because)


# --- against the model ------------------------------------------------------------------------------------------------

numbers = st.integers(0, SPAN - 1)
weights = st.lists(st.integers(1, 30), min_size=1, max_size=4)
rates = st.integers(0, MILLION)
amounts = st.integers(0, 10**9)


def _prizes(weights: Sequence[int]) -> tuple[Prize, ...]:
    """Units, percent, gift, and so on."""
    makers = (
        lambda place, weight: Prize(f"p{place}", weight, units=100 * (place + 1)),
        lambda place, weight: Prize(f"p{place}", weight, rate=12_345),
        lambda place, weight: Prize(f"p{place}", weight, gift="G", cost=777),
    )
    return tuple(makers[place % 3](place, weight) for place, weight in enumerate(weights))


@st.composite
def draws(make: st.DrawFn) -> tuple[Rule, dict[str, int]]:
    """A rule and a state that it may come to."""
    prizes, algorithm = _prizes(make(weights)), make(st.sampled_from(Algorithm))
    whole = sum(prize.weight for prize in prizes)
    match algorithm:
        case Algorithm.INDEPENDENT:
            return rule_of(algorithm, prizes=prizes, chance=make(rates)), {}
        case Algorithm.BAG:
            size = whole + make(st.integers(0, 50))
            state = {f"taken/{prize.id}": make(st.integers(0, prize.weight)) for prize in prizes}
            at_least = sum(state.values())
            serial = make(st.integers(0, 5)) * size + make(st.integers(min(at_least, size - 1), size - 1))
            return rule_of(algorithm, prizes=prizes, size=size), {"serial": serial, **state}
        case Algorithm.PITY:
            every = make(st.integers(2, 40))
            return rule_of(algorithm, prizes=prizes, chance=make(rates), guarantee_every=every), {
                "misses": make(st.integers(0, every - 1))
            }
        case Algorithm.PACED:
            budget = make(st.integers(1, 10**12))
            at = START + make(st.integers(0, HOURS // timedelta(microseconds=1))) * timedelta(microseconds=1)
            since = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            rule = rule_of(algorithm, prizes=prizes, chance=make(rates), budget=budget)
            return rule, {"used": make(st.integers(0, budget)), "at": since}
        case _:
            share = make(st.integers(1, MILLION - 1))
            rule = rule_of(algorithm, prizes=prizes, share=share, tolerance=make(st.integers(0, MILLION - share)))
            return rule, {"plain": make(amounts), "surprise": make(amounts), "base": BASE}


@given(made=draws(), win=numbers, choice=numbers, value=st.integers(0, 100))
def test_every_draw_is_what_the_model_says(
    made: tuple[Rule, dict[str, int]], win: int, choice: int, value: int
) -> None:
    rule, state = made
    terms = terms_of(rule)
    costs = [cost_of(prize, base=BASE, wallet_value=value) for prize in terms.prizes]
    chance = chance_of(rule, terms, state, costs=costs)
    drawn = draw(rule, Ticket(win, choice), state, wallet_value=value)
    assert (drawn.numerator, drawn.denominator) == chance.as_integer_ratio()
    assert drawn.denominator <= CHANCE_PARTS
    assert (drawn.prize and drawn.prize.id) == prize_of(terms, state, win=win, choice=choice, chance=chance)


@given(made=draws(), win=numbers, choice=numbers)
def test_a_slip_of_another_algorithm_is_drawn_all_the_same(
    made: tuple[Rule, dict[str, int]], win: int, choice: int
) -> None:
    """The rule may have been published anew with another algorithm since the slip was set free."""
    rule, _ = made
    drawn = draw(rule, Ticket(win, choice), {"misses": 3}, wallet_value=VALUE)
    assert 0 <= drawn.numerator <= drawn.denominator
