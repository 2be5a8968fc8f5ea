"""Who is meant: references to customers as callers write them, to identifiers as the domain knows them."""

from uuid import UUID

from app.api.customer_schemas import NewCustomerBody, UpdateBody
from app.api.faults import refuse
from app.api.schemas import Ref
from app.domain import identifiers
from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.rejections import Rejected, Rejection


def identify(ref: Ref, *, region: str, pointer: str = "/customer", takes_code: bool = False) -> Identifier:
    """The identifier that a reference names; `region` is for phones written without a country code, `takes_code` is
    where the app's codes are looked after.

    Raises:
        Rejected: it can't be read, or is an id that the service could not have given.
    """
    if ref.phone is not None:
        return _phone(ref.phone, region=region, pointer=f"{pointer}/phone")
    if ref.card is not None:
        return _card(ref.card, pointer=f"{pointer}/card")
    if ref.id is not None:
        return _id(ref.id)
    if ref.external_id is not None:
        return Identifier(IdentifierKind.EXTERNAL_ID, ref.external_id)
    if ref.code is not None and takes_code:
        return Identifier(IdentifierKind.CODE, ref.code)
    raise refuse(f"{pointer}/code", "not_available", "can't name a customer here: it is for look-ups and sales")


def identifiers_of(body: NewCustomerBody | UpdateBody, *, region: str) -> tuple[Identifier, ...]:
    """The identifiers among a customer's own members, each kind once."""
    found = []
    if body.phone:
        found.append(_phone(body.phone, region=region, pointer="/phone"))
    if body.card:
        found.append(_card(body.card, pointer="/card"))
    if body.external_id:
        found.append(Identifier(IdentifierKind.EXTERNAL_ID, body.external_id))
    return tuple(found)


def _phone(text: str, *, region: str, pointer: str) -> Identifier:
    try:
        return identifiers.phone(text, region=region)
    except ValueError as error:
        raise refuse(pointer, "phone", f"is {error}") from None


def _card(text: str, *, pointer: str) -> Identifier:
    try:
        return identifiers.card(text)
    except ValueError:
        raise refuse(pointer, "card", "must have letters and digits") from None


def _id(text: str) -> Identifier:
    try:
        return Identifier(IdentifierKind.ID, str(UUID(text)))
    except ValueError:
        raise Rejected(Rejection.CUSTOMER_NOT_FOUND, "There is no customer with this id.") from None
