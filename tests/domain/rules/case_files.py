"""Cases of `cases/*.json`: a program, a customer, a visit, a basket, what is to be redeemed, and the decision, with
the sum that shows it.

A file holds `cases` and the parts of the program that they share; a case adds its own. What isn't named has the
defaults below. The expected decision is as partial as the case likes; what it names must match exactly, lists in full
length, and so `effects`, `uses` and `hints` as a whole. standings.py says how `standing` is written, shown.py how a
decision is.
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
from tests.domain.rules.shown import shown
from tests.domain.rules.standings import read_standing

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

    def decide(self, basket: Basket | None = None) -> Decision:
        """The decision on the case's basket, or on another one in its place."""
        visit = _visit(self.said.get("visit", {}))
        return evaluate(
            compile_program(read_program(dict(self.document))),
            basket or self.basket(),
            customer=_customer(self.said.get("customer", {})),
            visit=visit,
            redeem=self.said.get("redeem", {}),
            rewards=self.said.get("rewards", {}),
            standing=read_standing(self.said.get("standing"), at=visit.at),
        )

    def show(self) -> dict[str, Any]:
        """What the program decides, in the contract's words."""
        return shown(self.decide(), lines=self.basket().lines, rules=[rule["id"] for rule in self.document["rules"]])

    def basket(self) -> Basket:
        return Basket(
            lines=tuple(_line(place, line) for place, line in enumerate(self.said["lines"])),
            coupons=tuple(self.said.get("coupons", ())),
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
        id=customer.get("id", "c1"),
        tier=customer.get("tier"),
        available=customer.get("available", {}),
        purchases=customer.get("purchases", 0),
        last_purchase_at=None if last is None else datetime.fromisoformat(last),
        birthday=None if birthday is None else date.fromisoformat(birthday),
        tags=frozenset(customer.get("tags", ())),
        segments=frozenset(customer.get("segments", ())),
        is_gift_card=customer.get("is_gift_card", False),
    )


def _visit(visit: Mapping[str, Any]) -> Visit:
    identified_by = visit.get("identified_by", "card")
    return Visit(
        at=datetime.fromisoformat(visit.get("at", AT)),
        channel=Channel(visit.get("channel", "pos")),
        shop=visit.get("shop", "S1"),
        identified_by=None if identified_by is None else IdentifiedBy(identified_by),
        partner=visit.get("partner"),
        card_types=frozenset(visit.get("card_types", ())),
        event=visit.get("event"),
    )
