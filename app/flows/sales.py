"""Deciding a basket for a customer: what quote and accrue share, so that a quote can't promise what a purchase would
not do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from app.domain.amounts import AMOUNT_MAX
from app.domain.basket import Visit
from app.domain.customer import CustomerFacts, mask_name
from app.domain.decision import Decision
from app.domain.identifiers import IdentifierKind
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.tiers import tier_at
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import evaluate
from app.domain.rules.needs import needs_of
from app.domain.rules.standing import Needs, Standing
from app.domain.rules.vouchers import unknown_codes
from app.flows.guessing import Codes, Uncounted
from app.flows.identity import identified_by, is_by_id
from app.flows.ledger_port import Patron
from app.flows.ports import Person, Vault
from app.flows.promises import Promise, check_promise, make_promise, refuse_changed, totals_of
from app.flows.requests import Caller, PurchaseRequest, Taken
from app.flows.results import Balances, Sale, SaleCustomer

HOUR = timedelta(hours=1)
AHEAD_MAX = timedelta(minutes=5)  # A till's clock may run ahead by so much.


@dataclass(frozen=True, slots=True)
class AtLimits:
    """How far back the time of a deal may lie; None: no limit."""

    age_max: timedelta | None

    def check(self, at: datetime | None, *, now: datetime, promise: Promise | None = None) -> datetime:
        """The time of the deal: as sent, else as promised, else now.

        Raises:
            Rejected: `validation_error` at `/at`.
        """
        if at is None:
            return promise.at if promise else now
        if at > now + AHEAD_MAX:
            _refuse_at("at_in_future", "must be at most 5 minutes ahead of the database's clock")
        if self.age_max is not None and at < now - self.age_max:
            _refuse_at("at_too_old", f"must be at most {self.age_max // HOUR} hours back")
        return at


def _refuse_at(code: str, message: str) -> None:
    raise Rejected(
        Rejection.VALIDATION_ERROR, "The time of the deal is out of bounds.", faults=(Fault("/at", code, message),)
    )


@dataclass(eq=False)  # As `Rejected`.
class ConfirmationNeeded(Rejected):
    """`confirmation_required`, with what the purchase would take then."""

    taken: Taken | None = None


@dataclass(slots=True)
class Decided:
    """A basket decided for a customer; `at` is the time the rules looked at. `facts` are as they were before it."""

    version: int
    program: CompiledProgram
    patron: Patron | None
    person: Person
    facts: CustomerFacts | None
    visit: Visit
    decision: Decision

    @property
    def at(self) -> datetime:
        return self.visit.at

    def promise(self, *, until: datetime) -> Promise:
        """What a quote of it promises."""
        customer = self.facts.id if self.facts else None
        return make_promise(self.decision, program=self.version, at=self.at, until=until, customer=customer)


def needs_of_sale(program: CompiledProgram, request: PurchaseRequest) -> Needs:
    """What deciding it takes of the program's shared state. A gift card needs less; that is known later."""
    customer_known = request.customer is not None
    return needs_of(program, request.basket, event=None, rewards=request.rewards, customer_known=customer_known)


def decide_sale(
    request: PurchaseRequest,
    caller: Caller,
    *,
    version: int,
    program: CompiledProgram,
    patron: Patron | None,
    vault: Vault,
    promise: Promise | None,
    at: datetime,
    standing: Standing,
) -> Decided:
    """The program's word on the basket, held against what was promised or expected; the patron's book must be up to
    date.

    `promise` is a valid token's: it pins the time too, and `version` and `program` are its own.

    Raises:
        Rejected: what is to be redeemed may not be; a reward that is asked for isn't to be had; the program gives more
            than a posting may move; `quote_changed`; `Uncounted`.
    """
    person = vault.open(patron.book.customer_id, patron.profile) if patron else Person()
    facts = facts_of(patron, person, program, now=standing.now) if patron else None
    if facts is not None and patron is not None and patron.is_frozen and request.given is None:
        facts = replace(facts, available={})  # Nothing may be taken while the books don't add up; quotes say 0.
    visit = Visit(
        at=promise.at if promise else at,
        channel=caller.channel,
        shop=request.receipt.shop if request.receipt else caller.shop,
        identified_by=identified_by(request.customer, by_code=request.proof.by_code) if request.customer else None,
        partner=caller.partner,
        card_types=_card_types(request, patron, vault),
        is_confirmed=patron is not None and request.proof.confirmed_by == patron.book.customer_id,
        is_by_id=request.customer is not None and is_by_id(request.customer, by_code=request.proof.by_code),
    )
    if request.codes is not Codes.TOLD:
        standing = _guarded(standing, request, program)

    def decide(visit: Visit) -> Decision:
        return evaluate(
            program,
            request.basket,
            customer=facts,
            visit=visit,
            redeem=request.redeem,
            rewards=request.rewards,
            standing=standing,
            given=request.given,
        )

    try:
        decision = decide(visit)
        if visit.is_confirmed and _taken(version, decision) != request.proof.taken:
            visit = replace(visit, is_confirmed=False)  # What they said yes to was something else.
            decision = decide(visit)
    except Rejected as refused:
        if refused.rejection is not Rejection.CONFIRMATION_REQUIRED:
            raise
        taken = _taken_if_confirmed(version, partial(decide, replace(visit, is_confirmed=True)))
        raise ConfirmationNeeded(refused.rejection, refused.detail, facts=refused.facts, taken=taken) from None
    if any(units > AMOUNT_MAX for units in decision.accrued.values()):
        raise Rejected(Rejection.LIMIT_EXCEEDED, f"The basket would bring more than {AMOUNT_MAX} units of a wallet.")
    decided = Decided(version, program, patron, person, facts, visit, decision)
    if promise is not None:
        check_promise(promise, decided.promise(until=promise.until))
    if request.expect_paid is not None and request.expect_paid != decision.paid:
        refuse_changed({"paid": request.expect_paid}, totals_of(decision))
    return decided


