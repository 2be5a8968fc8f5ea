"""Opaque cursors of lists: a place in an order, as text."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.results import Page

T = TypeVar("T")

PLACE_MAX = 2**31 - 1  # No list is longer: a customer's postings, a customer's lots, the program's versions.


def to_cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"p{place}".encode()).rstrip(b"=").decode()


def place_of(cursor: str) -> int:
    """The place a cursor stands for.

    Raises:
        Rejected: `validation_error` at `/query/cursor`.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        if not text.startswith("p") or not text[1:].isdecimal() or len(text) > 20 or int(text[1:]) > PLACE_MAX:
            raise ValueError
    except (binascii.Error, ValueError):
        raise _not_ours() from None
    return int(text[1:])


def to_text_cursor(text: str) -> str:
    """Of a list in the order of a text: coupons by code."""
    return base64.urlsafe_b64encode(f"t{text}".encode()).rstrip(b"=").decode()


def text_of(cursor: str) -> str:
    """The text a cursor stands for.

    Raises:
        Rejected: `validation_error` at `/query/cursor`.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        if not text.startswith("t") or "\x00" in text:
            raise ValueError
    except (binascii.Error, ValueError):
        raise _not_ours() from None
    return text[1:]


def id_of(cursor: str) -> UUID:
    """The id that a text cursor stands for.

    Raises:
        Rejected: `validation_error` at `/query/cursor`.
    """
    try:
        return UUID(text_of(cursor))
    except ValueError:
        raise _not_ours() from None


def _not_ours() -> Rejected:
    fault = Fault("/query/cursor", "not_ours", "must be a cursor of this list")
    return Rejected(Rejection.VALIDATION_ERROR, "The cursor can't be read.", faults=(fault,))


def page_of(items: Sequence[T], *, limit: int, place: Callable[[T], int]) -> Page[T]:
    """The first `limit` of the items, of which one more was read to see whether there are more."""
    return Page(tuple(items[:limit]), to_cursor(place(items[limit - 1])) if len(items) > limit else None)
