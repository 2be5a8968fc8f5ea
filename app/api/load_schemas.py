"""What a row of a bulk load may say: what a registration may, and opening balances."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from app.api.customer_schemas import NewCustomerBody
from app.api.fields import Body, Id, Instant, Points

OPENINGS_MAX = 100


class OpeningBody(Body):
    """Units of a wallet, active at once; without `expires_at` they end by the wallet's terms."""

    wallet: Id
    points: Annotated[Points, Field(ge=1)]
    expires_at: Instant | None = None


def _listed(value: object) -> object:
    """`{"points": 120}` is short for a list of one balance a wallet."""
    return (
        [{"wallet": wallet, "points": units} for wallet, units in value.items()] if isinstance(value, dict) else value
    )


class LoadBody(NewCustomerBody):
    """One customer, and what they bring along."""

    opening: Annotated[list[OpeningBody], BeforeValidator(_listed), Field(max_length=OPENINGS_MAX)] = Field(default=[])
