"""What rules need and have, told for readers: the values of verdicts, kept as the program's document has them.

Amounts of money are told as money, bounds as spans, conditions inside `any` and `not` with their names.
"""

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from app.api.speech import Speech

Number = Callable[[object], str]

# Conditions as they are named inside `any` and `not`: English, Russian.
_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "tier": ("tier", "уровень"),
    "segment": ("segment", "сегмент"),
    "tag": ("tag", "метка"),
    "channel": ("channel", "канал"),
    "shop": ("shop", "магазин"),
    "partner": ("partner", "партнёр"),
    "card_type": ("card type", "вид карты"),
    "basket_total": ("basket total", "сумма корзины"),
    "basket_has": ("basket has", "в корзине"),
    "weekday": ("day of the week", "день недели"),
    "hours": ("time", "время"),
    "date": ("date", "дата"),
    "birthday": ("birthday", "день рождения"),
    "purchase_number": ("purchase number", "номер покупки"),
    "days_since_last": ("days since the last purchase", "дней с последней покупки"),
    "payment": ("payment", "оплата"),
    "coupon": ("coupon", "купон"),
    "identified_by": ("identified by", "покупатель назван через"),
    "event": ("event", "событие"),
}
_MIN_AND_MAX = (("at least", "не меньше"), ("at most", "не больше"))
_FROM_AND_UNTIL = (("from", "с"), ("up to", "по"))
# What a refused code is: the words of `CouponWord`.
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "unknown": ("unknown", "неизвестен"),
    "not_started": ("not valid yet", "ещё не действует"),
    "expired": ("no longer valid", "срок истёк"),
    "used_up": ("used already", "уже использован"),
    "wrong_customer": ("another customer's", "чужой"),
}
CONDITIONS = frozenset(_NAMES)  # All that a condition can fail by, besides `any` and `not`.


def condition_name(word: str, speech: Speech) -> str:
    """What a condition is about."""
    return speech.say(*_NAMES.get(word, (word, word)))


def needed(because: str | None, need: object, speech: Speech) -> str:
    """What a condition needed."""
    match because, need:
        case "any", list():
            return speech.say(" or ", " или ").join(_condition(each, speech) for each in need)
        case "not", dict():
            return _condition(need, speech)
        case "cost", dict():
            return ", ".join(f"{units} {wallet}" for wallet, units in need.items())
    return told(because, need, speech)


def had(because: str | None, need: object, have: object, speech: Speech) -> str:
    """What there was instead."""
    if because == "any" and isinstance(have, list) and isinstance(need, list) and len(have) == len(need):
        words = [next(iter(each), None) if isinstance(each, Mapping) else None for each in need]
        return ", ".join(told(word, each, speech) for word, each in zip(words, have, strict=True))
    return told(because, have, speech)


def told(because: str | None, value: object, speech: Speech) -> str:
    """One value of the condition that is named `because`."""
    if value is None:
        return _nothing(speech)
    teller = _TELLERS.get(because or "")
    return (teller and teller(value, speech)) or _plain(value, speech, speech.decimal)


def _condition(need: object, speech: Speech) -> str:
    """`{"tier": ["gold"]}` as `tier gold`; groups inside one another in brackets."""
    if not isinstance(need, Mapping) or len(need) != 1:
        return told(None, need, speech)
    word, value = next(iter(need.items()))
    if word in {"all", "any"} and isinstance(value, list):
        link = speech.say(" and ", " и ") if word == "all" else speech.say(" or ", " или ")
        return f"({link.join(_condition(each, speech) for each in value)})"
    if word == "not":
        return speech.say("not ", "не ") + _condition(value, speech)
    return f"{condition_name(word, speech)} {told(word, value, speech)}"


