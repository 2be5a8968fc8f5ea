"""Every call through which a stolen till key could learn whether a phone, card, code or receipt exists: all of them
together are one budget, and beyond it right and wrong have one answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest

from app.domain.identifiers import Identifier
from app.storage import budgets
from app.vault import KeyringVault
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, client_of, line, purchase, served_here, small_program

DAY = 60
LIMITS = {"lookup_misses_5min": 0, "lookup_misses_day": DAY, "lookup_misses_shop_day": 0}
TELLING = {"customer_not_found", "not_found", "identifier_taken"}
PHONE, CARD, NAME = "+79001234567", "22001234", "crm-1"
STORED = "STORED-1"
EXECUTED_AT = "2026-11-21T12:00:00+03:00"
WALLETS = {"points": {"value": 100}, "gift": {"value": 1}}

Asked = tuple[str, str, Any]
_SERIAL = count(1)


class Known:
    """What is there to be guessed: a customer with all identifiers, another till's receipt, a coupon, a gift card."""

    customer = ""
    gift = ""
    pooled = ""  # A code that lets the reward `cup` be asked for.


def named(**ref: str) -> Mapping[str, str]:
    return ref


def units(customer: Mapping[str, str], **more: Any) -> dict[str, Any]:
    number = f"U{next(_SERIAL)}"
    taking = {"wallet": "points", "points": 1, "receipt": {"number": number}, "reason": "a mug"}
    return {"customer": customer, **taking, **more}


def basket(code: str, customer: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {**purchase(None), "basket": {"lines": [line()], "coupons": [code]}, **more} | (
        {"customer": customer} if customer else {}
    )


def returning(number: str) -> dict[str, Any]:
    return {
        "receipt": {"number": f"B{next(_SERIAL)}"},
        "all": True,
        "purchase": {"terminal": "T-other", "number": number},
    }


def offline(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"executed_at": EXECUTED_AT, **body}]


def fresh(known: Known, text: str) -> str:
    return f"{text}{next(_SERIAL)}"


