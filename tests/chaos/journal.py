"""Every call with all its attempts, in the order begun: what the checks judge, and what a violation is shown with."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

NEIGHBOURS = 10  # Shown before and after a violation's call.
BODY_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Request:
    """What a till asks for. `customer`, `hold` and `purchase` are ids, where the caller knows them."""

    kind: str
    method: str
    target: str
    body: Any = None
    customer: str | None = None
    role: str = "pos"
    hold: str | None = None
    purchase: str | None = None

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and self.kind not in {"quote", "lookup"}


@dataclass(slots=True)
class Attempt:
    """One sending; status 0: nobody knows what became of it. Times are of the monotonic clock."""

    instance: int
    began: float
    ended: float = 0.0
    status: int = 0
    code: str | None = None
    digest: str = ""
    is_replay: bool = False
    is_late: bool = False  # Made in the calm afterwards.

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_definite(self) -> bool:
        """Whether the same request under the same key would get this answer again, or could never do anything."""
        return self.status not in {0, 429, 500, 503} and self.code != "request_in_progress"


@dataclass(slots=True)
class Op:
    """One call under one key, however often it was sent. `rival`: the call whose key this one has taken."""

    number: int
    client: int
    bearer: str
    request: Request
    key: str
    attempts: list[Attempt] = field(default_factory=list)
    body: bytes = b""  # Of the first definite answer.
    rival: int | None = None
    width: int = 1  # So many were sent at once.
    least_version: int = 0  # What the caller had seen of the customer before.

    @property
    def answer(self) -> Attempt | None:
        """The first definite one."""
        return next((attempt for attempt in self.attempts if attempt.is_definite), None)

    @property
    def is_good(self) -> bool:
        answer = self.answer
        return answer is not None and answer.is_good

    @property
    def was_unknown(self) -> bool:
        """Whether the caller was at any time left without knowing."""
        return any(attempt.status in {0, 500, 503} for attempt in self.attempts)

    @property
    def said(self) -> Any:
        """The definite answer's document."""
        return orjson.loads(self.body) if self.body else {}

    @property
    def began(self) -> float:
        return min((attempt.began for attempt in self.attempts), default=0.0)

    def note(self, attempt: Attempt, body: bytes) -> None:
        attempt.digest = blake2b(body, digest_size=8).hexdigest()
        if attempt.is_definite and not self.body:
            self.body = body

    def outcome(self) -> str:
        answer = self.answer
        if answer is None:
            return "unknown"
        return str(answer.status) if answer.is_good else f"{answer.status} {answer.code}"


class Journal:
    """All calls of a run. One writer: the loop's thread."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.good_at: list[float] = []  # When calls ended well, ascending.
        self._wall = time.time() - time.monotonic()
        self.began = time.monotonic()

    def open(self, request: Request, *, client: int, bearer: str, key: str = "") -> Op:
        op = Op(len(self.ops), client, bearer, request, key)
        self.ops.append(op)
        return op

    def wall(self, at: float) -> float:
        """A moment of the monotonic clock as seconds since 1970; this process's clock is right."""
        return at + self._wall

    def writes(self) -> Iterable[Op]:
        return (op for op in self.ops if op.request.is_write)

    def good(self, *kinds: str) -> Iterable[Op]:
        return (op for op in self.ops if op.request.kind in kinds and op.is_good)

    def unsettled(self) -> list[Op]:
        return [op for op in self.writes() if op.answer is None]

    def outcomes(self) -> Counter[tuple[str, str]]:
        return Counter((op.request.kind, op.outcome()) for op in self.ops)

    def around(self, number: int) -> Iterable[Op]:
        """The call and its neighbours: those of the same customer, or else those begun about then."""
        op = self.ops[number]
        same = [each for each in self.ops if each.request.customer == op.request.customer is not None]
        near = same if len(same) > 1 else self.ops
        place = near.index(op)
        return near[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]

    def line(self, op: Op) -> str:
        """For people: when, who, what, and how each attempt ended."""
        request = op.request
        tries = " ".join(
            f"[{'AB'[a.instance]} {a.began - self.began:.3f}-{a.ended - self.began:.3f} "
            f"{a.status or 'lost'}{' ' + a.code if a.code else ''}{' replayed' if a.is_replay else ''} {a.digest}]"
            for a in op.attempts
        )
        body = orjson.dumps(request.body).decode()[:BODY_SHOWN] if request.body is not None else ""
        said = ""
        if op.is_good and op.body.startswith(b"{"):
            document = op.said
            said = (
                f" -> { ({k: document[k] for k in ('id', 'tx_id', 'version', 'balances', 'state') if k in document}) }"
            )
        return f"#{op.number} {request.kind} {request.method} {request.target} key={op.key} {body} {tries}{said}"
