"""Every word that rules, limits, coupons and draws can give has a sentence of its own, in both languages."""

import inspect
from dataclasses import fields
from typing import Any

import pytest

from app.api.sentences import KNOWN, coupon_text, draw_text, limited_text, verdict_text
from app.api.speech import Speech
from app.api.telling import CONDITIONS
from app.domain.coupons import CouponWord
from app.domain.decision import Outcome
from app.domain.program import Algorithm, Combine, GiveAmount, GiveDraw, GiveGift, GivePer, Kind, Rule
from app.domain.rules import leaves, traits
from app.domain.rules.compiled import Verdicts
from app.domain.rules.phases import MIN_PRICE
from tests.api.samples import rule

ENGLISH = Speech("RUB")
RUSSIAN = Speech("RUB", is_russian=True)
TESTS = [
    name
    for module in (leaves, traits)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
]
NAMED = ["segment", "tag", "partner", "card_type", "coupon", "identified_by", "event", "cost"]
LIMITS = ["receipt", "customer", "customer_uses", "budget", "uses", "pool", "pieces", "stock", "share", "kept"]
ALL_LIMITS = [*LIMITS, MIN_PRICE, "best_line", "sum", "cap:month"]

DISCOUNT = rule("off", Kind.DISCOUNT, GiveAmount(100))
BONUS = rule("base", Kind.BONUS, GivePer(100, 1), wallet="points")
REWARD = rule("mug", Kind.REWARD, GiveGift("MUG"))
LUCKY = rule("lucky", Kind.RANDOM_REWARD, GiveDraw(Algorithm.INDEPENDENT, ()))

VERDICTS = Verdicts.of(DISCOUNT, Combine.BEST)
OTHERS = [
    verdict.because
    for verdict in (getattr(VERDICTS, each.name) for each in fields(VERDICTS))
    if verdict.verdict is Outcome.SKIPPED and verdict.because is not None
]
REASONS = [*TESTS, *OTHERS, *NAMED, "from", "until", "any", "not"]


def skipped(because: str | None, need: object, have: object, speech: Speech = ENGLISH, rule: Rule | None = None) -> str:
    return verdict_text(verdict=Outcome.SKIPPED, because=because, need=need, have=have, speech=speech, rule=rule)


def is_russian(text: str) -> bool:
    return any("а" <= letter <= "я" for letter in text)


def test_there_are_reasons_to_look_at() -> None:
    assert {"tier", "basket_total", "hours", "payment"} <= set(TESTS)
    assert {"on", "customer", "enabled", "gives_nothing"} <= set(OTHERS)
    assert set(TESTS) <= CONDITIONS, "a condition without a name of its own"


@pytest.mark.parametrize("because", sorted({*REASONS, *ALL_LIMITS, *KNOWN}))
def test_a_reason_has_a_sentence_of_its_own(because: str) -> None:
    fallback = (skipped("never heard of", 1, 2), skipped("never heard of", 1, 2, RUSSIAN))
    told = (skipped(because, 1, 2), skipped(because, 1, 2, RUSSIAN))
    assert told[0] != fallback[0]
    assert told[1] != fallback[1]
    assert told[0].isascii()
    assert is_russian(told[1])
    assert "{" not in told[0] + told[1]


@pytest.mark.parametrize("word", ALL_LIMITS)
def test_what_limited_an_effect_has_a_sentence_of_its_own(word: str) -> None:
    told = [limited_text(limited_by=word, wanted="5", given="3", speech=each) for each in (ENGLISH, RUSSIAN)]
    plain = [limited_text(limited_by="new word", wanted="5", given="3", speech=each) for each in (ENGLISH, RUSSIAN)]
    assert told[0].startswith("3 of 5 given: ")
    assert told[1].startswith("Дано 3 из 5: ")
    assert told[0].isascii()
    assert is_russian(told[1].removeprefix("Дано 3 из 5: "))
    assert told[0] != plain[0]
    assert told[1] != plain[1]


