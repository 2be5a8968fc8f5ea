"""Records that were made honestly have nothing wrong with them; each forgery is found, and named."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.domain.draws.checking import recheck
from app.domain.draws.continuity import LOOKAHEAD, Continuity, Link
from app.domain.draws.records import DrawRecord
from app.domain.program import Algorithm, Cap, OnReturn, Prize, Rule
from tests.domain.draws.town import DAY, UNITS, Town, luck_of, program_of, rule_of

PURCHASES = 400
WITH_PERCENT = (*UNITS, Prize("p4", 30, rate=100_000))

TOWNS: dict[str, Callable[[], Town]] = {
    "independent": lambda: Town(rule_of(Algorithm.INDEPENDENT, prizes=WITH_PERCENT, chance=500_000)),
    "bag": lambda: Town(rule_of(Algorithm.BAG, prizes=UNITS, size=150)),
    "pity": lambda: Town(rule_of(Algorithm.PITY, chance=100_000, guarantee_every=6), customers=7),
    "paced": lambda: Town(rule_of(Algorithm.PACED, chance=200_000, budget=10_000)),
    "balanced": lambda: Town(
        rule_of(Algorithm.BALANCED, prizes=UNITS, share=300_000, tolerance=50_000), customers=3, plain=500
    ),
}


def place_of(link: Link) -> int:
    return int(link.purchase.split()[1])


def checks(
    record: DrawRecord, rule: Rule, place: int, *, original: DrawRecord | None = None, **program: Any
) -> set[str]:
    """The names of what is wrong with a record."""
    whole = replace(program_of(rule), **program)
    return {each.check for each in recheck(record, program=whole, luck=luck_of(place), original=original)}


def gaps(links: Sequence[Link]) -> list[str]:
    """The purchases whose state doesn't follow from what came before."""
    continuity = Continuity()
    found = [(link, each) for link in links for link, each in continuity.add(link)]
    return [link.purchase for link, _ in (*found, *continuity.finish())]


def test_honest_records_have_nothing_wrong_with_them() -> None:
    for name, town in TOWNS.items():
        links = list(town().shop(PURCHASES))
        assert {link.record.prize for link in links} > {None, "p1"}, name
        assert not [link for link in links if checks(link.record, link.rule, place_of(link))], name
        assert gaps(links) == [], name


def test_requests_that_overtook_each_other_are_put_in_order() -> None:
    """As rounds in several processes commit them: not in the order of their ids, but near it."""
    for name, town in TOWNS.items():
        links = list(town().shop(PURCHASES))
        mixed = [link for start in range(0, PURCHASES, 8) for link in reversed(links[start : start + 8])]
        assert gaps(mixed) == [], name


def test_a_long_range_is_checked_as_it_comes() -> None:
    """More than is held back for sorting; a gap far before the end is found before the end."""
    links = list(TOWNS["bag"]().shop(LOOKAHEAD + 500))
    assert gaps(links) == []
    continuity = Continuity()
    early = [link.purchase for each in (*links[:100], *links[101:]) for link, _ in continuity.add(each)]
    assert early == ["purchase 101"]


_FLIP = str.maketrans("0123456789abcdef", "123456789abcdef0")

