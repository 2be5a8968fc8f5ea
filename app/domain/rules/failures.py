"""What a test says: nothing when it passes, a `Failure` when it doesn't."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from app.domain.rules.facts import Facts

# A failure is stored with each purchase; a list of a thousand shops is read from the program's version instead.
NEED_LIST_MAX = 20


@dataclass(slots=True)
class Failure:
    """The first test that failed: its key in the document, what it needed (as the document says it) and what it had.

    For `any`: `need` is a list of its members' `{key: need}` and `have` the list of what each had. For `not`: `need` is
    the `{key: need}` that should have failed, `have` is None.
    """

    because: str
    need: object | None
    have: object | None

    def __init__(self, because: str, need: object | None = None, have: object | None = None) -> None:
        self.because = because
        self.need = need
        self.have = have


Test = Callable[[Facts], Failure | None]
Needs = Mapping[str, object]  # One test as the document says it: `{"tier": ["gold"]}`.


def shorten(names: tuple[str, ...]) -> list[str]:
    """The names, or the first of very many with an ellipsis behind them."""
    return list(names) if len(names) <= NEED_LIST_MAX else [*names[:NEED_LIST_MAX], "…"]


def sorted_names(names: Collection[str]) -> list[str] | None:
    """What a customer has of something, always in the same order; None where there is nothing of it."""
    return shorten(tuple(sorted(names))) if names else None


def bounds(**given: int | str | None) -> dict[str, int | str]:
    """The bounds that were named."""
    return {key: value for key, value in given.items() if value is not None}


def is_within(have: int, low: int | None, high: int | None) -> bool:
    """Both bounds are included."""
    return (low is None or have >= low) and (high is None or have <= high)
