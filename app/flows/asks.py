"""One request on its way through a round: what it asks for, the desk it is settled on, and what comes of it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.ledger.books import Book
from app.domain.ledger.plans import Chained, Moment
from app.domain.rejections import Rejected
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.standing import Needs
from app.flows.ledger_port import NewAct, NewPurchase, Patron, Shared, StoredHold, StoredPurchase
from app.flows.requests import Answer, Write
from app.flows.shared_use import SharedUse


@dataclass(slots=True)
class Desk:
    """What one request is settled on. `patron` None: no customer; `purchase` None: the request is no return; `hold`
    None: it ends no hold.

    `shared` is as the request before left it. It isn't changed here: `Settled.use` says what to change.
    """

    moment: Moment
    program_version: int
    program: CompiledProgram
    patron: Patron | None
    purchase: StoredPurchase | None
    purchase_program: CompiledProgram | None
    shared: Shared = field(default_factory=Shared)
    hold: StoredHold | None = None
    hold_program: CompiledProgram | None = None

    @property
    def customer(self) -> Patron:
        """
        Raises:
            RuntimeError: the request has no customer.
        """
        if self.patron is None:
            raise RuntimeError("this request is settled without a customer")
        return self.patron

    @property
    def book(self) -> Book:
        """The customer's books. Raises as `customer`."""
        return self.customer.book


@dataclass(slots=True)
class Settled:
    """The outcome: its status and bytes, the posting, and the rows that belong to it."""

    chained: Chained
    answer: Answer
    purchase: NewPurchase | None = None
    use: SharedUse = field(default_factory=SharedUse)
    act: NewAct | None = None
    placed: StoredHold | None = None


@dataclass(slots=True, eq=False)
class Ask:
    """One request on its way through a round.

    `customer` is an identifier's digest or a customer's id; `receipts` are (kind, digest) to claim; `purchase` names
    the purchase a return answers, by id or by its receipt's digest. `settle` is pure: it changes the desk's books or
    raises `Rejected` before it does.

    `hold` names the hold that is captured or released. `spends` says that the request may take units from the customer
    (of a capture: what its hold has set aside): nobody may whose books don't add up. `frees` says that it only gives
    back, which a blocked customer may.

    `takes` says how many units of each wallet it may take at most, where it needs no other lots than those that it
    spends (a return: than its purchase's, and those that it takes back what that brought from); None: it may look at
    any.

    `wants` says what the decision needs of the program's shared state (None: nothing), `coupons` are the codes that
    were sent, normalised; `pinned` is the program that decides instead of the newest one. `keeps_refusals` False: a
    "no" is not final for the key.
    """

    write: Write
    key: UUID
    customer: bytes | UUID | None
    settle: Callable[[Desk], Settled]
    receipts: tuple[tuple[str, UUID], ...] = ()
    purchase: UUID | None = None
    purchase_receipt: UUID | None = None
    hold: UUID | None = None
    needs_lots: bool = False
    takes: Callable[[CompiledProgram], Mapping[str, int]] | None = None
    spends: bool = False
    frees: bool = False
    wants: Callable[[CompiledProgram], Needs] | None = None
    coupons: tuple[str, ...] = ()
    pinned: CompiledProgram | None = None
    keeps_refusals: bool = True
    tries: int = 0
    owner: CustomerId | None = None
    asked_at: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    done: "asyncio.Future[Answer]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_usual(self) -> bool:
        """Whether nothing is known to need a lock: it only gives, and nobody stood in its way yet."""
        return not (self.tries or self.needs_lots or self.hold or self.purchase or self.purchase_receipt)

    @property
    def is_return(self) -> bool:
        return self.purchase is not None or self.purchase_receipt is not None

    def handles(self) -> Iterable[object]:
        """What no other request of the same round, and of one in flight, should touch."""
        yield self.key
        for _, digest in self.receipts:
            yield digest

    def refuse(self, rejected: Rejected) -> None:
        if not self.done.done():
            self.done.set_exception(rejected)

    def answer(self, answer: Answer) -> None:
        if not self.done.done():
            self.done.set_result(answer)
