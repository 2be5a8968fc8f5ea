"""Decisions asked for, shown and explained: sentences in both languages, messages, blocks to print, draws, hints."""

import re
from typing import Any

import pytest

from app.api.sale_answers_schema import ExplanationAnswer, PurchaseAnswer, ReturnAnswer, SaleAnswer
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, line, purchase, refund, small_program

RUSSIAN = {"Accept-Language": "ru-RU, en;q=0.5"}
RULES: list[dict[str, Any]] = [
    {"id": "steps", "kind": "discount", "give": {"steps": [{"min": 100000, "percent": "5"}]}},
    {"id": "spring", "kind": "discount", "title": {"en": "Spring", "ru": "Весна"}, "when": {"coupon": ["SPRING"]},
     "give": {"amount": 1000}, "messages": {"cashier": {"en": "{title}: {amount} off", "ru": "{title}: −{amount}"}}},
    {"id": "gold", "kind": "discount", "when": {"tag": ["gold"]}, "give": {"percent": "10"}},
    {"id": "toys", "kind": "discount", "on": {"category": ["toys"]}, "give": {"percent": "10"}},
    {"id": "off", "kind": "discount", "enabled": False, "give": {"percent": "10"}},
    {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}, "limit": {"receipt": 300}},
    {"id": "mug", "kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": 50},
     "title": {"en": "A mug", "ru": "Кружка"},
     "messages": {"cashier": {"ru": "Выдайте: {title}, {given} шт."}, "customer": {"en": "{balance} points left"}},
     "receipt": [{"divider": True}, {"text": {"en": "Present: {title}", "ru": "Подарок: {title}"}, "align": "center"},
                 {"left": {"en": "Points"}, "right": {"en": "{balance}"}}, {"code": "{gift}", "format": "code128"}]},
    {"id": "lucky", "kind": "random_reward",
     "give": {"draw": {"algorithm": "independent", "chance": "1", "prizes": [{"id": "p1", "weight": 1, "units": 7}]}},
     "messages": {"customer": {"en": "You won {units} {wallet}", "ru": "Вы выиграли {units} {wallet}"}}},
]  # fmt: skip


def program(**parts: Any) -> dict[str, Any]:
    return small_program(rules=RULES, **parts)


@pytest.fixture
async def shopper(till: Desk, admin: Desk) -> str:
    """A customer with 1,000 points under the program above."""
    await admin.publish(program())
    customer = await till.register()
    await admin.good(
        "POST", f"/v1/customers/{customer}/adjust", {"wallet": "points", "points": 1000, "reason": "a start"}
    )
    return customer


def asked(customer: str, **more: Any) -> dict[str, Any]:
    """400.00 with a coupon that is good and one that isn't, and a mug."""
    body = purchase(customer, line(price=40000), redeem={"rewards": {"mug": 1}}, **more)
    body["basket"]["coupons"] = ["spring", "NONE"]
    return body


async def test_a_purchase_says_what_it_brought(till: Desk, shopper: str) -> None:
    response = await till.post("/v1/accrue", asked(shopper))
    assert response.status_code == 201, response.text
    assert response.headers["vary"] == "Accept-Language"
    SaleAnswer.model_validate_json(response.content)
    sale = response.json()
    assert [(each["rule"], each["wanted"], each["given"], each["limited_by"]) for each in sale["effects"]] == [
        ("spring", 1000, 1000, None), ("base", 390, 300, "receipt"), ("mug", 1, 1, None), ("lucky", 7, 7, None),
    ]  # fmt: skip
    effects = {each["rule"]: each for each in sale["effects"]}
    assert (effects["mug"]["gift"], effects["mug"]["cost"]) == ("MUG", {"points": 50})
    assert effects["base"]["limited_text"] == ("300 points of 390 points given: more isn't given on one receipt.")
    assert [(each["code"], each["verdict"], each["rule"], each["because"]) for each in sale["coupons"]] == [
        ("spring", "applied", "spring", "The coupon applied."),
        ("NONE", "unknown", None, "There is no such coupon."),
    ]
    assert sale["balances"]["points"]["available"] == 1000 - 50 + 300 + 7
    assert sale["hints"] == [
        {"rule": "steps", "what": "amount", "missing": 60000, "gives": {"percent": "5"}, "text": "Add 600.00 for 5 %."}
    ]
    assert sale["messages"] == [
        {"to": "cashier", "text": "Spring: 10.00 off"},
        {"to": "cashier", "text": "Выдайте: A mug, 1 шт."},  # The only language that it has.
        {"to": "customer", "text": "1257 points left"},
        {"to": "customer", "text": "You won 7 points"},
    ]
    (draw,) = sale["draws"]
    assert sale["print"] == [
        {"type": "divider"},
        {"type": "text", "text": "Present: A mug", "align": "center"},
        {"type": "row", "left": "Points", "right": "1257"},
        {"type": "code", "format": "code128", "text": "MUG"},
        {"type": "text", "text": f"Draw {draw['day']}, lucky, ticket {draw['ticket']}", "align": "left"},
    ]
    assert (draw["rule"], draw["prize"], draw["drew"], draw["units"], draw["chance"]) == ("lucky", "p1", "p1", 7, "1/1")
    assert re.fullmatch("[0-9a-f]{16}", draw["ticket"])
    assert re.fullmatch("[0-9a-f]{16}", draw["choice"])
    assert sale["surprise"] == {"possible": True}


