"""Purchases as the service stores them: written by its own writers, without a database.

A basket is given as a till would send it; the edge's models read it, the rules decide it, and both documents are what a
purchase's row holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.api.answers import JsonAnswers
from app.api.calls import Call
from app.api.sale_requests import purchase_request
from app.api.schemas import AccrueBody
from app.domain.backtest.past import PastRow
from app.domain.basket import Channel, IdentifiedBy, Visit
from app.domain.counters import Count, Scope, advance
from app.domain.coupons import Coupon
from app.domain.customer import CustomerFacts
from app.domain.draws.luck import Luck
from app.domain.rules.evaluate import CompiledProgram, evaluate
from app.domain.rules.standing import Standing
from app.flows.ports import Person
from app.flows.requests import Caller, PurchaseRequest, Role
from app.flows.results import Sale, SaleCustomer
from app.flows.sales import Decided
from app.flows.stored_baskets import stored_basket

CALLER = Caller(key_id="k", role=Role.POS, shops=("S1",), terminal="T1")
VERSION = 7  # Of the program that decided.
BEGAN = datetime(2026, 11, 2, 6, tzinfo=UTC)
_EPOCH = datetime.fromtimestamp(0, UTC)


class _Explain:
    explain = False


def request_of(
    basket: Mapping[str, Any], *, number: str = "1", redeem: Mapping[str, Any] | None = None
) -> PurchaseRequest:
    """A purchase as it was sent, read by the edge."""
    document = {"receipt": {"number": number}, "basket": basket, **({"redeem": redeem} if redeem else {})}
    return purchase_request(
        Call(
            opened=None,
            caller=CALLER,
            params={},
            query=_Explain,
            body=AccrueBody.model_validate(document),
            document=document,
            raw=b"",
            phone_region="RU",
            is_russian=False,
            write=None,
        )
    )


def line(place: int = 1, *, price: int = 10_000, qty: int | str = 1, **more: Any) -> dict[str, Any]:
    return {"id": str(place), "price": price, "qty": qty, **more}


def basket_of(*lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """One line of 100.00 unless given."""
    return {"lines": list(lines) or [line()], **more}


def person(serial: int = 1, **more: Any) -> CustomerFacts:
    return CustomerFacts(id=str(UUID(int=serial)), **more)


def id_at(instant: datetime, serial: int) -> UUID:
    """A UUIDv7 of that millisecond."""
    millis = (instant - _EPOCH) // timedelta(milliseconds=1)
    return UUID(int=millis << 80 | 7 << 76 | 2 << 62 | serial)


@dataclass
class Shop:
    """Sells by one program and keeps what it sold. Counters go on from sale to sale, as in the database."""

    program: CompiledProgram
    rows: list[PastRow] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    asked: list[PurchaseRequest] = field(default_factory=list)
    counts: dict[str, dict[str, Count]] = field(default_factory=dict)
    codes: Mapping[str, Coupon] = field(default_factory=dict)
    free_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret: bytes = b"the secret of the day"

    def sell(
        self,
        basket: Mapping[str, Any],
        customer: CustomerFacts | None = None,
        *,
        at: datetime | None = None,
        posted_at: datetime | None = None,
        redeem: Mapping[str, Any] | None = None,
        number: str | None = None,
        identified_by: IdentifiedBy | None = IdentifiedBy.CARD,
        partner: str | None = None,
        card_types: frozenset[str] = frozenset(),
    ) -> PastRow:
        """A purchase of now (a minute after the one before), or of `at`; posted then, or at `posted_at`.

        `customer.id` must be a UUID's text.
        """
        serial = len(self.rows) + 1
        now = posted_at or at or BEGAN + timedelta(minutes=serial)
        request = request_of(basket, number=number or f"R{serial}", redeem=redeem)
        visit = Visit(at or now, Channel.POS, CALLER.shop, identified_by if customer else None, partner, card_types)
        standing = Standing(
            now=now,
            customer=self.counts.setdefault(customer.id, {}) if customer is not None else {},
            program=self.counts.setdefault("", {}),
            coupons=self.codes,
            codes=self.free_codes,
            luck=Luck(self.secret, now.date(), CALLER.shop, "T1", f"R{serial}"),
        )
        decision = evaluate(
            self.program,
            request.basket,
            customer=customer,
            visit=visit,
            redeem=request.redeem,
            rewards=request.rewards,
            standing=standing,
        )
        for use in decision.uses:
            owner = customer.id if customer is not None and use.scope is Scope.CUSTOMER else ""
            advance(self.counts[owner], [(use.name, use.period, use.amount)])
        decided = Decided(VERSION, self.program, None, Person(), customer, visit, decision)
        self.decided.append(decided)
        self.asked.append(request)
        self.rows.append(_row(decided, request, id_at(now, serial)))
        return self.rows[-1]


def _row(decided: Decided, request: PurchaseRequest, purchase_id: UUID) -> PastRow:
    facts = decided.facts
    sale = Sale(
        id=purchase_id,
        state="committed",
        receipt=request.receipt.document if request.receipt else None,
        at=decided.at,
        program=VERSION,
        customer=None if facts is None else SaleCustomer(UUID(facts.id), facts.tier, "An***"),
        version=3,
        decision=decided.decision,
        balances={},
        qty_milli={line.id: line.qty_milli for line in request.basket.lines},
        scheme=decided.program.program,
    )
    return PastRow(
        id=purchase_id,
        customer_id=None if facts is None else UUID(facts.id),
        shop=CALLER.shop,
        program=VERSION,
        at=decided.at,
        basket=stored_basket(request, decided),
        answer=JsonAnswers().sale(sale),
    )
