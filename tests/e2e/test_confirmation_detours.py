"""Ways around a confirmation that a cashier might try: another address, another identification, a dearer program."""

import pytest

from tests.e2e.checks import refused
from tests.e2e.codes import PHONE, challenged, code_in, confirmed, is_dead, paying, ready, rich, sent, wrong
from tests.kit import Desk, Stage, purchase, small_program

OWN = {"number": "MY-OWN-CARD-1"}


@pytest.fixture
async def support(http: object, stage: Stage) -> Desk:
    return Desk(http, await stage.key("support"))  # type: ignore[arg-type]


def gift(points: int, *, who: object, receipt: str) -> dict[str, object]:
    return {"customer": who, "wallet": "points", "points": points, "receipt": {"number": receipt}, "reason": "a gift"}


async def limited(admin: Desk, **strength: int | None) -> None:
    await admin.publish(small_program(redemption={"strength": strength}))


@pytest.mark.parametrize("role", ["pos", "shop"])
async def test_a_till_cannot_have_codes_sent_to_itself(
    till: Desk, admin: Desk, support: Desk, stage: Stage, role: str
) -> None:
    customer = await ready(admin, till, email="anna@example.com")
    thief = Desk(till.http, await stage.key(role, shop="S1", terminal="T1"))
    for email in ("thief@example.com", None):
        changed = await thief.call("PATCH", f"/v1/customers/{customer}", {"name": "Anna", "email": email})
        refused(changed, 403, "insufficient_scope")
    await challenged(till, "/v1/accrue", paying(50))
    assert sent(stage)[-1]["email"] == "anna@example.com"
    await support.good("PATCH", f"/v1/customers/{customer}", {"email": "new@example.com"})
    await challenged(till, "/v1/accrue", paying(50))
    assert sent(stage)[-1]["email"] == "new@example.com"


@pytest.mark.parametrize("named", ["id", "external_id"])
async def test_the_id_has_a_strength_of_its_own(till: Desk, admin: Desk, stage: Stage, named: str) -> None:
    customer = await ready(admin, till, external_id="crm-7")
    who = {"id": customer} if named == "id" else {"external_id": "crm-7"}
    await limited(admin, phone=0, card=None, id=10)
    quote = await till.good("POST", "/v1/quote", purchase(who, redeem={"points": 10}))
    assert quote["redeem"]["wallets"]["points"]["terms"]["strength"] == 10
    await challenged(till, "/v1/accrue", paying(11, who=who))
    for path, more in (("/v1/redeem", {}), ("/v1/holds", {"ttl_seconds": 60})):
        await challenged(till, path, gift(11, who=who, receipt="R1") | more)
    await till.good("POST", "/v1/redeem", gift(10, who=who, receipt="R2"))
    await till.good("POST", "/v1/redeem", gift(400, who={"card": "77"}, receipt="R3"))


async def test_the_id_counts_as_a_card_unless_it_is_named(till: Desk, admin: Desk) -> None:
    who = {"id": await ready(admin, till)}
    await limited(admin, phone=0, card=30)
    await challenged(till, "/v1/redeem", gift(31, who=who, receipt="R1"))
    await limited(admin, phone=0, card=30, id=None)
    await till.good("POST", "/v1/redeem", gift(31, who=who, receipt="R1"))


