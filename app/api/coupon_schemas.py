"""What marketers send about coupons."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.api.fields import Body, Instant
from app.api.query import PageQuery
from app.api.schemas import Ref
from app.domain.coupons import normal_code
from app.flows.keep_coupons import CODE_LENGTH_MAX

COUNT_MAX = 1_000  # Codes a call: at most 64 KB of answer, and one insert of some 20 ms.
LENGTH_MIN, LENGTH_MAX, LENGTH = 8, 32, 10
PREFIX_MAX = CODE_LENGTH_MAX - LENGTH_MAX
USES_MAX = 10**9


def read_code(text: str) -> str:
    """A code as it is kept. Raises `PydanticCustomError` for one that can't be typed, printed or sent by a till."""
    code = normal_code(text)
    if not code:
        raise PydanticCustomError("too_short", "must have at least 1 characters")
    if len(code) > CODE_LENGTH_MAX:
        raise PydanticCustomError("too_long", f"must have at most {CODE_LENGTH_MAX} characters")
    if not code.isprintable():
        raise PydanticCustomError("text", "must have printable characters only")
    return code


def _read_prefix(text: str) -> str:
    prefix = read_code(text)
    if len(prefix) > PREFIX_MAX:
        raise PydanticCustomError("too_long", f"must have at most {PREFIX_MAX} characters")
    return prefix


def _is_a_name(text: str) -> str:
    """As programs name pools."""
    if not text.isprintable() or " " in text:
        raise PydanticCustomError("text", "must have printable characters without spaces")
    return text


Code = Annotated[str, StringConstraints(max_length=4 * CODE_LENGTH_MAX), AfterValidator(read_code)]
Prefix = Annotated[str, StringConstraints(max_length=4 * CODE_LENGTH_MAX), AfterValidator(_read_prefix)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_is_a_name)]
Uses = Annotated[int, Field(ge=1, le=USES_MAX)]

_FORMS: dict[str, Any] = {
    "oneOf": [
        {"required": ["pool", "count"], "not": {"anyOf": [{"required": ["code"]}, {"required": ["customer"]}]}},
        {"required": ["customer"], "not": {"required": ["count"]}},
        {"required": ["code"], "not": {"anyOf": [{"required": [name]} for name in ("pool", "count", "customer")]}},
    ]
}


class CouponsBody(Body):
    """Exactly one form: `pool` and `count` (codes are made up and added to the pool), `customer` (a personal code, made
    up unless sent, in a pool or not), or `code` alone (one code for all).
    """

    model_config = ConfigDict(json_schema_extra=_FORMS)

    pool: Named | None = Field(default=None, description="Made by the first call that names it.", examples=["spring"])
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)] | None = None
    customer: Ref | None = None
    code: Code | None = Field(default=None, description="Kept in upper case, without spaces around it.")
    length: Annotated[int, Field(ge=LENGTH_MIN, le=LENGTH_MAX)] = Field(
        default=LENGTH, description="Of the random part of codes that are made up."
    )
    prefix: Prefix = Field(default="", description="What codes that are made up begin with.")
    uses: Uses | None = Field(
        default=None, description="Of each code; null is without end. Default: 1, and null for one code for all."
    )
    uses_per_customer: Uses | None = Field(default=None, description="Such a code needs a customer; null: no bound.")
    from_: Instant | None = Field(default=None, alias="from", description="Included.")
    until: Instant | None = Field(default=None, description="Not included.")


class CouponsQuery(PageQuery):
    pool: Named | None = Field(default=None, description="Only this pool's codes.")
