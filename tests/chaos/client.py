"""A till at work: one call after another, each repeated under its key until the answer is definite or patience ends."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.chaos.calls import Maker
from tests.chaos.calls.parts import fresh
from tests.chaos.emphasis import TWICE_SHARE
from tests.chaos.journal import Attempt, Journal, Op, Request
from tests.chaos.world import World
from tests.storm.wire import Lost, Wire

PATIENCE_SECONDS = 3.0  # For one answer.
TRIES_MAX = 6
GIVE_UP_SECONDS = 6.0  # For a call with all its tries; what is unknown then is found out in the calm afterwards.
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 0.05, 0.8
THINK_SECONDS = 0.03  # Between two calls; the machine isn't full in calm times, so that a crowd makes a difference.
REUSED_SHARE = 0.03
DEADLINE_SHARE = 0.03
DEADLINE_MS = 400
HANG_UP_SECONDS = (0.001, 0.03)


@dataclass(slots=True)
class Knobs:
    """What accidents change about all tills."""

    hang_up_share: float = 0.04
    twice_share: float = TWICE_SHARE
    is_over: bool = False


@dataclass(slots=True)
class Client:
    """urls: of the instances, past the tills' proxies; bearers: by role."""

    number: int
    urls: Sequence[str]
    bearers: Mapping[str, str]
    journal: Journal
    world: World
    maker: Maker
    luck: random.Random
    knobs: Knobs
    patience: float = PATIENCE_SECONDS
    seen: dict[str, int] = field(default_factory=dict)  # Customers' versions, as answers told them.
    _wires: dict[tuple[int, int], Wire] = field(default_factory=dict)
    _busy: set[tuple[int, int]] = field(default_factory=set)

    async def work(self) -> None:
        while not self.knobs.is_over:
            await asyncio.sleep(self.luck.uniform(0, THINK_SECONDS))
            requests = self.maker.make()
            await asyncio.gather(*(self.carry(self.open(request)) for request in requests))

    def open(self, request: Request, *, key: str = "") -> Op:
        bearer = self.bearers[request.role]
        key = key or (fresh(f"K{self.number}-") if request.is_write else "")
        op = self.journal.open(request, client=self.number, bearer=bearer, key=key)
        op.least_version = self.seen.get(request.customer or "", 0)
        return op

    async def carry(self, op: Op) -> None:
        """The call as tills make it: sent once, or several times at once, or hung up on; then until it is definite."""
        if op.request.is_write:
            chance = self.luck.random()
            if chance < self.knobs.twice_share:
                op.width = self.luck.randint(2, 4)
                await asyncio.gather(*(self.attempt(op) for _ in range(op.width)))
            elif chance < self.knobs.twice_share + REUSED_SHARE:
                intruder = self.open(_other(op.request), key=op.key)
                intruder.rival = op.number
                await asyncio.gather(self.settle(op), self.settle(intruder))
            elif chance < self.knobs.twice_share + REUSED_SHARE + self.knobs.hang_up_share:
                await self.hang_up(op)
        await self.settle(op)

    async def settle(self, op: Op, *, tries: int = TRIES_MAX, seconds: float = GIVE_UP_SECONDS) -> None:
        give_up = time.monotonic() + seconds
        for turn in range(tries):
            if op.answer is not None:
                break
            if turn:
                pause = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2**turn)
                await asyncio.sleep(self.luck.uniform(pause / 4, pause))
            if time.monotonic() > give_up:
                break
            await self.attempt(op)
        if op.is_good:
            self._learn(op)

    async def attempt(self, op: Op, *, instance: int | None = None) -> Attempt:
        """One sending, to any instance; noted whatever becomes of it."""
        place = self.luck.randrange(len(self.urls)) if instance is None else instance
        slot, wire = self._wire(place)
        attempt = Attempt(place, time.monotonic())
        op.attempts.append(attempt)
        try:
            reply = await wire.request(
                op.request.method, _target(op), headers=self._headers(op), body=_body(op), seconds=self.patience
            )
        except Lost:
            attempt.ended = time.monotonic()
            return attempt
        finally:
            self._busy.discard(slot)
        attempt.ended = time.monotonic()
        attempt.status, attempt.code = reply.status, reply.code
        attempt.is_replay = reply.headers.get("idempotent-replayed") == "true"
        op.note(attempt, reply.body)
        if attempt.is_good:
            self.journal.good_at.append(attempt.ended)
        return attempt

    async def hang_up(self, op: Op) -> None:
        """Send the request, or half of it, and be gone a moment later."""
        place = self.luck.randrange(len(self.urls))
        attempt = Attempt(place, time.monotonic())
        op.attempts.append(attempt)
        wire, body = Wire(self.urls[place]), _body(op)
        sent = None if self.luck.random() < 0.8 else len(body) // 2
        try:
            await wire.send(op.request.method, _target(op), headers=self._headers(op), body=body, sent=sent)
            await asyncio.sleep(self.luck.uniform(*HANG_UP_SECONDS))
        except OSError:
            pass  # Nobody is there: it never began.
        finally:
            wire.hang_up()
            attempt.ended, attempt.code = time.monotonic(), "hung up"

    def close(self) -> None:
        for wire in self._wires.values():
            wire.hang_up()

    def _wire(self, place: int) -> tuple[tuple[int, int], Wire]:
        """A connection to the instance that nobody uses at the moment."""
        slot = next((place, n) for n in range(1_000) if (place, n) not in self._busy)
        self._busy.add(slot)
        return slot, self._wires.setdefault(slot, Wire(self.urls[place]))

    def _headers(self, op: Op) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {op.bearer}"}
        if op.request.body is not None:
            headers["Content-Type"] = "application/json"
        if op.key:
            headers["Idempotency-Key"] = op.key
        if self.luck.random() < DEADLINE_SHARE:
            headers["X-Deadline-Ms"] = str(DEADLINE_MS)
        return headers

    def _learn(self, op: Op) -> None:
        said = op.said
        version, customer = said.get("version") if isinstance(said, dict) else None, op.request.customer
        if customer and isinstance(version, int):
            self.seen[customer] = max(version, self.seen.get(customer, 0))
        if (op.request.is_write or op.request.kind == "lookup") and op.rival is None:
            self.world.learn(op)


def _target(op: Op) -> str:
    if op.request.kind == "balance at least":
        return f"{op.request.target}?min_version={op.least_version}"
    return op.request.target


def _body(op: Op) -> bytes:
    return b"" if op.request.body is None else orjson.dumps(op.request.body)


def _other(request: Request) -> Request:
    """Another request of the same kind: what a till sends that mixes up its keys."""
    body: Any = request.body
    if isinstance(body, list):
        body = body[:-1] or [*body, *body]
    elif "receipt" in body:
        body = {**body, "receipt": {"number": fresh("X")}}
    elif "card" in body:
        body = {"card": fresh("78")}
    elif "points" in body:
        body = {**body, "points": body["points"] + 1}
    elif "type" in body:
        body = {"type": "signup"}
    else:
        body = {"lines": [{"id": "1", "qty": 1}]} if not body and request.kind == "capture" else {"x": fresh("x")}
    return Request(
        request.kind, request.method, request.target, body, request.customer, request.role, request.hold,
        request.purchase,
    )  # fmt: skip
