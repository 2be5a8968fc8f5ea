"""What rewards, coupons and draws look like in answers, and what rules' templates say of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from app.api import answers
from app.api.answers import ANSWERS
from app.api.sale_answers_schema import EventAnswer, ExplanationAnswer, PurchaseAnswer, ReturnAnswer, SaleAnswer
from app.api.speech import Speech
from app.api.templates import blocks_of, fill
from app.domain.coupons import CouponVerdict, CouponWord
from app.domain.decision import Decision
from app.domain.program import Block
from app.flows.results import Sale
from tests.api import reward_samples, samples
from tests.api.reward_samples import LOST, WON


def told(sale: Sale) -> dict[str, Any]:
    body = ANSWERS.sale(sale)
    SaleAnswer.model_validate_json(body)
    document: dict[str, Any] = orjson.loads(body)
    return document


def test_effects_of_rewards_are_told_in_pieces() -> None:
    document = told(reward_samples.sale())
    limited = "2 pcs of 3 pcs given: no more codes of the coupon are left."
    free = {"limited_by": None}
    assert document["effects"][1:] == [
        {"rule": "mug", "kind": "reward", "gift": "MUG", "wanted": 1, "given": 1, **free, "cost": {"points": 150}},
        {"rule": "next", "kind": "reward", "coupon": "autumn", "codes": ["A1", "B2"], "wanted": 3, "given": 2,
         "limited_by": "pool", "limited_text": limited},
        {"rule": "lucky", "kind": "random_reward", "wallet": "points", "wanted": 100, "given": 100, **free},
    ]  # fmt: skip
    assert document["lines"][0]["parts"][1] == {
        "rule": "lucky",
        "kind": "random_reward",
        "wallet": "points",
        "units": 100,
    }
    assert document["surprise"] == {"possible": True}


def test_coupons_are_told_with_a_sentence() -> None:
    assert told(reward_samples.sale())["coupons"] == [
        {"code": "spring", "verdict": "applied", "rule": "spring", "because": "The coupon applied."},
        {"code": "OLD", "verdict": "expired", "rule": None, "because": "The coupon is no longer valid."},
        {
            "code": "LATER",
            "verdict": "not_applicable",
            "rule": None,
            "because": "The coupon gives nothing on this basket; it depends on this: basket total.",
            "reason": "basket_total",
        },
    ]
    russian = told(reward_samples.sale(is_russian=True))["coupons"]
    assert [each["because"] for each in russian] == [
        "Купон применён.",
        "Срок купона истёк.",
        "На этой корзине купон ничего не даёт; он зависит от условия: сумма корзины.",
    ]


def test_draws_are_told_with_all_that_decided_them() -> None:
    assert told(reward_samples.sale())["draws"] == [
        {
            "rule": "lucky",
            "ticket": "00000000000000ff",
            "prize": "p1",
            "algorithm": "independent",
            "day": "2026-11-22",
            "choice": "ff00000000000000",
            "chance": "1/20",
            "state": {},
            "drew": "p1",
            "because": None,
            "wallet": "points",
            "units": 100,
            "gift": None,
            "coupon": None,
            "slip_of": None,
            "text": "The ticket won: p1.",
        },
        {
            "rule": "plain-luck",
            "ticket": "00000000000000ff",
            "prize": None,
            "algorithm": "pity",
            "day": "2026-11-22",
            "choice": "ff00000000000000",
            "chance": "1/20",
            "state": {"misses": 3},
            "drew": "tv",
            "because": "stock",
            "wallet": None,
            "units": 0,
            "gift": None,
            "coupon": None,
            "slip_of": "a",
            "text": "The ticket drew tv, which isn't given: no more of it are left.",
        },
    ]


def test_hints_are_told_with_a_sentence() -> None:
    for is_russian, text in ((False, "Add 120.00 for 5 %."), (True, "Добавьте на 120,00 — будет скидка 5 %.")):
        assert told(reward_samples.sale(is_russian=is_russian))["hints"] == [
            {"rule": "more", "what": "amount", "missing": 12000, "gives": {"percent": "5"}, "text": text}
        ]


def test_messages_come_from_the_templates_of_what_gave_something() -> None:
    assert told(reward_samples.sale())["messages"] == [
        {"to": "cashier", "text": "spring: 5.00 off"},
        {"to": "cashier", "text": "Hand out 1 × MUG"},
        {"to": "customer", "text": "Enjoy your A mug! 1160 points left"},
        {"to": "customer", "text": "Your code: A1, B2"},
        {"to": "customer", "text": "You won p1: 100 points (100.00)!"},
    ]
    assert told(reward_samples.sale(is_russian=True))["messages"][:3] == [
        {"to": "cashier", "text": "spring: скидка 5,00"},
        {"to": "cashier", "text": "Выдайте 1 × MUG"},
        {"to": "customer", "text": "Enjoy your Кружка! 1160 points left"},
    ]


def test_blocks_are_ready_to_print_and_a_draw_always_has_its_proof() -> None:
    assert told(reward_samples.sale())["print"] == [
        {"type": "divider"},
        {"type": "text", "text": "Present: A mug", "align": "center"},
        {"type": "row", "left": "Next time", "right": "2 of 3"},
        {"type": "code", "format": "qr", "text": "A1, B2"},
        {"type": "text", "text": "p1 on 2026-11-22, 00000000000000ff", "align": "left"},
        {"type": "text", "text": "Draw 2026-11-22, plain-luck, ticket 00000000000000ff", "align": "left"},
    ]
    assert told(reward_samples.sale(is_russian=True))["print"][-1]["text"] == (
        "Розыгрыш 2026-11-22, plain-luck, билет 00000000000000ff"
    )


def test_a_lost_draw_is_not_congratulated_on() -> None:
    lost = replace(LOST, rule="lucky", drew=None, because=None)
    document = told(reward_samples.sale(decision=replace(bare(), draws=(lost,))))
    assert document["messages"] == []
    assert document["print"] == [
        {"type": "text", "text": "Draw 2026-11-22, lucky, ticket 00000000000000ff", "align": "left"}
    ]


def test_a_prize_of_a_gift_says_nothing_about_units() -> None:
    gift = replace(WON, wallet=None, units=0, gift="TV")
    document = told(reward_samples.sale(decision=replace(bare(), draws=(gift,))))
    assert document["messages"] == []
    assert document["print"][0]["text"] == "p1 on 2026-11-22, 00000000000000ff"


def test_a_quote_gives_no_codes_away() -> None:
    document = told(
        reward_samples.sale(id=None, state="quoted", decision=reward_samples.decision(is_quote=True), quote="t")
    )
    assert [effect.get("codes") for effect in document["effects"]] == [None, None, None]
    assert {"A1", "B2"}.isdisjoint(orjson.dumps(document).decode().split('"'))
    assert [each["text"] for each in document["messages"]] == [
        "spring: 5.00 off",
        "Hand out 1 × MUG",
        "Enjoy your A mug! 1160 points left",
    ]
    assert {block["type"] for block in document["print"]} == {"divider", "text", "row"}


def test_what_gave_nothing_is_not_told_of() -> None:
    decision = reward_samples.decision()
    nothing = tuple(replace(effect, given=0, codes=()) for effect in decision.effects)
    document = told(reward_samples.sale(decision=replace(decision, effects=nothing, draws=())))
    assert (document["messages"], document["print"]) == ([], [])


def test_an_anonymous_customer_has_no_balance_to_tell() -> None:
    document = told(reward_samples.sale(customer=None, balances={}))
    assert "Enjoy" not in str(document["messages"])
    assert "Hand out 1 × MUG" in str(document["messages"])


def test_an_event_is_told_like_a_purchase() -> None:
    body = ANSWERS.event(reward_samples.event(explain=True))
    EventAnswer.model_validate_json(body)
    document = orjson.loads(body)
    assert document["tx_id"] == str(reward_samples.EVENT)
    assert (document["type"], document["version"], document["accrued"]) == ("review", 43, {"points": 100})
    assert [each["rule"] for each in document["draws"]] == ["lucky", "plain-luck"]
    assert [each["rule"] for each in document["explain"]] == ["spring", "mug", "next", "lucky", "plain-luck", "more"]
    assert document["messages"] == told(reward_samples.sale())["messages"]
    assert document["print"] == told(reward_samples.sale())["print"]
    assert "explain" not in orjson.loads(ANSWERS.event(reward_samples.event()))


def test_a_return_says_what_rewards_went_back() -> None:
    returned = replace(samples.returned(), draws=(WON,), coupons=("SPRING",), voided=("A1",))
    body = ANSWERS.returned(returned)
    ReturnAnswer.model_validate_json(body)
    document = orjson.loads(body)
    assert (document["coupons"], document["voided"]) == (["SPRING"], ["A1"])
    assert document["draws"] == [
        {
            "rule": "lucky",
            "day": "2026-11-22",
            "ticket": "00000000000000ff",
            "prize": "p1",
            "wallet": "points",
            "units": 100,
            "gift": None,
            "coupon": None,
        }
    ]


def test_a_stored_purchase_is_told_in_the_readers_language() -> None:
    record = replace(
        samples.record(ANSWERS.sale(reward_samples.sale())), scheme=reward_samples.scheme(), verdicts=b"[]"
    )
    body = answers.purchase(record, explain=False, is_russian=True)
    PurchaseAnswer.model_validate_json(body)
    document = orjson.loads(body)
    assert document["hints"][0]["text"] == "Добавьте на 120,00 — будет скидка 5 %."
    assert document["coupons"][1]["because"] == "Срок купона истёк."
    assert document["draws"][0]["text"] == "Билет выиграл: p1."
    assert document["effects"][2]["limited_text"] == "Дано 2 шт. из 3 шт.: кодов купона не осталось."
    assert document["messages"][0]["text"] == "spring: 5.00 off"  # As it was said that day.
    explanation = answers.explanation(record, is_russian=True)
    ExplanationAnswer.model_validate_json(explanation)
    for part in ("hints", "coupons", "draws", "effects"):
        assert orjson.loads(explanation)[part] == document[part]


def test_told_again_in_the_same_language_it_is_the_same() -> None:
    """What is stored and what is made anew are one code path apart, and may not drift."""
    for is_russian in (False, True):
        sale = reward_samples.sale(is_russian=is_russian)
        record = replace(samples.record(ANSWERS.sale(sale)), scheme=sale.scheme, verdicts=b"[]")
        again = orjson.loads(answers.purchase(record, explain=False, is_russian=is_russian))
        again.pop("returned")
        assert again == orjson.loads(ANSWERS.sale(sale))


@pytest.mark.parametrize("word", CouponWord)
def test_every_coupon_verdict_fits_the_answer(word: CouponWord) -> None:
    decision = replace(reward_samples.decision(), coupons=(CouponVerdict("X", word, None, word),))
    assert told(reward_samples.sale(decision=decision))["coupons"][0]["verdict"] == word


@pytest.mark.parametrize(
    ("template", "values", "filled"),
    [
        ("plain", {}, "plain"),
        ("{a} and {a}", {"a": "1"}, "1 and 1"),
        ("{a}{b}", {"a": "{b}", "b": "2"}, "{b}2"),
        ("{a}", {"a": None}, None),
        ("{a} {b}", {"a": "1"}, None),
        ("{a}", {"a": ""}, ""),
        ("{ } {}", {}, "{ } {}"),
        (None, {"a": "1"}, None),
    ],
)
def test_a_template_is_filled_whole_or_not_told(
    template: str | None, values: Mapping[str, str | None], filled: str | None
) -> None:
    assert fill(template, values) == filled


@pytest.mark.parametrize(
    ("block", "document"),
    [
        (Block("divider"), {"type": "divider"}),
        (Block("text", {"en": "{a}"}, align="right"), {"type": "text", "text": "1", "align": "right"}),
        (Block("row", {"en": "{a}"}, right={"ru": "{a}!"}), {"type": "row", "left": "1", "right": "1!"}),
        (Block("code", {"en": "{a}"}, format="ean13"), {"type": "code", "format": "ean13", "text": "1"}),
        (Block("row", {"en": "{a}"}, right={"en": "{none}"}), None),
        (Block("row", {"en": "{none}"}, right={"en": "{a}"}), None),
        (Block("code", {"en": "{none}"}, format="qr"), None),
    ],
)
def test_each_kind_of_block(block: Block, document: dict[str, object] | None) -> None:
    expected = [] if document is None else [document]
    assert blocks_of((block,), {"a": "1", "none": None}, Speech("RUB")) == expected


def bare() -> Decision:
    """Without effects, draws and hints."""
    return replace(reward_samples.decision(is_quote=True), effects=(), hints=())
