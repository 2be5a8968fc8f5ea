"""People who sign in, as flows and commands see them, and what these need of the database, of passwords and codes, and
of an identity provider.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.flows.requests import Role

PERSON_PREFIX = "p_"  # Of a person's id; a key's has none.
PEOPLE = frozenset({Role.MARKETER, Role.ANALYST, Role.SUPPORT, Role.ADMIN})  # Who may sign in.


@dataclass(frozen=True, slots=True)
class Person:
    """`login` of a local account, `issuer` of a provider's; `is_set_up`: there is a password, or a provider."""

    id: str
    role: Role
    login: str | None
    issuer: str | None
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None
    is_set_up: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What a sign-in is held against. `person` None: nobody has this login; `password` None: nobody may sign in by it;
    `now` is the database's time.
    """

    now: datetime
    person: str | None = None
    password: str | None = None
    code_secret: bytes | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A session that lives."""

    person: str
    role: Role
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tries:
    """How many there were of one subject, and in how many seconds they are forgotten."""

    count: int
    seconds_left: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider has told us of; `groups` are the values of the claim that roles are read from."""

    issuer: str
    subject: str
    groups: tuple[str, ...]


class ProviderSilent(Exception):
    """The provider can't be asked at the moment, or answers what nobody can read."""


class ProviderRefused(Exception):
    """What came back doesn't prove who is there. `str()` is one word for the log, without data."""


class SessionReads(Protocol):
    async def session(self, digest: bytes, *, idle: timedelta) -> Session | None:
        """The session, seen now; None where there is none that lives, or its person may not sign in any more."""
        ...

    async def end_session(self, digest: bytes) -> None: ...


class SignInStore(SessionReads, Protocol):
    """What signing in needs; each method is a transaction."""

    async def count_try(self, subject: bytes, *, within: timedelta) -> Tries:
        """One more of the subject (32 bytes), counted for good when this returns."""
        ...

    async def forget_tries(self, subject: bytes) -> None:
        """All of them."""
        ...

    async def give_back_tries(self, subject: bytes, *, count: int) -> None:
        """So many fewer; one stays."""
        ...

    async def account(self, login: str) -> Account: ...

    async def open_local(
        self, account: Account, *, step: int, digest: bytes, lasts: timedelta, idle: timedelta
    ) -> Session | None:
        """None where the code's step was used before, or the account has changed since it was read."""
        ...

    async def open_foreign(
        self, identity: Identity, role: Role, *, fresh_id: str, digest: bytes, lasts: timedelta, idle: timedelta
    ) -> Session | None:
        """Makes the person where it is the first time. None where they are disabled."""
        ...

    async def end_foreign(self, identity: Identity) -> None:
        """End all sessions of whom the provider gives no role any more."""
        ...

    async def invited(self, digest: bytes) -> Person | None:
        """Who may set a password with this invitation."""
        ...

    async def set_up(self, digest: bytes, *, password: str, code_secret: bytes) -> bool:
        """Whether the invitation was still good; it isn't any more."""
        ...


class PeopleStore(Protocol):
    """What commands need; each method is a transaction."""

    async def create_person(
        self, person_id: str, *, login: str, role: Role, invitation: bytes, lasts: timedelta
    ) -> bool:
        """Whether the login was free."""
        ...

    async def people(self) -> Sequence[Person]: ...

    async def disable_person(self, person_id: str) -> bool:
        """Ends their sessions too. False where there is no such person; twice keeps the first time."""
        ...

    async def reset_person(self, person_id: str, *, invitation: bytes, lasts: timedelta) -> bool:
        """A new invitation, no password, no sessions, not disabled. False where there is no such local account."""
        ...


class Passwords(Protocol):
    async def hash(self, password: str) -> str: ...

    async def is_right(self, password: str, against: str | None) -> bool:
        """Takes as long where there is nothing to hold it against. Raises `Rejected(OVERLOADED)`."""
        ...


class Codes(Protocol):
    """One-time codes; secrets are sealed for one person."""

    def fresh(self, person_id: str, *, login: str) -> tuple[bytes, str]:
        """A sealed secret, and the address that an authenticator takes it from."""
        ...

    def step_of(self, code: str, *, sealed: bytes | None, person_id: str | None, now: datetime) -> int | None:
        """The time step whose code this is; None where it is none of about now."""
        ...


class Provider(Protocol):
    async def address(self, *, state: str, nonce: str, verifier: str, back_to: str) -> str:
        """Where the browser is sent. Raises ProviderSilent."""
        ...

    async def identity(self, code: str, *, nonce: str, verifier: str, back_to: str, issuer: str | None) -> Identity:
        """Whom the code stands for; `issuer` as the callback named it, if it did.

        Raises:
            ProviderSilent, ProviderRefused
        """
        ...
