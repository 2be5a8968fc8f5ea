"""Many tills at once on few hot customers and many cold ones; afterwards nothing tells that they were not alone."""

import asyncio
import random
from collections import Counter
from typing import Any

from tests.kit import Desk, Stage, client_of, served_here, small_program
from tests.storm.crowd import PROGRAM, Done, Shopper
from tests.storm.stands import Ground, Till, tills
from tests.storm.wire import Wire

CLIENTS = 24
REQUESTS = 28  # A client: some 700 in all, a fifth of them several times.
HOT, COLD = 4, 40
OTHERS = 3
SEED = 20_261_121

# What differs from one run to the next.
_OF_THE_RUN = {"id", "tx_id", "at", "purchase", "customer", "request_id", "original_tx_id"}


async def test_a_storm_ends_as_the_same_purchases_one_at_a_time(arena: Ground, stage: Stage) -> None:
    await arena.admin.publish(PROGRAM)
    cards = [f"storm-{place}" for place in range(HOT + COLD)]
    ids = {card: await arena.admin.register(card=card) for card in cards}
    done = await _storm(arena, cards, ids)
    posted = [each for each in done if each.reply.is_good]
    arena.note(each.reply for each in posted)
    await arena.audit()
    assert len(posted) > CLIENTS * REQUESTS // 2
    assert {each.reply.code for each in done} <= {
        None, "insufficient_points", "redeem_limit_exceeded", "return_exceeds_purchase",
    }  # fmt: skip
    posted.sort(key=lambda each: (each.card, each.reply.json()["version"]))
    async with served_here(stage) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        await admin.publish(PROGRAM)
        quiet = {ids[card]: await admin.register(card=card) for card in cards}
        desks = [Desk(http, await stage.key("pos", shop="S1", terminal=f"S{place}")) for place in range(CLIENTS)]
        for each in posted:
            await _repeat(each, admin if each.target.endswith("/adjust") else desks[each.terminal], quiet)
    await arena.admin.publish(small_program())


async def _storm(arena: Ground, cards: list[str], ids: dict[str, str]) -> list[Done]:
    bearers = [await arena.key(f"S{place}") for place in range(CLIENTS)]
    luck = random.Random(SEED)
    with tills(arena.service.url, [bearer for bearer in bearers for _ in range(1 + OTHERS)]) as manned:
        support = [Till(Wire(arena.service.url), arena.admin.key) for _ in range(CLIENTS)]
        shoppers = [
            Shopper(
                place=place,
                terminal=f"S{place}",
                till=manned[place * (1 + OTHERS)],
                others=manned[place * (1 + OTHERS) + 1 : (place + 1) * (1 + OTHERS)],
                support=support[place],
                luck=random.Random(luck.random()),
                hot=cards[:HOT],
                cold=cards[HOT:],
                ids=ids,
            )
            for place in range(CLIENTS)
        ]
        await asyncio.gather(*(shopper.work(REQUESTS) for shopper in shoppers))
        for till in support:
            till.wire.hang_up()
        put_off = sum((till.put_off for till in (*manned, *support)), Counter())
        assert set(put_off) <= {"request_in_progress"}, "where nothing fails, nobody is told to come again but twins"
    return [each for shopper in shoppers for each in shopper.done]


async def _repeat(done: Done, desk: Desk, quiet: dict[str, str]) -> None:
    """Send it again where nobody else is: it says the same, up to what names the run."""
    target = done.target
    for stormy, calm in quiet.items():
        target = target.replace(stormy, calm)
    again = await desk.good("POST", target, done.body)
    assert _lasting(again) == _lasting(done.reply.json()), (done.target, done.body)


def _lasting(answer: dict[str, Any]) -> dict[str, Any]:
    lasting = {name: value for name, value in answer.items() if name not in _OF_THE_RUN}
    lasting["tier"] = (answer.get("customer") or {}).get("tier")
    lasting.pop("program", None)
    return lasting
