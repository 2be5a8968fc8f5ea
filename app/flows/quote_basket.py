"""`quote`: what a basket would cost and bring, from the hot cache; writes nothing, and nothing is committed on such a view."""

from app.domain.ledger.plans import balances_after
from app.flows.ports import Clock, Person, Programs, Vault
from app.flows.promises import VALID_FOR, check_promise, make_promise, read_token, refuse_changed, to_token, totals_of
from app.flows.read_customer import ReadCustomer
from app.flows.requests import Caller, PurchaseRequest
from app.flows.results import Sale
from app.flows.sales import AtLimits, decide, facts_of, sale_customer


class QuoteBasket:
    def __init__(
        self, reader: ReadCustomer, *, programs: Programs, vault: Vault, clock: Clock, limits: AtLimits
    ) -> None:
        self._reader = reader
        self._programs = programs
        self._vault = vault
        self._clock = clock
        self._limits = limits

    async def quote(self, caller: Caller, request: PurchaseRequest) -> Sale:
        """Raises `Rejected`."""
        version = await self._programs.newest()
        now = self._clock.now()
        promise = read_token(request.quote, self._vault) if request.quote else None
        if promise is not None and now >= promise.until:
            promise = None
        if promise is not None:
            version = promise.program
        program = await self._programs.compiled(version)
        at = self._limits.check(request.at, now=now)
        patron = None
        posted_version = 0
        if request.customer is not None:
            patron, _ = await self._reader.patron(await self._reader.find(request.customer))
            posted_version = patron.book.version
            await self._reader.up_to_date(patron)
        person = self._vault.open(patron.book.customer_id, patron.profile) if patron else Person()
        facts = facts_of(patron, person, program) if patron else None
        decided_at = promise.at if promise else at
        decision = decide(request, caller, program=program, customer=facts, at=decided_at)
        made = make_promise(decision, program=version, at=decided_at, now=now, customer=facts.id if facts else None)
        if promise is not None:
            check_promise(promise, made)
        if request.expect_paid is not None and request.expect_paid != decision.paid:
            refuse_changed({"paid": request.expect_paid}, totals_of(decision))
        customer = sale_customer(facts, patron, person)
        return Sale(
            id=None,
            state="quoted",
            receipt=request.receipt.document if request.receipt else None,
            at=at,
            program=version,
            customer=customer,
            version=posted_version,
            decision=decision,
            balances=balances_after(patron.book, program.program, decision, now=now, at=at) if patron else {},
            qty_milli={line.id: line.qty_milli for line in request.basket.lines},
            explain=request.explain,
            russian=request.russian,
            quote=to_token(made, self._vault),
            valid_until=now + VALID_FOR,
        )
