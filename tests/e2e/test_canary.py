"""Personal data is planted, taken through the service's calls, and looked for wherever it may have been left.

Before an erasure it stands nowhere but sealed and in what support is told in clear; after it nowhere at all.
"""

import base64
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.domain.rules.birthdays import days_since_nearest
from app.engines.programs import find_postgres
from app.verification import findings
from tests.canary import Canary, cache, dump, files, needles, phones
from tests.e2e import canary_life
from tests.e2e.checks import refused
from tests.e2e.codes import sent
from tests.kit import Desk, Stage, line, live, purchase, refund, small_program

NATIONAL, OTHER = "9005551234", "9015557788"
NAME, FIRST, LAST = "Зинаида Кварцева", "Зинаида", "Кварцева"
MAILBOX, CARD, CARD_2 = "zinaida.kvarts", "2200555512341234", "2200777712344321"
EMAIL = f"{MAILBOX}@canary.example"
OUTER, STRANGER = "crm-canary-0042", "Аполлинария Нетутова"
PERSON = {
    "phone": "+7" + NATIONAL,
    "card": CARD,
    "external_id": OUTER,
    "name": NAME,
    "email": EMAIL,
    "birthday": "1987-10-23",
    "tags": ["tag-kvarts"],
    "consents": [{"type": "marketing", "version": "3", "channel": "till"}],
}
CANARY = Canary(
    {
        "phone": phones(NATIONAL),
        "another phone": phones(OTHER),
        "name": (NAME, FIRST, LAST),
        "e-mail": (EMAIL, MAILBOX),
        "birthday": ("1987-10-23", "23.10.1987", "19871023"),
        "card": (CARD, CARD_2),
        "external id": (OUTER,),
        "a stranger": (STRANGER, *STRANGER.split()),
    }
)
RICH = {"basket_total": {"min": 10**9}}
SPELLINGS = (f"+7{NATIONAL}", f"8{NATIONAL}", "8 (900) 555-12-34", "+7 900 555 12 34", "7-900-555-12-34")
REASON = f"{NAME} asked for it, call 8 (900) 555-12-34"
# Rules that look at the person, each in another way; none of them gives anything.
BIRTHDAY = {"birthday": {"before": 0, "after": 0}}
RULES: tuple[dict[str, Any], ...] = (
    {"id": "born", "kind": "bonus", "when": BIRTHDAY, "give": {"units": 5}},
    {"id": "born-or-rich", "kind": "bonus", "when": {"any": [BIRTHDAY, RICH]}, "give": {"units": 5}},
    {"id": "tagged", "kind": "bonus", "when": {"tag": ["another"]}, "give": {"units": 5}},
)
SINK = "messages.jsonl"  # Codes are sent into it instead of to people: it holds phones by its purpose.


def test_the_canary_sings_whatever_way_it_is_written() -> None:
    text = f"{NAME} 8 (900) 555-12-34"
    for way in needles(NAME):
        assert CANARY.found_in(b"\x00some" + way + b"more\xff") >= {"name"}
    for before in range(5):
        hidden = base64.b64encode(b"x" * before + text.encode() + b"after")
        assert CANARY.found_in(hidden) >= {"name", "phone"}, before
    for spelling in (
        *SPELLINGS,
        "+7(900)5551234",
        "900 555-12-34",
        "8\u2013900\u2013555\u201312\u201334",
        "900.555.12.34",
    ):
        assert "phone" in CANARY.found_in(spelling.encode().replace("\u2013".encode(), b"-")), spelling
        assert "phone" in CANARY.found_in(quote(spelling.replace("\u2013", "-"), safe="").encode()), spelling
    assert CANARY.found_in(b"Anna +79001112233 anna@example.org 1990-01-01") == set()


def gone_when_erased() -> Canary:
    """What purchases keep of the person, readable while there is one: masks, tags, how far the birthday is."""
    days = days_since_nearest(date(1987, 10, 23), datetime.now(ZoneInfo("Europe/Moscow")).date())
    near = [f'"{name}":{space}{value}' for name, value in (("have", days), ("have", f"[{days}")) for space in ("", " ")]
    return Canary(
        {
            "tag": ("tag-kvarts",),
            "masked name": ("Зи***",),
            "masked number": ("+7******1234", "****1234", "****4321", "****0042"),
            "how far the birthday is": [*near, f'"birthday_days":{days}', f'"birthday_days": {days}'],
        }
    )


