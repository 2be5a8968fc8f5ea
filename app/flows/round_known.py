"""What the claims and customers that a round has found say of its requests."""

from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.asks import Ask
from app.flows.claims import is_same
from app.flows.ledger_port import Known
from app.flows.requests import Answer


def replayed(ask: Ask, known: Known, stored: Answer | None) -> Answer:
    """The answer of old. Raises Rejected where the key came with another request, or the answer isn't kept any more."""
    if not is_same(known.claims[ask.key], ask.write):
        raise refusals.key_reused()
    if stored is None:
        forgotten = "This key was used, and its answer is no longer kept."
        raise Rejected(Rejection.IDEMPOTENCY_KEY_REUSED, forgotten)
    return Answer(stored.status, stored.body, is_replayed=True)


def find(ask: Ask, known: Known) -> UUID | None:
    """Give the request its customer and purchase. Returns what was posted before with one of its receipts.

    Raises:
        Rejected: there is no such customer or purchase.
    """
    if ask.purchase_receipt is not None:
        claim = known.claims.get(ask.purchase_receipt)
        ask.purchase = claim.answer_id if claim else None
        if ask.purchase is None:
            raise refusals.no_purchase()
    if isinstance(ask.customer, bytes):
        ask.owner = known.owners.get(ask.customer)
    elif ask.customer is not None:
        ask.owner = CustomerId(ask.customer) if ask.customer in known.customers else None
    if ask.customer is not None and ask.owner is None:
        raise refusals.no_customer()
    posted = [known.claims[digest].answer_id for _, digest in ask.receipts if digest in known.claims]
    return posted[-1] if posted else None
