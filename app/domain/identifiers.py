"""The phone or card that found a customer, and the ids that the service itself gives.

A phone is kept as E.164. Reading one is work for Google's numbering plans (39 µs); a number already in E.164 whose plan
was seen before comes from a small cache, since a till's customers come back.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NewType
from uuid import UUID

import phonenumbers

CustomerId = NewType("CustomerId", UUID)
TxId = NewType("TxId", UUID)
LotId = NewType("LotId", UUID)

# A transaction without a customer belongs to nobody; the ledger's keys need an owner all the same.
NOBODY = CustomerId(UUID(int=0))
# Where the first page begins: in a plan that is kept, a bound that is always there is a condition of the index, and
# `$1 is null or ...` only a filter.
LEAST_ID, GREATEST_ID = UUID(int=0), UUID(int=(1 << 128) - 1)

_PHONE_SPELLING = re.compile(r"[+＋]?[0-9 ().\-/\u00a0\u2010-\u2015]{3,40}")
_PHONES_CACHED = 4_096  # 4,096 numbers of about 150 bytes: 600 KB a process.


class IdentifierKind(StrEnum):
    PHONE = "phone"
    CARD = "card"
    ID = "id"
    EXTERNAL_ID = "external_id"
    CODE = "code"  # The app's, for a minute; what it names is found before anything else.


@dataclass(frozen=True, slots=True)
class Identifier:
    """`value` is normalised: a phone is E.164, a card has no spaces or hyphens."""

    kind: IdentifierKind
    value: str


@lru_cache(maxsize=_PHONES_CACHED)
def phone(text: str, *, region: str) -> Identifier:
    """Read a phone in any usual spelling.

    Raises:
        ValueError: it is no possible number; the message does not repeat it.
    """
    if not _PHONE_SPELLING.fullmatch(text.strip()):  # The library finds numbers inside other text.
        raise ValueError("not a phone number")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a phone number") from error
    if not phonenumbers.is_valid_number(number):
        raise ValueError("not a valid phone number")
    return Identifier(IdentifierKind.PHONE, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def card(text: str) -> Identifier:
    """Read a card's number: printed with spaces or hyphens or not, letters in any case.

    Raises:
        ValueError: nothing is left, or it holds something else than letters, digits, `_` and `.`.
    """
    value = text.replace(" ", "").replace("-", "").upper()
    if not value or not value.replace("_", "").replace(".", "").isalnum():
        raise ValueError("a card number has letters and digits")
    return Identifier(IdentifierKind.CARD, value)