@pytest.mark.parametrize(
    ("rule", "need", "english", "russian"),
    [
        (DISCOUNT, 12000, "120.00", "120,00"),
        (BONUS, 12, "12 points", "12 points"),
        (REWARD, 2, "2 pcs", "2 шт."),
    ],
)
def test_a_limit_is_told_in_the_rules_own_unit(rule: Rule, need: int, english: str, russian: str) -> None:
    assert skipped("budget", need, 0, rule=rule) == (
        f"Nothing is left of {english}: the budget of the offer is used up."
    )
    assert skipped("budget", need, 0, RUSSIAN, rule) == f"Из {russian} ничего не осталось: бюджет акции исчерпан."
    assert skipped("cap:month", need, 0, rule=rule) == f"Nothing is left of {english}: the cap month is reached."


def test_a_prize_that_was_drawn_and_not_given_says_why() -> None:
    assert skipped("stock", 1, 0, rule=LUCKY) == "The prize drawn isn't given: no more of it are left."
    assert skipped("budget", 100, 0, RUSSIAN, LUCKY) == "Выпавший приз не даётся: бюджет акции исчерпан."
    assert skipped("gives_nothing", 0, 0, rule=LUCKY) == "The rule would give nothing on this basket."


def test_a_customer_who_is_not_there_is_not_a_customers_limit() -> None:
    assert skipped("customer", None, None) == "The purchase has no customer."
    assert "more isn't given to one customer" in skipped("customer", 5, 0, rule=BONUS)


TOLD: list[tuple[str, Any, Any, str, str]] = [
    ("basket_total", {"min": 1}, 0, "must be at least 0.01; it is 0.00.", "корзины не меньше 0,01; сейчас 0,00."),
    ("basket_total", {"max": 500}, 900, "must be at most 5.00; it is 9.00.", "не больше 5,00; сейчас 9,00."),
    ("basket_total", {"min": 100, "max": 500}, 900, "must be 1.00…5.00; it is 9.00.", "1,00…5,00; сейчас 9,00."),
    ("tier", ["a", "b"], None, "must be one of a, b; it is none.", "один из уровней a, b; у покупателя нет."),
    ("tag", ["vip"], [], "one of the tags vip; the customer's are none.", "меток vip; у покупателя нет."),
    ("segment", ["new"], ["old", "rich"], "the customer's are old, rich.", "у покупателя old, rich."),
    ("coupon", ["SPRING"], [], "the coupons SPRING must be shown; shown is none.", "SPRING; показано: нет."),
    ("coupon", ["SPRING"], {"SPRING": "expired"}, "shown is SPRING (no longer valid).", "SPRING (срок истёк)."),
    ("cost", {"points": 150}, None, "costs 150 points and has to be asked for.", "за 150 points, и его"),
    ("basket_has", {"min_qty": "0.5"}, {"lines": 1, "qty": "0.345", "amount": 500},
     "at least 0.5 in quantity; they come to this: lines: 1, quantity 0.345, money 5.00.",
     "количество не меньше 0,5; сейчас: позиций: 1, количество 0,345, сумма 5,00."),
    ("basket_has", {"min_amount": 500}, {"lines": 0, "qty": 0, "amount": 0}, "at least 5.00 in money;", "меньше 5,00;"),
    ("payment", {"method": "card", "min": 500}, 400, "by card, at least 5.00; by that method it is 4.00.",
     "оплата card, не меньше 5,00; этим способом оплачено 4,00."),
    ("payment", {"method": "card"}, None, "by card; by that method it is none.", "card; этим способом оплачено нет."),
    ("hours", ["22:00", "06:00"], "12:30", "within 22:00-06:00; it is 12:30.", "в пределах 22:00-06:00; сейчас 12:30."),
    ("date", {"from": "2026-01-01", "until": "2026-01-31"}, "2026-02-01", "2026-01-01…2026-01-31", "2026-02-01"),
    ("date", {"from": "2026-01-01"}, "2025-12-31", "within from 2026-01-01;", "с 2026-01-01;"),
    ("birthday", {"before": 3, "after": 4}, -9, "(3 days before to 4 days after); it is 9 days before.", "него: 9."),
    ("birthday", {"before": 3, "after": 4}, 9, "it is 9 days after.", "сейчас дней после него: 9."),
    ("birthday", {"before": 3, "after": 4}, None, "it is none.", "сейчас нет."),
    ("purchase_number", {"every": 5}, 3, "must be a multiple of 5; it is 3.", "кратный 5; сейчас 3."),
    ("purchase_number", {"every": 5, "min": 10}, 5, "a multiple of 5, at least 10;", "кратный 5, не меньше 10"),
    ("days_since_last", {"min": 30}, 2, "must be at least 30; they are 2.", "дней: не меньше 30; прошло 2."),
    ("any", [{"tier": ["gold"]}, {"basket_total": {"min": 10000}}], [None, 500],
     "holds: tier gold or basket total at least 100.00; there is none, 5.00.",
     "условий: уровень gold или сумма корзины не меньше 100,00; есть нет, 5,00."),
    ("not", {"all": [{"channel": ["pos"]}, {"not": {"tag": ["vip"]}}]}, None,
     "not for (channel pos and not tag vip).", "при условии: (канал pos и не метка vip)."),
    ("draw", None, None, "The draw is made when the purchase is committed.", "когда покупка проведена."),
    ("draw", {"chance": [1, 20]}, {"ticket": "00ff"}, "Ticket 00ff did not win; the chance was 1/20.",
     "Билет 00ff не выиграл; вероятность была 1/20."),
    ("shop", "{curly}", "100%", "must be one of {curly}; it is 100%.", "{curly}"),
]  # fmt: skip


