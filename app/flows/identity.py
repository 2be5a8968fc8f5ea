"""How a request's customer is named to a round: by an identifier's digest, or by the id itself."""

from uuid import UUID

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
