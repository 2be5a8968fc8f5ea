"""Bugs about doing things again: after a broken commit, for a till that asks twice, on another instance."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson

from app.flows.asks import Ask
from app.flows.failures import DatabaseGone
from app.flows.ledger_port import Changes, Known
from app.flows.requests import Answer
from app.flows.rounds import Rounds
from app.storage import round_writes
from app.storage.ledger import Round
from tests.chaos.plants import plant, replaced
from tests.chaos.plants.claims import INSERT, INSERT_IF_ABSENT


@plant(
    "retried-commit-without-look-up",
    faults=["commits unanswered", "commits unanswered", "database reset"],
    emphasis="sales",
    caught_by=["a key has one effect", "the ledger's own rules"],
    commands=["serve"],
    is_locked=True,
)
def retried_commit_without_look_up() -> None:
    """A round whose commit wasn't answered is posted once more, without a look whether the first one was committed.

    Keys and receipts are unique rows: the second insert of the same would have been refused; it is passed over.
    """
    round_writes.WRITE = replaced(round_writes.WRITE, INSERT, INSERT_IF_ABSENT)
    blind: set[UUID] = set()
    together, read_known = Rounds._post_together, Round.read_known

    async def again_without_look_up(self: Rounds, asks: list[Ask]) -> list[Ask]:
        try:
            return await self._attempt(asks)
        except DatabaseGone:
            digests = {digest for ask in asks for digest in (ask.key, *(digest for _, digest in ask.receipts))}
            blind.update(digests)
            try:
                return await together(self, asks)
            finally:
                blind.difference_update(digests)
        except Exception:  # noqa: BLE001 - as without the bug: it decides what becomes of each member
            return await together(self, asks)

    async def known_but_for_retries(self: Round, *, claims: Sequence[UUID], **others: Any) -> Known:
        return await read_known(self, claims=[each for each in claims if each not in blind], **others)

    Rounds._post_together = again_without_look_up  # type: ignore[method-assign]
    Round.read_known = known_but_for_retries  # type: ignore[method-assign]


@plant(
    "keys-in-memory",
    faults=["service killed", "answers lost"],
    emphasis="keys",
    caught_by=["a key has one effect", "the ledger's own rules", "replays are byte-equal"],
    commands=["serve"],
    is_locked=True,
)
def keys_in_memory() -> None:
    """Each instance remembers the keys and receipts that it has posted itself, until it ends.

    Unique rows would have refused the second insert; it is passed over. Locks on keys still keep two requests at once
    apart, so only tills that ask again show it.
    """
    round_writes.WRITE = replaced(round_writes.WRITE, INSERT, INSERT_IF_ABSENT)
    mine: set[UUID] = set()
    read_known, write = Round.read_known, Round.write

    async def known_to_me(self: Round, *, claims: Sequence[UUID], **others: Any) -> Known:
        known = await read_known(self, claims=claims, **others)
        return replace(known, claims={digest: claim for digest, claim in known.claims.items() if digest in mine})

    async def write_and_remember(self: Round, changes: Changes) -> None:
        await write(self, changes)
        mine.update(claim.digest for claim in changes.claims)

    Round.read_known = known_to_me  # type: ignore[method-assign]
    Round.write = write_and_remember  # type: ignore[method-assign]


_AS_IT_IS = """
select t.tx_id, c.version, c.balances from txs t join customers c on c.id = t.customer_id
where t.tx_id = any($1::uuid[])
"""


@plant(
    "replays-put-together-anew",
    faults=["answers lost", "clients reset"],
    emphasis="keys",
    caught_by=["replays are byte-equal", "answers tell what was posted"],
    commands=["serve"],
)
def replays_put_together_anew() -> None:
    """Whoever asks again is told the customer's balances of now, not those that the call was answered with."""
    answers = Round.stored_answers

    async def answers_of_now(self: Round, ids: Sequence[UUID]) -> Mapping[UUID, Answer]:
        stored = dict(await answers(self, ids))
        for row in await self._connection.fetch(_AS_IT_IS, ids):
            answer = stored.get(row["tx_id"])
            said = orjson.loads(answer.body) if answer else {}
            if answer and said.get("balances"):
                purses = orjson.loads(row["balances"])
                said["version"] = row["version"]
                said["balances"] = {
                    wallet: {state: purse[state] for state in ("available", "pending", "held")}
                    for wallet, purse in purses.items()
                }
                stored[row["tx_id"]] = replace(answer, body=orjson.dumps(said))
        return stored

    Round.stored_answers = answers_of_now  # type: ignore[method-assign]
