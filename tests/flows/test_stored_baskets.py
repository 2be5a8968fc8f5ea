"""What is stored of a purchase is what the serialiser would make of the values themselves."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decision import CostBack, Decision, LineDecision, Outcome, Verdict
from app.domain.ledger.purchase_states import LineState
from app.flows.stored_baskets import line_states, stored_verdicts
from app.storage.taken_back import lines_from_json, lines_to_json

TEXTS = st.text(max_size=6)
VALUES = (
    st.none() | st.integers(-9, 9) | TEXTS | st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, st.integers(0, 9))
)
VERDICTS = st.builds(Verdict, TEXTS, st.sampled_from(Outcome), st.none() | TEXTS, VALUES, VALUES)
UNITS = st.dictionaries(st.sampled_from(["points", "stamps"]), st.integers(0, 9))
LINES = st.builds(
    LineState,
    id=TEXTS | st.just('"kept":{},'),
    qty_milli=st.integers(1, 9),
    paid=st.integers(0, 9),
    accrued=UNITS,
    redeemed_units=UNITS,
    kept=UNITS,
    cost_units=st.dictionaries(st.sampled_from([each.value for each in CostBack]), UNITS),
    returned_milli=st.integers(0, 9),
    refunded=st.integers(0, 9),
    taken_back=UNITS,
    given_back=UNITS,
)


@given(st.lists(VERDICTS, max_size=3))
def test_verdicts_are_stored_with_all_their_fields(verdicts: list[Verdict]) -> None:
    assert stored_verdicts(verdicts) == orjson.dumps(verdicts)


@given(st.lists(LINES, max_size=3))
def test_lines_are_stored_with_all_their_fields_but_for_two_that_may_be_empty(lines: list[LineState]) -> None:
    text = lines_to_json(lines)
    assert lines_from_json(text) == lines
    whole = [
        {name: value for name, value in line.items() if value or name not in {"kept", "cost_units"}}
        for line in orjson.loads(orjson.dumps(lines))
    ]
    assert text == orjson.dumps(whole).decode()


def test_wallets_in_which_a_line_moved_nothing_are_left_out() -> None:
    redeemed, accrued = {"points": 0, "stamps": 2}, {"points": 3, "stamps": 0}
    line = LineDecision("1", 100, 0, 0, redeemed, accrued, (), {"points": 0})
    decision = Decision((line,), (), (), {}, redeemed_units=redeemed, accrued=accrued)
    assert line_states(decision, qty_milli={"1": 1_000}) == [LineState("1", 1_000, 100, {"points": 3}, {"stamps": 2})]
