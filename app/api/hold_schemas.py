"""What tills and shops send about holds."""

from typing import Annotated

from pydantic import Field, ModelWrapValidatorHandler, RootModel, model_validator

from app.api.fields import Body, Id, Quantity
from app.api.lines import LINES_MAX
from app.api.schemas import AccrueBody, RedeemBody

TTL_SECONDS_MAX = 604_800  # A week.
TTL_SECONDS = 900  # A checkout with a slow payment.

Ttl = Annotated[int, Field(ge=1, le=TTL_SECONDS_MAX)]


class HoldBasketBody(AccrueBody):
    """A purchase, set aside."""

    ttl_seconds: Ttl = Field(default=TTL_SECONDS, description="The hold ends by itself after so long.")


class HoldUnitsBody(RedeemBody):
    """Units to spend with no basket, set aside."""

    ttl_seconds: Ttl = Field(default=TTL_SECONDS, description="The hold ends by itself after so long.")


class HoldBody(RootModel[HoldBasketBody | HoldUnitsBody]):
    """A purchase as `accrue` takes it, or units as `redeem` takes them; it is the former where there is a `basket`."""

    @model_validator(mode="wrap")
    @classmethod
    def _by_its_basket(cls, value: object, handler: ModelWrapValidatorHandler["HoldBody"]) -> "HoldBody":
        # One form's mistakes are told, with pointers into the document; a union would tell those of both.
        form = HoldBasketBody if isinstance(value, dict) and "basket" in value else HoldUnitsBody
        return handler(form.model_validate(value))


class CaptureLineBody(Body):
    id: Id = Field(description="The held basket's line.")
    qty: Quantity


class CaptureBody(Body):
    """Nothing for all that is held."""

    lines: Annotated[list[CaptureLineBody], Field(min_length=1, max_length=LINES_MAX)] | None = Field(
        default=None, description="Only these; the rest goes back."
    )
