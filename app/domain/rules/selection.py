"""Which lines a rule is about: a `Selection` compiled once to one function of a line.

Only what a line shows by itself is decided here. Two parts of a selection depend on what other rules did and are the
evaluator's: that nothing so far made a line cheaper (the other half of `"discounted": false`), and the picking of
single units (`units`).
"""

from collections.abc import Callable
from functools import reduce

from app.domain.basket import Line
from app.domain.program import Lists, Selection

LineTest = Callable[[Line], bool]


def compile_lines(on: Selection | None) -> LineTest:
    """One function that says whether a line is selected; no selection means every line.

    A line is in when it is in one entry of each named list, its unit price as sent is within the bounds (included), its
    shelf price isn't above its price where `discounted` is false, and none of the lists of `exclude` has it.
    """
    if on is None:
        return _every_line
    tests = _list_tests(on.lists)
    if on.price_min is not None or on.price_max is not None:
        tests.append(_price_test(on.price_min, on.price_max))
    if on.undiscounted:
        tests.append(_is_not_marked_down)
    if on.exclude is not None and (excluded := _list_tests(on.exclude)):
        tests.append(_none_of(excluded))
    return _all_of(tests)


def _every_line(_line: Line) -> bool:
    return True


def _is_not_marked_down(line: Line) -> bool:
    return line.list_price is None or line.list_price <= line.price


def _all_of(tests: list[LineTest]) -> LineTest:
    return reduce(_both, tests) if tests else _every_line


def _none_of(tests: list[LineTest]) -> LineTest:
    is_any = reduce(_either, tests)
    return lambda line: not is_any(line)


def _both(first: LineTest, second: LineTest) -> LineTest:
    return lambda line: first(line) and second(line)


def _either(first: LineTest, second: LineTest) -> LineTest:
    return lambda line: first(line) or second(line)


def _price_test(low: int | None, high: int | None) -> LineTest:
    def is_priced_within(line: Line) -> bool:
        return (low is None or line.price >= low) and (high is None or line.price <= high)

    return is_priced_within


def _list_tests(lists: Lists) -> list[LineTest]:
    """A test for each named list."""
    tests: list[LineTest] = []
    if lists.sku is not None:
        tests.append(_sku_test(lists.sku))
    if lists.category is not None:
        tests.append(_category_test(lists.category))
    if lists.brand is not None:
        tests.append(_brand_test(lists.brand))
    if lists.tag is not None:
        tests.append(_tag_test(lists.tag))
    return tests


def _sku_test(skus: frozenset[str]) -> LineTest:
    return lambda line: line.sku in skus


def _brand_test(brands: frozenset[str]) -> LineTest:
    return lambda line: line.brand in brands


def _tag_test(tags: frozenset[str]) -> LineTest:
    return lambda line: not tags.isdisjoint(line.tags)


def _category_test(categories: frozenset[str]) -> LineTest:
    """A path is covered by itself and by each of its ancestors: `drinks` covers `drinks/coffee`, not `drinksX`.

    Walking up the line's path costs its depth; comparing it with each listed path would cost the list's length.
    """

    def is_covered(line: Line) -> bool:
        path = line.category
        while path:
            if path in categories:
                return True
            path = path.rpartition("/")[0]
        return False

    return is_covered
