"""What tills do, by name: each scenario is a source of requests, made as they are sent, from a seed.

    accrue    purchases of five lines by many customers
    hot       the same, by one customer
    redeem    the same, each pays with as many points as it may
    pay       the same, each pays with a few points: fewer than one purchase brings
    replay    purchases that were answered already, with their keys
    visit     a basket is priced for each customer once, in turn
    quote     a basket is priced        balance  a balance is read        lookup  a customer is looked up
    day       a mixed day of a chain, by `DAY`; some customers come far more often than others

Customers are named as tills do it: by phone (half of them), by card, by id. Requests come from several tills, each with
a key of its own. Every answer has one expected status; anything else is a wrong answer.
"""

from __future__ import annotations

import json
import random
from bisect import bisect
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from loadtest.goods import LINES, baskets
from loadtest.wire import Answer, head_of, request

# Shares of a day's requests, in per cent.
DAY: Mapping[str, int] = {
    "accrue": 55,
    "quote": 15,
    "lookup": 10,
    "balance": 10,
    "redeem": 6,
    "return": 2,
    "replay": 2,
}
FEW_POINTS = 5
# Answered purchases that a till remembers, to repeat or to take back.
REMEMBERED_MAX = 256


@dataclass(frozen=True, slots=True)
class Till:
    """A terminal of the chain and its key."""

    key: str
    shop: str
    terminal: str


