"""Many want the same thing at the same moment, in two workers: one gets it, the others are told so."""

import asyncio
from collections import Counter

from tests.storm.stands import Ground, fresh, sale, tills
from tests.storm.wire import Reply

CLIENTS = 16


async def test_a_receipt_posted_under_many_keys_at_once_is_posted_once(arena: Ground) -> None:
    bearer = await arena.key("X1")
    customers = [await arena.customer() for _ in range(3)]
    with tills(arena.service.url, [bearer] * CLIENTS) as crowd:
        for turn in range(5):
            receipt = fresh("race")
            bodies = [sale(customers[place * turn % 3], receipt=receipt) for place in range(CLIENTS)]
            replies = await asyncio.gather(
                *(till.settle("/v1/accrue", body, key=fresh("race")) for till, body in zip(crowd, bodies, strict=True))
            )
            _one_won(replies, lost="duplicate_receipt")
            (winner,) = (reply.json()["tx_id"] for reply in replies if reply.is_good)
            assert {reply.json()["original_tx_id"] for reply in replies if not reply.is_good} == {winner}
            arena.note(replies)
    await arena.audit()


async def test_a_purchase_returned_by_many_at_once_is_returned_once(arena: Ground) -> None:
    bearers = [await arena.key(f"X{place}") for place in range(CLIENTS)]
    customer = await arena.customer(points=50)
    with tills(arena.service.url, bearers) as crowd:
        for _ in range(3):
            bought = await crowd[0].post("/v1/accrue", sale(customer, qty=3, redeem={"points": 30}))
            target = f"/v1/purchases/{bought.json()['id']}/returns"
            replies = await asyncio.gather(
                *(
                    till.settle(target, {"receipt": {"number": fresh("back")}, "all": True}, key=fresh("back"))
                    for till in crowd
                )
            )
            _one_won(replies, lost="return_exceeds_purchase")
            arena.note([bought, *replies])
        assert await crowd[0].balance(customer) == 50
    await arena.audit()


async def test_a_phone_registered_by_many_at_once_is_one_customer(arena: Ground) -> None:
    with tills(arena.service.url, [arena.admin.key] * CLIENTS) as crowd:
        for turn in range(3):
            body = {"phone": f"+7 900 555-00-{turn:02}", "name": "Anna"}
            replies = await asyncio.gather(*(till.settle("/v1/customers", body, key=fresh("phone")) for till in crowd))
            _one_won(replies, lost="identifier_taken")


async def test_versions_published_at_once_follow_each_other(arena: Ground) -> None:
    before = (await arena.admin.good("GET", "/v1/program"))["version"]
    with tills(arena.service.url, [arena.admin.key] * 4) as crowd:
        replies = await asyncio.gather(
            *(till.settle("/v1/program/publish", {}, key=fresh("publish")) for till in crowd)
        )
    assert sorted(reply.json()["version"] for reply in replies) == [before + place for place in range(1, 5)]


def _one_won(replies: list[Reply], *, lost: str) -> None:
    assert Counter(reply.code for reply in replies) == {None: 1, lost: len(replies) - 1}
