"""What tests of confirmations share: a program that asks for them, what was sent, and an app."""

from base64 import b32decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson

from app.domain.one_time_codes import TRIES_MAX, step_of, totp
from tests.e2e.checks import ago, refused
from tests.kit import Desk, Stage, purchase, small_program

PHONE = "+79001234567"
STRENGTH = {"strength": {"phone": 20, "card": 100, "code": 500}}


async def ready(admin: Desk, till: Desk, *, points: int = 1000, **profile: Any) -> str:
    """A program that lets a phone redeem 20, a card 100, an app's code 500; and a customer with points."""
    await admin.publish(small_program(redemption=STRENGTH))
    return await rich(admin, till, points=points, **({"phone": PHONE, "card": "77"} | profile))


async def rich(admin: Desk, till: Desk, *, points: int = 1000, **profile: Any) -> str:
    customer = await till.register(**profile)
    body = {"wallet": "points", "points": points, "reason": "a present"}
    await admin.good("POST", f"/v1/customers/{customer}/adjust", body)
    return customer


def sent(stage: Stage) -> list[dict[str, Any]]:
    """The messages of the file, the oldest first."""
    file = Path(stage.data_dir) / "messages.jsonl"
    return [orjson.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []


def code_in(message: dict[str, Any]) -> str:
    return str(message["text"]).split(".")[0].rpartition(" ")[2]


def wrong(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 10**6:06d}"


def paying(points: Any = 50, *, who: Any = None, receipt: str | None = None, **more: Any) -> dict[str, Any]:
    return purchase(who or {"phone": PHONE}, receipt=receipt, redeem={"points": points}, **more)


async def challenged(till: Desk, path: str, body: dict[str, Any], *, key: str | None = None) -> str:
    """The challenge that a call is answered with."""
    problem = refused(await till.post(path, body, key=key), 403, "confirmation_required")
    return str(problem["challenge_id"])


def confirmed(body: dict[str, Any], challenge: str, code: str) -> dict[str, Any]:
    return body | {"confirmation": {"challenge_id": challenge, "code": code}}


async def use_up(till: Desk, path: str, body: dict[str, Any], challenge: str, code: str) -> None:
    """All tries, with wrong codes."""
    for left in reversed(range(TRIES_MAX)):
        response = await till.post(path, confirmed(body, challenge, wrong(code, left + 1)))
        assert refused(response, 403, "confirmation_failed")["attempts_left"] == left


async def age(owner: asyncpg.Connection, seconds: int) -> None:
    """All challenges were made so much earlier, which nobody but a superuser can bring about."""
    async with owner.transaction():
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(
            "update challenges set made_at = made_at - $1 * interval '1 second', "
            "expires_at = expires_at - $1 * interval '1 second'",
            seconds,
        )


@dataclass(frozen=True, slots=True)
class App:
    number: str
    secret: bytes

    def code(self, *, steps: int = 0) -> str:
        """As it shows so many steps from now."""
        return self.number + totp(self.secret, step_of(ago()) + steps)


async def app_of(admin: Desk, customer: str) -> App:
    made = await admin.good("POST", f"/v1/customers/{customer}/app-code")
    return App(made["number"], b32decode(made["secret"]))


def is_dead(response: httpx.Response) -> bool:
    return (response.status_code, response.json()["code"]) == (410, "confirmation_dead")