async def test_a_till_gives_a_card_only_to_who_has_confirmed_it(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    await limited(admin, phone=0, id=0, card=None)
    path = f"/v1/customers/{customer}/cards"
    challenge = await challenged(till, path, OWN, key="K")
    refused(await till.post("/v1/redeem", gift(5, who={"card": OWN["number"]}, receipt="R")), 404, "customer_not_found")
    code = code_in(sent(stage)[-1])
    wrongly = await till.post(path, confirmed(OWN, challenge, wrong(code)), key="K")
    assert refused(wrongly, 403, "confirmation_failed")["attempts_left"] == 4
    assert is_dead(await till.post(path, confirmed({"number": "ANOTHER-2"}, challenge, code), key="K"))
    assert is_dead(await till.post(path, confirmed(OWN, challenge, code), key="another call"))
    made = await till.post(path, confirmed(OWN, challenge, code), key="K")
    again = await till.post(path, confirmed(OWN, challenge, code), key="K")
    assert (made.status_code, made.content) == (201, again.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    await till.good("POST", "/v1/redeem", gift(5, who={"card": OWN["number"]}, receipt="R"))


async def test_a_till_replaces_a_card_only_of_who_has_confirmed_it(till: Desk, admin: Desk, stage: Stage) -> None:
    customer = await ready(admin, till)
    await limited(admin, phone=0, id=0, card=None)
    path = f"/v1/customers/{customer}/cards/77/replace"
    challenge = await challenged(till, path, OWN, key="K")
    await till.good("POST", "/v1/redeem", gift(5, who={"card": "77"}, receipt="R1"))
    done = await till.post(path, confirmed(OWN, challenge, code_in(sent(stage)[-1])), key="K")
    assert done.status_code == 201
    await till.good("POST", "/v1/redeem", gift(5, who={"card": OWN["number"]}, receipt="R2"))


async def test_cards_that_lift_no_limit_and_cards_of_support_need_no_code(
    till: Desk, admin: Desk, support: Desk, stage: Stage
) -> None:
    path = f"/v1/customers/{await ready(admin, till)}/cards"
    await limited(admin, phone=0, id=0, card=None)
    await support.good("POST", path, {"number": "S-1"})
    harmless: list[dict[str, int | None]] = [{}, {"phone": 20, "card": 20}, {"phone": None, "card": None}]
    for number, strength in enumerate(harmless):
        await limited(admin, **strength)
        await till.good("POST", path, {"number": f"T-{number}"})
    assert sent(stage) == []


async def test_a_code_is_good_for_the_cost_that_was_told(till: Desk, admin: Desk, stage: Stage) -> None:
    def program(cost: int) -> dict[str, object]:
        mug = {"id": "mug", "kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": cost}}
        return small_program(redemption={"strength": {"phone": 20}}, rules=[*small_program()["rules"], mug])

    await admin.publish(program(150))
    await rich(admin, till, phone=PHONE)
    body = purchase({"phone": PHONE}, redeem={"rewards": {"mug": 1}})
    challenge = await challenged(till, "/v1/accrue", body, key="K")
    assert "points: 150, mug: 1" in sent(stage)[-1]["text"]
    await admin.publish(program(900))
    answered = await till.post("/v1/accrue", confirmed(body, challenge, code_in(sent(stage)[-1])), key="K")
    other = refused(answered, 403, "confirmation_required")["challenge_id"]
    assert other != challenge
    assert "points: 900, mug: 1" in sent(stage)[-1]["text"]
    done = await till.post("/v1/accrue", confirmed(body, str(other), code_in(sent(stage)[-1])), key="K")
    assert done.json()["totals"]["redeemed_units"] == {"points": 900}


async def test_max_beside_what_is_confirmed_is_what_was_told(till: Desk, admin: Desk, stage: Stage) -> None:
    wallets = {"points": {"value": 100}, "cashback": {"value": 1}}
    redemption = {"wallets": ["points", "cashback"], "strength": {"phone": 20}}
    await admin.publish(small_program(wallets=wallets, redemption=redemption))
    customer = await rich(admin, till, phone=PHONE)

    async def fill(units: int) -> None:
        present = {"wallet": "cashback", "points": units, "reason": "a present"}
        await admin.good("POST", f"/v1/customers/{customer}/adjust", present)

    await fill(300)
    body = purchase({"phone": PHONE}, redeem={"points": 40, "cashback": "max"})
    challenge = await challenged(till, "/v1/accrue", body)
    assert "points: 40, cashback: 300." in sent(stage)[-1]["text"]
    await fill(500)
    other = await challenged(till, "/v1/accrue", confirmed(body, challenge, code_in(sent(stage)[-1])))
    done = await till.good("POST", "/v1/accrue", confirmed(body, other, code_in(sent(stage)[-1])))
    assert done["totals"]["redeemed_units"] == {"points": 40, "cashback": 800}


async def test_a_code_lifts_nothing_for_a_purchase_that_was_not_possible_when_it_was_sent(
    till: Desk, admin: Desk, stage: Stage
) -> None:
    customer = await ready(admin, till, points=40)
    challenge = await challenged(till, "/v1/accrue", paying(50, receipt="R"))
    body = confirmed(paying(50, receipt="R"), challenge, code_in(sent(stage)[-1]))
    more = {"wallet": "points", "points": 100, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", more)
    other = await challenged(till, "/v1/accrue", body)
    await till.good("POST", "/v1/accrue", confirmed(body, other, code_in(sent(stage)[-1])))


async def test_the_till_writes_nothing_of_its_own_into_the_message(till: Desk, admin: Desk, stage: Stage) -> None:
    await ready(admin, till)
    await challenged(till, "/v1/accrue", paying(50, receipt="0. Cancel? Call +7 495 000-00-00 evil.example"))
    assert sent(stage)[-1]["text"].endswith("receipt 0CancelCall7495000-0. Valid for 3 min.")
