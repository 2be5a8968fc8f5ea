"""What rules see beside the basket (segments, card types, the partner, the way a customer was found), and what is kept
of it for back-tests.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import orjson
import pytest
from redis.asyncio import Redis

from app.domain.identifiers import Identifier, IdentifierKind
from app.vault import KeyringVault
from tests.kit import Desk, Stage, line, purchase, small_program

CARDS = {"PLAIN1": None, "GOLD1": "gold"}


def _bonus(rule: str, **when: Any) -> dict[str, Any]:
    return {"id": rule, "kind": "bonus", "give": {"units": 1}, "when": when}


@pytest.fixture
async def anna(admin: Desk, till: Desk, stage: Stage, owner: asyncpg.Connection) -> str:
    """Of two cards, one of a type, in a segment; rules give a unit each to whoever they see."""
    await admin.publish(
        small_program(
            rules=[
                _bonus("vips", segment=["vip"]),
                _bonus("gold-cards", card_type=["gold"]),
                _bonus("friends", partner=["fuel"]),
                _bonus("by-card", identified_by=["card"]),
                _bonus("own", tag=["staff"]),
            ]
        )
    )
    birthday = (datetime.now(ZoneInfo("Europe/Moscow")).date() - timedelta(days=5)).replace(year=1992)
    anna = await till.register(phone="+79001234567", name="Anna", birthday=birthday.isoformat(), tags=["staff"])
    vault = KeyringVault(stage.keyring())
    digests = {card: vault.digest(Identifier(IdentifierKind.CARD, card)) for card in CARDS}
    for card, digest in digests.items():
        await owner.execute(
            "insert into identifiers (digest, kind, customer_id, card_type) values ($1, 'card', $2, $3)",
            digest,
            anna,
            CARDS[card],
        )
    types = {digests[card].hex(): kind for card, kind in CARDS.items() if kind}
    await owner.execute(
        "update profiles set segments = '{vip}', card_types = $2 where customer_id = $1",
        anna,
        orjson.dumps(types).decode(),
    )
    await owner.execute("update customers set revision = revision + 1 where id = $1", anna)
    async with Redis.from_url(stage.redis_url) as redis:
        await redis.flushall()  # As whoever changes a customer forgets what the cache has of it.
    return anna


@pytest.fixture
async def partner(http: httpx.AsyncClient, stage: Stage, owner: asyncpg.Connection) -> Desk:
    """A till in a shop of another company of the coalition."""
    desk = Desk(http, await stage.key("pos", shop="F1", terminal="P1"))
    await owner.execute("set session_replication_role = replica; update keys set partner = 'fuel' where shops = '{F1}'")
    return desk


async def _rules(desk: Desk, customer: dict[str, str] | str | None, **more: Any) -> list[str]:
    answer = await desk.good("POST", "/v1/accrue", purchase(customer, **more))
    return [effect["rule"] for effect in answer["effects"]]


async def test_a_card_that_is_shown_counts_by_its_own_type(till: Desk, anna: str) -> None:
    assert await _rules(till, {"phone": "+79001234567"}) == ["vips", "gold-cards", "own"]
    assert await _rules(till, {"card": "GOLD1"}) == ["vips", "gold-cards", "by-card", "own"]
    assert await _rules(till, {"card": "PLAIN1"}) == ["vips", "by-card", "own"]
    assert await _rules(till, anna) == ["vips", "gold-cards", "by-card", "own"]
    assert await _rules(till, None) == []


async def test_a_quote_sees_the_same_as_the_purchase(till: Desk, partner: Desk, anna: str) -> None:
    for desk, reference in [(till, {"card": "PLAIN1"}), (partner, {"id": anna})]:
        asked = {name: member for name, member in purchase(reference).items() if name != "receipt"}
        quoted = [effect["rule"] for effect in (await desk.good("POST", "/v1/quote", asked))["effects"]]
        assert quoted == await _rules(desk, reference)
        assert ("friends" in quoted) == (desk is partner)


async def test_what_was_seen_is_kept_without_personal_data(partner: Desk, anna: str, owner: asyncpg.Connection) -> None:
    first = await partner.good("POST", "/v1/accrue", purchase({"card": "GOLD1"}))
    basket = {"lines": [line(sku="A")], "coupons": ["NONE"], "payments": [{"method": "card", "amount": 9900}]}
    second = await partner.good("POST", "/v1/accrue", purchase(anna, basket=basket, redeem={"points": 1}))
    kept = orjson.loads(await owner.fetchval("select basket from purchases where id = $1", second["id"]))
    at = datetime.fromisoformat(first["at"])
    assert datetime.fromisoformat(kept["facts"].pop("last_purchase_at")) == at
    assert kept == {
        **basket,
        "redeem": {"points": 1},
        "rewards": {},
        "visit": {
            "channel": "pos",
            "identified_by": "card",
            "partner": "fuel",
            "card_types": ["gold"],
            "is_by_id": True,
        },
        "facts": {
            "tier": None,
            "available": {"points": 5},
            "purchases": 1,
            "birthday_days": 5,
            "tags": ["staff"],
            "segments": ["vip"],
            "is_gift_card": False,
        },
    }


async def test_of_nobody_there_is_nothing_to_keep(till: Desk, anna: str, owner: asyncpg.Connection) -> None:
    assert anna
    bought = await till.good("POST", "/v1/accrue", purchase(None))
    kept = orjson.loads(await owner.fetchval("select basket from purchases where id = $1", bought["id"]))
    assert "facts" not in kept
    assert kept["visit"] == {"channel": "pos", "identified_by": None, "partner": None, "card_types": []}
