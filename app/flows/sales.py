"""Deciding a basket for a customer: what quote and accrue share, so that a quote can't promise what a purchase would not do."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.basket import IdentifiedBy, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.identifiers import IdentifierKind
from app.domain.ledger.tiers import tier_of
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import evaluate
from app.flows.ledger_port import Patron
from app.flows.ports import Person
from app.flows.requests import Caller, PurchaseRequest
from app.flows.results import SaleCustomer

AHEAD_MAX = timedelta(minutes=5)  # A till's clock may run ahead by so much.


@dataclass(frozen=True, slots=True)
class AtLimits:
    """How far back the time of a deal may lie; None: no limit."""

    age_max: timedelta | None

    def check(self, at: datetime | None, *, now: datetime) -> datetime:
        """The time of the deal.

        Raises:
            Rejected: `validation_error` at `/at`.
        """
        if at is None:
            return now
        if at > now + AHEAD_MAX:
            _refuse_at("at_in_future", "more than 5 minutes ahead of the database's clock")
        if self.age_max is not None and at < now - self.age_max:
            _refuse_at("at_too_old", f"more than {self.age_max.total_seconds() // 3600:.0f} hours back")
        return at


def _refuse_at(code: str, message: str) -> None:
    raise Rejected(
        Rejection.VALIDATION_ERROR, "the time of the deal is out of bounds", faults=(Fault("/at", code, message),)
    )


def facts_of(patron: Patron, person: Person, program: CompiledProgram) -> CustomerFacts:
    """What the rules may know; the book must be up to date."""
    book = patron.book
    progress = book.progress
    return CustomerFacts(
        id=str(book.customer_id),
        tier=tier_of(program.program, stored=book.tier, progress=progress),
        available={wallet: purse.available for wallet, purse in book.purses.items()},
        purchases=progress.purchases,
        last_purchase_at=progress.last_purchase_at if progress.purchases else None,
        birthday=person.birthday,
        tags=frozenset(patron.tags),
    )


def decide(
    request: PurchaseRequest, caller: Caller, *, program: CompiledProgram, customer: CustomerFacts | None, at: datetime
) -> Decision:
    """The program's word on the basket.

    Raises:
        Rejected: what is to be redeemed may not be.
    """
    shop = request.receipt.shop if request.receipt else caller.shop
    visit = Visit(at=at, channel=caller.channel, shop=shop, identified_by=_strength_of(request))
    return evaluate(program, request.basket, customer=customer, visit=visit, redeem=request.redeem)


def _strength_of(request: PurchaseRequest) -> IdentifiedBy | None:
    if request.customer is None:
        return None
    return IdentifiedBy.PHONE if request.customer.kind is IdentifierKind.PHONE else IdentifiedBy.CARD


def masked_name(name: str | None) -> str | None:
    """`Anna` is `An***`: enough for a cashier to ask, too little to learn."""
    return f"{name[:2]}***" if name else None


def sale_customer(facts: CustomerFacts | None, patron: Patron | None, person: Person) -> SaleCustomer | None:
    if facts is None or patron is None:
        return None
    return SaleCustomer(id=patron.book.customer_id, tier=facts.tier, name=masked_name(person.name))