def _plain(value: object, speech: Speech, number: Number) -> str:
    """Any value: a number, bounds, a list of names; other JSON as it is."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return number(value)
        case str():
            return value
        case dict() if value and set(value) <= {"min", "max"}:
            return _span(value.get("min"), value.get("max"), speech, number=number)
        case [*members] if all(isinstance(member, str | int) for member in members):
            return ", ".join(map(str, members)) or _nothing(speech)
        case _:
            return orjson.dumps(value, default=str).decode()


def _money(value: object, speech: Speech) -> str:
    return _plain(value, speech, _money_of(speech))


def _money_of(speech: Speech) -> Number:
    return lambda amount: speech.money(amount) if isinstance(amount, int) else str(amount)


def _payment(value: object, speech: Speech) -> str:
    match value:
        case {"method": method, "min": least}:
            return f"{method}, {_span(least, None, speech, number=_money_of(speech))}"
        case {"method": method}:
            return str(method)
        case _:
            return _money(value, speech)


def _coupon(value: object, speech: Speech) -> str | None:
    """Codes that were sent; refused ones with the word of why."""
    if not isinstance(value, Mapping):
        return None
    words = ((code, _REFUSALS.get(str(word), (str(word), str(word)))) for code, word in value.items())
    return ", ".join(f"{code} ({speech.say(*texts)})" for code, texts in words)


def _draw(value: object, _speech: Speech) -> str | None:
    """The chance as a fraction; the ticket that lost."""
    match value:
        case {"chance": [numerator, denominator]}:
            return f"{numerator}/{denominator}"
        case {"ticket": ticket}:
            return str(ticket)
        case _:
            return None


def _hours(value: object, _speech: Speech) -> str | None:
    match value:
        case [start, end]:
            return f"{start}-{end}"
        case _:
            return None


def _date(value: object, speech: Speech) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return _span(value.get("from"), value.get("until"), speech, number=str, words=_FROM_AND_UNTIL)


def _birthday(value: object, speech: Speech) -> str | None:
    """Days before and after it; or days since the nearest one, of which negative ones are still to go."""
    match value:
        case {"before": before, "after": after}:
            return speech.say(f"{before} days before to {after} days after", f"дней до: {before}, после: {after}")
        case int() if value < 0:
            return speech.say(f"{-value} days before", f"дней до него: {-value}")
        case int():
            return speech.say(f"{value} days after", f"дней после него: {value}")
        case _:
            return None


def _purchase_number(value: object, speech: Speech) -> str | None:
    if not isinstance(value, Mapping) or "every" not in value:
        return None
    multiple = speech.say(f"a multiple of {value['every']}", f"кратный {value['every']}")
    low, high = value.get("min"), value.get("max")
    if low is None and high is None:
        return multiple
    return f"{multiple}, {_span(low, high, speech, number=str)}"


def _lines(value: object, speech: Speech) -> str | None:
    """What `basket_has` asks of lines, or what they come to."""
    if not isinstance(value, Mapping):
        return None
    money = _money_of(speech)
    parts = [
        text.format(number(value[name]))
        for name, text, number in (
            ("lines", speech.say("lines: {}", "позиций: {}"), str),
            ("min_qty", speech.say("at least {} in quantity", "количество не меньше {}"), speech.decimal),
            ("qty", speech.say("quantity {}", "количество {}"), speech.decimal),
            ("min_amount", speech.say("at least {} in money", "сумма не меньше {}"), money),
            ("amount", speech.say("money {}", "сумма {}"), money),
        )
        if value.get(name) is not None
    ]
    return ", ".join(parts)


def _span(
    low: object, high: object, speech: Speech, *, number: Number, words: tuple[tuple[str, str], ...] = _MIN_AND_MAX
) -> str:
    """Two bounds, of which at least one is there."""
    if low is not None and high is not None:
        return f"{number(low)}…{number(high)}"
    at_least, at_most = words
    if low is not None:
        return f"{speech.say(*at_least)} {number(low)}"
    return f"{speech.say(*at_most)} {number(high)}"


def _nothing(speech: Speech) -> str:
    return speech.say("none", "нет")


_TELLERS: Final[Mapping[str, Callable[[object, Speech], str | None]]] = {
    "basket_total": _money,
    "min_price": _money,
    "payment": _payment,
    "basket_has": _lines,
    "coupon": _coupon,
    "draw": _draw,
    "hours": _hours,
    "date": _date,
    "birthday": _birthday,
    "purchase_number": _purchase_number,
}