# By name: what asks for a thing that is there (of what may be taken: for a free one), and what asks for a wrong one.
ORACLES: Mapping[str, tuple[Callable[[Known], Asked], Callable[[Known], Asked]]] = {
    "look-up by phone": (
        lambda _: ("POST", "/v1/customers/lookup", {"customer": named(phone=PHONE)}),
        lambda _: ("POST", "/v1/customers/lookup", {"customer": named(phone=f"+7900555{next(_SERIAL):04}")}),
    ),
    "look-up by card": (
        lambda _: ("POST", "/v1/customers/lookup", {"customer": named(card=CARD)}),
        lambda known: ("POST", "/v1/customers/lookup", {"customer": named(card=fresh(known, "X"))}),
    ),
    "look-up by external id": (
        lambda _: ("POST", "/v1/customers/lookup", {"customer": named(external_id=NAME)}),
        lambda known: ("POST", "/v1/customers/lookup", {"customer": named(external_id=fresh(known, "x"))}),
    ),
    "look-up by an app's code": (
        lambda _: ("POST", "/v1/customers/lookup", {"customer": named(code="12345678-123456")}),
        lambda _: ("POST", "/v1/customers/lookup", {"customer": named(code=f"12345678{next(_SERIAL):06}")}),
    ),
    "quote's customer": (
        lambda _: ("POST", "/v1/quote", {"customer": named(phone=PHONE), "basket": {"lines": [line()]}}),
        lambda known: ("POST", "/v1/quote", {"customer": named(card=fresh(known, "X")), "basket": {"lines": [line()]}}),
    ),
    "accrue's customer": (
        lambda _: ("POST", "/v1/accrue", purchase({"phone": PHONE})),
        lambda known: ("POST", "/v1/accrue", purchase({"card": fresh(known, "X")})),
    ),
    "redeem's customer": (
        lambda _: ("POST", "/v1/redeem", units(named(phone=PHONE))),
        lambda known: ("POST", "/v1/redeem", units(named(card=fresh(known, "X")))),
    ),
    "held basket's customer": (
        lambda _: ("POST", "/v1/holds", {**purchase({"phone": PHONE}), "ttl_seconds": 60}),
        lambda known: ("POST", "/v1/holds", {**purchase({"card": fresh(known, "X")}), "ttl_seconds": 60}),
    ),
    "held units' customer": (
        lambda _: ("POST", "/v1/holds", units(named(phone=PHONE), ttl_seconds=60)),
        lambda known: ("POST", "/v1/holds", units(named(card=fresh(known, "X")), ttl_seconds=60)),
    ),
    "offline receipt's customer": (
        lambda _: ("POST", "/v1/receipts/offline", offline(purchase({"phone": PHONE}))),
        lambda known: ("POST", "/v1/receipts/offline", offline(purchase({"card": fresh(known, "X")}))),
    ),
    "referrer": (
        lambda known: ("POST", "/v1/customers", {"card": fresh(known, "N"), "referrer": {"phone": PHONE}}),
        lambda known: ("POST", "/v1/customers", {"card": fresh(known, "N"), "referrer": {"card": fresh(known, "X")}}),
    ),
    "registration of a phone that is taken": (
        lambda _: ("POST", "/v1/customers", {"phone": f"+7900666{next(_SERIAL):04}"}),
        lambda _: ("POST", "/v1/customers", {"phone": PHONE}),
    ),
    "a card's number that is taken": (
        lambda known: ("POST", f"/v1/customers/{known.customer}/cards", {"number": fresh(known, "N")}),
        lambda known: ("POST", f"/v1/customers/{known.customer}/cards", {"number": CARD}),
    ),
    "whose card it is": (
        lambda known: ("POST", f"/v1/customers/{known.customer}/cards/{CARD}/block", {}),
        lambda known: ("POST", f"/v1/customers/{known.customer}/cards/{fresh(known, 'X')}/block", {}),
    ),
    "a card to be replaced": (
        lambda known: ("POST", f"/v1/customers/{known.customer}/cards/{CARD}/replace", {}),
        lambda known: ("POST", f"/v1/customers/{known.customer}/cards/{fresh(known, 'X')}/replace", {}),
    ),
    "coupon": (
        lambda _: ("GET", f"/v1/coupons/{STORED}", None),
        lambda known: ("GET", f"/v1/coupons/{fresh(known, 'X')}", None),
    ),
    "quote's code": (
        lambda _: ("POST", "/v1/quote", {"basket": {"lines": [line()], "coupons": [STORED]}}),
        lambda known: ("POST", "/v1/quote", {"basket": {"lines": [line()], "coupons": [fresh(known, "X")]}}),
    ),
    "accrue's code": (
        lambda _: ("POST", "/v1/accrue", basket(STORED)),
        lambda known: ("POST", "/v1/accrue", basket(fresh(known, "X"))),
    ),
    "held basket's code": (
        lambda _: ("POST", "/v1/holds", basket(STORED, ttl_seconds=60)),
        lambda known: ("POST", "/v1/holds", basket(fresh(known, "X"), ttl_seconds=60)),
    ),
    "offline receipt's code": (
        lambda _: ("POST", "/v1/receipts/offline", offline(basket(STORED))),
        lambda known: ("POST", "/v1/receipts/offline", offline(basket(fresh(known, "X")))),
    ),
    "gift card": (
        lambda known: ("GET", f"/v1/gift-cards/{known.gift}", None),
        lambda _: ("GET", f"/v1/gift-cards/99900011{next(_SERIAL):08}", None),
    ),
    "a gift card to be sold": (
        lambda known: ("POST", f"/v1/gift-cards/{known.gift}/activate", {"receipt": {"number": fresh(known, "G")}}),
        lambda known: (
            "POST",
            f"/v1/gift-cards/99900011{next(_SERIAL):08}/activate",
            {"receipt": {"number": fresh(known, "G")}},
        ),
    ),
    "another till's receipt": (
        lambda _: ("GET", "/v1/purchases?terminal=T-other&number=1", None),
        lambda _: ("GET", f"/v1/purchases?terminal=T-other&number=9{next(_SERIAL)}", None),
    ),
    "a return of another till's": (
        lambda _: ("POST", "/v1/returns", returning("1")),
        lambda _: ("POST", "/v1/returns", returning(f"9{next(_SERIAL)}")),
    ),
    "a preview of it": (
        lambda _: ("POST", "/v1/returns?preview=true", returning("1")),
        lambda _: ("POST", "/v1/returns?preview=true", returning(f"9{next(_SERIAL)}")),
    ),
}


