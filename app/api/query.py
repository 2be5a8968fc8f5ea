"""The query string: read strictly, and the models of what calls take in it.

Faults in it have pointers `/query/NAME`; unknown names are refused as everywhere.
"""

import re
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.api.fields import Id, Instant
from app.domain.rejections import Fault, Rejected, Rejection

NAMES_MAX = 16  # The richest call takes five.
PAGE_MAX = 100  # Contract, section 2.
CURSOR_LENGTH_MAX = 512

_INTEGER = re.compile(r"[0-9]{1,12}")


def parse_query(raw: bytes) -> dict[str, str]:
    """Names and values, each name once.

    Raises:
        Rejected: bad UTF-8 or too many names (`malformed_request`), a name twice or a NUL (`validation_error`).
    """
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=NAMES_MAX)
    except ValueError as error:
        raise Rejected(Rejection.MALFORMED_REQUEST, "The query string can't be read.") from error
    query = dict(pairs)
    if len(query) != len(pairs):
        twice = next(name for name in query if sum(name == other for other, _ in pairs) > 1)
        fault = Fault(f"/query/{twice}", "twice", "must be there once")
        raise Rejected(Rejection.VALIDATION_ERROR, "The query string has 1 mistake.", (fault,))
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            fault = Fault("/query", "text", "must not hold the character NUL")
            raise Rejected(Rejection.VALIDATION_ERROR, "The query string has 1 mistake.", (fault,))
    return query


def _read_flag(value: object) -> bool:
    if value not in {"true", "false"}:
        raise PydanticCustomError("choice", "must be true or false")
    return value == "true"


def _read_integer(value: object) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise PydanticCustomError("type", "must be an integer")
    return int(value)


Flag = Annotated[bool, PlainValidator(_read_flag), WithJsonSchema({"type": "boolean"})]
Number = Annotated[int, PlainValidator(_read_integer), WithJsonSchema({"type": "integer", "minimum": 0})]


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _read_limit(value: object) -> int:
    number = _read_integer(value)
    if not 1 <= number <= PAGE_MAX:
        raise PydanticCustomError("range", f"must be 1 to {PAGE_MAX}")
    return number


class PageQuery(Query):
    limit: Annotated[
        int, PlainValidator(_read_limit), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": PAGE_MAX})
    ] = Field(default=50, description="How many items a page has.")
    cursor: str | None = Field(
        default=None, min_length=1, max_length=CURSOR_LENGTH_MAX, description="`next` of the page before."
    )


class ExplainQuery(Query):
    explain: Flag = Field(default=False, description="Also say why each rule did or did not apply.")


class PreviewQuery(Query):
    preview: Flag = Field(default=False, description="Only say what would happen; needs no Idempotency-Key.")


class BalanceQuery(Query):
    min_version: Number = Field(default=0, description="The answer has at least this version of the customer's books.")
    as_of: Instant | None = Field(
        default=None,
        description="Another moment: past, or future if nothing more happens. Also tells lots, tier and program then.",
        json_schema_extra={"format": "date-time"},
    )


class PurchaseQuery(ExplainQuery):
    shop: Id | None = Field(default=None, description="Where the purchase was made; default: the key's own shop.")
    terminal: Id | None = Field(default=None, description="Default: the key's own terminal.")
    number: Id = Field(description="The receipt's number.")
    shift: Id | None = Field(default=None, description="The receipt's shift, if it was sent with one.")
