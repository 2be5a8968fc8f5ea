"""The ledger's core against the independent model: the same purchases, redemptions, adjustments and returns in any
split, while days pass; after every step the same answers, balances, lots and tiers.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from app.domain.basket import Channel, IdentifiedBy, Visit
from app.domain.identifiers import CustomerId
from app.domain.ledger.lots import spending_order
from app.domain.ledger.returns import LineBack, ReturnPlan
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.evaluate import compile_program
from tests.domain.ledger.bank import Bank, Stored
from tests.domain.test_against_model import said, shown, typed_basket, without_zeros
from tests.model import busy, sequences, strategies
from tests.model.arithmetic import Json, number
from tests.model.corners import CORNERS
from tests.model.examples import examples
from tests.model.play import Outcome, Player, at_of, customer_ids
from tests.model.redemption import Refused

START = datetime(2026, 2, 10, 12, tzinfo=UTC)


class CorePlayer:
    """Plays operations on the core; answers in the words of the model, a refusal by its code."""

    def __init__(self, program: Json, operations: list[Json]) -> None:
        self.bank = Bank(compile_program(read_program(program)))
        self.purchases: list[Stored | None] = []
        for customer_id in customer_ids(operations):
            self.bank.register(known_as(customer_id))

    def perform(self, operation: Json, *, now: datetime) -> Any:
        try:
            return self._perform(operation, now)
        except Rejected as rejected:
            return str(rejected.rejection)

    def _perform(self, operation: Json, now: datetime) -> Any:
        match operation["op"]:
            case "purchase":
                return self._purchase(operation, now)
            case "return":
                stored = self.purchases[operation["purchase"]]
                return None if stored is None else self._return(stored, operation["lines"], now)
            case "publish":
                self.bank.program = compile_program(read_program(operation["program"]))
                return {}
        customer, wallet, points = known_as(operation["customer"]), operation["wallet"], operation["points"]
        if operation["op"] == "redeem":
            by = operation["identified_by"]
            self.bank.redeem(customer, wallet=wallet, units=points, identified_by=by, now=now)
        else:
            self.bank.adjust(customer, wallet=wallet, units=points, now=now)
        return {"balances": self._posted(customer)}

    def _purchase(self, operation: Json, now: datetime) -> Json:
        customer = None if operation["customer"] is None else known_as(operation["customer"])
        visit = Visit(
            at=at_of(operation, now),
            channel=Channel(operation["channel"]),
            shop=operation["shop"],
            identified_by=None if customer is None else IdentifiedBy(operation["identified_by"]),
        )
        self.purchases.append(None)
        decision, self.purchases[-1] = self.bank.accrue(
            customer, basket=typed_basket(operation["basket"]), visit=visit, asked=operation["redeem"], now=now
        )
        return {**shown(decision), "balances": self._posted(customer)}

    def _return(self, stored: Stored, lines: list[Json] | None, now: datetime) -> Json:
        asked = None if lines is None else [(line["id"], int(number(line["qty"]) * 1_000)) for line in lines]
        plan = self.bank.bring_back(stored, asked=asked, now=now)
        customer = stored.customer if stored.customer in self.bank.rows else None
        return {**returned(plan), "balances": self._posted(customer)}

    def _posted(self, customer: CustomerId | None) -> Json:
        """Balances as posted, which is what a write answers."""
        if customer is None:
            return {}
        purses = self.bank.rows[customer].balances(self.bank.program.program.wallets)
        return {name: {"available": each.available, "pending": each.pending} for name, each in purses.items()}

    def state(self, customer_id: str, now: datetime) -> Json:
        book = self.bank.seen(known_as(customer_id), now)
        wallets = self.bank.program.program.wallets
        lots = {
            wallet: spending_order(lot for lot in (book.lots or {}).values() if lot.wallet == wallet and lot.remaining)
            for wallet in wallets
        }
        return {
            "balances": {
                wallet: {"available": each.available, "pending": each.pending}
                for wallet, each in book.balances(wallets).items()
            },
            "lots": {
                wallet: [
                    {"remaining": lot.remaining, "active_at": lot.active_at, "expires_at": lot.expires_at}
                    for lot in each
                ]
                for wallet, each in lots.items()
            },
            "tier": self.bank.tier_of(book),
            "purchases": book.progress.purchases,
        }


def known_as(customer: str | int) -> CustomerId:
    return CustomerId(UUID(int=2**64 + int(customer)))


def returned(plan: ReturnPlan) -> Json:
    def line(back: LineBack) -> Json:
        taken, given = without_zeros(back.taken_back), without_zeros(back.given_back)
        return {"qty": back.qty_milli, "refund": back.refund, "taken_back": taken, "given_back": given}

    return {
        "refund": plan.refund,
        "lines": {each.id: line(each) for each in plan.lines},
        "taken_back": without_zeros(plan.taken_back),
        "given_back": without_zeros(plan.given_back),
        "expired_again": without_zeros(plan.expired_again),
        "clamped": without_zeros(plan.clamped),
    }


def in_words_of_the_core(operation: Json, outcome: Outcome) -> Any:
    """What the model answered, as `CorePlayer` answers."""
    if isinstance(outcome, Refused):
        return outcome.code
    if outcome is None or operation["op"] not in ("purchase", "return"):
        return outcome
    if operation["op"] == "purchase":
        return {**said(outcome), "balances": outcome["balances"]}
    lines = {line["id"]: {**line, "qty": line["qty"] * 1_000} for line in outcome["lines"]}
    return {
        **{name: value for name, value in outcome.items() if name != "purchase"},
        "lines": {id_: {name: value for name, value in line.items() if name != "id"} for id_, line in lines.items()},
    }


def compare(program: Json, operations: list[Json]) -> None:
    """Both play; after every step both say the same of it and of everyone."""
    model, core, now = Player(program, operations), CorePlayer(program, operations), START
    for place, operation in enumerate(operations):
        now += timedelta(days=operation["days"])
        expected = in_words_of_the_core(operation, model.perform(operation, now=now))
        got = core.perform(operation, now=now)
        assert got == expected, f"step {place}, {operation['op']}"
        model.books.advance(now)
        for customer_id in customer_ids(operations):
            assert core.state(customer_id, now) == model.books.state(customer_id), f"customer {customer_id} at {place}"
    for customer_id in customer_ids(operations):
        core.bank.check(known_as(customer_id))


@pytest.mark.parametrize("corner", CORNERS)
def test_books_are_kept_as_the_model_keeps_them_in_corners(corner: str) -> None:
    compare(*CORNERS[corner])


@examples(3_000)
@given(busy.stories())
def test_books_are_kept_as_the_model_keeps_them(story: tuple[Json, list[Json]]) -> None:
    """Lots that come and go, debts, returns in any split."""
    program, operations = story
    note(f"program {program}\noperations {operations}")
    compare(program, operations)


@examples(150)
@given(st.data())
def test_books_are_kept_as_the_model_keeps_them_under_any_program(data: st.DataObject) -> None:
    """The whole language; a program is dear to draw, so each is played twice."""
    program = data.draw(strategies.programs(), label="program")
    later = data.draw(strategies.programs(after=program), label="later")
    for _ in range(2):
        operations = data.draw(sequences.operations(program, later=later), label="operations")
        compare(program, operations)
