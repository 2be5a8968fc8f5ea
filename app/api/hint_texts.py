"""What to add to a basket to reach more, as a sentence: `Add 120.00 for 5 %.`"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from app.api.speech import Speech
from app.domain.decision import Hint
from app.domain.program import Kind, Rule

_REWARDS_CACHED: Final = 1_024  # What a few programs' rules and steps give, in both languages.


def hint_document(hint: Hint, *, rule: Rule | None, speech: Speech) -> dict[str, object]:
    return {
        "rule": hint.rule,
        "what": hint.what,
        "missing": hint.missing,
        "gives": hint.gives,
        "text": hint_text(what=hint.what, missing=hint.missing, gives=hint.gives, rule=rule, speech=speech),
    }


def hint_text(*, what: str, missing: int, gives: Mapping[str, Any], rule: Rule | None, speech: Speech) -> str:
    """One sentence; `missing` is minor units of an `amount`, thousandths of a `qty`, pieces of `units`."""
    match what:
        case "amount":
            money = speech.money(missing)
            more = speech.say(f"Add {money}", f"Добавьте на {money}")
        case "qty":
            more = speech.say(f"Add {speech.quantity(missing)} more", f"Добавьте ещё {speech.quantity(missing)}")
        case _:
            more = speech.say(f"Add {missing} more", f"Добавьте ещё {missing} шт.")
    is_accrual = rule is not None and (rule.kind is Kind.BONUS or rule.kind is Kind.CASHBACK)
    given = _given(orjson.dumps(gives), None if rule is None else rule.wallet, speech, is_accrual=is_accrual)
    return speech.say(f"{more} for {given}.", f"{more} — будет {given}.")


@lru_cache(maxsize=_REWARDS_CACHED)
def _given(written: bytes, wallet: str | None, speech: Speech, *, is_accrual: bool) -> str:
    """What a rule would give, by its kind and the key of its `give`, which is written as JSON."""
    gives = orjson.loads(written)
    if is_accrual:
        return _accrual(gives, wallet, speech)
    english, russian = _reward(gives, speech)
    return speech.say(english, russian)


def _reward(gives: Mapping[str, Any], speech: Speech) -> tuple[str, str]:
    """Of discounts, rewards and random rewards: English, Russian."""
    texts = ("what the rule gives", "то, что даёт правило")
    match gives:
        case {"percent": percent}:
            texts = (f"{percent} %", f"скидка {speech.decimal(percent)} %")
        case {"amount": int(amount)}:
            texts = (f"{speech.money(amount)} off", f"скидка {speech.money(amount)}")
        case {"amount_each": int(amount)}:
            texts = (f"{speech.money(amount)} off each", f"скидка {speech.money(amount)} на каждую штуку")
        case {"unit_price": int(price)}:
            texts = (f"a price of {speech.money(price)} each", f"цена {speech.money(price)} за штуку")
        case {"price": int(price)} | {"bundle": {"price": int(price)}}:
            texts = (f"a price of {speech.money(price)} together", f"цена {speech.money(price)} за всё вместе")
        case {"gift": sku}:
            texts = (f"a gift ({sku})", f"подарок ({sku})")
        case {"coupon": pool}:
            texts = (f"a coupon ({pool})", f"купон ({pool})")
        case {"draw": _}:
            texts = ("a chance of a prize", "розыгрыш приза")
    return texts


def _accrual(gives: Mapping[str, Any], into: str | None, speech: Speech) -> str:
    wallet = f" ({into})" if into else ""
    match gives:
        case {"percent": percent}:
            told = speech.decimal(percent)
            return speech.say(f"{told} % in points{wallet}", f"начислено {told} % баллами{wallet}")
        case {"units": int(units)}:
            return speech.say(f"{units} points{wallet}", f"начислено баллов: {units}{wallet}")
        case {"units_each": int(units)}:
            return speech.say(f"{units} points{wallet} each", f"начислено баллов за штуку: {units}{wallet}")
        case {"per": {"amount": int(amount), "units": int(units)}}:
            each = speech.money(amount)
            return speech.say(
                f"{units} points{wallet} for each {each}", f"начислено баллов за каждые {each}: {units}{wallet}"
            )
        case {"multiply": factor}:
            told = speech.decimal(factor)
            return speech.say(f"points × {told}{wallet}", f"баллов больше в {told} раза{wallet}")
        case _:
            return speech.say(f"points{wallet}", f"начисление баллов{wallet}")