@pytest.mark.parametrize(("because", "need", "have", "english", "russian"), TOLD)
def test_values_are_told_as_a_reader_likes_them(
    because: str, need: object, have: object, english: str, russian: str
) -> None:
    assert english in skipped(because, need, have)
    assert russian in skipped(because, need, have, RUSSIAN)


def test_a_reason_of_a_later_release_is_told_plainly() -> None:
    assert skipped("moon", "full", "new") == "It needs full; there is new."
    assert skipped("moon", {"phase": [1, 2]}, True) == 'It needs {"phase":[1,2]}; there is true.'
    assert skipped(None, None, None, RUSSIAN) == "Нужно нет; есть нет."


@pytest.mark.parametrize("word", CouponWord)
def test_every_coupon_verdict_has_a_sentence(word: CouponWord) -> None:
    texts = [coupon_text(word, word, ENGLISH), coupon_text(word, word, RUSSIAN)]
    assert texts[0].isascii()
    assert is_russian(texts[1])
    assert len({coupon_text(other, "", ENGLISH) for other in CouponWord}) == len(CouponWord)


@pytest.mark.parametrize(
    ("because", "told"),
    [
        ("basket_total", "The coupon gives nothing on this basket; it depends on this: basket total."),
        ("budget", "The coupon gives nothing on this basket: the budget of the offer is used up."),
        ("cap:month", "The coupon gives nothing on this basket: the cap month is reached."),
        ("best", "The coupon gives nothing on this basket."),
        ("on", "The coupon gives nothing on this basket."),
        ("duplicate", "The coupon gives nothing on this basket: it was sent before."),
        ("other_code", "The coupon gives nothing on this basket: another code served for the same."),
        ("gives_nothing", "The coupon gives nothing on this basket."),
        ("customer", "The coupon gives nothing on this basket."),
    ],
)
def test_a_coupon_that_gives_nothing_says_what_it_depends_on(because: str, told: str) -> None:
    assert coupon_text("not_applicable", because, ENGLISH) == told
    assert is_russian(coupon_text("not_applicable", because, RUSSIAN))


@pytest.mark.parametrize(
    ("prize", "drew", "because", "english", "russian"),
    [
        ("tv", "tv", None, "The ticket won: tv.", "Билет выиграл: tv."),
        (None, None, None, "The ticket did not win.", "Билет не выиграл."),
        (None, "tv", "stock", "The ticket drew tv, which isn't given: no more of it are left.",
         "Билету выпало tv, но не даётся: приз закончился."),
        (None, None, "kept", "The ticket did not win: the prize of this ticket was kept when its purchase came back.",
         "Билет не выиграл: приз этого билета остался у покупателя при возврате покупки."),
    ],
)  # fmt: skip
def test_a_draw_is_told(prize: str | None, drew: str | None, because: str | None, english: str, russian: str) -> None:
    assert draw_text(prize=prize, drew=drew, because=because, speech=ENGLISH) == english
    assert draw_text(prize=prize, drew=drew, because=because, speech=RUSSIAN) == russian
