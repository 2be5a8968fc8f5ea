"""The ledger's core against the independent model: the same purchases, redemptions, adjustments and returns in any
split, while days pass; after every step the same answers, balances, lots and tiers.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from app.domain.basket import Channel, IdentifiedBy, Visit
from app.domain.counters import Count
from app.domain.decision import Decision
from app.domain.identifiers import CustomerId
from app.domain.ledger.balances import WalletBalance
from app.domain.ledger.lots import spending_order
from app.domain.ledger.returns import LineBack, ReturnPlan
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.evaluate import compile_program
from tests.domain.ledger.bank import Bank, Stored
from tests.domain.words import (
    counter_name,
    differing,
    forget_what_is_open,
    said,
    shown,
    typed_basket,
    typed_coupon,
    without_zeros,
)
from tests.model import busy, sequences, strategies, whole
from tests.model.arithmetic import Json, number
from tests.model.books import Books
from tests.model.corners import CORNERS
from tests.model.examples import examples
from tests.model.play import ACTS_SHOP, Outcome, Player, at_of, coupon_of, customer_ids, receipt_of
from tests.model.redemption import Refused
from tests.model.world import period_of

START = datetime(2026, 2, 10, 12, tzinfo=UTC)


class CorePlayer:
    """Plays operations on the core; answers in the words of the model, a refusal by its code."""

    def __init__(self, program: Json, operations: list[Json]) -> None:
        self.bank = Bank(compile_program(read_program(program)), secret_of=secret_of)
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
            case "event":
                return self._act(operation, now)
            case "codes":
                for code, each in operation["codes"].items():
                    coupon = coupon_of(each, now)
                    whose = None if coupon["customer"] is None else str(known_as(coupon["customer"]))
                    self.bank.shared.coupons[code] = typed_coupon(code, {**coupon, "customer": whose})
                return {}
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
        asked = operation["redeem"]
        decision, self.purchases[-1] = self.bank.accrue(
            customer,
            basket=typed_basket(operation["basket"]),
            visit=visit,
            asked={wallet: units for wallet, units in asked.items() if wallet != "rewards"},
            rewards=asked.get("rewards", {}),
            now=now,
            receipt=receipt_of(operation, len(self.purchases) - 1),
        )
        return {**self._shown(decision), "balances": self._posted(customer)}

    def _act(self, operation: Json, now: datetime) -> Json:
        customer = known_as(operation["customer"])
        visit = Visit(
            at=at_of(operation, now),
            channel=Channel.ONLINE,
            shop=ACTS_SHOP,
            identified_by=IdentifiedBy.CARD,
            event=operation["type"],
        )
        decision = self.bank.act(customer, visit=visit, now=now)
        return {**self._shown(decision), "balances": self._posted(customer)}

    def _shown(self, decision: Decision) -> Json:
        """Purchases by their place."""
        told = shown(decision)
        places = {str(each.state.tx_id): str(place) for place, each in enumerate(self.bank.purchases)}
        for draw in told["draws"]:
            draw["slip_of"] = places.get(draw["slip_of"], draw["slip_of"])
        return told

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
        return {name: balance(each) for name, each in purses.items()}

    def state(self, customer_id: str, now: datetime) -> Json:
        book = self.bank.seen(known_as(customer_id), now)
        wallets = self.bank.program.program.wallets
        lots = {
            wallet: spending_order(lot for lot in (book.lots or {}).values() if lot.wallet == wallet and lot.remaining)
            for wallet in wallets
        }
        return {
            "balances": {wallet: balance(each) for wallet, each in book.balances(wallets).items()},
            "lots": {
                wallet: [
                    {"remaining": lot.remaining, "active_at": lot.active_at, "expires_at": lot.expires_at}
                    for lot in each
                ]
                for wallet, each in lots.items()
            },
            "tier": self.bank.tier_of(book, now),
            "purchases": book.progress.purchases,
        }

    def counters(self) -> dict[Any, int]:
        """Everyone's and the program's, without zeros, by (customer or None, name, period)."""
        named: dict[Any, Count] = {(None, name): count for name, count in self.bank.shared.counts.items()}
        for customer, row in self.bank.rows.items():
            named |= {(customer, name): count for name, count in row.memory.counts.items()}
        return {(owner, name, count.period): count.used for (owner, name), count in named.items() if count.used}

    def coupons(self) -> dict[str, Any]:
        return {
            code: (coupon.uses, coupon.customer, coupon.is_blocked) for code, coupon in self.bank.shared.coupons.items()
        }


def balance(each: WalletBalance) -> Json:
    return {"available": each.available, "pending": each.pending, "held": each.held}


def secret_of(day: date) -> bytes:
    return day.isoformat().encode()


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
    if outcome is None or operation["op"] not in ("purchase", "return", "event"):
        return outcome
    if operation["op"] != "return":
        return {**said(outcome), "balances": outcome["balances"]}
    lines = {line["id"]: {**line, "qty": line["qty"] * 1_000} for line in outcome["lines"]}
    return {
        **{name: value for name, value in outcome.items() if name != "purchase"},
        "lines": {id_: {name: value for name, value in line.items() if name != "id"} for id_, line in lines.items()},
    }


def compare(program: Json, operations: list[Json]) -> None:
    """Both play; after every step both say the same of it and of everyone."""
    model, core, now = Player(program, operations, secret_of=secret_of), CorePlayer(program, operations), START
    for place, operation in enumerate(operations):
        now += timedelta(days=operation["days"])
        outcome = model.perform(operation, now=now)
        expected = in_words_of_the_core(operation, outcome)
        got = core.perform(operation, now=now)
        if isinstance(outcome, Refused) and operation.get("redeem", {}).get("rewards"):
            assert got in outcome.codes, f"step {place}, {operation['op']}"
            continue
        if operation["op"] in ("purchase", "event") and not isinstance(outcome, Refused) and not isinstance(got, str):
            forget_what_is_open(model.books.program, got, expected)
        assert got == expected, f"step {place}, {operation['op']}\n{differing(got, expected)}"
        model.books.advance(now)
        for customer_id in customer_ids(operations):
            assert core.state(customer_id, now) == model.books.state(customer_id), f"customer {customer_id} at {place}"
        compare_used(model.books, core, place, now)
    for customer_id in customer_ids(operations):
        core.bank.check(known_as(customer_id))


def compare_used(books: Books, core: CorePlayer, place: int, now: datetime) -> None:
    """Counters of today's periods, coupons."""
    counts = {
        (None if owner is None else known_as(owner), counter_name(name), period): used
        for (owner, name, period), used in books.counts.items()
        if used
    }
    # A counter remembers one period at a time; those that are over are nobody's business.
    got = core.counters()
    periods = {(owner, name): period for owner, name, period in got}
    current = {
        key: used for key, used in counts.items() if periods.get(key[:2], key[2]) == key[2] and is_now(key, now, books)
    }
    assert {key: used for key, used in got.items() if is_now(key, now, books)} == current, f"counters at {place}"
    coupons = {
        code: (each["uses"], owner_of(each["customer"]), bool(each.get("blocked")))
        for code, each in books.coupons.items()
    }
    assert core.coupons() == coupons, f"coupons at {place}"


def owner_of(customer: str | None) -> str | None:
    return None if customer is None else str(known_as(customer))


def is_now(key: Any, now: datetime, books: Books) -> bool:
    """Of no period, of a bag, or of one that today lies in."""
    period = key[2]
    zone = ZoneInfo(books.program["timezone"])
    days = {period_of(each, zone, now) for each in ("day", "week", "month", "year", "ever")}
    return period in days or key[1].startswith("bag/")


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


@examples(600)
@given(whole.stories(start=START))
def test_everything_that_runs_out_and_comes_back(story: tuple[Json, list[Json]]) -> None:
    """Limits, caps, coupons, draws, acts, sets that convert, windows of tiers: used, given back, used again."""
    program, operations = story
    note(f"program {program}\noperations {operations}")
    compare(program, operations)
