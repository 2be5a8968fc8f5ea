"""A round that has read only the first lots does what it would have done with all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.books import Book, LotsNotRead, Purse
from app.domain.ledger.holds import plan_hold_units
from app.domain.ledger.lots import Lot, spending_order
from app.domain.ledger.passing import bring_up_to_date
from app.domain.ledger.plans import Chained, Moment, plan_adjust, plan_purchase, plan_redeem
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import LineState, PurchaseState
from app.domain.ledger.returns import plan_return, quantities
from app.domain.rejections import Rejected, Rejection
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import key_claim
from app.flows.ledger_port import Patron, Sealed, StoredPurchase
from app.flows.read_customer import horizon_of
from app.flows.requests import Answer, Write
from app.flows.round_lots import load_lots
from tests.domain.ledger.shop import Shop, ids
from tests.flows.rig import TILL, Rig, open_rig
from tests.kit import Stage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMER = CustomerId(UUID(int=2**64))
WALLETS = ("points", "miles")
RETURNED = TxId(UUID(int=1))  # A purchase: it made the lots of this transaction, as `lots_of` makes them.


@dataclass(slots=True)
class Rows:
    """The port `RoundTx`, as far as it is about lots: one customer's."""

    lots: Sequence[Lot]
    named: frozenset[LotId] = frozenset()  # What the purchase that is returned made and spent.
    read: list[str] = field(default_factory=list)

    async def read_lots(self, customers: Sequence[UUID], *, purchases: Sequence[UUID]) -> Mapping[UUID, list[Lot]]:
        assert list(customers) == [CUSTOMER]
        assert set(purchases) <= {RETURNED}
        self.read.append("all")
        named = self.named if purchases else ()
        return {CUSTOMER: deepcopy([lot for lot in self.lots if lot.remaining or lot.held or lot.id in named])}

    async def read_lots_of(self, postings: Sequence[UUID], *, customers: Sequence[UUID]) -> Mapping[UUID, list[Lot]]:
        assert (list(postings), list(customers)) == ([RETURNED], [CUSTOMER])
        self.read.append("named")
        return {CUSTOMER: deepcopy([lot for lot in self.lots if lot.id in self.named])}

    async def read_first_lots(self, wanted: Mapping[tuple[UUID, str], int]) -> Mapping[UUID, list[Lot]]:
        assert all(owner == CUSTOMER and units > 0 for (owner, _), units in wanted.items())
        self.read.append("first")
        return {
            CUSTOMER: deepcopy(
                [lot for (_, wallet), units in wanted.items() for lot in first(self.lots, wallet, units)]
            )
        }


def first(lots: Sequence[Lot], wallet: str, units: int) -> list[Lot]:
    """Active ones in spending order, as many as hold so much."""
    found: list[Lot] = []
    for lot in spending_order(lot for lot in lots if lot.wallet == wallet and lot.remaining and not lot.is_pending):
        if sum(each.remaining for each in found) >= units:
            break
        found.append(lot)
    return found


@dataclass(frozen=True, slots=True)
class Act:
    """What a request does with one wallet; `slack` is how much more it said that it might take."""

    kind: str
    wallet: str
    units: int
    slack: int

    def takes(self, _: object) -> dict[str, int]:
        return {self.wallet: self.units + self.slack}

    def perform(self, book: Book, shop: Shop, moment: Moment, bought: PurchaseState | None = None) -> Chained:
        program, origin = shop.program, Origin(program=1)
        if self.kind == "return" and bought is not None:
            back = quantities(bought, [("1", min(self.units, 30))])
            plan = plan_return(book, bought, moment, back=back, sold_by=program, today=program, origin=origin)
            return plan.chained
        if self.kind == "redeem":
            return plan_redeem(book, program, moment, wallet=self.wallet, units=self.units, origin=origin)
        if self.kind == "adjust":
            return plan_adjust(book, program, moment, wallet=self.wallet, units=-self.units, origin=origin)
        if self.kind == "hold":
            expires_at = moment.now + timedelta(hours=1 + self.slack)
            return plan_hold_units(
                book,
                program,
                moment,
                wallet=self.wallet,
                units=self.units,
                shop="S1",
                expires_at=expires_at,
                origin=origin,
            ).chained
        if self.units > max(0, book.purse(self.wallet).available):
            raise Rejected(Rejection.INSUFFICIENT_POINTS, "as the rules would say")
        decision = shop.decide(gives={("base", self.wallet): 5 + self.slack}, redeem={self.wallet: self.units})
        return plan_purchase(book, program, decision, moment, origin=origin)