class Told:
    """What callers other than support were answered, heads and bodies."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, bytes]] = []

    async def note(self, response: httpx.Response) -> None:
        await response.aread()
        request = response.request
        heads = b"\n".join(b"%b: %b" % pair for pair in response.headers.raw)
        self.answers.append((f"{request.method} {request.url.path} {response.status_code}", heads + response.content))


async def visit(till: Desk, admin: Desk) -> str:
    """A customer's life, with everything that may be refused on the way; the customer's id."""
    customer = (await till.good("POST", "/v1/customers", PERSON))["id"]
    path = f"/v1/customers/{customer}"
    for phone in SPELLINGS:
        await till.good("POST", "/v1/customers/lookup", {"customer": {"phone": phone}})
    await till.good("POST", f"{path}/cards", {"number": CARD_2, "type": "club"})
    await till.good("PATCH", path, {"name": NAME, "birthday": PERSON["birthday"]})
    await admin.good("PATCH", path, {"email": EMAIL})
    sold = [(await till.accrue(name, line(price=50000))).json() for name in (
        {"phone": SPELLINGS[2]}, {"card": CARD}, {"card": CARD_2}, {"external_id": OUTER}, {"id": customer}
    )]  # fmt: skip
    explained = await till.good("POST", "/v1/accrue?explain=true", purchase(customer, line(price=5000)))
    assert {"born", "born-or-rich", "tagged"} <= {
        each["rule"] for each in explained["explain"] if each["have"] is not None
    }
    basket = {"basket": {"lines": [line()]}, "customer": {"phone": SPELLINGS[3]}}
    await till.good("POST", "/v1/quote", basket)
    spending = {"customer": {"card": CARD}, "wallet": "points", "points": 5, "reason": "gift"}
    await till.good("POST", "/v1/redeem", {**spending, "receipt": {"number": "G1"}})
    held = await till.good("POST", "/v1/holds", {**spending, "receipt": {"number": "H1"}, "ttl_seconds": 600})
    await till.good("POST", f"/v1/holds/{held['id']}/release")
    await till.good("POST", f"/v1/purchases/{sold[0]['id']}/returns", refund())
    await till.good("POST", f"{path}/events", {"type": "review"})
    await admin.good("POST", "/v1/segments", {"id": "canaries"})
    await admin.good("POST", "/v1/segments/canaries/members", {"add": [{"phone": SPELLINGS[1]}]})
    for read in ("", "/balance", "/history", "/lots"):
        await till.good("GET", path + read)
    await till.good("GET", f"/v1/purchases/{sold[1]['id']}?explain=true")
    await till.good("POST", f"{path}/cards/{CARD_2}/block")
    refused(await till.post("/v1/customers", PERSON), 409, "identifier_taken")
    await mistakes(till, customer)
    return str(customer)


async def mistakes(till: Desk, customer: str) -> None:
    """Calls that are refused, with personal data where it belongs and where it doesn't."""
    unknown = {"phone": "+7" + OTHER, "name": STRANGER}
    bodies: tuple[tuple[str, Any], ...] = (
        ("/v1/customers", {**unknown, "email": EMAIL.replace("@", " at ")}),
        ("/v1/customers", {**unknown, "birthday": "23.10.1987"}),
        ("/v1/customers", {**unknown, "surname": EMAIL}),
        ("/v1/customers", f'{{"phone": "{OTHER}", "name": "{STRANGER}"'.encode()),
        ("/v1/customers", f'{{"name": "{NAME}", "name": "{STRANGER}"}}'.encode()),
        ("/v1/customers", f'"{STRANGER}'.encode("utf-16")),
        ("/v1/customers", {"phone": f"{NATIONAL}{NATIONAL}"}),
        ("/v1/customers/lookup", {"customer": {"phone": OTHER}}),
        ("/v1/customers/lookup", {"customer": {"phone": STRANGER}}),
        ("/v1/customers/lookup", {"customer": {"card": CARD, "phone": OTHER}}),
        ("/v1/accrue", {"customer": {"phone": OTHER}, "receipt": {"number": "X1"}, "basket": {"lines": [line()]}}),
        ("/v1/accrue", {"customer": {"phone": OTHER}, "receipt": {"number": STRANGER * 20}, "basket": {}}),
        ("/v1/redeem", {"customer": {"card": CARD}, "wallet": NAME, "points": 10**9, "receipt": {"number": "X2"},
                        "reason": "gift"}),
        (f"/v1/customers/{customer}/cards", {"number": CARD}),
    )  # fmt: skip
    for place, (path, body) in enumerate(bodies):
        assert (await till.post(path, body)).status_code >= 400, f"{place} {path}"
    for path in (f"/v1/customers/{OTHER}", f"/v1/gift-cards/{CARD}", f"/v1/{OTHER}/x", f"/v1/customers?phone={OTHER}"):
        assert (await till.get(path)).status_code >= 400, path
    for headers in ({"Authorization": f"Bearer {EMAIL}"}, {"X-Request-Id": f"{OTHER} {EMAIL}"}):
        assert (await till.call("POST", "/v1/customers", {"phone": "1"}, headers=headers)).status_code >= 400


