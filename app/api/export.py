"""The call that tells a person everything that is kept of them."""

import orjson
from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, CustomerAnswer, Id, Instant, UnitsByWallet
from app.api.calls import SUPPORT, Call, Operation
from app.api.customer_answer import history_document, profile_document
from app.api.erasure_schemas import (
    ConsentAnswer,
    KeptErasureAnswer,
    consent_record_document,
    kept_erasure_document,
)
from app.api.hold_answers import hold_state_document
from app.api.query import CURSOR_LENGTH_MAX, Query
from app.domain.amounts import quantity
from app.domain.rejections import Rejection
from app.flows.export_customer import CODES_MAX, POSTINGS_MAX, Export, ExportedAct, ExportedPurchase
from app.flows.requests import Answer

_MISSING = Rejection.CUSTOMER_NOT_FOUND


class ExportQuery(Query):
    cursor: str | None = Field(
        default=None, min_length=1, max_length=CURSOR_LENGTH_MAX, description="`next` of the document before."
    )


class ExportedCard(AnswerBody):
    number: str
    type: str | None


class ExportedPurchaseAnswer(AnswerBody):
    id: Id
    shop: str
    terminal: str
    at: Instant
    basket: dict[str, object] = Field(description="What was asked, line by line.")
    answer: dict[str, object] = Field(description="What the till was answered that day.")
    returned: dict[str, int | str] = Field(description="Quantity by line.")


class ExportedHoldAnswer(AnswerBody):
    id: Id
    state: str
    kind: str
    expires_at: Instant
    customer: Id | None
    wallets: UnitsByWallet
    resolved_tx: Id | None
    shop: str


class ExportedEventAnswer(AnswerBody):
    tx_id: Id
    type: str
    at: Instant
    data: dict[str, object]


class ExportedCouponAnswer(AnswerBody):
    code: str
    pool: str | None
    uses: int
    is_given: bool = Field(description="By a reward or a prize.")
    is_blocked: bool
    created_at: Instant


class ExportedEntryAnswer(AnswerBody):
    draw: str
    place: int
    purchase: Id


class ExportedAlertAnswer(AnswerBody):
    kind: str
    shop: str
    terminal: str
    day: str
    raised_at: Instant
    times: int
    state: str


class ExportAnswer(AnswerBody):
    customer: CustomerAnswer
    cards: list[ExportedCard]
    consents: list[ConsentAnswer]
    postings: list[dict[str, object]] = Field(description="As of the history, the newest first.")
    purchases: list[ExportedPurchaseAnswer]
    holds: list[ExportedHoldAnswer]
    events: list[ExportedEventAnswer] = Field(description="Other acts than purchases.")
    coupons: list[ExportedCouponAnswer]
    alerts: list[ExportedAlertAnswer] = Field(description="What was noticed as unusual.")
    prize_draws: list[ExportedEntryAnswer]
    is_complete: bool = Field(
        description=f"false: there are more than the {CODES_MAX:,} coupons, consents or alerts that are here."
    )
    erasure: KeptErasureAnswer | None = Field(description="Of an erased customer: then nothing above names a person.")
    next: str | None = Field(description="Where there are earlier postings: the cursor of the document with them.")


async def export(call: Call) -> Answer:
    query: ExportQuery = call.query
    return Answer(200, export_bytes(await call.service.export(call.id(_MISSING), cursor=query.cursor)))


def export_bytes(export: Export) -> bytes:
    profile, kept = export.profile, export.kept
    return to_bytes(
        {
            "customer": profile_document(profile, is_masked=False),
            "cards": [{"number": card, "type": export.card_types.get(card)} for card in profile.cards],
            "consents": [consent_record_document(each) for each in kept.consents],
            "postings": [history_document(each) for each in kept.postings],
            "purchases": [_purchase(each) for each in kept.purchases],
            "holds": [hold_state_document(each) | {"shop": each.shop} for each in kept.holds],
            "events": [_act(each) for each in kept.acts],
            "coupons": kept.coupons,
            "alerts": kept.alerts,
            "prize_draws": kept.entries,
            "is_complete": kept.is_complete,
            "erasure": None if kept.erasure is None else kept_erasure_document(kept.erasure),
            "next": export.next,
        }
    )


def _purchase(purchase: ExportedPurchase) -> dict[str, object]:
    return {
        "id": purchase.id,
        "shop": purchase.shop,
        "terminal": purchase.terminal,
        "at": purchase.at,
        "basket": orjson.Fragment(purchase.basket),
        "answer": orjson.Fragment(purchase.answer),
        "returned": {line: quantity(milli) for line, milli in purchase.returned_milli.items()},
    }


def _act(act: ExportedAct) -> dict[str, object]:
    return {"tx_id": act.tx_id, "type": act.type, "at": act.at, "data": orjson.Fragment(act.data)}


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/customers/{id}/export",
        name="export_customer",
        summary="All that is kept of the customer, in clear, as one JSON document",
        description=f"For who asks what is known of them. At most {POSTINGS_MAX} postings a document, with their"
        " purchases, holds and events, fewer where these are large; `next` leads to the earlier ones.",
        tag="Customers",
        handler=export,
        roles=SUPPORT,
        unmasked_for=SUPPORT,
        query=ExportQuery,
        answers={200: ExportAnswer},
        refusals=(_MISSING,),
        is_long=True,
    ),
)
