"""People kept from the command line: local accounts made, listed, disabled, reset.

Nobody types another's password: a new or reset account has an invitation, good once and for a day, by which its owner
sets the password and gets the secret of the codes.
"""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from app.flows.ports_people import PEOPLE, PeopleStore, Person
from app.flows.requests import Role
from app.flows.sessions import digest_of

INVITATION_LASTS = timedelta(hours=24)

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")


class BadPerson(ValueError):
    """No account can be like that, or there is none; `str()` is one line."""


class KeepPeople:
    """`token` and `fresh_id` as `app.flows.sign_in`."""

    def __init__(self, store: PeopleStore, *, token: Callable[[], str], fresh_id: Callable[[], str]) -> None:
        self._store = store
        self._token = token
        self._fresh_id = fresh_id

    async def create(self, *, login: str, role: str) -> tuple[str, str]:
        """The new person's id and invitation. Raises BadPerson."""
        if role not in PEOPLE:
            raise BadPerson(f"--role must be one of {', '.join(sorted(PEOPLE))}")
        if not _LOGIN.fullmatch(login):
            raise BadPerson("--login must be 2 to 63 small letters, digits, dots, dashes and underscores")
        person_id, invitation = self._fresh_id(), self._token()
        is_made = await self._store.create_person(
            person_id, login=login, role=Role(role), invitation=digest_of(invitation), lasts=INVITATION_LASTS
        )
        if not is_made:
            raise BadPerson(f"there is a person with the login {login}")
        return person_id, invitation

    async def people(self) -> Sequence[Person]:
        return await self._store.people()

    async def disable(self, person_id: str) -> None:
        """Raises BadPerson."""
        if not await self._store.disable_person(person_id):
            raise BadPerson(f"there is no person {person_id}")

    async def reset(self, person_id: str) -> str:
        """The new invitation; the old password, codes and sessions are gone. Raises BadPerson."""
        invitation = self._token()
        if not await self._store.reset_person(person_id, invitation=digest_of(invitation), lasts=INVITATION_LASTS):
            raise BadPerson(f"there is no local account {person_id}")
        return invitation
