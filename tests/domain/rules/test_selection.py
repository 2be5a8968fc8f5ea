"""Which lines a rule is about."""

import pytest

from app.domain.basket import Line
from app.domain.program import Lists, Selection, Units
from app.domain.rules.selection import compile_lines


def names(*each: str) -> frozenset[str]:
    return frozenset(each)


LINES = {
    line.id: line
    for line in (
        Line("coffee", 1_000, 12_900, sku="4601", category="drinks/coffee", brand="X", tags=names("own", "hot")),
        Line("tea", 1_000, 9_900, sku="4602", category="drinks/tea/green", brand="Y", tags=names("hot")),
        Line("drinks", 1_000, 5_000, category="drinks"),
        Line("drinksX", 1_000, 5_001, category="drinksX", list_price=5_001),
        Line("sale", 1_000, 400, sku="9", category="food", list_price=500),
        Line("dear", 1_000, 600, sku="10", category="food/drinks", list_price=500),
        Line("bare", 1_000, 0),
    )
}


def selected(on: Selection | None) -> set[str]:
    is_selected = compile_lines(on)
    return {name for name, line in LINES.items() if is_selected(line)}


EVERY = set(LINES)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (None, EVERY),
        (Selection(), EVERY),
        (Selection(units=Units(every=3)), EVERY),
        (Selection(exclude=Lists()), EVERY),
        (Selection(Lists(sku=names("4601", "9", "none"))), {"coffee", "sale"}),
        (Selection(Lists(category=names("drinks"))), {"coffee", "tea", "drinks"}),
        (Selection(Lists(category=names("drinks/tea"))), {"tea"}),
        (Selection(Lists(category=names("drinks/tea/green", "food"))), {"tea", "sale", "dear"}),
        (Selection(Lists(category=names("tea", "coffee", "green"))), set()),
        (Selection(Lists(brand=names("X", "Y"))), {"coffee", "tea"}),
        (Selection(Lists(tag=names("own", "cold"))), {"coffee"}),
        (Selection(Lists(category=names("drinks"), brand=names("Y", "Z"))), {"tea"}),
        (Selection(Lists(sku=names("9"), brand=names("X"))), set()),
        (Selection(price_min=5_000), {"coffee", "tea", "drinks", "drinksX"}),
        (Selection(price_max=500), {"sale", "bare"}),
        (Selection(price_min=600, price_max=5_000), {"dear", "drinks"}),
        (Selection(undiscounted=True), EVERY - {"sale"}),
        (Selection(exclude=Lists(brand=names("X"))), EVERY - {"coffee"}),
        (
            Selection(exclude=Lists(category=names("drinks"), sku=names("9"))),
            EVERY - {"coffee", "tea", "drinks", "sale"},
        ),
        (Selection(exclude=Lists(tag=names("hot"), brand=names("X"))), EVERY - {"coffee", "tea"}),
        (Selection(Lists(category=names("drinks")), exclude=Lists(category=names("drinks/tea"))), {"coffee", "drinks"}),
        (
            Selection(
                Lists(category=names("drinks", "food")), 400, 9_900, undiscounted=True, exclude=Lists(sku=names("10"))
            ),
            {"tea", "drinks"},
        ),
    ],
)
def test_a_selection_takes_these_lines(on: Selection | None, expected: set[str]) -> None:
    assert selected(on) == expected


@pytest.mark.parametrize("path", ["drinks/", "drinks//tea", "drinks/" * 200 + "x"])
def test_odd_paths_are_walked_up_like_others(path: str) -> None:
    line = Line("1", 1_000, 1, category=path)

    assert compile_lines(Selection(Lists(category=names("drinks"))))(line)
    assert not compile_lines(Selection(Lists(category=names("tea"))))(line)


@pytest.mark.parametrize("path", ["/drinks", "", None])
def test_a_path_that_does_not_begin_with_the_category_is_not_covered(path: str | None) -> None:
    assert not compile_lines(Selection(Lists(category=names("drinks"))))(Line("1", 1_000, 1, category=path))