@asynccontextmanager
async def shop(stage: Stage, **limits: int) -> AsyncIterator[tuple[httpx.AsyncClient, Known]]:
    async with served_here(stage, **limits) as edge, client_of(edge) as http:
        known = Known()
        admin, other = Desk(http, await stage.key("admin")), await till(http, stage, "T-other")
        cup = {
            "id": "cup",
            "kind": "discount",
            "when": {"coupon": ["autumn"]},
            "give": {"amount": 100},
            "cost": {"points": 1},
        }
        program = small_program()
        await admin.publish({**program, "wallets": WALLETS, "rules": [*program["rules"], cup]})
        (known.pooled,) = (await admin.good("POST", "/v1/coupons", {"pool": "autumn", "count": 1}))["codes"]
        await admin.good("POST", "/v1/coupons", {"code": STORED, "uses": 100_000})
        made = await admin.good("POST", "/v1/gift-cards", {"wallet": "gift", "count": 1, "units": 100})
        known.gift = made["numbers"][0]
        known.customer = await other.register(phone=PHONE, card=CARD, external_id=NAME)
        assert (await other.accrue(known.customer, receipt="1")).status_code == 201
        yield http, known


async def till(http: httpx.AsyncClient, stage: Stage, terminal: str) -> Desk:
    return Desk(http, await stage.key("pos", shop="S1", terminal=terminal))


def _parts(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, dict):
        yield document
        document = list(document.values())
    for each in document if isinstance(document, list) else ():
        yield from _parts(each)


def tells(answer: httpx.Response) -> bool:
    """Whether it says of what was guessed that it is not there, or taken."""
    return any(
        part.get("code") in TELLING or (part.get("verdict") == "unknown" and "reason" not in part)
        for part in _parts(answer.json())
    )


def gist(answer: httpx.Response) -> list[tuple[Any, ...]]:
    """What two answers have to differ in to tell something."""
    said = [
        (part.get("status"), part.get("code") if "status" in part else None, part.get("verdict"), part.get("reason"))
        for part in _parts(answer.json())
    ]
    paid = [part["paid"] for part in _parts(answer.json()) if "paid" in part]
    return [(answer.status_code,), *(each for each in said if any(each)), tuple(paid)]


async def test_a_stolen_key_learns_60_things_a_day_by_whichever_call(stage: Stage, owner: asyncpg.Connection) -> None:
    async with shop(stage, **LIMITS) as (http, known):
        for place, (name, (right, wrong)) in enumerate(ORACLES.items()):
            thief = await till(http, stage, f"T{place}")
            told = 0
            for _ in range(DAY + 5):
                answer = await thief.call(*wrong(known))
                assert answer.status_code < 500, (name, answer.text)
                told += tells(answer)
            assert told == DAY, name
            whose = f"till\n%T{place}"
            assert (
                await owner.fetchval("select cardinality(times) from lookup_misses where whose like $1", whose) == DAY
            )
            assert gist(await thief.call(*right(known))) == gist(await thief.call(*wrong(known))), name


async def test_all_of_them_are_one_budget(stage: Stage) -> None:
    async with shop(stage, lookup_misses_5min=0, lookup_misses_day=len(ORACLES), lookup_misses_shop_day=0) as (
        http,
        known,
    ):
        thief = await till(http, stage, "T1")
        told = [tells(await thief.call(*wrong(known))) for _ in range(2) for _, wrong in ORACLES.values()]
        assert told == [True] * len(ORACLES) + [False] * len(ORACLES)


@pytest.mark.parametrize(
    "name", ["look-up by phone", "quote's code", "accrue's code", "registration of a phone that is taken"]
)
async def test_200_guesses_at_once_learn_no_more_than_one_after_another(stage: Stage, name: str) -> None:
    async with shop(stage, lookup_misses_5min=10, lookup_misses_day=60, lookup_misses_shop_day=300) as (http, known):
        thief = await till(http, stage, "T1")
        _, wrong = ORACLES[name]
        answers = await asyncio.gather(*(thief.call(*wrong(known)) for _ in range(200)))
        assert {answer.status_code for answer in answers} <= {200, 201, 404, 409, 429}
        assert sum(map(tells, answers)) == 10


