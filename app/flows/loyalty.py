"""The service as its callers see it (`app.flows.service.Service`): one method a call, each handed to the use case it
belongs to.

What goes wrong between us and the database becomes a refusal here, once: 503, which may be repeated with the same key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from app.domain.draws.prize_draws import PrizeDraw
from app.domain.identifiers import Identifier
from app.domain.ledger.roots import DayRoot
from app.domain.programs.lint import Finding
from app.flows import refusals
from app.flows.callers import Callers
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.keep_cards import KeepCards
from app.flows.keep_coupons import KeepCoupons
from app.flows.keep_customer import KeepCustomer
from app.flows.keep_gift_cards import GiftCard, KeepGiftCards, MakeRequest
from app.flows.keep_segments import KeepSegments, MembersRequest, Segment
from app.flows.ledger_roots import LedgerRoots, Proof
from app.flows.move_points import MovePoints
from app.flows.offline_allowance import LookUpCustomer
from app.flows.place_hold import PlaceHold
from app.flows.ports import Snapshots
from app.flows.ports_audit import Figures, OpenFinding
from app.flows.ports_coupons import CodeRequest, CouponView, PoolRequest
from app.flows.ports_customers import Reads
from app.flows.post_event import PostEvent
from app.flows.post_offline import OfflineReceipt, PostOffline
from app.flows.publish_program import PublishProgram
from app.flows.quote_basket import QuoteBasket
from app.flows.read_coupons import ReadCoupons
from app.flows.read_customer import ReadCustomer
from app.flows.read_draws import DrawDay, ReadDraws
from app.flows.read_events import FeedEvent, ReadEvents
from app.flows.read_hold import ReadHold
from app.flows.read_purchase import ReadPurchase
from app.flows.record_purchase import RecordPurchase
from app.flows.requests import (
    AdjustRequest,
    Answer,
    Caller,
    CaptureRequest,
    EventRequest,
    HoldRequest,
    PurchaseName,
    PurchaseRequest,
    Receipt,
    RedeemRequest,
    RegisterRequest,
    ReturnRequest,
    UpdateRequest,
    Write,
)
from app.flows.resolve_hold import ResolveHold
from app.flows.results import (
    BalanceView,
    CustomerProfile,
    HistoryItem,
    HoldView,
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
from app.flows.watch_books import WatchBooks


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
        holds: PlaceHold,
        hold_ends: ResolveHold,
        held: ReadHold,
        offline: PostOffline,
        lookups: LookUpCustomer,
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
        feed: ReadEvents,
        books: WatchBooks,
        roots: LedgerRoots,
        reads: Reads,
        snapshots: Snapshots,
        schema_head: str,
    ) -> None:
        self._rounds = rounds
        self._purchases = purchases
        self._points = points
        self._events = events
        self._returns = returns
        self._holds = holds
        self._hold_ends = hold_ends
        self._held = held
        self._offline = offline
        self._lookups = lookups
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
        self._feed = feed
        self._books = books
        self._roots = roots
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

    async def post_offline(self, write: Write, receipts: Sequence[OfflineReceipt]) -> Answer:
        with _answering():
            return await self._offline.post(write, receipts)

    async def place_hold(self, write: Write, request: HoldRequest) -> Answer:
        with _answering():
            return await self._holds.place(write, request)

    async def capture_hold(self, write: Write, request: CaptureRequest) -> Answer:
        with _answering():
            return await self._hold_ends.capture(write, request)

    async def release_hold(self, write: Write, hold: UUID) -> Answer:
        with _answering():
            return await self._hold_ends.release(write, hold)

    async def hold(self, caller: Caller, hold: UUID) -> HoldView:
        with _answering():
            return await self._held.hold(caller, hold)

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

    async def feed(self, *, after: int, limit: int, cursor: str | None) -> Page[FeedEvent]:
        with _answering():
            return await self._feed.page(after=after, limit=limit, cursor=cursor)

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
            return await self._lookups.look_up(customer)

    def allowance_keys(self) -> Sequence[Mapping[str, str]]:
        return self._lookups.public_keys()

    async def customer(self, customer_id: UUID) -> CustomerProfile:
        with _answering():
            profile = await self._customers.profile(customer_id)
            if profile.is_frozen:
                profile = replace(profile, frozen_since=await self._books.frozen_since(customer_id))
            return profile

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

    async def ledger_root(self, day: date) -> DayRoot:
        with _answering():
            return await self._roots.day(day)

    async def proof(self, customer_id: UUID, tx_id: UUID) -> Proof:
        with _answering():
            return await self._roots.prove(customer_id, tx_id)

    async def findings(self, *, limit: int, cursor: str | None) -> Page[OpenFinding]:
        with _answering():
            return await self._books.findings(limit=limit, cursor=cursor)

    async def figures(self) -> Figures | None:
        return await self._books.figures()

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
