"""What settling one purchase costs inside its round. Run by hand: `python -m tests.flows.bench_settle`.

20 rules (discounts, accruals, a counter, a tier, payments) over 500 seeded baskets of five lines; customers with books,
counters and sealed profiles; each purchase goes through the flow's own `settle`, as a round does it, and gives its
stored columns their JSON, as the write does. No database, no network.

The first line is processor time a purchase: the median of the rounds, and the cheapest. The table below splits it by
step, each without the steps inside it: for every purchase the cheapest round, then the mean. Timers cost about 0.1 us
a step.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib import import_module
from statistics import mean, median
from time import perf_counter_ns, process_time_ns
from typing import Any, cast
from uuid import UUID

import orjson

from app.api.answers import JsonAnswers
from app.api.sale_requests import basket_of
from app.api.schemas import BasketBody
from app.domain.counters import Count
from app.domain.identifiers import CustomerId, Identifier, IdentifierKind
from app.domain.ledger.books import Book, Progress, Purse
from app.domain.ledger.memory import Memory
from app.domain.ledger.moments import Moment
from app.domain.programs import read_program
from app.domain.rules.compiled import CompiledProgram, compile_program
from app.flows.asks import Ask, Desk, Settled
from app.flows.ledger_port import Patron
from app.flows.ports import Person, fresh_ids
from app.flows.record_purchase import RecordPurchase
from app.flows.requests import Answer, Caller, PurchaseRequest, Receipt, Role, Write
from app.flows.sales import AtLimits
from app.keyring import Keyring
from app.storage import taken_back
from app.vault import KeyringVault

ROUNDS, PURCHASES = 15, 500
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TILL = Caller("till", Role.POS, ("S1",), "T1")
KEYRING = Keyring(
    master=sha256(b"master").digest(),
    lookup=sha256(b"lookup").digest(),
    signing=sha256(b"signing").digest(),
    cache=sha256(b"cache").digest(),
    draws=sha256(b"draws").digest(),
)
CATEGORIES = (
    "drinks/coffee", "dairy/milk", "sweets/chocolate", "bakery", "grocery/pasta", "meat", "fruit", "household", "pets",
    "drinks/tea",
)  # fmt: skip

_SHELF = (
    {"all": [{"basket_total": {"min": 1000}}, {"hours": {"from": "00:00", "to": "23:59"}}]},
    {"weekday": [1, 2, 3, 4, 5, 6, 7]},
)
RULES: list[dict[str, Any]] = [
    *(
        {"lane": "shelf", "kind": "discount", "when": _SHELF[place % 2], "on": {"category": [category]},
         "give": {"percent": str(4 + place)}}
        for place, category in enumerate(("drinks", "dairy", "sweets", "bakery", "grocery", "meat"))
    ),
    {"lane": "sets", "kind": "discount", "on": {"category": ["sweets"], "units": {"every": 3, "take": 1}},
     "give": {"percent": "100"}},
    {"lane": "coupon", "kind": "discount", "when": {"coupon": ["SPRING"]}, "give": {"percent": "5"}},
    {"lane": "coupon", "kind": "discount", "when": {"tier": ["gold"]}, "give": {"percent": "2"}},
    {"lane": "coupon", "kind": "discount", "when": {"basket_total": {"min": 500000}}, "give": {"amount": 5000}},
    {"lane": "base", "kind": "bonus", "give": {"percent": "3"}},
    {"lane": "base", "kind": "bonus", "when": {"tier": ["silver", "gold"]}, "give": {"percent": "5"}},
    {"lane": "extra", "kind": "bonus", "on": {"category": ["drinks/coffee"]}, "give": {"multiply": "2"}},
    {"lane": "extra", "kind": "bonus", "on": {"brand": ["A", "B"]}, "give": {"units_each": 2},
     "limit": {"customer": {"max": 1000, "period": "month"}}},
    {"lane": "extra", "kind": "bonus", "when": {"birthday": {"before": 3, "after": 3}}, "give": {"percent": "10"}},
    {"lane": "extra", "kind": "bonus", "when": {"purchase_number": {"every": 10}}, "give": {"units": 100}},
    {"lane": "extra", "kind": "bonus", "when": {"days_since_last": {"min": 30}}, "give": {"units": 50}},
    {"lane": "base", "kind": "cashback", "when": {"payment": {"method": "card"}},
     "give": {"percent": "1", "wallet": "cashback"}},
    {"lane": "extra", "kind": "bonus", "on": {"category": ["pets"]}, "give": {"per": {"amount": 10000, "units": 1}}},
    {"lane": "extra", "kind": "bonus", "when": {"channel": ["online"]}, "give": {"percent": "1"}},
]  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "currency": "RUB",
    "timezone": "Europe/Moscow",
    "wallets": {
        "points": {"value": 100, "expire_after_days": 365, "expire_round": "day"},
        "cashback": {"value": 1},
    },
    "redemption": {"wallets": ["points"], "max_share": "0.30"},
    "tiers": [{"id": "bronze", "from": 0}, {"id": "silver", "from": 1_000_000}, {"id": "gold", "from": 50_000_000}],
    "lanes": [
        {"id": "shelf", "combine": "best_line"},
        {"id": "sets", "combine": "once"},
        {"id": "coupon", "combine": "best"},
        {"id": "base", "combine": "best"},
        {"id": "extra", "combine": "all"},
    ],
    "rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(RULES)],
}

# Steps as (name in the table, module, path of the attribute in it); one that isn't there is left out.
STEPS = (
    ("decide: the rest", "app.flows.sale_desk", "SaleDesk._decide"),
    ("decide: profile", "app.vault", "KeyringVault.open"),
    ("decide: facts", "app.flows.sales", "facts_of"),
    ("decide: evaluate", "app.flows.sales", "evaluate"),
    ("decide: standing", "app.flows.sale_desk", "standing_of"),
    ("decide: shared use", "app.flows.sale_desk", "shared_use_of"),
    ("uses for returns", "app.flows.record_purchase", "uses_of"),
    ("plan: the rest", "app.flows.record_purchase", "plan_purchase"),
    ("plan: arrivals", "app.domain.ledger.plans", "arrivals_of"),
    ("plan: dates of lots", "app.domain.ledger.arrivals", "dates_of"),
    ("plan: tiers", "app.domain.ledger.plans", "count_purchase"),
    ("plan: tidy", "app.domain.ledger.memory", "Memory.tidy"),
    ("plan: record", "app.domain.ledger.plans", "record"),
    ("plan: canonical form", "app.domain.ledger.chain", "canonical"),
    ("plan: hash", "app.domain.ledger.recording", "next_hash"),
    ("answer: sale", "app.flows.record_purchase", "sale_of"),
    ("answer: document", "app.api.answers", "sale_document"),
    ("answer: lines", "app.api.sale_answer", "_line"),
    ("answer: prices", "app.api.sale_answer", "split_price"),
    ("answer: told", "app.api.sale_answer", "told_of"),
    ("answer: bytes", "app.api.answers", "to_bytes"),
    ("stored: basket", "app.flows.record_purchase", "stored_basket"),
    ("stored: line states", "app.flows.record_purchase", "line_states"),
    ("stored: lines to JSON", "app.storage.taken_back", "lines_to_json"),
    ("stored: uses to JSON", "app.storage.taken_back", "uses_to_json"),
    ("day of the program", "app.flows.record_purchase", "program_day"),
)


def basket(seed: int) -> dict[str, Any]:
    """As a till sends it."""
    luck = random.Random(seed)
    return {
        "lines": [
            {
                "id": str(place),
                "sku": f"sku{luck.randrange(2000)}",
                "name": f"Goods {place}",
                "category": luck.choice(CATEGORIES),
                "brand": luck.choice("ABCDEFG"),
                "qty": luck.randrange(1, 4),
                "price": luck.randrange(50, 900) * 100,
            }
            for place in range(1, 6)
        ],
        "payments": [{"method": "card", "amount": 100}],
    }


def request_of(
    document: dict[str, Any], *, customer: UUID | None, number: str, wishes: dict[str, Any] | None = None
) -> PurchaseRequest:
    """`wishes` are other members of the request than its basket."""
    asked: dict[str, Any] = {"at": None, "redeem": {}, "quote": None, "expect_paid": None, "explain": False}
    return PurchaseRequest(
        customer=None if customer is None else Identifier(IdentifierKind.ID, str(customer)),
        receipt=Receipt("S1", "T1", number, document={"number": number}),
        basket=basket_of(BasketBody.model_validate(document)),
        lines=tuple(document["lines"]),
        **{**asked, **(wishes or {})},
    )


def patron_of(place: int, vault: KeyringVault) -> Patron:
    """Customers that differ in tier, history and counters."""
    customer = CustomerId(UUID(int=0x01938000_0000_7000_8000_000000000000 + place))
    person = Person(name=f"Anna {place}", birthday=date(1980, 1 + place % 12, 17), phone=f"+7900{place:07d}")
    bought = place % 7
    book = Book(
        customer_id=customer,
        version=bought,
        purses={"points": Purse(available=40 * bought), "cashback": Purse(available=90 * bought)} if bought else {},
        tier=("bronze", "silver")[place % 2] if bought else None,
        progress=Progress(300_000 * bought, bought, 40 * bought, NOW - timedelta(days=place % 45)),
        memory=Memory(counts={"rule/r13/max": Count("2026-11", 3 * bought)} if bought else {}),
        due_at=NOW + timedelta(days=200) if bought else None,
        updated_at=NOW - timedelta(days=1),
    )
    return Patron(book, vault.seal(customer, person, wrapped_key=None), NOW - timedelta(days=400))


class Counter:
    """The port `Programs`, and the queue of rounds: what is asked is kept for the bench to settle."""

    def __init__(self, program: CompiledProgram) -> None:
        self._program = program
        self.asked: list[Ask] = []

    async def compiled(self, version: int) -> CompiledProgram:
        assert version
        return self._program

    async def post(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        return Answer(0, b"")

    def now(self) -> datetime:
        return NOW


async def asks_of(program: CompiledProgram, requests: list[PurchaseRequest]) -> list[Ask]:
    counter: Any = Counter(program)
    flow = RecordPurchase(
        counter,
        programs=counter,
        vault=KeyringVault(KEYRING),
        answers=JsonAnswers(),
        clock=counter,
        limits=AtLimits(None),
    )
    for place, request in enumerate(requests):
        await flow.accrue(Write(TILL, f"key-{place}", bytes(16), "request"), request)
    return cast("list[Ask]", counter.asked)


def desk_of(program: CompiledProgram, patron: Patron | None, ids: Iterator[UUID]) -> Desk:
    moment = Moment.by_clock(NOW, ids, book=patron.book if patron else None)
    return Desk(moment, 7, program, patron, None, None)


def settle(ask: Ask, desk: Desk) -> tuple[Settled, str, str | None]:
    """The outcome, and the purchase's columns that the write makes of it."""
    settled = ask.settle(desk)
    purchase = settled.purchase
    if purchase is None:
        raise RuntimeError("a purchase makes a row")
    return settled, taken_back.lines_to_json(purchase.lines), taken_back.uses_to_json(purchase.uses)


