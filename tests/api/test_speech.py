"""Values told to people: money by ISO 4217, quantities, texts by language; and what to add to a basket."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.api.hint_texts import hint_text
from app.api.speech import Speech
from app.domain.amounts import AMOUNT_MAX
from app.domain.program import GiveAmount, GivePer, Kind, Rule
from tests.api.samples import rule


@pytest.mark.parametrize(
    ("currency", "minor", "english", "russian"),
    [
        ("RUB", 12000, "120.00", "120,00"),
        ("RUB", 5, "0.05", "0,05"),
        ("RUB", 0, "0.00", "0,00"),
        ("RUB", -12345, "-123.45", "-123,45"),
        ("RUB", AMOUNT_MAX, "10000000000.00", "10000000000,00"),
        ("JPY", 12000, "12000", "12000"),
        ("JPY", -5, "-5", "-5"),
        ("KWD", 12345, "12.345", "12,345"),
        ("KWD", 5, "0.005", "0,005"),
        ("RSD", 12345, "123.45", "123,45"),  # 2 in ISO 4217, 0 in CLDR.
        ("CLF", 12345, "1.2345", "1,2345"),
        ("QQQ", 100, "1.00", "1,00"),
    ],
)
def test_money_has_the_digits_of_its_currency(currency: str, minor: int, english: str, russian: str) -> None:
    assert Speech(currency).money(minor) == english
    assert Speech(currency, is_russian=True).money(minor) == russian


@pytest.mark.parametrize(("milli", "english", "russian"), [(2000, "2", "2"), (345, "0.345", "0,345")])
def test_quantities_have_the_languages_mark(milli: int, english: str, russian: str) -> None:
    assert Speech("RUB").quantity(milli) == english
    assert Speech("RUB", is_russian=True).quantity(milli) == russian


@pytest.mark.parametrize(
    ("texts", "english", "russian"),
    [
        ({"ru": "Скидка", "en": "Discount"}, "Discount", "Скидка"),
        ({"en": "Discount"}, "Discount", "Discount"),
        ({"ru": "Скидка"}, "Скидка", "Скидка"),
        ({"kk": "Жеңілдік", "tr": "İndirim"}, "Жеңілдік", "Жеңілдік"),
        ({"kk": "Жеңілдік", "en": "Discount"}, "Discount", "Discount"),
        ({"kk": "Жеңілдік", "en-GB": "Discount", "ru-KZ": "Скидка"}, "Discount", "Скидка"),
        ({"ru-KZ": "Скидка", "ru": "Другая скидка"}, "Скидка", "Другая скидка"),
        ({}, None, None),
    ],
)
def test_a_text_falls_back_to_english_and_then_to_the_first(
    texts: Mapping[str, str], english: str | None, russian: str | None
) -> None:
    assert Speech("RUB").text_of(texts) == english
    assert Speech("RUB", is_russian=True).text_of(texts) == russian


OFF = rule("off", Kind.DISCOUNT, GiveAmount(100))
BASE = rule("base", Kind.BONUS, GivePer(100, 1), wallet="points")
HINTS: list[tuple[Rule | None, str, int, Mapping[str, Any], str, str]] = [
    (OFF, "amount", 12000, {"percent": "5"}, "Add 120.00 for 5 %.", "Добавьте на 120,00 — будет скидка 5 %."),
    (OFF, "amount", 12000, {"percent": "2.5"}, "Add 120.00 for 2.5 %.", "Добавьте на 120,00 — будет скидка 2,5 %."),
    (OFF, "amount", 100, {"amount": 40000}, "Add 1.00 for 400.00 off.", "Добавьте на 1,00 — будет скидка 400,00."),
    (OFF, "units", 1, {"percent": "100"}, "Add 1 more for 100 %.", "Добавьте ещё 1 шт. — будет скидка 100 %."),
    (OFF, "qty", 345, {"amount_each": 500}, "Add 0.345 more for 5.00 off each.",
     "Добавьте ещё 0,345 — будет скидка 5,00 на каждую штуку."),
    (OFF, "units", 2, {"unit_price": 9900}, "Add 2 more for a price of 99.00 each.",
     "Добавьте ещё 2 шт. — будет цена 99,00 за штуку."),
    (OFF, "units", 1, {"price": 19900}, "Add 1 more for a price of 199.00 together.",
     "Добавьте ещё 1 шт. — будет цена 199,00 за всё вместе."),
    (OFF, "units", 1, {"bundle": {"skus": ["A", "B"], "price": 19900}}, "Add 1 more for a price of 199.00 together.",
     "Добавьте ещё 1 шт. — будет цена 199,00 за всё вместе."),
    (None, "amount", 100, {"gift": "MUG"}, "Add 1.00 for a gift (MUG).", "Добавьте на 1,00 — будет подарок (MUG)."),
    (None, "amount", 100, {"coupon": "p"}, "Add 1.00 for a coupon (p).", "Добавьте на 1,00 — будет купон (p)."),
    (None, "amount", 100, {"draw": {}}, "Add 1.00 for a chance of a prize.",
     "Добавьте на 1,00 — будет розыгрыш приза."),
    (None, "amount", 100, {"new": 1}, "Add 1.00 for what the rule gives.",
     "Добавьте на 1,00 — будет то, что даёт правило."),
    (BASE, "amount", 100, {"percent": "5"}, "Add 1.00 for 5 % in points (points).",
     "Добавьте на 1,00 — будет начислено 5 % баллами (points)."),
    (BASE, "amount", 100, {"units": 50}, "Add 1.00 for 50 points (points).",
     "Добавьте на 1,00 — будет начислено баллов: 50 (points)."),
    (BASE, "amount", 100, {"per": {"amount": 10000, "units": 3}}, "Add 1.00 for 3 points (points) for each 100.00.",
     "Добавьте на 1,00 — будет начислено баллов за каждые 100,00: 3 (points)."),
    (BASE, "units", 1, {"units_each": 5}, "Add 1 more for 5 points (points) each.",
     "Добавьте ещё 1 шт. — будет начислено баллов за штуку: 5 (points)."),
    (BASE, "amount", 100, {"multiply": "1.5"}, "Add 1.00 for points × 1.5 (points).",
     "Добавьте на 1,00 — будет баллов больше в 1,5 раза (points)."),
    (BASE, "amount", 100, {"new": 1}, "Add 1.00 for points (points).",
     "Добавьте на 1,00 — будет начисление баллов (points)."),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "what", "missing", "gives", "english", "russian"), HINTS)
def test_a_hint_says_what_to_add_and_what_for(
    rule: Rule | None, what: str, missing: int, gives: Mapping[str, Any], english: str, russian: str
) -> None:
    told = [
        hint_text(what=what, missing=missing, gives=gives, rule=rule, speech=Speech("RUB", is_russian=is_russian))
        for is_russian in (False, True)
    ]
    assert told == [english, russian]
