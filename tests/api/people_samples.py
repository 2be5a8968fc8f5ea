"""Samples of people who sign in, for tests of the edge."""

from datetime import UTC, datetime

from app.flows.ports_people import Person, Session
from app.flows.requests import Role

ID = "p_0f1e2d3c4b5a"
TOKEN = "t" * 43
_MADE = datetime(2026, 11, 25, 12, tzinfo=UTC)


def person() -> Person:
    return Person(ID, Role.SUPPORT, "anna", None, _MADE, disabled_at=None, signed_in_at=None, is_set_up=True)


def session() -> Session:
    return Session(ID, Role.SUPPORT, expires_at=_MADE)
