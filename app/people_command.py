"""What `python -m app people …` does, on a database that is ready; each answer is a line of JSON."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import orjson

from app.config import CannotStart
from app.deed_log import command_deed, log_on
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.keep_people import BadPerson, KeepPeople
from app.flows.ports_audit_log import Details
from app.flows.ports_people import Person
from app.storage.engine import Database, UnsafeDatabase
from app.wiring_people import keeping_people

T = TypeVar("T")


def create(database_url: str, *, login: str, role: str) -> str:
    """The new account and its invitation. Raises `CannotStart`."""

    async def act(people: KeepPeople) -> tuple[str, str]:
        return await people.create(login=login, role=role)

    person_id, invitation = _run(database_url, act, action="create_person", named=lambda made: made[0], role=role)
    return _line({"id": person_id, "login": login, "role": role, "invitation": invitation})


def listed(database_url: str) -> Sequence[str]:
    """Raises `CannotStart`."""

    async def act(people: KeepPeople) -> Sequence[Person]:
        return await people.people()

    return [_line(_document(person)) for person in _run(database_url, act)]


def disable(database_url: str, person_id: str) -> None:
    """Raises `CannotStart`."""

    async def act(people: KeepPeople) -> None:
        await people.disable(person_id)

    _run(database_url, act, action="disable_person", named=lambda _: person_id)


def reset(database_url: str, person_id: str) -> str:
    """The new invitation. Raises `CannotStart`."""

    async def act(people: KeepPeople) -> str:
        return await people.reset(person_id)

    invitation = _run(database_url, act, action="reset_person", named=lambda _: person_id)
    return _line({"id": person_id, "invitation": invitation})


def _run(
    database_url: str,
    act: Callable[[KeepPeople], Awaitable[T]],
    *,
    action: str = "",
    named: Callable[[T], str] = lambda _: "",
    **details: str,
) -> T:
    """What the act gives, once it stands in the audit log; without an action it changes nothing, and doesn't."""
    try:
        return asyncio.run(_acted(database_url, act, action=action, named=named, details=details))
    except BadPerson as error:
        raise CannotStart(str(error)) from None
    except (DatabaseGone, DatabaseBusy, Conflict, UnsafeDatabase) as error:
        raise CannotStart(f"people can't be kept at the moment: {error}") from None


async def _acted(
    database_url: str,
    act: Callable[[KeepPeople], Awaitable[T]],
    *,
    action: str,
    named: Callable[[T], str],
    details: Details,
) -> T:
    database = Database(database_url, allow_unsafe=True)
    await database.open()
    try:
        done = await act(keeping_people(database))
        if action:
            async with log_on(database, part=action) as log:
                await log.note(command_deed(action, object=f"people/{named(done)}", details=details))
        return done
    finally:
        await database.close()


def _document(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "login": person.login,
        "issuer": person.issuer,
        "role": person.role,
        "is_set_up": person.is_set_up,
        "created_at": person.created_at,
        "signed_in_at": person.signed_in_at,
        "disabled_at": person.disabled_at,
    }


def _line(document: dict[str, object]) -> str:
    return orjson.dumps(document).decode()