def _bought(lots: Sequence[Lot]) -> PurchaseState:
    """A purchase of 60 pieces: what it brought is more or less than what is left of it; it spent every third lot."""
    spent = [(lot.wallet, lot.id, 3) for number, lot in enumerate(lots) if number % 3 == 0 and not lot.is_pending]
    paid = {wallet: sum(units for whose, _, units in spent if whose == wallet) for wallet in WALLETS}
    line = LineState("1", 60, 6_000, {"points": 40, "miles": 10}, {wallet: n for wallet, n in paid.items() if n})
    return PurchaseState(tx_id=RETURNED, lines=[line], spent=spent)


def _days(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda days: timedelta(days=days))


@st.composite
def lots_of(draw: st.DrawFn) -> list[Lot]:
    """Open and spent ones, with ties in every date; few are due."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        is_pending = draw(st.integers(0, 4)) == 0
        active_at = NOW + draw(_days(1, 4)) if is_pending else NOW - draw(_days(0, 3))
        ends = draw(st.none() | _days(-1, 5) | _days(1, 5))
        made.append(
            Lot(
                id=LotId(UUID(int=10**6 + draw(st.integers(0, 50)) * 100 + number)),
                wallet=draw(st.sampled_from(WALLETS)),
                tx_id=TxId(UUID(int=draw(st.integers(1, 4)))),
                remaining=draw(st.integers(0, 9)),
                active_at=active_at,
                expires_at=None if ends is None else NOW + ends,
                is_pending=is_pending,
                held=draw(st.sampled_from((0, 0, 4))),
            )
        )
    return made


RETURN = st.builds(Act, st.just("return"), wallet=st.just("points"), units=st.integers(1, 30), slack=st.just(0))
ACTS = RETURN.map(lambda act: [act]) | st.lists(
    st.builds(
        Act,
        kind=st.sampled_from(("redeem", "adjust", "hold", "buy", "return")),
        wallet=st.sampled_from(WALLETS),
        units=st.integers(1, 30),
        slack=st.integers(0, 5),
    ),
    min_size=1,
    max_size=4,
)


def _shop(*, converts: bool, debt: bool = True) -> Shop:
    miles: dict[str, object] = {"expire_after_days": 2}
    if converts:
        miles["convert"] = {"every": 10, "into": "points", "units": 3}
    points = {"activate_after_days": 0, "expire_after_days": 3, "debt": "allow" if debt else "clamp"}
    wallets = {"points": points, "miles": miles}
    return Shop(program={"wallets": wallets})


def _patron(lots: Sequence[Lot]) -> Patron:
    """As the row would have it; `due_at` may be early."""
    purses = {wallet: Purse() for wallet in WALLETS if any(lot.wallet == wallet for lot in lots)}
    for lot in lots:
        purse = purses[lot.wallet]
        purse.held += lot.held
        if lot.is_pending:
            purse.pending += lot.remaining
        else:
            purse.available += lot.remaining
    book = Book(customer_id=CUSTOMER, purses=purses)
    for lot in lots:
        book.wait_for(lot.next_change())
    return Patron(book=book, profile=Sealed(None, None), registered_at=NOW)


def _played(
    lots: Sequence[Lot], acts: Sequence[Act], *, converts: bool, says: bool, debt: bool = True
) -> tuple[list[str], Book, Any]:
    """What was read, the book after the acts, and all that they posted and refused."""
    bought = _bought(lots)
    named = {lot.id for lot in lots if bought.has_made(lot)} | {lot_id for _, lot_id, _ in bought.spent}
    shop, rows, patron = _shop(converts=converts, debt=debt), Rows(lots, frozenset(named)), _patron(lots)
    stored = StoredPurchase(
        state=bought, customer_id=CUSTOMER, shop="S1", program=1, at=NOW - timedelta(days=1), previous_at=None
    )

    async def load() -> None:
        asks = [
            Ask(
                write=cast("Write", None),
                key=uuid4(),
                customer=CUSTOMER,
                settle=cast("Any", None),
                needs_lots=True,
                takes=(act.takes if act.kind != "return" else lambda _: {}) if says else None,
                purchase=RETURNED if act.kind == "return" else None,
                owner=CUSTOMER,
            )
            for act in acts
        ]
        await load_lots(
            cast("Any", rows),
            asks,
            {CUSTOMER: patron},
            holds=lambda _: [],
            purchases={RETURNED: stored} if any(act.kind == "return" for act in acts) else {},
            newest=cast("Any", shop.program),
            converts=converts,
            now=NOW,
        )

    asyncio.run(load())
    book, fresh = patron.book, ids()
    outcomes: list[object] = list(bring_up_to_date(book, Moment(now=NOW, at=NOW, ids=fresh), shop.program))
    for act in acts:
        try:
            outcomes.append(act.perform(book, shop, Moment(now=NOW, at=NOW, ids=fresh), bought))
        except Rejected as rejected:
            outcomes.append((rejected.rejection, rejected.facts))
    return rows.read, book, outcomes


def _after(lots: Sequence[Lot], book: Book) -> dict[LotId, Lot]:
    """The rows, once the round has written what it changed."""
    written = {lot.id: replace(lot) for lot in (book.lots or {}).values() if lot.is_changed or lot.is_new}
    return {
        lot.id: replace(lot, is_changed=False, is_new=False)
        for lot in ({lot.id: lot for lot in lots} | written).values()
    }


@given(lots=lots_of(), acts=ACTS, converts=st.sampled_from((False, False, True)), debt=st.booleans())
def test_the_first_lots_lead_to_what_all_of_them_lead_to(
    lots: list[Lot], acts: list[Act], converts: bool, debt: bool
) -> None:
    """The same postings and hashes, refusals, balances, rows of lots, next change, and what comes next by wallet."""
    read_first, one, outcomes_of_one = _played(lots, acts, converts=converts, says=True, debt=debt)
    read_all, other, outcomes_of_other = _played(lots, acts, converts=converts, says=False, debt=debt)
    assert read_all == ["all"]
    assert read_first == ["all"] or (not converts and "all" not in read_first)
    assert outcomes_of_one == outcomes_of_other
    assert (one.head, one.version, one.purses, one.due_at) == (other.head, other.version, other.purses, other.due_at)
    assert (repr(one.holds), one.open_holds, one.updated_at) == (repr(other.holds), other.open_holds, other.updated_at)
    assert one.added == other.added
    after = _after(lots, one)
    assert after == _after(lots, other)
    one.load_lots(after.values(), one.holds.values())
    other.load_lots(after.values(), other.holds.values())
    assert horizon_of(one) == horizon_of(other)


def _lot(number: int, *, remaining: int = 10, **parts: Any) -> Lot:
    end = NOW + timedelta(days=number)
    return replace(Lot(LotId(UUID(int=number)), "points", TxId(UUID(int=1)), remaining, NOW, end, False), **parts)


def test_no_more_is_read_than_may_be_taken() -> None:
    lots = [_lot(number) for number in range(1, 100)]
    read, book, _ = _played(
        lots, [Act("redeem", "points", 10, 0), Act("buy", "points", 4, 7)], converts=False, says=True
    )
    assert read == ["first"]
    assert set(book.lots or {}) == {LotId(UUID(int=1)), LotId(UUID(int=2)), LotId(UUID(int=3)), book.added[0].id}


@pytest.mark.parametrize(
    "lots", [[], [_lot(1, remaining=0, held=5)], [_lot(1, active_at=NOW + timedelta(1), is_pending=True)]]
)
def test_where_nothing_can_be_taken_nothing_is_read(lots: list[Lot]) -> None:
    read, _, [outcome] = _played(lots, [Act("redeem", "points", 10, 0)], converts=False, says=True)
    assert (read, outcome[0]) == ([], Rejection.INSUFFICIENT_POINTS)


def test_whoever_looks_further_than_the_first_lots_hears_of_it() -> None:
    shop = Shop()
    shop.book.purse("points").available = 100
    shop.book.load_first_lots([_lot(1)])
    moment = Moment(now=NOW, at=NOW, ids=ids())
    origin = Origin(program=1)
    for act in (Act("redeem", "points", 30, 0), Act("hold", "points", 30, 1), Act("buy", "points", 30, 0)):
        with pytest.raises(LotsNotRead, match="only the first"):
            act.perform(deepcopy(shop.book), shop, moment)
    with pytest.raises(LotsNotRead):
        shop.book.reset_due()
    with pytest.raises(LotsNotRead):
        shop.book.open_lots("points", pending=True)
    shop.book.due_at = NOW
    with pytest.raises(LotsNotRead):
        bring_up_to_date(shop.book, moment, shop.program)
    shop.book.due_at = None
    plan_redeem(shop.book, shop.program, moment, wallet="points", units=10, origin=origin)


# --- on a real database -----------------------------------------------------------------------------------------------


@pytest.fixture
async def rig(stage: Stage) -> Any:
    async with open_rig(stage) as rig:
        yield rig


async def _keeper(rig: Rig, *, lots: int, units: int) -> UUID:
    """A customer with so many lots, the last to expire made first."""
    customer = await rig.customer()
    await rig.owner.execute(
        """
        insert into lots (customer_id, lot_id, wallet, tx_id, remaining, active_at, expires_at, is_pending)
        select $1, uuidv7(), 'points', uuidv7(), $3, now() - interval '1 day', now() + (999 - n) * interval '1 day',
            false
        from generate_series(1, $2) n
        """,
        customer,
        lots,
        units,
    )
    purses = f'{{"points": {{"available": {lots * units}, "pending": 0, "held": 0, "floor": 0}}}}'
    await rig.owner.execute("update customers set balances = $2::jsonb where id = $1", customer, purses)
    return customer


async def _left(owner: asyncpg.Connection, customer: UUID) -> list[int]:
    """Of all lots, in spending order."""
    rows = await owner.fetch("select remaining from lots where customer_id = $1 order by expires_at", customer)
    return [row["remaining"] for row in rows]


@pytest.mark.parametrize(("lots", "units", "taken"), [(300, 10, 25), (300, 1, 150), (300, 10, 3000)])
async def test_lots_are_spent_from_the_first_on_however_many_there_are(
    rig: Rig, lots: int, units: int, taken: int
) -> None:
    customer = await _keeper(rig, lots=lots, units=units)
    answer = await rig.take(customer, taken)
    assert answer["balances"]["points"]["available"] == lots * units - taken
    empty, rest = divmod(taken, units)
    expected = [0] * empty + ([units - rest] if rest else [])
    assert await _left(rig.owner, customer) == expected + [units] * (lots - len(expected))
    refused = await rig.take(customer, lots * units - taken + 1)
    assert (refused["status"], refused["code"]) == (409, "insufficient_points")


async def test_a_request_that_takes_more_than_it_said_is_tried_again_with_all_lots(rig: Rig) -> None:
    customer = await _keeper(rig, lots=5, units=10)
    neighbour = await _keeper(rig, lots=5, units=10)

    def settle(desk: Desk) -> Settled:
        program = desk.program.program
        origin = Origin(idempotency_key="more", program=desk.program_version)
        chained = plan_redeem(desk.book, program, desk.moment, wallet="points", units=45, origin=origin)
        return Settled(chained, Answer(201, b"{}"))

    ask = Ask(
        write=Write(TILL, "more", bytes(16), "request"),
        key=key_claim(TILL, "more"),
        customer=customer,
        settle=settle,
        needs_lots=True,
        takes=lambda _: {"points": 1},
        spends=True,
    )
    answer, other = await asyncio.gather(rig.rounds.post(ask), rig.take(neighbour, 12))
    assert (answer.status, other["status"]) == (201, 201)
    assert rig.watch.failures == ["LotsNotRead"]
    assert await _left(rig.owner, customer) == [0, 0, 0, 0, 5]
    assert await _left(rig.owner, neighbour) == [0, 8, 10, 10, 10]
