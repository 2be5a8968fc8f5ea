"""Why a rule did or did not apply, as a sentence in English or Russian.

A verdict is stored as a code with what was needed and what there was; the sentence is made when it is read.
"""

from collections.abc import Mapping
from typing import Final

import orjson

from app.domain.decision import Outcome

# {need} and {have} are JSON values as the program's document writes them.
_ENGLISH: Final[Mapping[str, str]] = {
    "enabled": "The rule is switched off.",
    "customer": "The purchase has no customer.",
    "on": "No line of the basket is one that the rule is about.",
    "gives_nothing": "The rule would give nothing on this basket.",
    "min_price": "The lines are at their lowest prices already; the rule wanted {need}.",
    "from": "The rule begins at {need}; the purchase is of {have}.",
    "until": "The rule ended at {need}; the purchase is of {have}.",
    "tier": "The customer's tier must be one of {need}; it is {have}.",
    "channel": "The channel must be one of {need}; it is {have}.",
    "shop": "The shop must be one of {need}; it is {have}.",
    "basket_total": "The basket's total must be {need}; it is {have}.",
    "basket_has": "The basket must have {need} of certain lines; it has {have}.",
    "payment": "Paid must be by {need}; by that method it is {have}.",
    "weekday": "The day of the week must be one of {need}; it is {have}.",
    "hours": "The time must be within {need}; it is {have}.",
    "date": "The date must be within {need}; it is {have}.",
    "birthday": "The day must be within {need} days of the birthday; it is {have} days off.",
    "purchase_number": "The number of the purchase must be {need}; it is {have}.",
    "days_since_last": "The days since the last purchase must be {need}; they are {have}.",
    "any": "None of {need} holds; there is {have}.",
    "not": "The rule is not for {need}.",
}
_RUSSIAN: Final[Mapping[str, str]] = {
    "enabled": "Правило выключено.",
    "customer": "Покупка без покупателя.",
    "on": "В корзине нет позиций, к которым относится правило.",
    "gives_nothing": "На этой корзине правило ничего не даёт.",
    "min_price": "Цены позиций уже минимальные; правило дало бы {need}.",
    "from": "Правило начинает действовать {need}; время покупки {have}.",
    "until": "Правило перестало действовать {need}; время покупки {have}.",
    "tier": "Нужен один из уровней {need}; у покупателя {have}.",
    "channel": "Нужен один из каналов {need}; сейчас {have}.",
    "shop": "Нужен один из магазинов {need}; это {have}.",
    "basket_total": "Нужна сумма корзины {need}; сейчас {have}.",
    "basket_has": "Нужно {need} определённых позиций; в корзине {have}.",
    "payment": "Нужна оплата {need}; этим способом оплачено {have}.",
    "weekday": "Нужен один из дней недели {need}; сегодня {have}.",
    "hours": "Нужно время в пределах {need}; сейчас {have}.",
    "date": "Нужна дата в пределах {need}; сегодня {have}.",
    "birthday": "До дня рождения или после него должно быть не больше {need} дней; сейчас {have}.",
    "purchase_number": "Нужен номер покупки {need}; сейчас {have}.",
    "days_since_last": "С последней покупки должно пройти дней: {need}; прошло {have}.",
    "any": "Не выполнено ни одно из условий {need}; есть {have}.",
    "not": "Правило не действует при {need}.",
}


def sentence(*, verdict: str, because: str | None, need: object, have: object, is_russian: bool) -> str:
    """One sentence about one rule."""
    if verdict == Outcome.APPLIED:
        return "Правило применено." if is_russian else "The rule applied."
    if verdict == Outcome.OUTDONE:
        if is_russian:
            return f"Другое правило той же группы дало больше или было раньше ({because})."
        return f"Another rule of its lane gave more or came first ({because})."
    known = (_RUSSIAN if is_russian else _ENGLISH).get(because or "")
    if known is None:
        known = "Нужно {need}; есть {have}." if is_russian else "It needs {need}; there is {have}."
    return known.format(need=_shown(need, is_russian=is_russian), have=_shown(have, is_russian=is_russian))


def _shown(value: object, *, is_russian: bool) -> str:
    """A JSON value as a reader likes it: bounds as a span, lists by commas."""
    if value is None:
        return "нет" if is_russian else "none"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and value and set(value) <= {"min", "max"}:
        low, high = value.get("min"), value.get("max")
        if low is not None and high is not None:
            return f"{low}…{high}"
        if low is not None:
            return f"не меньше {low}" if is_russian else f"at least {low}"
        return f"не больше {high}" if is_russian else f"at most {high}"
    if isinstance(value, list) and all(isinstance(member, str | int) for member in value):
        return ", ".join(str(member) for member in value)
    return orjson.dumps(value).decode()