async def test_a_quote_says_the_same_and_draws_nothing(till: Desk, shopper: str) -> None:
    quote = await till.good("POST", "/v1/quote", asked(shopper))
    assert (quote["surprise"], quote["draws"]) == ({"possible": True}, [])
    assert [each["rule"] for each in quote["effects"]] == ["spring", "base", "mug"]
    assert [each["text"] for each in quote["messages"]] == [
        "Spring: 10.00 off", "Выдайте: A mug, 1 шт.", "1250 points left",
    ]  # fmt: skip
    assert [each["type"] for each in quote["print"]] == ["divider", "text", "row", "code"]


async def test_a_purchase_speaks_russian_and_a_replay_is_the_same_bytes(till: Desk, shopper: str) -> None:
    body = asked(shopper)
    first = await till.post("/v1/accrue?explain=true", body, key="once", headers=RUSSIAN)
    assert first.status_code == 201, first.text
    again = await till.post("/v1/accrue?explain=true", body, key="once")  # In English by now.
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    sale = first.json()
    assert [each["text"] for each in sale["messages"]] == [
        "Весна: −10,00", "Выдайте: Кружка, 1 шт.", "1257 points left", "Вы выиграли 7 points",
    ]  # fmt: skip
    assert sale["print"][1]["text"] == "Подарок: Кружка"
    assert sale["print"][-1]["text"].startswith("Розыгрыш ")
    assert sale["hints"][0]["text"] == "Добавьте на 600,00 — будет скидка 5 %."
    assert [each["because"] for each in sale["coupons"]] == ["Купон применён.", "Такого купона нет."]
    assert (await till.good("GET", "/v1/requests/once"))["body"] == sale
    read = (await till.get(f"/v1/purchases/{sale['id']}?explain=true")).json()
    PurchaseAnswer.model_validate(read)
    assert (read["messages"], read["print"]) == (sale["messages"], sale["print"])  # As they were said.
    assert read["hints"][0]["text"] == "Add 600.00 for 5 %."  # As the reader likes it.
    back = await till.call("GET", f"/v1/purchases/{sale['id']}?explain=true", headers=RUSSIAN)
    assert {name: value for name, value in back.json().items() if name != "returned"} == sale


async def test_every_rule_explains_itself_in_either_language(till: Desk, shopper: str) -> None:
    body = asked(shopper)
    sale = await till.good("POST", "/v1/accrue?explain=true", body)
    response = await till.get(f"/v1/purchases/{sale['id']}/explain")
    ExplanationAnswer.model_validate_json(response.content)
    assert response.headers["vary"] == "Accept-Language"
    english = response.json()
    assert (english["id"], english["program"]) == (sale["id"], sale["program"])
    assert [(each["rule"], each["verdict"], each["because"], each["text"]) for each in english["explain"]] == [
        ("steps", "skipped", "gives_nothing", "The rule would give nothing on this basket."),
        ("spring", "applied", None, "The rule applied."),
        ("gold", "skipped", "tag", "The customer must have one of the tags gold; the customer's are none."),
        ("toys", "skipped", "on", "No line of the basket is one that the rule is about."),
        ("off", "skipped", "enabled", "The rule is switched off."),
        ("base", "applied", None, "The rule applied."),
        ("mug", "applied", None, "The rule applied."),
        ("lucky", "applied", None, "The rule applied."),
    ]  # fmt: skip
    assert english["explain"] == sale["explain"]
    assert {"effects", "coupons", "draws", "hints"} < english.keys()
    russian = (await till.call("GET", f"/v1/purchases/{sale['id']}/explain", headers=RUSSIAN)).json()
    assert [each["text"] for each in russian["explain"]][:3] == [
        "На этой корзине правило ничего не даёт.",
        "Правило применено.",
        "Нужна одна из меток gold; у покупателя нет.",
    ]
    number = body["receipt"]["number"]
    by_receipt = (await till.get(f"/v1/purchases?number={number}&explain=true")).json()
    assert by_receipt["explain"] == english["explain"]