@dataclass(frozen=True, slots=True)
class Customer:
    """By any of the three a till finds the customer."""

    id: str
    phone: str
    card: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Who sends and who buys, and the key of whoever may do everything."""

    tills: tuple[Till, ...]
    customers: tuple[Customer, ...]
    admin: str = ""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Chain:
        document = json.loads(path.read_text())
        return cls(
            tills=tuple(Till(**till) for till in document["tills"]),
            customers=tuple(Customer(**customer) for customer in document["customers"]),
            admin=document["admin"],
        )


class Shot(NamedTuple):
    """A request and what has to come back. `customer`: the place of whom it writes to, -1 for none; `receipt`: the
    number of a purchase that may be repeated or taken back; `is_replay`: it was answered before and writes nothing."""

    data: bytes
    status: int
    is_replay: bool = False
    customer: int = -1
    receipt: bytes = b""


class _Heads:
    """The prepared heads of one till, and the purchases that it remembers."""

    __slots__ = ("accrue", "answered", "balance", "lookup", "purchase", "quote", "returns")

    def __init__(self, till: Till) -> None:
        self.accrue = head_of("POST", "/v1/accrue", key=till.key)
        self.quote = head_of("POST", "/v1/quote", key=till.key)
        self.lookup = head_of("POST", "/v1/customers/lookup", key=till.key)
        self.returns = head_of("POST", "/v1/returns", key=till.key)
        self.balance = head_of("GET", "/v1/customers/%b/balance", key=till.key)
        self.purchase = json.dumps({"shop": till.shop, "terminal": till.terminal}).encode()[:-1]
        self.answered: deque[Shot] = deque(maxlen=REMEMBERED_MAX)


class Scenario:
    """A source of requests. `run` makes keys and receipt numbers unique; the same seed asks the same things."""

    def __init__(self, name: str, chain: Chain, *, run: str, seed: int, lines: int = LINES) -> None:
        self._make = self._named(name)
        self._is_day = name == "day"
        self._is_hot = name == "hot"
        self._random = random.Random(seed)
        self._run = run.encode()
        self._sent = 0
        self._baskets = baskets(lines)
        self._ids = [customer.id.encode() for customer in chain.customers]
        self._references = [_references(customer) for customer in chain.customers]
        self._tills = [_Heads(till) for till in chain.tills]
        self._day = [(self._named(kind), edge) for kind, edge in zip(DAY, accumulate(DAY.values()), strict=True)]
        self._day_edges = [edge for _, edge in self._day]

    @property
    def needs_history(self) -> bool:
        """Whether it repeats purchases, so that there have to be some before it begins."""
        return self._make == self.replay

    def next(self, till: int) -> Shot:
        """The next request of a till, by its place (any number: tills are taken in turn)."""
        return self._make(self._tills[till % len(self._tills)])

    def purchase(self, till: int) -> Shot:
        """A purchase of a till, whatever the scenario: the history that others need."""
        return self.accrue(self._tills[till % len(self._tills)])

    def answered(self, till: int, shot: Shot, answer: Answer) -> bool:
        """Whether the answer is right; remembers purchases."""
        if answer.status != shot.status or answer.is_replay != shot.is_replay:
            return False
        if shot.receipt:
            self._tills[till % len(self._tills)].answered.append(shot._replace(is_replay=False))
        return True

    def accrue(self, till: _Heads, *, redeem: bytes = b"") -> Shot:
        self._sent += 1
        number = b"%b-%d" % (self._run, self._sent)
        customer = self._customer()
        body = b'{"customer":%b,"receipt":{"number":"%b"},"basket":%b%b}' % (
            self._reference(customer),
            number,
            self._basket(),
            redeem,
        )
        return Shot(request(till.accrue, body, idempotency_key=number), 201, customer=customer, receipt=number)

    def redeem(self, till: _Heads) -> Shot:
        return self.accrue(till, redeem=b',"redeem":{"points":"max"}')

    def pay(self, till: _Heads) -> Shot:
        return self.accrue(till, redeem=b',"redeem":{"points":%d}' % FEW_POINTS)

    def replay(self, till: _Heads) -> Shot:
        """The oldest purchase that the till remembers, again; forgotten meanwhile: twice at once would be refused."""
        return till.answered.popleft()._replace(is_replay=True) if till.answered else self.accrue(till)

    def give_back(self, till: _Heads) -> Shot:
        """One piece of the first line of the oldest purchase that the till remembers."""
        if not till.answered:
            return self.accrue(till)
        known = till.answered.popleft()
        body = b'{"receipt":{"number":"%b-r"},"purchase":%b,"number":"%b"},"lines":[{"id":"1","qty":1}]}' % (
            known.receipt,
            till.purchase,
            known.receipt,
        )
        data = request(till.returns, body, idempotency_key=known.receipt + b"-r")
        return Shot(data, 201, customer=known.customer)

    def quote(self, till: _Heads) -> Shot:
        return self._quote(till, self._customer())

    def visit(self, till: _Heads) -> Shot:
        self._sent += 1
        return self._quote(till, (self._sent - 1) % len(self._ids))

    def _quote(self, till: _Heads, customer: int) -> Shot:
        body = b'{"customer":%b,"basket":%b}' % (self._reference(customer), self._basket())
        return Shot(request(till.quote, body), 200)

    def balance(self, till: _Heads) -> Shot:
        return Shot(request(till.balance % self._ids[self._customer()]), 200)

    def lookup(self, till: _Heads) -> Shot:
        return Shot(request(till.lookup, b'{"customer":%b}' % self._reference(self._customer())), 200)

    def day(self, till: _Heads) -> Shot:
        make, _ = self._day[bisect(self._day_edges, self._random.random() * 100)]
        return make(till)

    def _named(self, name: str) -> Callable[[_Heads], Shot]:
        named: dict[str, Callable[[_Heads], Shot]] = {
            "accrue": self.accrue,
            "hot": self.accrue,
            "redeem": self.redeem,
            "pay": self.pay,
            "replay": self.replay,
            "return": self.give_back,
            "quote": self.quote,
            "visit": self.visit,
            "balance": self.balance,
            "lookup": self.lookup,
            "day": self.day,
        }
        if name not in named:
            raise ValueError(f"no scenario is called {name!r}: {', '.join(named)}")
        return named[name]

    def _customer(self) -> int:
        """A place. On a day the first tenth of the customers come for a third of all purchases (a square law)."""
        if self._is_hot:
            return 0
        luck = self._random.random()
        return int(len(self._ids) * (luck * luck if self._is_day else luck))

    def _reference(self, customer: int) -> bytes:
        return self._references[customer][self._random.getrandbits(2)]

    def _basket(self) -> bytes:
        return self._baskets[int(len(self._baskets) * self._random.random())]


def _references(customer: Customer) -> tuple[bytes, bytes, bytes, bytes]:
    """The four spellings that are drawn from: phone twice, card, id."""
    by_phone = json.dumps({"phone": customer.phone}).encode()
    return by_phone, by_phone, json.dumps({"card": customer.card}).encode(), json.dumps({"id": customer.id}).encode()