class Split:
    """Time by step, each without the steps inside it: for every purchase the cheapest round."""

    def __init__(self) -> None:
        self._inside = [0]
        self._spent: dict[str, int] = {}
        self.cheapest: list[dict[str, int]] = [{} for _ in range(PURCHASES)]

    @contextmanager
    def patched(self) -> Iterator[None]:
        undo: list[tuple[Any, str, Any]] = []
        for name, module, path in STEPS:
            *owners, attribute = path.split(".")
            holder: Any = import_module(module)
            for owner in owners:
                holder = getattr(holder, owner, None)
            if call := getattr(holder, attribute, None):
                undo.append((holder, attribute, call))
                setattr(holder, attribute, self.timed(name, call))
        try:
            yield
        finally:
            for holder, attribute, call in undo:
                setattr(holder, attribute, call)

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        inside, spent = self._inside, self._spent

        def run(*arguments: Any, **named: Any) -> Any:
            inside.append(0)
            began = perf_counter_ns()
            try:
                return call(*arguments, **named)
            finally:
                took = perf_counter_ns() - began
                spent[name] = spent.get(name, 0) + took - inside.pop()
                inside[-1] += took

        return run

    def note(self, place: int) -> None:
        cheapest = self.cheapest[place]
        for name, took in self._spent.items():
            cheapest[name] = min(took, cheapest.get(name, took))
        self._spent.clear()

    def __str__(self) -> str:
        names = ["settle: the rest", *(name for name, _, _ in STEPS)]
        sums = {name: mean(each.get(name, 0) for each in self.cheapest) / 1e3 for name in names}
        rows = [f"{took:7.1f}  {name}" for name, took in sums.items() if took]
        return "\n".join([*rows, f"{sum(sums.values()):7.1f}  in all, with the timers"])


