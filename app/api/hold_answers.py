"""What holds answer: what it looks like, and its bytes."""

from typing import Literal

from pydantic import Field, RootModel

from app.api.answers_schema import AnswerBody, Balances, Id, Instant, Units, UnitsByWallet
from app.api.sale_answer import balances_document
from app.api.sale_answers_schema import SaleAnswer
from app.flows.results import HoldPosted, HoldView


class HoldAnswer(AnswerBody):
    """A hold without a basket, placed or captured; and any that was released."""

    id: Id = Field(description="The hold's.")
    tx_id: Id = Field(description="Of this posting.")
    version: int
    state: Literal["held", "captured", "released"]
    wallet: str | None = Field(default=None, description="Of a hold without a basket.")
    points: Units | None = Field(default=None, description="What it has set aside.")
    expires_at: Instant = Field(description="When the hold ends by itself.")
    given_back: UnitsByWallet | None = Field(default=None, description="Of a release.")
    expired_again: UnitsByWallet | None = Field(
        default=None, description="Of a release: what was given back to lots that had expired meanwhile."
    )
    balances: Balances


class HoldOrSaleAnswer(RootModel[SaleAnswer | HoldAnswer]):
    """Of a basket the answer of a purchase, `held` or `committed`; else the hold's."""


class HoldStateAnswer(AnswerBody):
    id: Id
    state: Literal["held", "captured", "released", "expired"] = Field(description="By the database's clock.")
    kind: Literal["purchase", "redeem"]
    expires_at: Instant
    customer: Id | None
    wallets: UnitsByWallet = Field(description="What it has set aside, or had until its end.")
    resolved_tx: Id | None = Field(description="The posting that ended it; null until it is posted.")


def hold_document(posted: HoldPosted) -> dict[str, object]:
    """Members that such a hold doesn't have are left out."""
    document: dict[str, object] = {
        "id": posted.id,
        "tx_id": posted.tx_id,
        "version": posted.version,
        "state": posted.state,
    }
    if posted.wallet is not None:
        document |= {"wallet": posted.wallet, "points": posted.points}
    document["expires_at"] = posted.expires_at
    if posted.given_back is not None:
        document |= {"given_back": posted.given_back, "expired_again": posted.expired_again}
    document["balances"] = balances_document(posted.balances)
    return document


def hold_state_document(view: HoldView) -> dict[str, object]:
    return {
        "id": view.id,
        "state": view.state,
        "kind": view.kind,
        "expires_at": view.expires_at,
        "customer": view.customer,
        "wallets": view.wallets,
        "resolved_tx": view.resolved_tx,
    }
