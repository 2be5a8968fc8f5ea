"""Lines read as usual ones are the lines that the models make, and what the models refuse is never usual."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.api.body import parse_json
from app.api.lines import LINES_MAX, LineBody, Lines, SomeLines, line_of, usual_lines
from app.domain.amounts import AMOUNT_MAX
from app.domain.basket import Line
from app.domain.rejections import Rejected
from tests.api import samples

JUDGE = TypeAdapter(list[LineBody]).validate_python
LINES: TypeAdapter[tuple[Line, ...]] = TypeAdapter(Lines)
SOME_LINES: TypeAdapter[tuple[Line, ...]] = TypeAdapter(SomeLines)

_texts = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ["1", "кофе", "☕" * 64, "x" * 64, "x" * 65, "é" * 256, "é" * 257, "", "max", "\n", "\ud800", "\0"]
    ),
)
_numbers = st.one_of(
    st.integers(-2, 5),
    st.sampled_from([AMOUNT_MAX, AMOUNT_MAX + 1, 10**6, 10**6 + 1, 2**63, 10**30, 1.0, 0.5, True, False]),
)
_odd: st.SearchStrategy[Any] = st.one_of(
    st.none(), _numbers, _texts, st.lists(_texts, max_size=3), st.dictionaries(_texts, _numbers, max_size=1)
)
_quantities = st.sampled_from(
    [1, 3, "2", "0.345", "0", "0.000", "1.2345", "01", "1e3", " 1", "٣", "1000000", "1000000.001", 0]
)
_categories = st.sampled_from(
    ["a", "a/b", "a/b/c", "/a", "a/", "a//b", "/", "a\n/b", "a\n", "\n", "ж/щ", "a" * 256, "a" * 257]
)
_usual = {
    "id": st.sampled_from(["1", "2", "x" * 64]),
    "qty": st.one_of(st.integers(1, 9), _quantities),
    "price": st.integers(0, AMOUNT_MAX),
}
_more = {
    "sku": st.one_of(st.none(), _texts),
    "name": st.one_of(st.none(), _texts),
    "category": st.one_of(st.none(), _categories),
    "brand": st.one_of(st.none(), _texts),
    "tags": st.lists(_texts, max_size=3),
    "list_price": st.one_of(st.none(), _numbers),
    "min_price": st.one_of(st.none(), _numbers),
    "no": st.lists(st.sampled_from(["discount", "accrue", "redeem", "coupon", "all"]), max_size=5),
}
_good = st.fixed_dictionaries(_usual, optional=_more)
_names = st.sampled_from([*_usual, *_more, "discount", "ID", ""])


@st.composite
def _spoiled(draw: st.DrawFn) -> Any:
    """A line with a member of any name and value, or without one."""
    line = draw(_good)
    name = draw(_names)
    if draw(st.booleans()):
        line[name] = draw(_odd)
    else:
        line.pop(name, None)
    return line


_lines = st.one_of(st.lists(st.one_of(_good, _good, _spoiled()), max_size=4), st.lists(_odd, max_size=2), _odd)


def _judged(document: Any) -> tuple[Line, ...] | None:
    try:
        return tuple(map(line_of, JUDGE(document)))
    except ValidationError:
        return None


@settings(max_examples=1_500, deadline=None)
@given(_lines)
@example([samples.basket()["lines"][0], {"id": "2", "qty": "0.345", "price": 89900, "tags": ["t"] * 33}])
@example([{"id": "1", "qty": 1, "price": 1, "no": ["redeem", ["redeem"]]}])
@example([{"id": "1", "qty": 1, "price": 1, "no": None, "tags": None, "min_price": None}])
def test_a_usual_line_is_what_the_models_make_of_it(sent: Any) -> None:
    try:
        document = parse_json(_bytes(sent))
    except Rejected:  # What nothing stores never comes as far as the lines.
        return
    usual, judged = usual_lines(document), _judged(document)
    if usual is not None:
        assert usual == judged
        assert [type(line.qty_milli) for line in usual] == [int] * len(usual)
    for adapter, is_kept in ((LINES, judged is not None), (SOME_LINES, bool(judged))):
        if is_kept:
            assert adapter.validate_python(document) == judged
        else:
            with pytest.raises(ValidationError):
                adapter.validate_python(document)


def _bytes(sent: Any) -> bytes:
    try:
        return orjson.dumps(sent)
    except TypeError:  # Half a surrogate pair, or a number of more than 64 bits: as Python writes them.
        return json.dumps(sent).encode()


@pytest.mark.parametrize("sent", [samples.basket()["lines"], [samples.basket()["lines"][1]] * 3])
def test_what_tills_send_is_usual(sent: list[dict[str, Any]]) -> None:
    assert usual_lines(sent) == _judged(sent)
    assert usual_lines(sent) is not None


def test_no_more_lines_than_the_contract_has_are_usual() -> None:
    line = samples.basket()["lines"][1]
    assert usual_lines([line] * LINES_MAX) is not None
    assert usual_lines([line] * (LINES_MAX + 1)) is None
    assert usual_lines([]) is None