def _taken(version: int, decision: Decision) -> Taken:
    return Taken(version, {wallet: units for wallet, units in decision.redeemed_units.items() if units})


def _taken_if_confirmed(version: int, decide: Callable[[], Decision]) -> Taken | None:
    """None: it would be refused all the same, for what a stranger isn't told yet."""
    try:
        return _taken(version, decide())
    except Rejected:
        return None


def _guarded(standing: Standing, request: PurchaseRequest, program: CompiledProgram) -> Standing:
    """The standing of which no more of codes is seen than may be told. Raises `Uncounted`, before a refusal tells."""
    if request.codes is Codes.WITHHELD:
        return replace(standing, withholds_codes=True)
    unknown = unknown_codes(request.basket.coupons, standing=standing, public=program.public_codes)
    if unknown:
        raise Uncounted(unknown)
    return standing


def sale_of(
    decided: Decided,
    request: PurchaseRequest,
    *,
    at: datetime,
    version: int,
    balances: Balances,
    tx_id: UUID | None = None,
) -> Sale:
    """The answer of a purchase, or of a quote (no `tx_id`). `version` and `balances` are the customer's."""
    customer = None
    if decided.facts is not None and decided.patron is not None:
        name = mask_name(decided.person.name) if decided.person.name else None
        customer = SaleCustomer(id=decided.patron.book.customer_id, tier=decided.facts.tier, name=name)
    return Sale(
        id=tx_id,
        state="quoted" if tx_id is None else "committed",
        receipt=request.receipt.document if request.receipt else None,
        at=at,
        program=decided.version,
        customer=customer,
        version=version,
        decision=decided.decision,
        balances=balances,
        qty_milli={line.id: line.qty_milli for line in request.basket.lines},
        scheme=decided.program.program,
        explain=request.explain,
        is_russian=request.is_russian,
    )


def held_sale_of(
    decided: Decided,
    request: PurchaseRequest,
    *,
    shown: Decision,
    hold: Hold,
    version: int,
    balances: Balances,
) -> Sale:
    """The answer of a held basket; `shown` is what may be told of the decision before a capture."""
    sale = sale_of(decided, request, at=hold.at, version=version, balances=balances, tx_id=hold.id)
    return replace(sale, state=hold.state, decision=shown, expires_at=hold.expires_at)


def facts_of(patron: Patron, person: Person, program: CompiledProgram, *, now: datetime) -> CustomerFacts:
    book = patron.book
    progress = book.progress
    return CustomerFacts(
        id=str(book.customer_id),
        tier=tier_at(program.program, book, now),
        available={wallet: purse.available for wallet, purse in book.purses.items()},
        purchases=progress.purchases,
        last_purchase_at=progress.last_purchase_at if progress.purchases else None,
        birthday=person.birthday,
        tags=frozenset(patron.tags),
        segments=frozenset(patron.segments),
        is_gift_card=patron.is_gift_card,
    )


def _card_types(request: PurchaseRequest, patron: Patron | None, vault: Vault) -> frozenset[str]:
    """Of the card that was shown; of all the customer's cards where none was."""
    if patron is None or not patron.card_types:
        return frozenset()
    if request.customer is not None and request.customer.kind is IdentifierKind.CARD:
        shown = patron.card_types.get(vault.digest(request.customer).hex())
        return frozenset() if shown is None else frozenset((shown,))
    return frozenset(patron.card_types.values())