async def test_what_is_withheld_is_said_and_public_codes_go_on(stage: Stage) -> None:
    async with shop(stage, lookup_misses_5min=1, lookup_misses_day=60, lookup_misses_shop_day=0) as (http, _):
        admin, thief = Desk(http, await stage.key("admin")), await till(http, stage, "T1")
        program = small_program()
        spring = {"id": "spring", "kind": "discount", "when": {"coupon": ["SPRING"]}, "give": {"amount": 100}}
        pooled = {**spring, "id": "pooled", "when": {"coupon": ["autumn"]}}
        await admin.publish({**program, "rules": [*program["rules"], spring, pooled]})
        made = await admin.good("POST", "/v1/coupons", {"pool": "autumn", "count": 1})
        code = made["codes"][0]

        async def verdicts(*codes: str) -> list[tuple[str, str | None]]:
            quoted = await thief.good("POST", "/v1/quote", {"basket": {"lines": [line()], "coupons": list(codes)}})
            return [(each["verdict"], each.get("reason")) for each in quoted["coupons"]]

        assert await verdicts(code, "SPRING") == [("applied", None), ("applied", None)]
        assert await verdicts(code, "NOSUCH") == [("applied", None), ("unknown", None)]
        withheld = ("unknown", "lookup_budget_exhausted")
        assert await verdicts(code, "SPRING", "NOSUCH2") == [withheld, ("applied", None), withheld]
        # Nothing was used of it, and nobody is kept from buying.
        assert (await thief.accrue(None)).status_code == 201
        other = await till(http, stage, "T2")
        assert (await other.post("/v1/accrue", basket(code))).json()["coupons"][0]["verdict"] == "applied"


