"""Every reason that rules can give has a sentence of its own, in both languages."""

import inspect

import pytest

from app.api.sentences import sentence
from app.domain.decision import Outcome
from app.domain.program import Combine
from app.domain.rules import leaves
from app.domain.rules.compiled import Verdicts
from app.domain.rules.phases import MIN_PRICE

TESTS = [
    name for name, function in inspect.getmembers(leaves, inspect.isfunction)
    if function.__module__ == leaves.__name__ and not name.startswith("_")
]  # fmt: skip
VERDICTS = Verdicts.of("rule", Combine.BEST)
OTHERS = [
    verdict.because for verdict in (VERDICTS.disabled, VERDICTS.anonymous, VERDICTS.unmatched, VERDICTS.gives_nothing)
]
REASONS = [*TESTS, *OTHERS, "from", "until", "any", "not", MIN_PRICE]


def skipped(because: str | None, need: object, have: object, *, is_russian: bool = False) -> str:
    return sentence(verdict=Outcome.SKIPPED, because=because, need=need, have=have, is_russian=is_russian)


def test_there_are_reasons_to_look_at() -> None:
    assert {"tier", "basket_total", "hours", "payment"} <= set(TESTS)
    assert {"on", "customer", "enabled", "gives_nothing"} == set(OTHERS)


@pytest.mark.parametrize("because", REASONS)
def test_a_reason_has_a_sentence_of_its_own(because: str) -> None:
    fallback = (skipped("never heard of", 1, 2), skipped("never heard of", 1, 2, is_russian=True))
    told = (skipped(because, 1, 2), skipped(because, 1, 2, is_russian=True))
    assert told[0] != fallback[0]
    assert told[1] != fallback[1]
    assert told[0].isascii()
    assert any("а" <= letter <= "я" for letter in told[1])
    assert "{" not in told[0] + told[1]


@pytest.mark.parametrize(
    ("need", "have", "told"),
    [
        ({"min": 1}, 0, "The basket's total must be at least 1; it is 0."),
        ({"max": 5}, 9, "The basket's total must be at most 5; it is 9."),
        ({"min": 1, "max": 5}, 9, "The basket's total must be 1…5; it is 9."),
        (["a", "b"], None, "The basket's total must be a, b; it is none."),
        ({"min_qty": "0.5"}, {"lines": 1}, 'The basket\'s total must be {"min_qty":"0.5"}; it is {"lines":1}.'),
        ("{curly}", "100%", "The basket's total must be {curly}; it is 100%."),
    ],
)
def test_values_are_told_as_a_reader_likes_them(need: object, have: object, told: str) -> None:
    assert skipped("basket_total", need, have) == told


def test_a_reason_of_a_later_release_is_told_plainly() -> None:
    assert skipped("moon", "full", "new") == "It needs full; there is new."
    assert skipped(None, None, None, is_russian=True) == "Нужно нет; есть нет."
