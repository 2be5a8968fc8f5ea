"""The service as its callers see it (`app.flows.service.Service`): one method a call, each handed to the use case it
belongs to.

What goes wrong between us and the database becomes a refusal here, once: 503, which may be repeated with the same key.
"""

from datetime import date, datetime
from uuid import UUID

from app.domain.draws.prize_draws import PrizeDraw
from app.domain.identifiers import Identifier
from app.domain.programs.lint import Finding
from app.flows import refusals
from app.flows.callers import Callers
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.keep_cards import KeepCards
from app.flows.keep_coupons import KeepCoupons
from app.flows.keep_customer import KeepCustomer
from app.flows.keep_gift_cards import GiftCard, KeepGiftCards, MakeRequest
from app.flows.keep_segments import KeepSegments, MembersRequest, Segment
from app.flows.move_points import MovePoints
from app.flows.ports import Snapshots
from app.flows.ports_coupons import CodeRequest, CouponView, PoolRequest
from app.flows.ports_customers import Reads
from app.flows.post_event import PostEvent
from app.flows.publish_program import PublishProgram
from app.flows.quote_basket import QuoteBasket
from app.flows.read_coupons import ReadCoupons
from app.flows.read_customer import ReadCustomer
from app.flows.read_draws import DrawDay, ReadDraws
from app.flows.read_purchase import ReadPurchase
from app.flows.record_purchase import RecordPurchase
from app.flows.requests import (
    AdjustRequest,
    Answer,
    Caller,
    EventRequest,
    PurchaseName,
    PurchaseRequest,
    Receipt,
    RedeemRequest,
    RegisterRequest,
    ReturnRequest,
    UpdateRequest,
    Write,
)
from app.flows.results import (
    BalanceView,
    CustomerProfile,
    HistoryItem,
    LotView,
    Page,
    ProgramVersion,
    PurchaseRecord,
    RequestState,
    Returned,
    Sale,
)
from app.flows.return_lines import ReturnLines
from app.flows.rounds import Rounds
from app.flows.run_prize_draws import PrizeDrawRequest, RunPrizeDraws
from app.flows.try_draft import Backtest, BacktestRequest, TryDraft


