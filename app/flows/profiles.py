"""A customer as a whole: personal data opened, balances, tier and the way to the next."""

from datetime import datetime

from app.domain.ledger.books import Book
from app.domain.ledger.tiers import measure_at, next_tier, tier_at
from app.domain.program import Program
from app.domain.rules.compiled import CompiledProgram
from app.flows.ledger_port import Patron
from app.flows.ports import Vault
from app.flows.results import CustomerProfile, TierView


def profile_of(
    patron: Patron, compiled: CompiledProgram | None, vault: Vault, *, version: int, now: datetime
) -> CustomerProfile:
    """The whole customer at a moment; `compiled` None where no program is published yet."""
    book, program = patron.book, compiled.program if compiled else None
    person = vault.open(book.customer_id, patron.profile)
    return CustomerProfile(
        id=book.customer_id,
        version=version,
        phone=person.phone,
        cards=person.cards,
        external_id=person.external_id,
        name=person.name,
        birthday=person.birthday,
        email=person.email,
        tags=patron.tags,
        consents=person.consents,
        referrer=patron.referrer,
        registered_at=patron.registered_at,
        tier=_tier_view(book, program, now),
        purchases=book.progress.purchases,
        balances=book.balances(program.wallets if program else ()),
        is_blocked=patron.is_blocked,
        is_frozen=patron.is_frozen,
        segments=patron.segments,
    )


def _tier_view(book: Book, program: Program | None, now: datetime) -> TierView:
    if program is None:
        return TierView(id=None, measure=0, next_id=None, next_from=None)
    tier = tier_at(program, book, now)
    above = next_tier(program.tiers, tier)
    return TierView(
        id=tier,
        measure=measure_at(program, book, now),
        next_id=above.id if above else None,
        next_from=above.start if above else None,
    )
