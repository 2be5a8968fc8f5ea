"""The kinds of values that requests are made of: each with its bounds, its reader and its description.

Everything is strict: `true` is no integer, `1.0` is no amount, `"5"` is no number of points.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.amounts import AMOUNT_MAX, MILLI, QUANTITY_MAX_MILLI

ID_LENGTH_MAX = 64
NAME_LENGTH_MAX = 256
EMAIL_LENGTH_MAX = 254  # RFC 5321.
YEAR_MIN, YEAR_MAX = 1970, 2199  # Nearer to year 1 or 9999 an instant has no local time in every zone.
BIRTH_YEAR_MIN = 1900

_QUANTITY = re.compile(r"(0|[1-9][0-9]{0,6})(?:\.([0-9]{1,3}))?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Narrower than RFC 5322: no quotes, groups, comments or lists, so that a header `To` can hold nobody else.
_EMAIL = re.compile(r"[\w%+'&-]+(?:\.[\w%+'&-]+)*@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W_](?:[\w-]*[^\W_])?")
_CATEGORY = r"^[^/]+(/[^/]+)*$"


def empty_list(*, description: str | None = None) -> Any:
    """The default of a list that may be left out. As a plain default it would be copied deeply each time, 3 µs."""
    return Field(default_factory=list, description=description, json_schema_extra={"default": []})


class Body(BaseModel):
    """What every object of a request is: strict, closed, and never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def read_quantity(value: object) -> int:
    """Thousandths."""
    milli = 0
    if isinstance(value, int) and not isinstance(value, bool):
        milli = value * MILLI if -1 < value <= QUANTITY_MAX_MILLI else 0
    elif isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise PydanticCustomError("format", "must be an integer, or a decimal string with at most three decimals")
        milli = int(match[1]) * MILLI + int((match[2] or "").ljust(3, "0"))
    else:
        raise PydanticCustomError("type", "must be an integer, or a decimal string with at most three decimals")
    if not 0 < milli <= QUANTITY_MAX_MILLI:
        raise PydanticCustomError("range", "must be above 0 and at most 1000000")
    return milli


def _read_instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("type", "must be a string")
    if not _INSTANT.fullmatch(value):
        raise PydanticCustomError("format", "must be an RFC 3339 time with an offset")
    try:
        instant = datetime.fromisoformat(value.upper())
    except ValueError:
        raise PydanticCustomError("format", "must be an RFC 3339 time with an offset") from None
    if not YEAR_MIN <= instant.year <= YEAR_MAX:
        raise PydanticCustomError("range", f"must be in the years {YEAR_MIN} to {YEAR_MAX}")
    return instant


def _read_birthday(value: object) -> date:
    if not isinstance(value, str):
        raise PydanticCustomError("type", "must be a string")
    if not _DATE.fullmatch(value):
        raise PydanticCustomError("format", "must be a date, YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("format", "must be a date, YYYY-MM-DD") from None
    if not BIRTH_YEAR_MIN <= day.year <= YEAR_MAX:
        raise PydanticCustomError("range", f"must be in the years {BIRTH_YEAR_MIN} to {YEAR_MAX}")
    return day


def _read_email(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("type", "must be a string")
    if len(value) > EMAIL_LENGTH_MAX:
        raise PydanticCustomError("too_long", f"must have at most {EMAIL_LENGTH_MAX} characters")
    if not _EMAIL.fullmatch(value):
        raise PydanticCustomError("format", "must be an e-mail address")
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX)]
# Of receipts: part of what a draw's ticket is made of, whose parts a line feed parts.
Printed = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX, pattern=r"^[^\r\n]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
Category = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX, pattern=_CATEGORY),
    Field(examples=["drinks/coffee"]),
]
Money = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="Minor units of the program's currency.")]
Points = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="Units of the wallet.")]
Quantity = Annotated[
    int,
    PlainValidator(read_quantity),
    WithJsonSchema(
        {
            "description": "Above 0, at most 1000000; an integer, or a decimal string with at most three decimals.",
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,6})(\.[0-9]{1,3})?$"},
            ],
            "examples": [2, "0.345"],
        }
    ),
]
Instant = Annotated[
    datetime,
    PlainValidator(_read_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T12:00:00+03:00"]}),
]
Birthday = Annotated[date, PlainValidator(_read_birthday), WithJsonSchema({"type": "string", "format": "date"})]
Email = Annotated[
    str,
    PlainValidator(_read_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": EMAIL_LENGTH_MAX}),
]