async def test_beyond_the_budget_right_and_wrong_take_the_same_steps(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same statements in the same order and as many keyed hashes, so the time tells nothing either. No clock is
    asked: on a busy machine it would say anything.
    """
    steps = watch_steps(monkeypatch)
    async with shop(stage, lookup_misses_5min=0, lookup_misses_day=1, lookup_misses_shop_day=0) as (http, known):
        for place, (name, (right, wrong)) in enumerate(ORACLES.items()):
            thief = await till(http, stage, f"T{place}")
            await thief.call(*wrong(known))
            taken: list[list[str]] = []
            for asked in (right, wrong):
                tries: list[list[str]] = []
                for _ in range(3):  # One that found the program's version unconfirmed for a second has asked for it.
                    steps.clear()
                    await thief.call(*asked(known))
                    tries.append(steps.copy())
                taken.append(min(tries, key=len))
            assert taken[0] == taken[1], name
            is_write = name not in READS
            assert bool(taken[0]) == is_write, name  # Reads are refused unasked.
            if is_write and name not in SERVED:  # Others once their key is known to have no answer.
                assert len(taken[0]) <= ASKED_OF_A_KEY, name


ASKED_OF_A_KEY = 6  # Begin, the key's lock, its claim, and the end of the transaction.
READS = {
    *(name for name in ORACLES if name.startswith("look-up")),
    "quote's customer",
    "coupon",
    "gift card",
    "another till's receipt",
    "a preview of it",
}
SERVED = {"quote's code", "accrue's code", "held basket's code", "offline receipt's code", "offline receipt's customer"}


def watch_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the database, and hashed, from now on; without what other processes' misses are."""
    seen: list[str] = []

    def note(step: str) -> None:
        if step != budgets.CHANGED:
            seen.append(step)

    execute, digest = asyncpg.Connection._do_execute, KeyringVault.digest

    async def do_execute(self: asyncpg.Connection, query: str, *args: Any, **more: Any) -> Any:
        note(query)
        return await execute(self, query, *args, **more)

    def hashed(self: KeyringVault, identifier: Identifier) -> bytes:
        note("hash")
        return digest(self, identifier)

    monkeypatch.setattr(asyncpg.Connection, "_do_execute", do_execute)
    monkeypatch.setattr(KeyringVault, "digest", hashed)
    return seen


async def test_without_room_a_repeated_write_has_the_answer_that_it_had(stage: Stage) -> None:
    async with shop(stage, lookup_misses_5min=0, lookup_misses_day=1, lookup_misses_shop_day=0) as (http, known):
        desk = await till(http, stage, "T1")
        writes = {
            "buy": ("/v1/accrue", purchase({"phone": PHONE})),
            "take": ("/v1/redeem", units(named(card=CARD))),
            "hold": ("/v1/holds", units(named(phone=PHONE), ttl_seconds=60)),
            "sell": (f"/v1/gift-cards/{known.gift}/activate", {"receipt": {"number": "G"}}),
            "join": ("/v1/customers", {"phone": "+79007770001", "card": "FRESH1"}),
            "issue": (f"/v1/customers/{known.customer}/cards", {"number": "FRESH2"}),
            "back": ("/v1/returns", returning("1")),
        }
        first = {key: await desk.post(path, body, key=key) for key, (path, body) in writes.items()}
        assert {answer.status_code for answer in first.values()} == {201}, [each.text for each in first.values()]
        refused(await desk.post("/v1/customers/lookup", {"customer": {"phone": "+79005550000"}}), 404,
                "customer_not_found")  # fmt: skip
        refused(await desk.post("/v1/customers/lookup", {"customer": {"phone": PHONE}}), 429,
                "lookup_budget_exhausted")  # fmt: skip
        for key, (path, body) in writes.items():
            again = await desk.post(path, body, key=key)
            assert (again.status_code, again.content) == (201, first[key].content), key
            assert again.headers["Idempotent-Replayed"] == "true", key
        # Under such a key nothing else can be asked, and under another one nothing at all.
        for phone in (PHONE, "+79005550001"):
            other = purchase({"phone": phone}, line(price=7))
            refused(await desk.post("/v1/accrue", other, key="buy"), 422, "idempotency_key_reused")
            refused(await desk.post("/v1/accrue", other, key="new"), 429, "lookup_budget_exhausted")
        neighbour = await till(http, stage, "T2")
        assert (await neighbour.post(*writes["buy"], key="buy")).status_code == 201


async def test_lists_of_customers_have_a_budget_of_a_day_and_stand_in_the_log(
    stage: Stage, owner: asyncpg.Connection
) -> None:
    async with shop(stage, lookup_misses_bulk_day=6) as (http, known):
        admin, marketer = Desk(http, await stage.key("admin")), Desk(http, await stage.key("marketer"))
        await marketer.good("POST", "/v1/segments", {"id": "vip"})
        path = "/v1/segments/vip/members"

        def lists(*wrong: int) -> dict[str, Any]:
            unknown = [{"phone": f"+7900888{number:04}"} for number in wrong]
            return {"add": [{"phone": PHONE}, *unknown], "remove": unknown[:1]}

        first = await marketer.post(path, {"remove": [{"phone": PHONE}, {"card": CARD}]}, key="first")
        assert first.status_code == 200
        document = refused(await marketer.post(path, lists(1, 2, 3, 4)), 404, "customer_not_found")
        assert len(document["errors"]) == 5
        counted = "select whose, cardinality(times) as count from lookup_misses"
        assert [row["count"] for row in await owner.fetch(counted)] == [4]
        refused(await marketer.post(path, {"add": [{"phone": "nonsense"}]}), 422, "validation_error")
        # More than there is room for tell nothing, and use it up: known and unknown have one answer.
        refused(await marketer.post(path, lists(5, 6, 7)), 429, "lookup_budget_exhausted")
        for wrong in ((), (8,)):
            refused(await marketer.post(path, lists(*wrong)), 429, "lookup_budget_exhausted")
        (row,) = await owner.fetch(counted)
        assert row["whose"].startswith("bulk")
        # Whom the service named itself is no guess; what was answered is answered again; other budgets are whole.
        by_id = {"add": [{"id": known.customer}]}
        assert (await marketer.good("POST", path, by_id))["added"] == 1
        again = await marketer.post(path, {"remove": [{"phone": PHONE}, {"card": CARD}]}, key="first")
        assert (again.status_code, again.content) == (200, first.content)
        assert (await Desk(http, await stage.key("marketer")).post(path, lists())).status_code == 200
        (alert,) = (await admin.good("GET", "/v1/alerts?kind=lookup_budget"))["items"]
        assert alert["facts"] == {"burst": 0, "day": 6, "shop_day": 0}
        log = (await admin.good("GET", "/v1/audit-log?action=change_members&outcome=refused"))["items"]
        told = [(row["object"], row["details"]) for row in log if "add" in row["details"]]
        assert told == [
            ("", {"add": 1, "remove": 0, "code": "validation_error", "faults": 1}),
            ("", {"add": 5, "remove": 1, "code": "customer_not_found", "faults": 5}),
        ]


async def test_a_repeated_call_is_counted_once(stage: Stage, owner: asyncpg.Connection) -> None:
    async with shop(stage, **LIMITS) as (http, _):
        desk = await till(http, stage, "T1")
        coded = basket("NOSUCH")
        first = await desk.post("/v1/accrue", coded, key="one")
        again = await desk.post("/v1/accrue", coded, key="one")
        assert (first.content, again.headers["Idempotent-Replayed"]) == (again.content, "true")
        for _ in range(3):
            refused(await desk.post("/v1/customers", {"phone": PHONE}, key="two"), 409, "identifier_taken")
        counted = "select cardinality(times) from lookup_misses where whose like 'till%'"
        assert await owner.fetchval(counted) == 2
