"""Cases of `cases/*.json`: a program, a customer, a visit, a basket, what is to be redeemed, and the decision, with
the sum that shows it.

A file holds `cases` and the parts of the program that they share; a case adds its own. What isn't named has the
defaults below. The expected decision is as partial as the case likes; what it names must match exactly, lists in full
length.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.domain.basket import Basket, Channel, ClosedTo, IdentifiedBy, Line, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.programs import read_program
from app.domain.rules.evaluate import compile_program, evaluate
from app.domain.rules.prices import split_price

CASES = Path(__file__).parent / "cases"
PROGRAM_DEFAULTS: Mapping[str, Any] = {
    "currency": "RUB",
    "timezone": "Europe/Moscow",
    "wallets": {"points": {"value": 100}, "cashback": {"value": 1}, "stamps": {"value": 0}},
    "rules": [],
}
AT = "2026-11-21T12:00:00+03:00"  # A Saturday.


@dataclass(frozen=True, slots=True)
class Case:
    """`said` is the case as it stands in the file."""

    id: str
    document: Mapping[str, Any]
    said: Mapping[str, Any]

    def decide(self) -> Decision:
        return evaluate(
            compile_program(read_program(dict(self.document))),
            self.basket(),
            customer=_customer(self.said.get("customer", {})),
            visit=_visit(self.said.get("visit", {})),
            redeem=self.said.get("redeem", {}),
        )

    def basket(self) -> Basket:
        return Basket(
            lines=tuple(_line(place, line) for place, line in enumerate(self.said["lines"])),
            payments=tuple(Payment(**payment) for payment in self.said.get("payments", [])),
        )


def read_cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.json")):
        shared = json.loads(path.read_text())
        cases = shared.pop("cases")
        for said in cases:
            document = {**PROGRAM_DEFAULTS, **shared, **said.pop("program", {})}
            document["rules"] = [{"id": f"r{place}", **rule} for place, rule in enumerate(document["rules"], start=1)]
            yield Case(f"{path.stem}: {said['name']}", document, said)


def milli(quantity: int | str) -> int:
    return int(Decimal(quantity) * 1_000)


def _line(place: int, line: Mapping[str, Any]) -> Line:
    return Line(
        id=line.get("id", "ABCDEFGH"[place]),
        qty_milli=milli(line.get("qty", 1)),
        price=line["price"],
        sku=line.get("sku"),
        category=line.get("category"),
        brand=line.get("brand"),
        tags=frozenset(line.get("tags", ())),
        list_price=line.get("list_price"),
        min_price=line.get("min_price", 0),
        closed_to=frozenset(ClosedTo(closed) for closed in line.get("no", ())),
    )


def _customer(customer: Mapping[str, Any] | None) -> CustomerFacts | None:
    if customer is None:
        return None
    birthday, last = customer.get("birthday"), customer.get("last_purchase_at")
    return CustomerFacts(
        id="c1",
        tier=customer.get("tier"),
        available=customer.get("available", {}),
        purchases=customer.get("purchases", 0),
        last_purchase_at=None if last is None else datetime.fromisoformat(last),
        birthday=None if birthday is None else date.fromisoformat(birthday),
    )


def _visit(visit: Mapping[str, Any]) -> Visit:
    return Visit(
        at=datetime.fromisoformat(visit.get("at", AT)),
        channel=Channel(visit.get("channel", "pos")),
        shop=visit.get("shop", "S1"),
        identified_by=IdentifiedBy(visit.get("identified_by", "card")),
    )


def shown(case: Case, decision: Decision) -> dict[str, Any]:
    """A decision in the contract's words."""
    qtys_milli = [line.qty_milli for line in case.basket().lines]
    return {
        "totals": {
            "gross": decision.gross,
            "discount": decision.discount,
            "redeemed": decision.redeemed,
            "paid": decision.paid,
            "redeemed_units": dict(decision.redeemed_units),
            "accrued": dict(decision.accrued),
        },
        "lines": [
            {
                "id": line.id,
                "gross": line.gross,
                "discount": line.discount,
                "redeemed": line.redeemed,
                "paid": line.paid,
                "redeemed_units": dict(line.redeemed_units),
                "accrued": dict(line.accrued),
                "parts": [[part.rule, part.units if part.wallet else part.amount] for part in line.parts],
                "prices": [
                    [pair.qty_milli, pair.price] if pair.amount is None else [pair.qty_milli, pair.price, pair.amount]
                    for pair in split_price(paid=line.paid, qty_milli=qty_milli)
                ],
            }
            for line, qty_milli in zip(decision.lines, qtys_milli, strict=True)
        ],
        "effects": [
            [effect.rule, effect.wallet, effect.wanted, effect.given, effect.limited_by] for effect in decision.effects
        ],
        "verdicts": {
            verdict.rule: [verdict.verdict.value, verdict.because, verdict.need, verdict.have]
            for verdict in decision.verdicts
        },
        "redeem": {
            wallet: {
                "max_units": terms.max_units,
                "max_money": terms.max_money,
                "bound_by": terms.bound_by,
                "terms": dict(terms.terms),
                "strength_units": terms.strength_units,
            }
            for wallet, terms in decision.redeem_terms.items()
        },
    }


def only(whole: Any, named: Any) -> Any:
    """`whole` cut to what `named` names, so that the two can be compared; a list keeps its length."""
    if isinstance(named, dict) and isinstance(whole, dict):
        return {key: only(whole[key], value) for key, value in named.items() if key in whole}
    if isinstance(named, list) and isinstance(whole, list) and len(named) == len(whole):
        return [only(part, value) for part, value in zip(whole, named, strict=True)]
    return whole
