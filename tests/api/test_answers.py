"""The bytes that go out: every live answer fits its documented model, and says what the contract says it says."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import httpx
import orjson
import pytest

from app.api import answers
from app.api.answers import ANSWERS
from app.api.answers_schema import Problem
from app.api.calls import Operation
from app.api.masking import mask_card, mask_phone
from app.api.operations import OPERATIONS
from app.api.sale_answers_schema import PurchaseAnswer
from app.domain.amounts import quantity
from app.domain.customer import mask_name
from app.domain.rejections import Rejected, Rejection
from tests.api import coupon_samples, draw_samples, hold_samples, key_samples, people_samples, samples
from tests.api.doubles import MemoryService


def offline_receipt() -> dict[str, Any]:
    sent = samples.purchase()
    return {"executed_at": "2026-11-21T12:00:00+03:00"} | {name: sent[name] for name in ("receipt", "basket")}


BODIES: dict[str, Any] = {
    "decide_alert": {"state": "seen"},
    "quote": samples.purchase(),
    "accrue": samples.purchase(),
    "redeem": samples.redemption(),
    "place_hold": hold_samples.held_basket(),
    "capture_hold": {"lines": [{"id": "1", "qty": 1}]},
    "post_offline": [offline_receipt(), offline_receipt() | {"executed_at": "yesterday"}],
    "return_lines": samples.returned_lines(),
    "return_by_receipt": samples.returned_by_receipt() | {"purchase": {"shop": "S1", "terminal": "T1", "number": "1"}},
    "register": samples.registration(),
    "lookup": {"customer": {"phone": samples.PHONE}},
    "update": {"tags": ["vip"]},
    "adjust": {"wallet": "points", "points": 5, "reason": "a present"},
    "erase": {"ground": "gdpr_17"},
    "put_draft": samples.program(),
    "post_event": {"type": "review", "data": {"stars": 5}},
    "make_coupons": coupon_samples.pool(),
    "announce_prize_draw": draw_samples.terms(),
    "issue_card": {"type": "club"},
    "block_card": {},
    "replace_card": {},
    "make_gift_cards": {"wallet": "gift", "units": 100000},
    "activate_gift_card": {"receipt": {"number": "G1"}},
    "block_gift_card": {},
    "ask_backtest": {"last": 1000},
    "create_key": {"role": "pos", "shops": ["S1"], "terminal": "T1"},
    "make_segment": {"id": "coffee", "title": "Coffee twice a week"},
    "sign_in": {"login": "anna", "password": "correct horse battery", "code": "123456"},
    "set_up_person": {"invitation": "x" * 43, "password": "correct horse battery"},
    "change_members": {"add": [{"id": str(samples.CUSTOMER)}], "remove": [{"phone": samples.PHONE}]},
}
QUERIES = {
    "purchase_by_receipt": "?shop=S1&terminal=T1&number=7&explain=true",
    "finish_sign_in": "?state=x&code=y",
}
COOKIES = {"finish_sign_in": f"__Host-kopilka-sign-in={people_samples.TOKEN}"}
SHOP = {
    "quote",
    "accrue",
    "place_hold",
    "redeem",
    "return_lines",
    "return_by_receipt",
    "activate_gift_card",
    "post_offline",
}


def path_of(operation: Operation) -> str:
    named = {"Keys": key_samples.ID, "People": people_samples.ID}.get(operation.tag, str(samples.CUSTOMER))
    path = (
        operation.path.replace("{id}", named)
        .replace("{key}", "k")
        .replace("{code}", "SPRING")
        .replace("{number}", "2700000000042")
        .replace("{version}", "3")
        .replace("{date}", "2026-11-21")
        .replace("{tx_id}", str(samples.PURCHASE))
    )
    return path + QUERIES.get(operation.name, "")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_a_live_answer_fits_its_model(operation: Operation, client: httpx.AsyncClient) -> None:
    key = "till" if operation.name in SHOP else "admin"
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
    if operation.name in COOKIES:
        headers["Cookie"] = COOKIES[operation.name]
    body = BODIES.get(operation.name)
    answer = await client.request(operation.method, path_of(operation), json=body, headers=headers)
    assert answer.status_code in operation.answers, answer.text
    assert answer.status_code == next(status for status in (201, 202, 200, 303) if status in operation.answers)
    assert answer.headers["content-type"] == operation.media_type
    model = operation.answers[answer.status_code]
    if model is not None:
        model.model_validate_json(answer.content)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.can_preview], ids=lambda each: each.name)
async def test_a_preview_fits_its_model(operation: Operation, client: httpx.AsyncClient) -> None:
    answer = await client.post(path_of(operation) + "?preview=true", json=BODIES[operation.name])
    model = operation.answers[200]
    assert answer.status_code == 200
    assert model is not None
    model.model_validate_json(answer.content)


def test_a_sale_is_told_member_by_member() -> None:
    document = orjson.loads(ANSWERS.sale(samples.sale()))
    assert list(document) == [
        "id", "tx_id", "state", "receipt", "at", "program", "customer", "version", "totals", "lines", "redeem",
        "effects", "coupons", "surprise", "draws", "hints", "balances", "messages", "print", "quote", "valid_until",
    ]  # fmt: skip
    assert document["id"] == document["tx_id"] == str(samples.PURCHASE)
    assert document["at"] == "2026-11-21T12:00:00+03:00"
    assert document["customer"] == {"id": str(samples.CUSTOMER), "tier": "gold", "name": "An***"}
    assert document["totals"] == {
        "gross": 56816,
        "discount": 1016,
        "redeemed": 5000,
        "paid": 50800,
        "redeemed_units": {"points": 50},
        "accrued": {"points": 10},
    }
    assert document["lines"] == [
        {
            "id": "1",
            "gross": 25800,
            "discount": 0,
            "redeemed": 5000,
            "paid": 20800,
            "accrued": {"points": 10},
            "prices": [{"qty": 2, "price": 10400}],
            "parts": [{"rule": "base", "kind": "bonus", "wallet": "points", "units": 10}],
        },
        {
            "id": "2",
            "gross": 31016,
            "discount": 1016,
            "redeemed": 0,
            "paid": 30000,
            "accrued": {},
            "prices": [{"qty": "0.345", "price": 86957, "amount": 30000}],
            "parts": [{"rule": "shelf", "kind": "discount", "amount": 1016}],
        },
    ]
    assert document["effects"] == [
        {
            "rule": "shelf",
            "kind": "discount",
            "amount": 1016,
            "wanted": 2000,
            "given": 1016,
            "limited_by": "min_price",
            "limited_text": "10.16 of 20.00 given: the lines are at their lowest prices.",
        },
        {"rule": "base", "kind": "bonus", "wallet": "points", "wanted": 10, "given": 10, "limited_by": None},
    ]
    assert document["redeem"]["wallets"]["points"] == {
        "max_units": 77,
        "max_money": 7740,
        "bound_by": "max_share",
        "terms": {"max_share": 7740, "lines_room": 7800, "available": 120000, "min_paid": 25800, "strength": 100},
    }
    assert document["coupons"] == [
        {"code": "SPRING", "verdict": "unknown", "rule": None, "because": "There is no such coupon."}
    ]
    assert document["balances"] == {"points": {"available": 1160, "pending": 0, "held": 0}}
    assert document["surprise"] == {"possible": False}
    assert [document[name] for name in ("draws", "hints", "messages", "print")] == [[], [], [], []]


def test_what_was_accrued_is_told_for_every_wallet_of_the_program() -> None:
    document = orjson.loads(ANSWERS.sale(samples.sale(scheme=samples.scheme(wallets=("points", "cashback")))))
    assert document["totals"]["accrued"] == {"points": 10, "cashback": 0}


def test_a_quote_has_no_ids_and_an_anonymous_one_no_customer() -> None:
    document = orjson.loads(ANSWERS.sale(samples.sale(id=None, state="quoted", customer=None, balances={})))
    assert (document["id"], document["tx_id"], document["customer"], document["balances"]) == (None, None, None, {})


def test_an_explanation_has_a_sentence_in_either_language() -> None:
    english = orjson.loads(ANSWERS.sale(samples.sale(explain=True)))["explain"]
    assert english[1] == {
        "rule": "gold-10",
        "verdict": "skipped",
        "because": "basket_total",
        "need": {"min": 100000},
        "have": 56816,
        "text": "The basket's total must be at least 1000.00; it is 568.16.",
    }
    assert [(each["rule"], each["text"]) for each in english] == [
        ("shelf", "The rule applied."),
        ("gold-10", "The basket's total must be at least 1000.00; it is 568.16."),
        ("old", "Another rule of its lane gave more or came first (best)."),
        ("base", "No line of the basket is one that the rule is about."),
        ("toys", "No line of the basket is one that the rule is about."),
        ("off", "The rule is switched off."),
    ]
    russian = orjson.loads(ANSWERS.sale(samples.sale(explain=True, is_russian=True)))
    assert russian["explain"][1]["text"] == "Нужна сумма корзины не меньше 1000,00; сейчас 568,16."
    assert russian["effects"][0]["limited_text"] == "Дано 10,16 из 20,00: цены позиций уже минимальные."
    assert russian["coupons"][0]["because"] == "Такого купона нет."


async def test_a_stored_purchase_is_told_with_what_came_back(client: httpx.AsyncClient) -> None:
    path = f"/v1/purchases/{samples.PURCHASE}"
    document = (await client.get(path)).json()
    assert document["returned"] == {"1": 1, "2": 0}
    assert "explain" not in document
    russian = (await client.get(f"{path}?explain=true", headers={"Accept-Language": "ru"})).json()
    assert [each["rule"] for each in russian["explain"]] == ["shelf", "gold-10", "old", "base", "toys", "off"]
    assert russian["explain"][1]["text"] == "Нужен один из уровней gold; у покупателя нет."
    assert russian["coupons"][0]["because"] == "Такого купона нет."  # Stored in English.
    assert russian["effects"][0]["limited_text"] == "Дано 10,16 из 20,00: цены позиций уже минимальные."


async def test_a_purchase_is_explained_by_itself(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/purchases/{samples.PURCHASE}/explain", headers={"Accept-Language": "ru, en;q=0.5"})
    document = answer.json()
    assert answer.headers["vary"] == "Accept-Language"
    assert (document["id"], document["program"]) == (str(samples.PURCHASE), 7)
    assert [(each["rule"], each["because"]) for each in document["explain"]] == [
        ("shelf", "on"), ("gold-10", "tier"), ("old", "on"), ("base", "on"), ("toys", "on"), ("off", "enabled"),
    ]  # fmt: skip
    assert document["explain"][0]["text"] == "В корзине нет позиций, к которым относится правило."
    assert [each.get("limited_text") for each in document["effects"]] == [
        "Дано 10,16 из 20,00: цены позиций уже минимальные.",
        None,
    ]


def test_a_purchase_of_an_earlier_release_is_told_too() -> None:
    old = orjson.loads(ANSWERS.sale(samples.sale()))
    old["coupons"] = [{"code": "X", "verdict": "unknown", "rule": None, "because": "There is no such coupon."}]
    for name in ("hints", "print"):
        old.pop(name)
    for effect in old["effects"]:
        effect.pop("limited_text", None)
    told = orjson.loads(answers.purchase(samples.record(orjson.dumps(old)), explain=True, is_russian=True))
    PurchaseAnswer.model_validate(told)
    assert told["coupons"] == [{"code": "X", "verdict": "unknown", "rule": None, "because": "Такого купона нет."}]


async def test_only_answers_with_sentences_vary_by_language(client: httpx.AsyncClient) -> None:
    spoken = await client.post("/v1/quote", json=samples.purchase())
    silent = await client.get(f"/v1/customers/{samples.CUSTOMER}/balance")
    refused = await client.post("/v1/quote", json={})
    assert [each.headers.get("vary") for each in (spoken, silent, refused)] == ["Accept-Language", None, None]


async def test_a_customer_is_masked_for_tills_and_in_clear_for_support(client: httpx.AsyncClient) -> None:
    path = f"/v1/customers/{samples.CUSTOMER}"
    for key in ("till", "web"):
        answer = await client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert answer.json()["phone"] == "+7******4567"
        assert answer.json()["name"] == "An***"
        assert answer.json()["cards"] == ["****2222", "****"]
        for secret in (samples.PHONE, samples.EMAIL, "Anna", "4276000011112222", "1990-05-04"):
            assert secret not in answer.text
    for key in ("support", "admin"):
        answer = await client.get(path, headers={"Authorization": f"Bearer {key}"})
        person = {name: answer.json()[name] for name in ("phone", "name", "email", "birthday", "cards")}
        assert person == {
            "phone": samples.PHONE,
            "name": "Anna",
            "email": samples.EMAIL,
            "birthday": "1990-05-04",
            "cards": ["4276000011112222", "22001"],
        }
        masked = await client.post(
            "/v1/customers/lookup", json={"customer": {"card": "1"}}, headers={"Authorization": f"Bearer {key}"}
        )
        assert samples.PHONE not in masked.text


async def test_answers_that_are_stored_hold_no_personal_data(client: httpx.AsyncClient, service: MemoryService) -> None:
    headers = {"Authorization": "Bearer support", "Idempotency-Key": "1"}
    await client.post("/v1/customers", json=samples.registration(), headers=headers)
    await client.patch(
        f"/v1/customers/{samples.CUSTOMER}", json={"name": "Anna"}, headers=headers | {"Idempotency-Key": "2"}
    )
    assert len(service.answers) == 2
    for _, answer in service.answers.values():
        for secret in (samples.PHONE, samples.EMAIL, "Anna", "1990"):
            assert secret not in answer.body.decode()


async def test_the_way_to_the_next_tier(client: httpx.AsyncClient) -> None:
    document = (await client.get(f"/v1/customers/{samples.CUSTOMER}")).json()
    assert document["tier"] == "silver"
    assert document["next_tier"] == {"id": "gold", "from": 5_000_000, "measure": 1_200_000, "left": 3_800_000}
    top = replace(samples.profile(), tier=replace(samples.profile().tier, next_id=None, next_from=None))
    assert orjson.loads(answers.profile(top, is_masked=True))["next_tier"] is None


def test_instants_are_told_in_the_offset_they_carry() -> None:
    east = samples.NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    document = orjson.loads(ANSWERS.sale(samples.sale(at=east, valid_until=samples.REGISTERED)))
    assert (document["at"], document["valid_until"]) == ("2026-11-21T14:45:00+05:45", "2026-01-02T03:04:05.000678Z")


@pytest.mark.parametrize(("milli", "told"), [(1000, 1), (345, "0.345"), (2500, "2.5"), (0, 0), (10**9, 10**6)])
def test_quantities_are_told_as_they_are_sent(milli: int, told: object) -> None:
    assert quantity(milli) == told


def test_masks_leave_too_little_to_find_anybody() -> None:
    assert mask_phone(samples.PHONE) == "+7******4567"
    assert mask_phone("+442079460018") == "+4*******0018"
    assert (mask_name("Anna"), mask_name("Я"), mask_name("")) == ("An***", "***", "***")
    assert (mask_card("4276000011112222"), mask_card("22001")) == ("****2222", "****")


def test_a_refusal_is_the_problem_document_that_the_edge_sends() -> None:
    refused = Rejected(Rejection.DUPLICATE_RECEIPT, "Posted.", facts={"original_tx_id": samples.PURCHASE, "status": 1})
    answer = ANSWERS.refusal(refused, request_id="r-1")
    document = orjson.loads(answer.body)
    assert answer.status == document["status"] == 409
    assert document["original_tx_id"] == str(samples.PURCHASE)
    assert document["request_id"] == "r-1"
    Problem.model_validate(document)
