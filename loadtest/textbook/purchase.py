"""A purchase in the textbook: the decision of our own core, and the rows that it makes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.domain.amounts import gross
from app.domain.basket import Basket, Channel, IdentifiedBy, Line, Payment, Visit
from app.domain.counters import Count, Scope, advance
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.ledger.arrivals import arrivals_of
from app.domain.ledger.terms import dates_of
from app.domain.program import Program
from app.domain.rejections import Rejected
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.evaluate import evaluate
from app.domain.rules.standing import Standing
from loadtest.textbook.models import LineOut, PurchaseIn, PurchaseOut, TotalsOut
from loadtest.textbook.tables import ApiKey, Customer, Entry, Lot, Purchase, PurchaseLine

MILLI = 1000


def decide(program: CompiledProgram, body: PurchaseIn, customer: Customer, till: ApiKey, now: datetime) -> Decision:
    basket = Basket(
        lines=tuple(
            Line(
                id=line.id,
                qty_milli=line.qty * MILLI,
                price=line.price,
                sku=line.sku,
                name=line.name,
                category=line.category,
                brand=line.brand,
                tags=frozenset(line.tags),
                list_price=line.list_price,
                min_price=line.min_price,
            )
            for line in body.basket.lines
        ),
        coupons=tuple(body.basket.coupons),
        payments=tuple(Payment(payment.method, payment.amount) for payment in body.basket.payments),
    )
    facts = CustomerFacts(
        id=str(customer.id),
        tier=customer.tier,
        available=customer.balances,
        purchases=customer.purchases,
        last_purchase_at=customer.last_purchase_at,
        birthday=customer.birthday,
    )
    found_by = IdentifiedBy.CARD if body.customer.phone is None else IdentifiedBy.PHONE
    counters = {name: Count(*count) for name, count in customer.counters.items()}
    try:
        return evaluate(
            program,
            basket,
            customer=facts,
            visit=Visit(at=now, channel=Channel.POS, shop=till.shop, identified_by=found_by),
            redeem=body.redeem,
            standing=Standing(now=now, customer=counters),
        )
    except Rejected as rejected:
        raise HTTPException(409, str(rejected)) from None


def purchase_of(body: PurchaseIn, decision: Decision, customer: Customer, till: ApiKey, now: datetime) -> Purchase:
    decided = {line.id: line for line in decision.lines}
    purchase = Purchase(
        id=uuid7(),
        customer_id=customer.id,
        shop=till.shop,
        terminal=till.terminal,
        receipt=body.receipt.number,
        program=1,
        at=now,
        gross=decision.gross,
        discount=decision.discount,
        redeemed=decision.redeemed,
        paid=decision.paid,
        explanation=_documents(decision.verdicts, ("rule", "verdict", "because", "need", "have")),
    )
    for line in body.basket.lines:
        found = decided[line.id]
        purchase.lines.append(
            PurchaseLine(
                line_id=line.id,
                sku=line.sku,
                name=line.name,
                category=line.category,
                brand=line.brand,
                qty_milli=line.qty * MILLI,
                price=line.price,
                gross=gross(line.price, line.qty * MILLI),
                discount=found.discount,
                redeemed=found.redeemed,
                paid=found.paid,
                accrued=dict(found.accrued),
                parts=_documents(found.parts, ("rule", "kind", "amount", "wallet", "units")),
            )
        )
    return purchase


async def redeem(session: AsyncSession, decision: Decision, purchase: Purchase) -> None:
    """Units out of lots: earliest expiry first, never-expiring last, then earlier activation, then id."""
    for wallet, units in decision.redeemed_units.items():
        lots = await session.scalars(
            select(Lot)
            .where(Lot.customer_id == purchase.customer_id, Lot.wallet == wallet, Lot.remaining > 0)
            .order_by(Lot.expires_at.nulls_last(), Lot.active_at, Lot.id)
        )
        left = units
        for lot in lots:
            if not left:
                break
            taken = min(left, lot.remaining)
            lot.remaining -= taken
            left -= taken
            _enter(purchase, "customer:available", wallet, -taken, lot=lot.id)
        _enter(purchase, "program:redeemed", wallet, units)


def book_accruals(program: Program, decision: Decision, customer: Customer, purchase: Purchase) -> None:
    """One lot for what expires by the same terms; an entry a rule, and one of the program's against them."""
    for wallet, terms, by_rule in arrivals_of(decision, program):
        active_at, expires_at = dates_of(terms, now=purchase.at, at=purchase.at, zone=program.timezone)
        lot = Lot(
            id=uuid7(),
            customer_id=customer.id,
            wallet=wallet,
            remaining=sum(by_rule.values()),
            active_at=active_at,
            expires_at=expires_at,
        )
        purchase.lots.append(lot)
        for rule, units in by_rule.items():
            _enter(purchase, "customer:available", wallet, units, lot=lot.id, rule=rule)
    for wallet, units in decision.accrued.items():
        if units:
            _enter(purchase, "program:issued", wallet, -units)


def _enter(
    purchase: Purchase, account: str, wallet: str, amount: int, *, lot: UUID | None = None, rule: str | None = None
) -> None:
    purchase.entries.append(
        Entry(
            place=len(purchase.entries),
            customer_id=purchase.customer_id,
            account=account,
            wallet=wallet,
            amount=amount,
            lot_id=lot,
            rule=rule,
        )
    )


def count(program: Program, decision: Decision, customer: Customer, now: datetime) -> None:
    """Balances, counters of limits, tier; a JSON column is written when it gets another value."""
    balances = dict(customer.balances)
    for wallet, units in decision.accrued.items():
        balances[wallet] = balances.get(wallet, 0) + units
    for wallet, units in decision.redeemed_units.items():
        balances[wallet] = balances.get(wallet, 0) - units
    customer.balances = balances
    counters = {name: Count(*count) for name, count in customer.counters.items()}
    advance(counters, ((use.name, use.period, use.amount) for use in decision.uses if use.scope is Scope.CUSTOMER))
    customer.counters = {name: list(count) for name, count in counters.items()}
    customer.version += 1
    customer.purchases += 1
    customer.last_purchase_at = now
    customer.paid += decision.paid
    reached = [tier.id for tier in program.tiers if tier.start <= customer.paid]
    customer.tier = reached[-1] if reached else None


def answer_of(purchase: Purchase, decision: Decision, customer: Customer) -> PurchaseOut:
    return PurchaseOut(
        id=purchase.id,
        state="committed",
        at=purchase.at,
        program=purchase.program,
        version=customer.version,
        tier=customer.tier,
        totals=TotalsOut(
            gross=decision.gross,
            discount=decision.discount,
            redeemed=decision.redeemed,
            paid=decision.paid,
            redeemed_units=dict(decision.redeemed_units),
            accrued=dict(decision.accrued),
        ),
        lines=_lines(purchase.lines),
        effects=_documents(decision.effects, ("rule", "kind", "wallet", "wanted", "given", "limited_by")),
        balances=customer.balances,
    )


def _documents(values: Iterable[Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Values of the decision as JSON objects."""
    return [{name: getattr(value, name) for name in names} for value in values]


def _lines(lines: Iterable[PurchaseLine]) -> list[LineOut]:
    return [
        LineOut(
            id=line.line_id,
            gross=line.gross,
            discount=line.discount,
            redeemed=line.redeemed,
            paid=line.paid,
            accrued=line.accrued,
            parts=line.parts,
        )
        for line in lines
    ]
