"""The lanes side by side: every connection sends its steps one after another, each after the answer to the one before.

- A refusal is an answer; the next step follows. A return whose purchase was refused is impossible, and counted so.
- A step without an answer holds back all later ones of the same customer: they must not overtake it.
- A service that can't be reached any more ends the lane; a key that isn't allowed to sell ends the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from loadtest.receipts.lanes import owner_of
from loadtest.receipts.planning import Purchase, Registration, Return, Step
from loadtest.till.client import Answer, NoAnswerError, Till
from loadtest.till.halt import Halt
from loadtest.till.tally import Tally

WRONG_KEY_CODES = frozenset({"unauthenticated", "insufficient_scope"})

TOO_OLD = "the service refuses the receipts' times: it has to run with AT_MAX_AGE_HOURS=0, and with the right clock"


async def run_lanes(
    lanes: Sequence[Sequence[Step]], *, tills: Sequence[Till], tally: Tally, halt: Halt, tell: Callable[[Tally], None]
) -> None:
    """Works off all lanes, each with its own till. `tell` is called after each step with the counts so far."""
    for lane in lanes:
        for step in lane:
            tally.of(step).planned += 1
    async with asyncio.TaskGroup() as group:
        for lane, till in zip(lanes, tills, strict=True):
            group.create_task(_Lane(till=till, tally=tally, halt=halt, tell=tell).work_off(lane))


class _Lane:
    """One connection: purchases' ids and troubles of the customers that it serves."""

    def __init__(self, *, till: Till, tally: Tally, halt: Halt, tell: Callable[[Tally], None]) -> None:
        self._till = till
        self._tally = tally
        self._halt = halt
        self._tell = tell
        self._ids: dict[str, str] = {}
        self._waiting: set[str] = set()

    async def work_off(self, lane: Sequence[Step]) -> None:
        for step in lane:
            if self._halt.is_asked:
                return
            if owner_of(step) in self._waiting:
                self._tally.of(step).held_back += 1
            elif not await self._send(step):
                return
            self._tell(self._tally)

    async def _send(self, step: Step) -> bool:
        """Sends one step and counts its outcome; false when the lane has to end."""
        path = self._path(step)
        if path is None:
            self._tally.of(step).impossible["purchase_refused"] += 1
            return True
        try:
            answer = await self._till.post(path, key=step.key, body=step.body)
        except NoAnswerError as silence:
            self._tally.of(step).without_answer[silence.reason] += 1
            self._tally.repeats += silence.attempts - 1
            self._waiting.add(owner_of(step))
            return not silence.is_unreachable
        self._tally.answer(step, answer)
        self._learn(step, answer)
        return True

    def _path(self, step: Step) -> str | None:
        match step:
            case Registration():
                return "/v1/customers"
            case Purchase():
                return "/v1/accrue"
            case Return():
                purchase_id = self._ids.get(step.purchase)
                return None if purchase_id is None else f"/v1/purchases/{purchase_id}/returns"

    def _learn(self, step: Step, answer: Answer) -> None:
        if answer.code in WRONG_KEY_CODES:
            self._halt.ask(f"the service answers {answer.status} {answer.code}: the key may not sell here")
        if not isinstance(step, Purchase):
            return
        if answer.is_accepted:
            self._ids[step.number] = str(answer.body.get("id", ""))
        elif _blames_the_time(answer) and not self._tally.purchases.accepted:
            self._halt.ask(TOO_OLD)


def _blames_the_time(answer: Answer) -> bool:
    errors = answer.body.get("errors")
    return isinstance(errors, list) and any(isinstance(e, dict) and e.get("pointer") == "/at" for e in errors)
