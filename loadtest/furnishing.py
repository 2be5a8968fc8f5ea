"""What a service needs before it can be loaded: keys of tills, the program, customers with something to redeem.

All of it goes through the HTTP API, as in life, except the keys, which no call makes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from app.deed_log import command_deed, note_command
from app.storage.keys import CreatedKey, create_key
from loadtest.driver import Tally
from loadtest.generator import exhaust
from loadtest.program import program
from loadtest.scenarios import Chain, Customer, Shot, Till
from loadtest.wire import Answer, head_of, request

# Limits stay as they are by default. A till has at most 10 guesses (phones, cards, codes) under way in a process, as
# many as it may miss: with CONNECTIONS_MAX of 512 that makes 8 here, so nobody waits for a turn. Where the rate of a
# till's key is limited (RATE_POS; by default it isn't), all tills together may send 64 times that.
TILLS = 64
CONNECTIONS = 32
# Enough for a few redemptions of the allowed share of a basket.
OPENING_POINTS = 2000


class StandFailed(Exception):
    """There is nothing to measure; the text says why."""


async def furnish(url: str, *, port: int, customers: int, tell: Callable[[str], None]) -> Chain:
    """Makes tills, program and customers in an empty service; `url` is its database's, as the owner.

    Raises `StandFailed`.
    """
    keeper = await create_key(url, role="admin", shops=[], terminal=None)
    admin, made = keeper.key, [keeper]
    tills = await _tills(url, made)
    deeds = [command_deed("create_key", object=f"keys/{each.id}", details={"role": each.role}) for each in made]
    await note_command(url, *deeds)
    await _publish(port, admin)
    if not customers:
        return Chain(tills=tills, customers=(), admin=admin)
    tell(f"registering {customers} customers")
    began = time.monotonic()
    people = await _customers(port, tills, admin, count=customers)
    tell(f"registered, each with {OPENING_POINTS} points, in {time.monotonic() - began:.0f} s")
    return Chain(tills=tills, customers=people, admin=admin)


async def _tills(url: str, made: list[CreatedKey]) -> tuple[Till, ...]:
    """Keys of tills, each in a shop of its own; they are put to what was `made`."""
    tills = []
    for place in range(1, TILLS + 1):
        shop, terminal = f"S{place}", "T1"
        made.append(await create_key(url, role="pos", shops=[shop], terminal=terminal))
        tills.append(Till(key=made[-1].key, shop=shop, terminal=terminal))
    return tuple(tills)


async def _publish(port: int, admin: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
        for number, (method, path, body) in enumerate(
            (("PUT", "/v1/program/draft", program()), ("POST", "/v1/program/publish", {}))
        ):
            headers = {"Authorization": f"Bearer {admin}", "Idempotency-Key": f"bench-program-{number}"}
            answer = await http.request(method, path, json=body, headers=headers)
            if not answer.is_success:
                raise StandFailed(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")


class _Registrations:
    """Registers customers, as tills do; keeps their ids."""

    def __init__(self, tills: tuple[Till, ...], *, count: int) -> None:
        self.ids = [""] * count
        self._heads = [head_of("POST", "/v1/customers", key=till.key) for till in tills]
        self._next = 0

    def next(self, till: int) -> Shot | None:
        place, self._next = self._next, self._next + 1
        if place >= len(self.ids):
            return None
        body = json.dumps(profile(place)).encode()
        head = self._heads[till % len(self._heads)]
        return Shot(request(head, body, idempotency_key=b"register-%d" % place), 201, customer=place)

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:  # noqa: ARG002 - any till may register
        if answer.status != shot.status:
            return False
        self.ids[shot.customer] = json.loads(answer.body)["id"]
        return True


class _OpeningPoints:
    """Gives each customer something to redeem."""

    def __init__(self, admin: str, ids: list[str]) -> None:
        self._heads = [head_of("POST", f"/v1/customers/{one}/adjust", key=admin) for one in ids]
        self._body = json.dumps({"wallet": "points", "points": OPENING_POINTS, "reason": "opening balance"}).encode()

    def next(self, till: int) -> Shot | None:  # noqa: ARG002 - the admin's key
        if not self._heads:
            return None
        return Shot(request(self._heads.pop(), self._body, idempotency_key=b"opening-%d" % len(self._heads)), 201)

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:  # noqa: ARG002
        return answer.status == shot.status


def profile(place: int) -> dict[str, Any]:
    """A customer's, by their place. Numbers of a range that was never given out; birthdays all over the year."""
    return {
        "phone": f"+7900{place:07d}",
        "card": f"29{place:010d}",
        "name": f"Анна {place}",
        "birthday": f"{1950 + place % 50}-{1 + place % 12:02d}-{1 + place % 28:02d}",
    }


async def _customers(port: int, tills: tuple[Till, ...], admin: str, *, count: int) -> tuple[Customer, ...]:
    registrations = _Registrations(tills, count=count)
    _good(await exhaust(registrations, port=port, connections=CONNECTIONS), "registration")
    ids = list(registrations.ids)
    _good(await exhaust(_OpeningPoints(admin, ids), port=port, connections=CONNECTIONS), "opening balance")
    profiles = (profile(place) for place in range(count))
    return tuple(
        Customer(id=one, phone=profile["phone"], card=profile["card"])
        for one, profile in zip(registrations.ids, profiles, strict=True)
    )


def _good(tally: Tally, what: str) -> None:
    if tally.wrong:
        raise StandFailed(f"{what}: {tally.wrong} wrong answers, as {tally.errors[0]}")
