"""What one request of a round adds to what the round writes."""

from uuid import UUID

from app.domain.ledger.hold_states import Hold
from app.flows.asks import Ask, Settled
from app.flows.ledger_port import Changes, NewClaim, Patron, StoredPurchase
from app.flows.requests import Answer


def note(
    changes: Changes,
    ask: Ask,
    settled: Settled,
    patron: Patron | None,
    *,
    hold: Hold | None,
    returned: StoredPurchase | None,
) -> None:
    """A request that was posted. `hold` and `returned` are what it names of earlier ones."""
    tx_id = settled.chained.posting.tx_id
    changes.postings.append(settled.chained)
    if patron is not None and patron not in changes.patrons:
        changes.patrons.append(patron)
    changes.claims.append(NewClaim(ask.key, "k", ask.write.fingerprint, tx_id))
    changes.claims += [NewClaim(digest, kind, None, tx_id) for kind, digest in ask.receipts]
    if settled.purchase is not None:
        changes.purchases.append(settled.purchase)
    if settled.placed is not None:
        changes.placed.append(settled.placed)
    if hold is not None:
        changes.resolved.append(hold)
    if settled.placed is None and (settled.purchase is None or settled.purchase.id != tx_id):
        changes.answers.append((tx_id, settled.answer))
    if settled.act is not None:
        changes.acts.append(settled.act)
    if returned is not None and returned not in changes.returned:
        changes.returned.append(returned)


def note_refusal(changes: Changes, ask: Ask, answer: Answer, *, answer_id: UUID) -> None:
    """A definite "no" is kept under its key; it doesn't use up the receipt."""
    changes.claims.append(NewClaim(ask.key, "k", ask.write.fingerprint, answer_id))
    changes.answers.append((answer_id, answer))
