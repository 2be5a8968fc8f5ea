"""An admin's look at people who sign in: the list, and disabling one, who is out before it is answered."""

from collections.abc import Callable, Sequence
from typing import Protocol

from app.domain.rejections import Rejected, Rejection
from app.flows.cursors import text_of, to_text_cursor
from app.flows.ledger_port import RoundTx
from app.flows.once import Once
from app.flows.ports_people import Person
from app.flows.requests import Answer, Write
from app.flows.results import Page
from app.flows.sessions import Sessions


class PeopleTx(RoundTx, Protocol):
    """A round's transaction that also disables people."""

    async def disable_person(self, person_id: str) -> Person | None:
        """Ends their sessions too; twice keeps the first time. None where there is no such person."""
        ...


class PeopleReads(Protocol):
    async def people(self, *, after: str | None = None, limit: int | None = None) -> Sequence[Person]:
        """The oldest first, on from the person `after`; none where there is no such person."""
        ...


class OverseePeople:
    def __init__(
        self, once: Once[PeopleTx], reads: PeopleReads, sessions: Sessions, *, answer: Callable[[Person], bytes]
    ) -> None:
        self._once = once
        self._reads = reads
        self._sessions = sessions
        self._answer = answer

    async def page(self, *, limit: int, cursor: str | None) -> Page[Person]:
        after = None if cursor is None else text_of(cursor)
        found = tuple(await self._reads.people(after=after, limit=limit + 1))
        return Page(found[:limit], to_text_cursor(found[limit - 1].id) if len(found) > limit else None)

    async def disable(self, write: Write, person_id: str) -> Answer:
        """The person, disabled now or before. Raises `Rejected(NOT_FOUND)`."""

        async def act(tx: PeopleTx) -> Answer:
            person = await tx.disable_person(person_id)
            if person is None:
                raise no_person()
            return Answer(200, self._answer(person))

        answer = await self._once.run(write, act)
        self._sessions.forget(person_id)
        return answer


def no_person() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such person.")
