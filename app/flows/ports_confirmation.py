"""What confirmations and app codes need of the database. What is counted is counted there alone, by one statement."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from app.flows.ledger_port import RoundTx, Sealed
from app.flows.requests import Taken


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """`subject` (32 bytes) is what is asked for, `taken` what that comes to, where rules say it; `code` (16 bytes) a
    keyed hash of the digits, `scope` who asked.
    """

    id: UUID
    customer: UUID
    scope: str
    subject: bytes
    code: bytes
    tries: int
    valid_for: timedelta
    taken: Taken | None = None


@dataclass(frozen=True, slots=True)
class ChallengeLimits:
    """Challenges within `within`, of one customer and of one terminal, and of a customer within `days`; 0: any."""

    customer: int
    terminal: int
    customer_a_day: int
    within: timedelta = timedelta(minutes=10)
    days: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tried:
    """`taken` as in the challenge."""

    is_right: bool
    tries_left: int
    taken: Taken | None = None


class ChallengeStore(Protocol):
    """Each call is one transaction. Raise DatabaseGone, DatabaseBusy."""

    async def open_challenge(self, challenge: NewChallenge, limits: ChallengeLimits) -> bool:
        """False: a limit is reached, and nothing was written."""
        ...

    async def try_code(self, challenge_id: UUID, *, subject: bytes, code: bytes) -> Tried | None:
        """A try, counted as it is made. None: there is no such challenge for this subject, its time is over, or its
        tries are used up.
        """
        ...


@dataclass(frozen=True, slots=True)
class AppSecret:
    """A customer's secret, sealed; `seal.wrapped_key` is None where the customer was erased. The last code that was
    used is that of `used_step`, by `used_receipt`.
    """

    customer: UUID
    seal: Sealed
    used_step: int
    used_receipt: UUID | None


class AppCodeStore(Protocol):
    """Likewise. `number` is the keyed hash of an app's number."""

    async def take_app_try(self, number: bytes, *, tries: int, within: timedelta) -> AppSecret | None:
        """One of the number's tries is used. None: there is no such number, or it has no tries left."""
        ...

    async def use_app_step(self, number: bytes, *, step: int, receipt: UUID | None) -> bool:
        """Whether the step's code may be used: it is newer than all that were, or was used by this very receipt. The
        try is given back then. `receipt` None only reads, and doesn't use it up.
        """
        ...


class AppCodeTx(RoundTx, Protocol):
    """A round's transaction that also keeps app codes."""

    async def wrapped_key(self, customer_id: UUID) -> bytes | None:
        """The customer's own key; None: there is no such person."""
        ...

    async def put_app_code(self, customer_id: UUID, *, number: bytes, sealed: bytes) -> None:
        """In place of the one before."""
        ...