def main() -> None:
    program = compile_program(read_program(DOCUMENT))
    vault = KeyringVault(KEYRING)
    patrons = [patron_of(place, vault) for place in range(PURCHASES)]
    requests = [
        request_of(basket(place), customer=patron.book.customer_id, number=f"R{place:06}")
        for place, patron in enumerate(patrons)
    ]
    asks = asyncio.run(asks_of(program, requests))
    ids, split, costs = fresh_ids(), Split(), []
    stored = [orjson.dumps(patron.book.memory.to_document()) for patron in patrons]

    def desks() -> list[Desk]:
        """Fresh books, as a round reads them."""
        fresh = [patron_of(place, vault) for place in range(PURCHASES)]
        for patron, memory in zip(fresh, stored, strict=True):
            patron.book.memory = Memory.from_document(orjson.loads(memory))
        return [desk_of(program, patron, ids) for patron in fresh]

    for _ in range(ROUNDS):
        waiting = desks()
        began = process_time_ns()
        for ask, desk in zip(asks, waiting, strict=True):
            settle(ask, desk)
        costs.append((process_time_ns() - began) / PURCHASES / 1e3)
        waiting = desks()
        with split.patched():
            timed = split.timed("settle: the rest", settle)
            for place, (ask, desk) in enumerate(zip(asks, waiting, strict=True)):
                timed(ask, desk)
                split.note(place)
    sys.stdout.write(f"a purchase: {median(costs):.1f} us as a rule, {min(costs):.1f} us at best\n{split}\n")


if __name__ == "__main__":
    main()
