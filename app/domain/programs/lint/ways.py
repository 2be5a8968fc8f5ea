"""The ways in which conditions can come true: alternatives of single tests that all hold together.

`not` is moved down to the tests, `any` multiplied out. A rule whose alternatives are more than anybody would write by
hand isn't looked into: then nothing is said, since the lint never calls impossible what may happen.
"""

from itertools import product
from typing import NamedTuple

from app.domain.program import All, AnyOf, Not, When

WAYS_MAX = 256  # Eight groups of two alternatives each, multiplied out; a thousand such rules take three seconds.


class Literal(NamedTuple):
    """A single test that has to hold, or not to hold."""

    test: When
    positive: bool


Way = tuple[Literal, ...]


class TooMany(Exception):
    """More ways than are looked into."""


def ways_of(when: When | None) -> list[Way] | None:
    """All ways; None where there are too many."""
    try:
        return [()] if when is None else _ways(when, positive=True)
    except TooMany:
        return None


def _ways(when: When, *, positive: bool) -> list[Way]:
    match when:
        case Not(test):
            return _ways(test, positive=not positive)
        case All(tests) | AnyOf(tests):
            parts = [_ways(test, positive=positive) for test in tests]
            if isinstance(when, All) is not positive:
                return _bounded([way for part in parts for way in part])
            together: list[Way] = [()]
            for part in parts:
                if len(together) * len(part) > WAYS_MAX:
                    raise TooMany
                together = [(*left, *right) for left, right in product(together, part)]
            return together
        case _:
            return [(Literal(when, positive),)]


def _bounded(ways: list[Way]) -> list[Way]:
    if len(ways) > WAYS_MAX:
        raise TooMany
    return ways
