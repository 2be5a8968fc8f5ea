"""How a request's customer is named to a round: by an identifier's digest, or by the id itself."""

from uuid import UUID

from app.domain.basket import IdentifiedBy
from app.domain.identifiers import Identifier, IdentifierKind
from app.flows import refusals
from app.flows.ports import Vault


def customer_uuid(text: str) -> UUID:
    """A customer's id.

    Raises:
        Rejected: `customer_not_found` - an id is opaque, so one that can't be ours is just unknown.
    """
    try:
        return UUID(text)
    except ValueError:
        raise refusals.no_customer() from None


def reference(customer: Identifier | None, vault: Vault) -> bytes | UUID | None:
    """What the round looks the customer up by."""
    if customer is None:
        return None
    return customer_uuid(customer.value) if customer.kind is IdentifierKind.ID else vault.digest(customer)


def is_by_id(customer: Identifier, *, by_code: bool = False) -> bool:
    """Whether the id or the external id named the customer (by_code: it is the id that a code stood for)."""
    return not by_code and customer.kind in (IdentifierKind.ID, IdentifierKind.EXTERNAL_ID)


def identified_by(customer: Identifier, *, by_code: bool = False) -> IdentifiedBy:
    """by_code: the app's code named the customer, who is known by the id since."""
    if by_code:
        return IdentifiedBy.CODE
    return IdentifiedBy.PHONE if customer.kind is IdentifierKind.PHONE else IdentifiedBy.CARD