@pytest.fixture
def told() -> Told:
    return Told()


async def more_of_life(stage: Stage, http: httpx.AsyncClient, till: Desk, admin: Desk, customer: str) -> list[bytes]:
    """All that `canary_life` knows; secrets that were told on the way, which stand nowhere in clear."""
    phone = SPELLINGS[0]
    await canary_life.confirmations(till, admin, stage, phone=phone)
    secret = await canary_life.app_code(till, admin, customer)
    secrets: list[bytes] = [secret, base64.b32encode(secret).rstrip(b"=")]
    secrets += [str(message["text"]).split(".")[0].encode() for message in sent(stage)]  # `Code 123456`
    await canary_life.receipts_made_offline(till, phone=SPELLINGS[2], stranger="+7" + OTHER)
    await canary_life.marketing(till, admin, customer, phone=phone)
    await canary_life.alerts(stage, admin)
    assert CANARY.found_in(await canary_life.backtest(admin)) == set()
    second = Desk(http, await stage.key("admin"))
    await canary_life.approvals(admin, second, customer, reason=REASON)
    async with httpx.AsyncClient(base_url=http.base_url) as page:
        for told in (await canary_life.somebody_signs_in(stage, page, login="operator-1")).values():
            secrets += [each if isinstance(each, bytes) else each.encode() for each in told]
    keys = (desk.key.encode() for desk in (till, admin, second))
    return [*secrets, *keys]


async def test_nothing_personal_is_left_anywhere(stage: Stage, told: Told) -> None:
    async with (
        live(stage, LOG_LEVEL="debug", ADJUST_CONFIRM_ABOVE="1000") as service,
        httpx.AsyncClient(base_url=service.url) as plain,
    ):
        http = httpx.AsyncClient(base_url=service.url, event_hooks={"response": [told.note]})
        admin, support = Desk(plain, await stage.key("admin")), Desk(plain, await stage.key("support"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        await admin.publish(small_program(rules=[*small_program()["rules"], *RULES]))
        customer = await visit(till, admin)
        secrets = Canary({"a secret": await more_of_life(stage, plain, till, admin, customer)})
        seen = await support.good("GET", f"/v1/customers/{customer}/export")
        assert (seen["customer"]["name"], seen["customer"]["phone"]) == (NAME, PERSON["phone"])
        assert REASON in {each["reason"] for each in seen["postings"]}
        assert CANARY.found(alive := await places(stage, admin, told)) == {}
        assert secrets.found(alive) == {}
        gone = gone_when_erased()
        kept_meanwhile = await places(stage, admin, Told())
        assert set().union(*gone.found(kept_meanwhile).values()) >= {"tag", "masked name", "how far the birthday is"}

        await support.good("POST", f"/v1/customers/{customer}/erase", {"ground": "ru_152fz"})
        await mistakes(till, customer)
        left = await places(stage, admin, told)
        shown = ("/export", "/history", "", "/consents")
        left += [(path, (await support.get(f"/v1/customers/{customer}{path}")).content) for path in shown]
        left += [("adjustments", (await admin.get("/v1/adjustments")).content)]
        assert CANARY.found(left) == {}
        assert secrets.found(left) == {}
        # What a till was told before, masked, is what `told` has; nowhere else is anything left of it.
        assert gone.found(await places(stage, admin, Told())) == {}
        await http.aclose()
        service.stop()
    assert CANARY.found(kept(stage)) == {}
    assert await findings(stage.owner_url) == []


async def places(stage: Stage, admin: Desk, told: Told) -> list[tuple[str, bytes]]:
    """Everything that a dump, a log, or anybody but support could show."""
    paths = ("/metrics", "/v1/events", "/v1/audit-log?limit=100", "/v1/alerts", "/v1/erasures", "/v1/prize-draws/fair")
    pages = [(path, (await admin.get(path)).content) for path in paths]
    answers = [each for each in told.answers if not _is_own_card(each[0])]
    dumped = dump(stage.owner_url, program=find_postgres(major=None).directory / "pg_dump")
    for seen in ("CANARY10", '"totals"'):  # Text, and binary columns: nothing is hidden by the way it was dumped.
        assert Canary({seen: [seen]}).found(dumped)
    return [*dumped, *await cache(stage.redis_url), *kept(stage), *pages, *answers]


def kept(stage: Stage) -> Iterable[tuple[str, bytes]]:
    """All files of the service, logs among them, but the one that stands for the customers' own phones."""
    return [(name, hay) for name, hay in files(Path(stage.data_dir)) if name != SINK]


def _is_own_card(place: str) -> bool:
    """Whoever issues or blocks a card is told its number: it has to be printed."""
    return place.split(" ")[1].endswith(("/cards", "/block")) and place.split(" ")[2] in {"200", "201"}
