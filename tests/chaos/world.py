"""What tills know: who shops, what was bought, what is held. Shared by all of them, so they get in each other's way."""

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.chaos.journal import Op

KEPT = 300  # Of purchases and holds; the oldest are forgotten.


@dataclass(slots=True)
class Customer:
    id: str
    card: str
    is_brief: bool = False  # Has lots that become active and expire within the run.


@dataclass(slots=True)
class Bought:
    """left: quantities by line that nobody has asked back yet."""

    id: str
    customer: str | None
    terminal: str
    number: str
    left: dict[str, int]


@dataclass(slots=True)
class Held:
    id: str
    customer: str | None
    terminal: str
    number: str
    lines: Mapping[str, int]  # Empty: points alone.
    expires_at: float  # Seconds since 1970.


@dataclass(slots=True)
class World:
    """hot: few customers whom most writes are about."""

    hot: list[Customer] = field(default_factory=list)
    cold: list[Customer] = field(default_factory=list)
    brief: list[Customer] = field(default_factory=list)
    bought: deque[Bought] = field(default_factory=lambda: deque(maxlen=KEPT))
    held: deque[Held] = field(default_factory=lambda: deque(maxlen=KEPT))
    allowances: dict[str, str] = field(default_factory=dict)  # Of customers who were looked up: the newest.
    missing: set[str] = field(default_factory=set)  # Kinds of call that this service doesn't have.

    def someone(self, luck: random.Random, *, hot: float = 0.6) -> Customer:
        chance = luck.random()
        if chance < hot:
            return luck.choice(self.hot)
        return luck.choice(self.brief if chance < hot + 0.06 else self.cold)

    def everyone(self) -> list[Customer]:
        return [*self.hot, *self.cold, *self.brief]

    def learn(self, op: Op) -> None:
        """What a good answer tells."""
        kind, body = op.request.kind, op.request.body
        if kind == "accrue":
            said = op.said
            receipt = body["receipt"]["number"]
            self.bought.append(Bought(said["id"], op.request.customer, _terminal(op), receipt, _lines(body)))
        elif kind == "hold":
            self._hold(op)
        elif kind == "capture":
            self._captured(op)
        elif kind == "lookup" and op.said.get("offline_allowance"):
            self.allowances[op.said["id"]] = op.said["offline_allowance"]["token"]
        elif kind == "register":
            self.cold.append(Customer(op.said["id"], body["card"]))

    def _hold(self, op: Op) -> None:
        said, body = op.said, op.request.body
        lines = _lines(body) if "basket" in body else {}
        expires_at = datetime.fromisoformat(said["expires_at"]).timestamp()
        self.held.append(
            Held(said["id"], op.request.customer, _terminal(op), body["receipt"]["number"], lines, expires_at)
        )

    def _captured(self, op: Op) -> None:
        if not op.said.get("lines"):
            return
        left = {str(line["id"]): int(line.get("qty", 1)) for line in op.said["lines"]}
        self.bought.append(Bought(op.said["id"], op.request.customer, _terminal(op), "", left))


def _terminal(op: Op) -> str:
    return f"T{op.client}"


def _lines(body: Mapping[str, Any]) -> dict[str, int]:
    return {str(line["id"]): int(line["qty"]) for line in body["basket"]["lines"]}
