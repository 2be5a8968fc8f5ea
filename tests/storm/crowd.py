"""What tills do all day, with luck from a seed: purchases, points spent, lines brought back, the same sent twice."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kit import purchase
from tests.storm.stands import Till, fresh, is_definite
from tests.storm.wire import Reply

HOT_SHARE = 0.6  # Of the writes, on the few hot customers.
TWICE_SHARE = 0.15  # Sent 2 to 4 times at once under one key.
REUSED_SHARE = 0.05  # Another request under the same key at the same time.

PROGRAM: dict[str, Any] = {
    "currency": "RUB",
    "timezone": "Europe/Moscow",
    "wallets": {"points": {"value": 100}},
    "redemption": {"max_share": "0.5"},
    "tiers": [{"id": "plain", "from": 0}, {"id": "gold", "from": 100_000}],
    "lanes": [{"id": "shelf"}, {"id": "base"}, {"id": "extra"}],
    "rules": [
        {
            "id": "third",
            "kind": "discount",
            "lane": "shelf",
            "when": {"purchase_number": {"every": 3}},
            "give": {"percent": "10"},
        },
        {"id": "base", "kind": "bonus", "lane": "base", "give": {"per": {"amount": 100, "units": 1}}},
        {"id": "gold", "kind": "bonus", "lane": "extra", "when": {"tier": ["gold"]}, "give": {"multiply": "1.5"}},
    ],
}  # The order of purchases matters: each third is cheaper, and a tier lifts what the next ones bring.


@dataclass(frozen=True, slots=True)
class Done:
    """One request that was answered definitely, and by whom."""

    terminal: int
    target: str
    body: dict[str, Any]
    card: str
    reply: Reply


@dataclass(slots=True)
class Bought:
    card: str
    number: str
    terminal: str
    left: dict[str, int]


@dataclass(slots=True)
class Shopper:
    """One till at work: `others` are further connections of the same till, for what is sent at once."""

    place: int
    terminal: str
    till: Till
    others: Sequence[Till]
    support: Till
    luck: random.Random
    hot: Sequence[str]
    cold: Sequence[str]
    ids: dict[str, str]  # Customers' ids by card.
    done: list[Done] = field(default_factory=list)
    bought: list[Bought] = field(default_factory=list)

    async def work(self, requests: int) -> None:
        for _ in range(requests):
            card = self.luck.choice(self.hot if self.luck.random() < HOT_SHARE else self.cold)
            chance = self.luck.random()
            if chance < 0.62:
                await self._buy(card)
            elif chance < 0.76:
                await self._spend(card)
            elif chance < 0.92 and self.bought:
                await self._bring_back()
            else:
                await self._adjust(card)

    async def _buy(self, card: str) -> None:
        lines = [
            {"id": str(place), "price": self.luck.randrange(1, 900) * 10 + 7, "qty": self.luck.randint(1, 3)}
            for place in range(1, self.luck.randint(2, 4))
        ]
        more: dict[str, Any] = {"redeem": {"points": "max"}} if self.luck.random() < 0.35 else {}
        body = purchase({"card": card}, *lines, receipt=fresh("receipt"), **more)
        reply = await self._send("/v1/accrue", body, card)
        if reply.is_good:
            left = {str(line["id"]): int(str(line["qty"])) for line in lines}
            self.bought.append(Bought(card, body["receipt"]["number"], self.terminal, left))

    async def _spend(self, card: str) -> None:
        body = {
            "customer": {"card": card}, "wallet": "points", "points": self.luck.randint(1, 120),
            "receipt": {"number": fresh("gift")}, "reason": "gift",
        }  # fmt: skip
        await self._send("/v1/redeem", body, card)

    async def _bring_back(self) -> None:
        bought = self.luck.choice(self.bought)
        line = self.luck.choice(sorted(bought.left))
        body = {
            "purchase": {"shop": "S1", "terminal": bought.terminal, "number": bought.number},
            "receipt": {"number": fresh("return")},
            "lines": [{"id": line, "qty": self.luck.randint(1, 2)}],
        }
        await self._send("/v1/returns", body, bought.card)

    async def _adjust(self, card: str) -> None:
        points = self.luck.choice([-30, 50, 200])
        body = {"wallet": "points", "points": points, "reason": "storm"}
        await self._send(f"/v1/customers/{self.ids[card]}/adjust", body, card, till=self.support)

    async def _send(self, target: str, body: dict[str, Any], card: str, *, till: Till | None = None) -> Reply:
        key, chance = fresh("storm"), self.luck.random()
        if till is None and chance < TWICE_SHARE:
            reply = await self._send_at_once(target, body, key=key)
        elif till is None and chance < TWICE_SHARE + REUSED_SHARE:
            return await self._send_another(target, body, card, key=key)
        else:
            reply = await (till or self.till).settle(target, body, key=key)
        self.done.append(Done(self.place, target, body, card, reply))
        return reply

    async def _send_at_once(self, target: str, body: dict[str, Any], *, key: str) -> Reply:
        """The same request 2 to 4 times at once: every definite answer is the same."""
        senders = [self.till, *self.others][: self.luck.randint(2, 4)]
        replies = await asyncio.gather(*(sender.post(target, body, key=key) for sender in senders))
        final = await self.till.settle(target, body, key=key)
        for reply in filter(is_definite, replies):
            assert (reply.status, reply.body) == (final.status, final.body)
        assert final.headers.get("idempotent-replayed") == "true" or not any(map(is_definite, replies))
        return final

    async def _send_another(self, target: str, body: dict[str, Any], card: str, *, key: str) -> Reply:
        """Two requests under one key at once: one is done, the other is told so, whichever came first."""
        number = body["receipt"]["number"] + "-other"
        other = {**body, "receipt": {"number": number}}
        pair = await asyncio.gather(
            self.till.settle(target, body, key=key), self.others[0].settle(target, other, key=key)
        )
        codes = [reply.code for reply in pair]
        assert codes.count("idempotency_key_reused") == 1, codes
        winner = codes.index("idempotency_key_reused") ^ 1
        self.done.append(Done(self.place, target, (body, other)[winner], card, pair[winner]))
        return pair[0]
