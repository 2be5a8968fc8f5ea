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
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.keep_gift_cards import GiftCard, MakeRequest
from app.flows.keep_segments import MembersRequest, Segment
from app.flows.ledger_roots import Proof
from app.flows.ports_adjustments import Adjustment
from app.flows.ports_audit import Figures, OpenFinding
from app.flows.ports_audit_log import Deed, LogQuery, LogRow
from app.flows.ports_coupons import CodeRequest, CouponView, PoolRequest
from app.flows.ports_keys import KeyTerms, KeyView
from app.flows.post_offline import OfflineReceipt
from app.flows.read_draws import DrawDay
from app.flows.read_events import FeedEvent
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
from app.flows.run_prize_draws import PrizeDrawRequest
from app.flows.try_draft import Backtest, BacktestRequest
from app.flows.use_cases import UseCases


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
    def __init__(self, use: UseCases) -> None:
        self._use = use

    async def authenticate(self, key: str) -> Caller:
        with _answering():
            return await self._use.callers.of(key)

    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        with _answering():
            return await self._use.purchases.accrue(write, request)

    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        with _answering():
            return await self._use.points.redeem(write, request)

    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        with _answering():
            if self._use.adjustments.is_needed(request):
                return await self._use.adjustments.ask(write, request)
            return await self._use.points.adjust(write, request)

    async def post_event(self, write: Write, request: EventRequest) -> Answer:
        with _answering():
            return await self._use.events.post(write, request)

    async def return_lines(self, write: Write, request: ReturnRequest) -> Answer:
        with _answering():
            return await self._use.returns.post(write, request)

    async def post_offline(self, write: Write, receipts: Sequence[OfflineReceipt]) -> Answer:
        with _answering():
            return await self._use.offline.post(write, receipts)

    async def place_hold(self, write: Write, request: HoldRequest) -> Answer:
        with _answering():
            return await self._use.holds.place(write, request)

    async def capture_hold(self, write: Write, request: CaptureRequest) -> Answer:
        with _answering():
            return await self._use.hold_ends.capture(write, request)

    async def release_hold(self, write: Write, hold: UUID) -> Answer:
        with _answering():
            return await self._use.hold_ends.release(write, hold)

    async def hold(self, caller: Caller, hold: UUID) -> HoldView:
        with _answering():
            return await self._use.held.hold(caller, hold)

    async def register(self, write: Write, request: RegisterRequest) -> Answer:
        with _answering():
            return await self._use.keeper.register(write, request)

    async def update(self, write: Write, request: UpdateRequest) -> Answer:
        with _answering():
            return await self._use.keeper.update(write, request)

    async def put_draft(self, write: Write, document: object, raw: bytes) -> Answer:
        with _answering():
            return await self._use.programs.put_draft(write, document, raw)

    async def publish(self, write: Write) -> Answer:
        with _answering():
            return await self._use.programs.publish(write)

    async def republish(self, write: Write, version: int) -> Answer:
        with _answering():
            return await self._use.programs.republish(write, version)

    async def make_coupons(self, write: Write, request: PoolRequest | CodeRequest) -> Answer:
        with _answering():
            return await self._use.coupons.make(write, request)

    async def block_coupon(self, write: Write, code: str) -> Answer:
        with _answering():
            return await self._use.coupons.block(write, code)

    async def coupon(self, code: str) -> CouponView:
        with _answering():
            return await self._use.codes.coupon(code)

    async def coupons(self, pool: str | None, *, limit: int, cursor: str | None) -> Page[CouponView]:
        with _answering():
            return await self._use.codes.coupons(pool, limit=limit, cursor=cursor)

    async def make_segment(self, write: Write, segment: str, *, title: str | None) -> Answer:
        with _answering():
            return await self._use.segments.make(write, segment, title=title)

    async def segments(self, *, limit: int, cursor: str | None) -> Page[Segment]:
        with _answering():
            return await self._use.segments.segments(limit=limit, cursor=cursor)

    async def change_members(self, write: Write, request: MembersRequest) -> Answer:
        with _answering():
            return await self._use.segments.change_members(write, request)

    async def announce_prize_draw(self, write: Write, request: PrizeDrawRequest) -> Answer:
        with _answering():
            return await self._use.prize_draws.announce(write, request)

    async def freeze_prize_draw(self, write: Write, draw_id: str) -> Answer:
        with _answering():
            return await self._use.prize_draws.freeze(write, draw_id)

    async def draw_prizes(self, write: Write, draw_id: str) -> Answer:
        with _answering():
            return await self._use.prize_draws.draw(write, draw_id)

    async def prize_draw(self, draw_id: str) -> PrizeDraw:
        with _answering():
            return await self._use.prize_draws.one(draw_id)

    async def entrants(self, draw_id: str, *, limit: int, cursor: str | None) -> Page[str]:
        with _answering():
            return await self._use.prize_draws.entrants(draw_id, limit=limit, cursor=cursor)

    async def feed(self, *, after: int, limit: int, cursor: str | None) -> Page[FeedEvent]:
        with _answering():
            return await self._use.feed.page(after=after, limit=limit, cursor=cursor)

    async def draw_day(self, day: date) -> DrawDay:
        with _answering():
            return await self._use.draws.day(day)

    async def issue_card(
        self, write: Write, customer: UUID, *, number: Identifier | None, card_type: str | None
    ) -> Answer:
        with _answering():
            return await self._use.cards.issue(write, customer, number=number, card_type=card_type)

    async def block_card(self, write: Write, customer: UUID, *, number: Identifier) -> Answer:
        with _answering():
            return await self._use.cards.block(write, customer, number=number)

    async def move_card(self, write: Write, customer: UUID, *, number: Identifier, to: Identifier | None) -> Answer:
        with _answering():
            return await self._use.cards.move(write, customer, number=number, to=to)

    async def make_gift_cards(self, write: Write, request: MakeRequest) -> Answer:
        with _answering():
            return await self._use.gift_cards.make(write, request)

    async def activate_gift_card(
        self, write: Write, number: Identifier, receipt: Receipt, *, units: int | None
    ) -> Answer:
        with _answering():
            return await self._use.gift_cards.activate(write, number, receipt, units=units)

    async def block_gift_card(self, write: Write, number: Identifier) -> Answer:
        with _answering():
            return await self._use.gift_cards.block(write, number)

    async def gift_card(self, number: Identifier) -> GiftCard:
        with _answering():
            return await self._use.gift_cards.card(number)

    async def ask_backtest(self, write: Write, request: BacktestRequest) -> Answer:
        with _answering():
            return await self._use.trials.ask(write, request)

    async def cancel_backtest(self, write: Write, backtest_id: UUID) -> Answer:
        with _answering():
            return await self._use.trials.cancel(write, backtest_id)

    async def create_key(self, write: Write, terms: KeyTerms) -> Answer:
        with _answering():
            return await self._use.keys.create(write, terms)

    async def rotate_key(self, write: Write, key_id: str) -> Answer:
        with _answering():
            return await self._use.keys.rotate(write, key_id)

    async def revoke_key(self, write: Write, key_id: str) -> Answer:
        with _answering():
            return await self._use.keys.revoke(write, key_id)

    async def keys(self, *, limit: int, cursor: str | None) -> Page[KeyView]:
        with _answering():
            return await self._use.keys.keys(limit=limit, cursor=cursor)

    async def backtest(self, backtest_id: UUID) -> Backtest:
        with _answering():
            return await self._use.trials.one(backtest_id)

    async def quote(self, caller: Caller, request: PurchaseRequest) -> Sale:
        with _answering():
            return await self._use.quotes.quote(caller, request)

    async def preview_return(self, caller: Caller, request: ReturnRequest) -> Returned:
        with _answering():
            return await self._use.returns.preview(caller, request)

    async def lookup(self, customer: Identifier) -> CustomerProfile:
        with _answering():
            return await self._use.lookups.look_up(customer)

    def allowance_keys(self) -> Sequence[Mapping[str, str]]:
        return self._use.lookups.public_keys()

    async def customer(self, customer_id: UUID) -> CustomerProfile:
        with _answering():
            profile = await self._use.customers.profile(customer_id)
            if profile.is_frozen:
                profile = replace(profile, frozen_since=await self._use.books.frozen_since(customer_id))
            return profile

    async def balance(self, customer_id: UUID, *, min_version: int, as_of: datetime | None) -> BalanceView:
        with _answering():
            return await self._use.customers.balance(customer_id, min_version=min_version, as_of=as_of)

    async def history(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[HistoryItem]:
        with _answering():
            return await self._use.customers.history(customer_id, limit=limit, cursor=cursor)

    async def lots(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[LotView]:
        with _answering():
            return await self._use.customers.lots(customer_id, limit=limit, cursor=cursor)

    async def purchase(self, caller: Caller, name: UUID | PurchaseName) -> PurchaseRecord:
        with _answering():
            return await self._use.records.purchase(caller, name)

    async def request_state(self, caller: Caller, key: str) -> RequestState:
        with _answering():
            return await self._use.records.request_state(caller, key)

    async def check_draft(self) -> tuple[Finding, ...]:
        with _answering():
            return await self._use.programs.check_draft()

    async def draft(self) -> bytes:
        with _answering():
            return await self._use.programs.draft()

    async def program(self) -> ProgramVersion:
        with _answering():
            return await self._use.programs.program()

    async def program_versions(self, *, limit: int, cursor: str | None) -> Page[ProgramVersion]:
        with _answering():
            return await self._use.programs.versions(limit=limit, cursor=cursor)

    async def ledger_root(self, day: date) -> DayRoot:
        with _answering():
            return await self._use.roots.day(day)

    async def proof(self, customer_id: UUID, tx_id: UUID) -> Proof:
        with _answering():
            return await self._use.roots.prove(customer_id, tx_id)

    async def findings(self, *, limit: int, cursor: str | None) -> Page[OpenFinding]:
        with _answering():
            return await self._use.books.findings(limit=limit, cursor=cursor)

    async def adjustments(self, *, limit: int, cursor: str | None) -> Page[Adjustment]:
        with _answering():
            return await self._use.adjustments.waiting(limit=limit, cursor=cursor)

    async def adjustment(self, adjustment_id: UUID) -> Adjustment:
        with _answering():
            return await self._use.adjustments.one(adjustment_id)

    async def approve_adjustment(self, write: Write, adjustment_id: UUID) -> Answer:
        with _answering():
            return await self._use.adjustments.approve(write, adjustment_id)

    async def decline_adjustment(self, write: Write, adjustment_id: UUID) -> Answer:
        with _answering():
            return await self._use.adjustments.decline(write, adjustment_id)

    async def note(self, deed: Deed) -> None:
        with _answering():
            await self._use.audit.note(deed)

    async def note_often(self, deed: Deed) -> None:
        with _answering():
            await self._use.audit.note_often(deed)

    def tally(self, deed: Deed) -> None:
        self._use.audit.tally(deed)

    async def audit_log(self, query: LogQuery, *, limit: int, cursor: str | None) -> Page[LogRow]:
        with _answering():
            return await self._use.deeds.page(query, limit=limit, cursor=cursor)

    async def figures(self) -> Figures | None:
        return await self._use.books.figures()

    async def is_ready(self) -> dict[str, str]:
        with _answering():
            if not await self._use.reads.is_writable():
                raise refusals.unavailable("The database can't be written to.")
            if await self._use.reads.schema_version() < self._use.schema_head:
                raise refusals.unavailable("The database's schema is behind this release.")
        cache = "ok" if await self._use.snapshots.is_well() else "degraded"
        return {"database": "ok", "migrations": "ok", "cache": cache}

    async def drain(self) -> None:
        """Let what is under way end well."""
        await self._use.rounds.drain()
        await self._use.callers.drain()