class _answering:  # noqa: N801 - reads as a clause: `with _answering():`
    """The database's failures as refusals; a class, since a generator costs ten times as much on every call."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DatabaseGone):
            raise refusals.unavailable() from None
        if isinstance(error, DatabaseBusy | Conflict):
            raise refusals.busy("The database is busy.") from None


class Loyalty:
    def __init__(
        self,
        *,
        rounds: Rounds,
        purchases: RecordPurchase,
        points: MovePoints,
        events: PostEvent,
        returns: ReturnLines,
        keeper: KeepCustomer,
        cards: KeepCards,
        gift_cards: KeepGiftCards,
        quotes: QuoteBasket,
        customers: ReadCustomer,
        records: ReadPurchase,
        programs: PublishProgram,
        trials: TryDraft,
        coupons: KeepCoupons,
        codes: ReadCoupons,
        draws: ReadDraws,
        prize_draws: RunPrizeDraws,
        segments: KeepSegments,
        reads: Reads,
        snapshots: Snapshots,
        schema_head: str,
    ) -> None:
        self._rounds = rounds
        self._purchases = purchases
        self._points = points
        self._events = events
        self._returns = returns
        self._keeper = keeper
        self._cards = cards
        self._gift_cards = gift_cards
        self._quotes = quotes
        self._customers = customers
        self._records = records
        self._programs = programs
        self._trials = trials
        self._coupons = coupons
        self._codes = codes
        self._draws = draws
        self._prize_draws = prize_draws
        self._segments = segments
        self._reads = reads
        self._snapshots = snapshots
        self._schema_head = schema_head
        self._callers = Callers(reads)

    async def authenticate(self, key: str) -> Caller:
        with _answering():
            return await self._callers.of(key)

    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        with _answering():
            return await self._purchases.accrue(write, request)

    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        with _answering():
            return await self._points.redeem(write, request)

    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        with _answering():
            return await self._points.adjust(write, request)

    async def post_event(self, write: Write, request: EventRequest) -> Answer:
        with _answering():
            return await self._events.post(write, request)

    async def return_lines(self, write: Write, request: ReturnRequest) -> Answer:
        with _answering():
            return await self._returns.post(write, request)

    async def register(self, write: Write, request: RegisterRequest) -> Answer:
        with _answering():
            return await self._keeper.register(write, request)

    async def update(self, write: Write, request: UpdateRequest) -> Answer:
        with _answering():
            return await self._keeper.update(write, request)

    async def put_draft(self, write: Write, document: object, raw: bytes) -> Answer:
        with _answering():
            return await self._programs.put_draft(write, document, raw)

    async def publish(self, write: Write) -> Answer:
        with _answering():
            return await self._programs.publish(write)

    async def republish(self, write: Write, version: int) -> Answer:
        with _answering():
            return await self._programs.republish(write, version)

    async def make_coupons(self, write: Write, request: PoolRequest | CodeRequest) -> Answer:
        with _answering():
            return await self._coupons.make(write, request)

    async def block_coupon(self, write: Write, code: str) -> Answer:
        with _answering():
            return await self._coupons.block(write, code)

    async def coupon(self, code: str) -> CouponView:
        with _answering():
            return await self._codes.coupon(code)

    async def coupons(self, pool: str | None, *, limit: int, cursor: str | None) -> Page[CouponView]:
        with _answering():
            return await self._codes.coupons(pool, limit=limit, cursor=cursor)

    async def make_segment(self, write: Write, segment: str, *, title: str | None) -> Answer:
        with _answering():
            return await self._segments.make(write, segment, title=title)

    async def segments(self, *, limit: int, cursor: str | None) -> Page[Segment]:
        with _answering():
            return await self._segments.segments(limit=limit, cursor=cursor)

    async def change_members(self, write: Write, request: MembersRequest) -> Answer:
        with _answering():
            return await self._segments.change_members(write, request)

    async def announce_prize_draw(self, write: Write, request: PrizeDrawRequest) -> Answer:
        with _answering():
            return await self._prize_draws.announce(write, request)

    async def freeze_prize_draw(self, write: Write, draw_id: str) -> Answer:
        with _answering():
            return await self._prize_draws.freeze(write, draw_id)

    async def draw_prizes(self, write: Write, draw_id: str) -> Answer:
        with _answering():
            return await self._prize_draws.draw(write, draw_id)

    async def prize_draw(self, draw_id: str) -> PrizeDraw:
        with _answering():
            return await self._prize_draws.one(draw_id)

    async def entrants(self, draw_id: str, *, limit: int, cursor: str | None) -> Page[str]:
        with _answering():
            return await self._prize_draws.entrants(draw_id, limit=limit, cursor=cursor)

    async def draw_day(self, day: date) -> DrawDay:
        with _answering():
            return await self._draws.day(day)

    async def issue_card(
        self, write: Write, customer: UUID, *, number: Identifier | None, card_type: str | None
    ) -> Answer:
        with _answering():
            return await self._cards.issue(write, customer, number=number, card_type=card_type)

    async def block_card(self, write: Write, customer: UUID, *, number: Identifier) -> Answer:
        with _answering():
            return await self._cards.block(write, customer, number=number)

    async def move_card(self, write: Write, customer: UUID, *, number: Identifier, to: Identifier | None) -> Answer:
        with _answering():
            return await self._cards.move(write, customer, number=number, to=to)

    async def make_gift_cards(self, write: Write, request: MakeRequest) -> Answer:
        with _answering():
            return await self._gift_cards.make(write, request)

    async def activate_gift_card(
        self, write: Write, number: Identifier, receipt: Receipt, *, units: int | None
    ) -> Answer:
        with _answering():
            return await self._gift_cards.activate(write, number, receipt, units=units)

    async def block_gift_card(self, write: Write, number: Identifier) -> Answer:
        with _answering():
            return await self._gift_cards.block(write, number)

    async def gift_card(self, number: Identifier) -> GiftCard:
        with _answering():
            return await self._gift_cards.card(number)

    async def ask_backtest(self, write: Write, request: BacktestRequest) -> Answer:
        with _answering():
            return await self._trials.ask(write, request)

    async def cancel_backtest(self, write: Write, backtest_id: UUID) -> Answer:
        with _answering():
            return await self._trials.cancel(write, backtest_id)

    async def backtest(self, backtest_id: UUID) -> Backtest:
        with _answering():
            return await self._trials.one(backtest_id)

    async def quote(self, caller: Caller, request: PurchaseRequest) -> Sale:
        with _answering():
            return await self._quotes.quote(caller, request)

    async def preview_return(self, caller: Caller, request: ReturnRequest) -> Returned:
        with _answering():
            return await self._returns.preview(caller, request)

    async def lookup(self, customer: Identifier) -> CustomerProfile:
        with _answering():
            return await self._customers.profile(await self._customers.find(customer))

    async def customer(self, customer_id: UUID) -> CustomerProfile:
        with _answering():
            return await self._customers.profile(customer_id)

    async def balance(self, customer_id: UUID, *, min_version: int, as_of: datetime | None) -> BalanceView:
        with _answering():
            return await self._customers.balance(customer_id, min_version=min_version, as_of=as_of)

    async def history(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[HistoryItem]:
        with _answering():
            return await self._customers.history(customer_id, limit=limit, cursor=cursor)

    async def lots(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[LotView]:
        with _answering():
            return await self._customers.lots(customer_id, limit=limit, cursor=cursor)

    async def purchase(self, caller: Caller, name: UUID | PurchaseName) -> PurchaseRecord:
        with _answering():
            return await self._records.purchase(caller, name)

    async def request_state(self, caller: Caller, key: str) -> RequestState:
        with _answering():
            return await self._records.request_state(caller, key)

    async def check_draft(self) -> tuple[Finding, ...]:
        with _answering():
            return await self._programs.check_draft()

    async def draft(self) -> bytes:
        with _answering():
            return await self._programs.draft()

    async def program(self) -> ProgramVersion:
        with _answering():
            return await self._programs.program()

    async def program_versions(self, *, limit: int, cursor: str | None) -> Page[ProgramVersion]:
        with _answering():
            return await self._programs.versions(limit=limit, cursor=cursor)

    async def is_ready(self) -> dict[str, str]:
        with _answering():
            if not await self._reads.is_writable():
                raise refusals.unavailable("The database can't be written to.")
            if await self._reads.schema_version() < self._schema_head:
                raise refusals.unavailable("The database's schema is behind this release.")
        cache = "ok" if await self._snapshots.is_well() else "degraded"
        return {"database": "ok", "migrations": "ok", "cache": cache}

    async def drain(self) -> None:
        """Let what is under way end well."""
        await self._rounds.drain()
