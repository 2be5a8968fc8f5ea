"""Stored purchases tried by a draft, in one worker or in several."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.domain.backtest.past import PastRow, read_past
from app.domain.backtest.report import report_of
from app.domain.backtest.sums import Sums
from app.domain.backtest.trial import Trial
from app.domain.coupons import Coupon
from app.domain.program import Program
from app.domain.programs import read_program
from app.domain.rules.evaluate import compile_program
from tests.domain.backtest.purchases import VERSION, Shop
from tests.kit import small_program

VALUES = {VERSION: {"points": 100, "cashback": 1}}


def draft_of(*rules: Mapping[str, Any], **parts: Any) -> Program:
    return read_program(small_program(rules=list(rules), **parts))


def shop_of(*rules: Mapping[str, Any], **parts: Any) -> Shop:
    """A shop that sold by these rules; without any, by 1 point for each 1.00."""
    return Shop(compile_program(draft_of(*rules, **parts) if rules else read_program(small_program(**parts))))


def tried(
    rows: Iterable[PastRow],
    draft: Program,
    *,
    coupons: Mapping[str, Coupon] | None = None,
    values: Mapping[int, Mapping[str, int]] = VALUES,
) -> Sums:
    """One worker's sums; `coupons` are the stored codes."""
    trial = Trial(draft, values=values)
    for row in rows:
        past = read_past(row, draft.timezone)
        trial.decide(past, {code: coupon for code, coupon in (coupons or {}).items() if code not in past.unknown_codes})
    return trial.close()


def report(rows: Iterable[PastRow], draft: Program, **more: Any) -> dict[str, Any]:
    return report_of(tried(rows, draft, **more), draft)


def added(parts: Sequence[Sums]) -> Sums:
    whole = Sums()
    for part in parts:
        whole.add(part)
    return whole


def rule_of(told: Mapping[str, Any], rule: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told["rules"] if each["rule"] == rule)
    return found
