"""Every case file: what the program says to the basket is what was worked out by hand."""

from typing import Any

import pytest

from app.domain.rejections import Rejected
from tests.domain.rules.case_files import Case, read_cases
from tests.domain.rules.shown import only

ALL_CASES = list(read_cases())
# Compared whole: a wallet too many is a mistake.
MAPS = ("accrued", "redeemed_units", "kept")
WHOLE = ("effects", "uses", "hints")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in ALL_CASES])
def test_the_decision_is_the_one_worked_out_by_hand(case: Case) -> None:
    assert case.said["why"]
    expected = case.said["expect"]
    if (refusal := expected.get("rejected")) is not None:
        with pytest.raises(Rejected) as raised:
            case.decide()
        assert {
            "code": raised.value.rejection.value,
            "facts": dict(raised.value.facts),
            "faults": [[fault.pointer, fault.code] for fault in raised.value.faults],
        } == {"facts": {}, "faults": [], **refusal}
        return
    got = case.show()
    assert _cut(got, expected) == expected


def _cut(got: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    cut: dict[str, Any] = only(got, expected)
    for whole, part in ((got["totals"], cut.get("totals", {})), *zip(got["lines"], cut.get("lines", []), strict=False)):
        part.update({name: whole[name] for name in MAPS if name in part})
    return cut | {name: got[name] for name in WHOLE if name in expected}


def test_case_names_are_unique() -> None:
    names = [case.id for case in ALL_CASES]
    assert len(names) == len(set(names))
