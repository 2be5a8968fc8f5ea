"""What callers send about customers."""

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.api.fields import Birthday, Body, Email, Id, Instant, Name
from app.api.lines import TAGS_MAX
from app.api.schemas import Ref
from app.domain.amounts import AMOUNT_MAX

CONSENTS_MAX = 32
# Consents outlive an erasure: there is no room in them for whom they are of.
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,64}$")]
TextHash = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{1,128}$")]


class Consent(Body):
    """What the customer agreed to, or took back."""

    type: Word = Field(examples=["marketing"])
    given: bool = True
    at: Instant | None = None
    version: Word | None = Field(default=None, description="Of the text that was agreed to.")
    channel: Word | None = None
    text_hash: TextHash | None = Field(default=None, description="Hexadecimal.")


def _name_by_id(value: object) -> object:
    """A bare string is the customer's id."""
    return {"id": value} if isinstance(value, str) else value


Tags = Annotated[list[Id], Field(max_length=TAGS_MAX)]
Consents = Annotated[list[Consent], Field(max_length=CONSENTS_MAX)]


class NewCustomerBody(Body):
    """A new customer: at least one of phone, card, external_id."""

    phone: Id | None = Field(
        default=None, description="Any usual spelling; kept as E.164.", examples=["+7 900 123-45-67"]
    )
    card: Id | None = None
    external_id: Id | None = None
    name: Name | None = None
    birthday: Birthday | None = None
    email: Email | None = None
    tags: Tags = Field(default=[])
    consents: Consents = Field(default=[])

    @model_validator(mode="after")
    def _has_an_identifier(self) -> Self:
        if self.phone is None and self.card is None and self.external_id is None:
            raise PydanticCustomError("identifier_missing", "must have at least one of phone, card, external_id")
        return self


class RegisterBody(NewCustomerBody):
    """A new customer, and who brought them."""

    referrer: Annotated[Ref, BeforeValidator(_name_by_id)] | None = Field(
        default=None, description="The customer who brought this one, as a reference or by id."
    )


def _is_not_null(value: object) -> object:
    if value is None:
        raise PydanticCustomError("type", "must be a string: it can be replaced, and not be taken away")
    return value


OwnId = Annotated[Id, BeforeValidator(_is_not_null)]


class UpdateBody(Body):
    """Only what is sent changes; null takes name, birthday or e-mail away. A phone, card or external id is added, or
    replaces the one of its kind; tags and consents are replaced as a whole.
    """

    phone: OwnId = ""
    card: OwnId = ""
    external_id: OwnId = ""
    name: Name | None = None
    birthday: Birthday | None = None
    email: Email | None = None
    tags: Tags = Field(default=[])
    consents: Consents = Field(default=[])


class LookupBody(Body):
    customer: Ref


def _moves_something(points: int) -> int:
    if points == 0:
        raise PydanticCustomError("range", "must not be 0")
    return points


class AdjustBody(Body):
    wallet: Id
    points: Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX), AfterValidator(_moves_something)] = Field(
        description="Signed, not 0."
    )
    reason: Name