# What is changed in a record of a win of 100 units, and what is then said to be wrong.
FORGERIES: dict[str, tuple[Callable[[DrawRecord], DrawRecord], str]] = {
    "another ticket": (lambda each: replace(each, ticket=each.ticket.translate(_FLIP)), "ticket"),
    "another second number": (lambda each: replace(each, choice=each.choice.translate(_FLIP)), "ticket"),
    "no ticket at all": (lambda each: replace(each, ticket="luck"), "ticket"),
    "another chance": (lambda each: replace(each, numerator=each.numerator + 1), "chance"),
    "another prize by luck": (lambda each: replace(each, drew="p3", prize="p3"), "prize"),
    "a win where luck drew none": (lambda each: replace(each, drew=None), "prize"),
    "a better prize given": (lambda each: replace(each, prize="p3"), "given"),
    "more units": (lambda each: replace(each, units=101, cost=101), "given"),
    "fewer units without a cap": (lambda each: replace(each, units=99, cost=99), "given"),
    "a gift beside": (lambda each: replace(each, gift="TV"), "given"),
    "another wallet": (lambda each: replace(each, wallet="cashback"), "given"),
    "another cost": (lambda each: replace(each, cost=1), "cost"),
    "held back for nothing": (
        lambda each: replace(each, prize=None, because="stock", wallet=None, units=0, cost=0),
        "because",
    ),
    "held back by a word": (
        lambda each: replace(each, prize=None, because="", wallet=None, units=0, cost=0),
        "because",
    ),
    "held back and given": (lambda each: replace(each, prize=None, because="budget"), "given"),
    "another day": (lambda each: replace(each, day=DAY.replace(day=20)), "day"),
    "a state it doesn't look at": (lambda each: replace(each, state={**each.state, "moon": 1}), "state"),
    "a state below nothing": (lambda each: replace(each, state={**each.state, "misses": -1}), "state"),
    "another algorithm": (lambda each: replace(each, algorithm=Algorithm.BAG), "algorithm"),
    "another rule": (lambda each: replace(each, rule="unlucky"), "rule"),
    "a prize that stays": (lambda each: replace(each, keeps=True), "keeps"),
    "a slip of nobody": (lambda each: replace(each, slip_of="purchase 1"), "slip"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_each_forgery_is_found(name: str) -> None:
    forge, check = FORGERIES[name]
    town = Town(rule_of(Algorithm.INDEPENDENT, chance=500_000))
    link = next(link for link in town.shop(PURCHASES) if link.record.prize == "p1")
    assert check in checks(forge(link.record), link.rule, place_of(link))


def test_a_forged_state_is_found_where_the_chance_still_fits_it() -> None:
    """Whoever forges the chance with the state is betrayed by the draw before and the draw after."""
    for name in ("bag", "pity", "balanced"):
        links = list(TOWNS[name]().shop(PURCHASES))
        for forged in (links[150], links[300]):
            state = {each: number + 1 for each, number in forged.record.state.items()}
            changed = [
                link._replace(record=replace(link.record, state=state)) if link is forged else link for link in links
            ]
            assert gaps(changed), (name, forged.purchase)


def test_a_draw_that_was_left_out_is_missed() -> None:
    for name in ("bag", "pity"):
        town = TOWNS[name]()
        links = list(town.shop(PURCHASES))
        found = gaps([*links[:200], *links[201:]])
        assert found == [f"purchase {200 + town.customers}"], name
    links = list(TOWNS["balanced"]().shop(PURCHASES))
    won = next(place for place in range(200, PURCHASES) if links[place].record.cost)
    assert gaps([*links[:won], *links[won + 1 :]]) == [f"purchase {won + 1}"]


def test_plain_costs_never_fall() -> None:
    links = list(TOWNS["balanced"]().shop(PURCHASES))
    lost = next(place for place in range(300, PURCHASES) if links[place].record.cost)
    state = {**links[lost + 1].record.state, "plain": 1}
    links[lost + 1] = links[lost + 1]._replace(record=replace(links[lost + 1].record, state=state))
    assert links[lost + 1].purchase in gaps(links)


def test_a_slip_has_all_the_luck_of_the_draw_it_came_from() -> None:
    town = TOWNS["pity"]()
    first = next(link for link in town.shop(PURCHASES) if link.record.prize == "p1")
    again = replace(first.record, slip_of=first.purchase)
    later = place_of(first) + 50
    assert checks(again, first.rule, later, original=first.record) == set()
    assert checks(again, first.rule, later) == {"slip"}
    other = replace(first.record, state={"misses": first.record.state["misses"] + 1})
    assert checks(again, first.rule, later, original=other) == {"slip"}


def test_a_slip_is_no_link_of_the_chain() -> None:
    links = list(TOWNS["bag"]().shop(PURCHASES))
    again = links[10]._replace(record=replace(links[10].record, slip_of=links[10].purchase), purchase="again")
    assert gaps([*links[:50], again, *links[50:]]) == []


def test_a_prize_that_was_kept_is_not_given_again() -> None:
    rule = replace(rule_of(Algorithm.INDEPENDENT, chance=500_000), on_return=OnReturn.KEEP)
    first = next(link for link in Town(rule).shop(PURCHASES) if link.record.prize == "p1")
    original = replace(first.record, keeps=True)
    none = replace(original, prize=None, because="kept", wallet=None, units=0, cost=0)
    assert checks(replace(none, slip_of="purchase"), rule, 999, original=original) == set()
    assert checks(none, rule, place_of(first)) == {"because"}, "only a slip can have been kept"


def test_a_cap_may_cut_units() -> None:
    link = next(link for link in TOWNS["independent"]().shop(PURCHASES) if link.record.prize == "p1")
    cut = replace(link.record, units=60, cost=60)
    cap = Cap("month", "points", max=1_000)
    assert checks(cut, link.rule, place_of(link)) == {"given"}
    assert checks(cut, link.rule, place_of(link), caps=(cap,)) == set()
    none = replace(link.record, prize=None, because="cap:month", wallet=None, units=0, cost=0)
    assert checks(none, link.rule, place_of(link), caps=(cap,)) == set()
    assert checks(none, link.rule, place_of(link)) == {"because"}


def test_a_paced_draw_is_of_the_day_it_says() -> None:
    link = next(TOWNS["paced"]().shop(1))
    state = {**link.record.state, "at": link.record.state["at"] - 86_400_000_000}
    assert "state" in checks(replace(link.record, state=state), link.rule, 0)


def test_a_bag_made_smaller_in_the_middle_goes_on() -> None:
    """The rule is published anew: the counters are its own, the numbers are the new version's."""
    town = TOWNS["bag"]()
    links = list(town.shop(70))
    town.rule = rule_of(Algorithm.BAG, prizes=(Prize("p1", 3, units=100), Prize("p2", 2, units=300)), size=20)
    more = [link._replace(purchase=f"purchase {70 + place}") for place, link in enumerate(town.shop(60))]
    assert gaps([*links, *more]) == []
    full = [link.record for link in more if link.record.state["serial"] // 20 == 4]
    assert [record.prize for record in full].count("p1") == 3
