"""What tills send of receipts made without connection, and what they are answered."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, RootModel, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from app.api.answers_schema import AnswerBody, Problem, UnitsByWallet
from app.api.fields import Body, Id, Instant, Money, Points
from app.api.lines import LINES_MAX, LineBody
from app.api.sale_answers_schema import SaleAnswer
from app.api.schemas import REDEEM_WALLETS_MAX, FilledBasketBody, ReceiptBody, Ref

RECEIPTS_MAX = 500  # Contract, section 3: a till's busy day.
TOKEN_LENGTH_MAX = 2_048  # An allowance is some 400 characters.


class OfflineLineBody(LineBody):
    discount: Money = Field(default=0, description="What the till took off the line, at most its price × qty.")


class OfflineBasketBody(FilledBasketBody):
    lines: Annotated[list[OfflineLineBody], Field(min_length=1, max_length=LINES_MAX)]  # type: ignore[assignment]


class TakenBody(Body):
    """Units that the till took, of the allowance's wallet."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"maxProperties": REDEEM_WALLETS_MAX, "examples": [{"points": 50}]}
    )
    __pydantic_extra__: dict[Id, Points]

    @model_validator(mode="before")
    @classmethod
    def _is_plain_units(cls, value: object) -> object:
        if isinstance(value, dict):
            if "rewards" in value:
                raise PydanticCustomError("offline", "must not ask for rewards: nothing can be asked for any more")
            if "max" in value.values():
                raise PydanticCustomError("offline", 'must say how many units were taken, not "max"')
            if len(value) > REDEEM_WALLETS_MAX:
                raise PydanticCustomError("too_long", f"must have at most {REDEEM_WALLETS_MAX} wallets")
        return value

    @property
    def units(self) -> Mapping[str, int]:
        """By wallet."""
        return self.__pydantic_extra__


NOTHING_TAKEN = TakenBody()


class OfflineReceiptBody(Body):
    """A receipt as it was made: an accrue without `quote`, `expect` and `at`."""

    executed_at: Instant = Field(description="When it was made, by the till's clock.")
    customer: Ref | None = Field(default=None, description="Without one: no points.")
    receipt: ReceiptBody
    basket: OfflineBasketBody
    redeem: TakenBody = Field(default=NOTHING_TAKEN)
    allowance: Annotated[str, Field(max_length=TOKEN_LENGTH_MAX)] | None = Field(
        default=None,
        description="The token of `offline_allowance` that the units were taken under; needed where some were.",
    )


def _only_objects(value: Any, _check: Callable[[Any], OfflineReceiptBody]) -> Any:
    """A mistake in a receipt refuses that receipt, so here an object is enough."""
    if not isinstance(value, dict):
        raise PydanticCustomError("type", "must be an object")
    return value


class OfflineBody(
    RootModel[
        Annotated[
            list[Annotated[OfflineReceiptBody, WrapValidator(_only_objects)]],
            Field(min_length=1, max_length=RECEIPTS_MAX),
        ]
    ]
):
    """Up to 500 receipts, in any order."""

    model_config = ConfigDict(strict=True, frozen=True)


class OfflineResult(AnswerBody):
    """What became of one receipt: `purchase` with 201, `problem` with anything else."""

    receipt: dict[str, str | None] = Field(description="Shop, terminal, shift if sent and number, as far as told.")
    status: int
    replayed: bool | None = Field(default=None, description="true where it was posted by an earlier call.")
    purchase: SaleAnswer | None = None
    problem: Problem | None = None
    debt: UnitsByWallet | None = Field(
        default=None, description="Units that were not there any more; the customer owes them now."
    )
    over_allowance: int | None = Field(default=None, description="Units beyond the allowance, all its uses counted.")


class OfflineAnswer(AnswerBody):
    results: list[OfflineResult] = Field(description="In the order sent.")


class Jwk(AnswerBody):
    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class JwksAnswer(AnswerBody):
    keys: list[Jwk]