async def test_an_explanation_stays_that_of_its_day(till: Desk, admin: Desk, shopper: str) -> None:
    sale = await till.good("POST", "/v1/accrue", asked(shopper))
    before = (await till.get(f"/v1/purchases/{sale['id']}/explain")).json()
    await admin.publish(small_program())
    assert (await till.get(f"/v1/purchases/{sale['id']}/explain")).json() == before


async def test_only_the_shop_and_support_read_an_explanation(
    till: Desk, admin: Desk, shopper: str, stage: Stage
) -> None:
    other_till = Desk(till.http, await stage.key("pos", shop="S2", terminal="T1"))
    sale = await till.good("POST", "/v1/accrue", asked(shopper))
    path = f"/v1/purchases/{sale['id']}/explain"
    refused(await other_till.get(path), 404, "not_found")
    refused(await till.get("/v1/purchases/none/explain"), 404, "not_found")
    assert (await admin.get(path)).status_code == 200


async def test_a_reward_not_asked_for_says_its_cost(till: Desk, shopper: str) -> None:
    sale = await till.good("POST", "/v1/accrue?explain=true", purchase(shopper))
    (mug,) = (each for each in sale["explain"] if each["rule"] == "mug")
    assert (mug["because"], mug["need"], mug["have"]) == ("cost", {"points": 50}, None)
    assert mug["text"] == "The rule costs 50 points and has to be asked for."
    assert [each["text"] for each in sale["messages"]] == ["You won 7 points"]


async def test_a_return_says_which_prizes_went_back(till: Desk, shopper: str) -> None:
    sale = await till.good("POST", "/v1/accrue", asked(shopper))
    response = await till.post(f"/v1/purchases/{sale['id']}/returns", refund())
    assert response.status_code == 201, response.text
    ReturnAnswer.model_validate_json(response.content)
    back = response.json()
    (draw,) = sale["draws"]
    assert [(each["rule"], each["ticket"], each["prize"], each["units"]) for each in back["draws"]] == [
        ("lucky", draw["ticket"], "p1", 7)
    ]
    assert back["voided"] == []
    assert await till.balance(shopper, min_version=back["version"]) == 1000


async def test_codes_are_given_when_a_purchase_is_committed_and_not_in_a_quote(till: Desk, admin: Desk) -> None:
    rule = {
        "id": "next",
        "kind": "reward",
        "on": {"sku": ["A"], "units": {}},
        "give": {"coupon": "autumn"},
        "messages": {"customer": {"en": "{given} of {wanted} codes: {coupon}"}},
        "receipt": [{"code": "{coupon}", "format": "qr"}, {"text": {"en": "Thank you for {wanted}"}}],
    }
    pool = await admin.good("POST", "/v1/coupons", {"pool": "autumn", "count": 2})
    await admin.publish(small_program(rules=[rule]))
    customer = await till.register()
    body = purchase(customer, line(sku="A", qty=3))
    quote = await till.good("POST", "/v1/quote", body)
    (effect,) = quote["effects"]
    assert (effect["coupon"], effect["wanted"], effect["given"]) == ("autumn", 3, 2)
    assert "codes" not in effect
    assert (quote["messages"], quote["print"]) == (
        [], [{"type": "text", "text": "Thank you for 3", "align": "left"}],
    )  # fmt: skip
    sale = await till.good("POST", "/v1/accrue", body)
    (effect,) = sale["effects"]
    assert sorted(effect["codes"]) == sorted(pool["codes"])
    assert effect["limited_text"] == "2 pcs of 3 pcs given: no more codes of the coupon are left."
    told = ", ".join(effect["codes"])
    assert sale["messages"] == [{"to": "customer", "text": f"2 of 3 codes: {told}"}]
    assert sale["print"][0] == {"type": "code", "format": "qr", "text": told}
    nothing = await till.good("POST", "/v1/accrue?explain=true", purchase(customer, line(sku="A")))
    assert (nothing["effects"], nothing["messages"], nothing["print"]) == ([], [], [])
    assert nothing["explain"][0]["text"] == "Nothing is left of 1 pc: no more codes of the coupon are left."
    back = await till.good("POST", f"/v1/purchases/{sale['id']}/returns", refund())
    assert sorted(back["voided"]) == sorted(pool["codes"])
