"""A service in memory, for tests of the edge alone: it keeps keys and what it was asked, and decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from app.api.adjustments import ADJUSTMENT_ANSWERS
from app.api.alerts import alert_bytes
from app.api.answers import ANSWERS, to_bytes
from app.api.app_codes import app_access_bytes
from app.api.cards import card_bytes, gift_card_bytes, gift_card_numbers_bytes
from app.api.erasure import erasure_bytes
from app.api.key_schemas import KeyBytes
from app.api.offline import results_bytes
from app.api.people import person_bytes
from app.api.prize_draw_schemas import prize_draw_document
from app.domain.draws.prize_draws import PrizeDraw
from app.domain.identifiers import Identifier
from app.domain.ledger.roots import DayRoot
from app.domain.programs.lint import Finding, Severity
from app.domain.rejections import Rejected, Rejection, unauthenticated
from app.flows.app_codes import AppAccess
from app.flows.erase_customer import EraseRequest, Erasure
from app.flows.export_customer import Export
from app.flows.guessing import Guess
from app.flows.keep_consents import ConsentRecord
from app.flows.keep_gift_cards import GiftCard, MakeRequest
from app.flows.keep_segments import MembersRequest, Segment
from app.flows.ledger_roots import Proof
from app.flows.ports_adjustments import Adjustment
from app.flows.ports_alerts import Alert, AlertQuery, AlertState
from app.flows.ports_audit import Figures, OpenFinding
from app.flows.ports_audit_log import Deed, LogQuery, LogRow
from app.flows.ports_coupons import CodeRequest, CouponView, PoolRequest
from app.flows.ports_keys import KeyTerms, KeyView
from app.flows.ports_people import Person, Session
from app.flows.post_offline import OfflineReceipt, OfflineResult
from app.flows.read_draws import DrawDay
from app.flows.read_events import FeedEvent
from app.flows.requests import (
    AdjustRequest,
    Answer,
    Assent,
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
    Role,
    UpdateRequest,
    Write,
)
from app.flows.results import (
    BalanceView,
    CustomerProfile,
    HistoryItem,
    HoldView,
    LotView,
    OfflineSale,
    Page,
    ProgramVersion,
    PurchaseRecord,
    RequestState,
    Returned,
    Sale,
)
from app.flows.run_prize_draws import PrizeDrawRequest
from app.flows.sign_in import Opened, SetUp
from app.flows.try_draft import Backtest, BacktestRequest
from tests.api import (
    audit_samples,
    card_samples,
    coupon_samples,
    deed_samples,
    draw_samples,
    feed_samples,
    hold_samples,
    key_samples,
    people_samples,
    personal_samples,
    reward_samples,
    root_samples,
    samples,
)

CALLERS = {
    "till": Caller(key_id="k-till", role=Role.POS, shops=("S1",), terminal="T1"),
    "other-till": Caller(key_id="k-other", role=Role.POS, shops=("S2",), terminal="T9"),
    "web": Caller(key_id="k-web", role=Role.SHOP, shops=("W1", "W2"), terminal="web"),
    "marketer": Caller(key_id="k-marketer", role=Role.MARKETER),
    "analyst": Caller(key_id="k-analyst", role=Role.ANALYST),
    "support": Caller(key_id="k-support", role=Role.SUPPORT),
    "admin": Caller(key_id="k-admin", role=Role.ADMIN),
    "ops": Caller(key_id="k-ops", role=Role.OPS),
}


class MemoryService:
    """Implements `Service`. `asked` holds every request in order; `answers` the kept answers by scope and key.

    Tests set `trouble` to what every call shall raise, and clear `is_open` to make writes wait.
    """

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.writes: list[Write] = []
        self.deeds: list[Deed] = []
        self.guesses: list[Guess] = []
        self.quoted: list[PurchaseRequest] = []
        self.answers: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        self.trouble: Exception | None = None
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.finished = 0

    async def authenticate(self, key: str) -> Caller:
        caller = CALLERS.get(key)
        if caller is None:
            raise Rejected(Rejection.UNAUTHENTICATED, "Send a valid key as Authorization: Bearer KEY.")
        return caller

    def keyed(self, fingerprint: bytes) -> bytes:
        return fingerprint[::-1]

    async def _once(self, write: Write, request: object, make: Callable[[], Answer]) -> Answer:
        place = (write.caller.scope, write.key)
        if place in self.answers:
            fingerprint, answer = self.answers[place]
            if fingerprint != write.fingerprint:
                raise Rejected(Rejection.IDEMPOTENCY_KEY_REUSED, "This key belongs to another request.")
            return Answer(answer.status, answer.body, is_replayed=True)
        self.asked.append(request)
        self.writes.append(write)
        await self.is_open.wait()
        self._check()
        answer = make()
        self.answers[place] = (write.fingerprint, answer)
        self.finished += 1
        return answer

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def _note(self, *asked: object) -> None:
        self.asked.append(asked)
        self._check()

    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        sale = samples.sale(explain=request.explain, is_russian=request.is_russian)
        return await self._once(write, request, lambda: Answer(201, ANSWERS.sale(sale)))

    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.posted(samples.posted())))

    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.posted(samples.posted())))

    async def place_hold(self, write: Write, request: HoldRequest) -> Answer:
        def make() -> Answer:
            if isinstance(request.what, PurchaseRequest):
                sale = samples.sale(explain=request.what.explain, is_russian=request.what.is_russian)
                return Answer(201, ANSWERS.sale(replace(sale, state="held", expires_at=hold_samples.EXPIRES_AT)))
            return Answer(201, ANSWERS.hold(hold_samples.posted()))

        return await self._once(write, request, make)

    async def capture_hold(self, write: Write, request: CaptureRequest) -> Answer:
        sale = samples.sale(explain=request.explain, is_russian=request.is_russian)
        return await self._once(write, request, lambda: Answer(201, ANSWERS.sale(replace(sale, tx_id=samples.RETURN))))

    async def release_hold(self, write: Write, hold: UUID) -> Answer:
        posted = hold_samples.posted(state="released", is_release=True)
        return await self._once(write, hold, lambda: Answer(201, ANSWERS.hold(posted)))

    async def hold(self, caller: Caller, hold: UUID) -> HoldView:
        self._note(caller, hold)
        return hold_samples.view()

    async def return_lines(self, write: Write, request: ReturnRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.returned(samples.returned())))

    async def post_event(self, write: Write, request: EventRequest) -> Answer:
        posted = reward_samples.event(explain=request.explain, is_russian=request.is_russian)
        return await self._once(write, request, lambda: Answer(201, ANSWERS.event(posted)))

    async def make_coupons(self, write: Write, request: PoolRequest | CodeRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.coupons_made(coupon_samples.made())))

    async def block_coupon(self, write: Write, code: str) -> Answer:
        return await self._once(write, code, lambda: Answer(200, ANSWERS.coupon(coupon_samples.view())))

    async def announce_prize_draw(self, write: Write, request: PrizeDrawRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, _prize_draw()))

    async def freeze_prize_draw(self, write: Write, draw_id: str) -> Answer:
        return await self._once(write, draw_id, lambda: Answer(200, _prize_draw()))

    async def draw_prizes(self, write: Write, draw_id: str) -> Answer:
        return await self._once(write, draw_id, lambda: Answer(200, _prize_draw()))

    async def make_segment(self, write: Write, segment: str, *, title: str | None) -> Answer:
        made = coupon_samples.segment()
        return await self._once(write, (segment, title), lambda: Answer(201, ANSWERS.segment(made)))

    async def change_members(self, write: Write, request: MembersRequest) -> Answer:
        changed = coupon_samples.changed()
        return await self._once(write, request, lambda: Answer(200, ANSWERS.members_changed(changed)))

    async def issue_card(
        self, write: Write, customer: UUID, assent: Assent, /, *, number: Identifier | None, card_type: str | None
    ) -> Answer:
        asked = (customer, assent, number, card_type)
        return await self._once(write, asked, lambda: Answer(201, card_bytes(card_samples.card())))

    async def block_card(self, write: Write, customer: UUID, *, number: Identifier) -> Answer:
        blocked = card_samples.card(is_blocked=True)
        return await self._once(write, (customer, number), lambda: Answer(200, card_bytes(blocked)))

    async def move_card(
        self, write: Write, customer: UUID, assent: Assent, /, *, number: Identifier, to: Identifier | None
    ) -> Answer:
        asked = (customer, assent, number, to)
        return await self._once(write, asked, lambda: Answer(201, card_bytes(card_samples.card())))

    async def make_gift_cards(self, write: Write, request: MakeRequest) -> Answer:
        numbers = ["90000000000000000018"]
        return await self._once(write, request, lambda: Answer(201, gift_card_numbers_bytes(numbers, request)))

    async def activate_gift_card(
        self, write: Write, number: Identifier, receipt: Receipt, *, units: int | None
    ) -> Answer:
        active = gift_card_bytes(card_samples.gift_card())
        return await self._once(write, (number, receipt, units), lambda: Answer(201, active))

    async def block_gift_card(self, write: Write, number: Identifier) -> Answer:
        return await self._once(write, number, lambda: Answer(200, gift_card_bytes(card_samples.gift_card())))

    async def gift_card(self, number: Identifier) -> GiftCard:
        self._note(number)
        return card_samples.gift_card()

    async def ask_backtest(self, write: Write, request: BacktestRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(202, to_bytes({"id": card_samples.BACKTEST})))

    async def cancel_backtest(self, write: Write, backtest_id: UUID) -> Answer:
        return await self._once(write, backtest_id, lambda: Answer(200, to_bytes({"id": backtest_id})))

    async def make_app_access(self, write: Write, customer: UUID) -> Answer:
        made = app_access_bytes(AppAccess(customer, "493027718", bytes(range(20))))
        return await self._once(write, customer, lambda: Answer(201, made))

    async def create_key(self, write: Write, terms: KeyTerms) -> Answer:
        made = KeyBytes().made(key_samples.view(terms), text=key_samples.TEXT, replaces=None)
        return await self._once(write, terms, lambda: Answer(201, made))

    async def session_caller(self, token: str) -> Caller:
        self._check()
        return Caller(key_id=(await self.session(token)).person, role=Role.SUPPORT)

    async def session(self, token: str) -> Session:
        if token != people_samples.TOKEN:
            raise unauthenticated()
        return people_samples.session()

    async def sign_in(self, login: str, password: str, code: str, *, ip: str) -> Opened:
        self._note(login, password, code, ip)
        return Opened(people_samples.TOKEN, people_samples.session())

    async def set_up_person(self, invitation: str, password: str) -> SetUp:
        self._note(invitation, password)
        return SetUp(people_samples.person(), "otpauth://totp/Kopilka:anna?secret=A&issuer=Kopilka")

    async def begin_sign_in(self, *, back_to: str, ip: str) -> tuple[str, str]:
        self._note(back_to, ip)
        return people_samples.TOKEN, "https://id.example/authorize?state=x"

    async def finish_sign_in(
        self, token: str, *, state: str, code: str, issuer: str | None, back_to: str, ip: str
    ) -> Opened:
        self._note(token, state, code, issuer, back_to, ip)
        return Opened(people_samples.TOKEN, people_samples.session())

    async def people(self, *, limit: int, cursor: str | None) -> Page[Person]:
        self._note(limit, cursor)
        return Page((people_samples.person(),), "cursor")

    async def disable_person(self, write: Write, person_id: str) -> Answer:
        return await self._once(write, person_id, lambda: Answer(200, person_bytes(people_samples.person())))

    async def sign_out(self, token: str) -> None:
        self._note(token)

    async def rotate_key(self, write: Write, key_id: str) -> Answer:
        made = KeyBytes().made(key_samples.view(), text=key_samples.TEXT, replaces=key_id)
        return await self._once(write, key_id, lambda: Answer(201, made))

    async def revoke_key(self, write: Write, key_id: str) -> Answer:
        return await self._once(write, key_id, lambda: Answer(200, KeyBytes().one(key_samples.view())))

    async def keys(self, *, limit: int, cursor: str | None) -> Page[KeyView]:
        self._note(limit, cursor)
        return Page((key_samples.view(),), "cursor")

    async def backtest(self, backtest_id: UUID) -> Backtest:
        self._note(backtest_id)
        return card_samples.backtest()

    async def register(self, write: Write, request: RegisterRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.customer(samples.profile())))

    async def update(self, write: Write, request: UpdateRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(200, ANSWERS.customer(samples.profile())))

    async def put_draft(self, write: Write, document: object, raw: bytes) -> Answer:
        return await self._once(write, (document, raw), lambda: Answer(200, ANSWERS.draft(document, ())))

    async def publish(self, write: Write) -> Answer:
        return await self._once(write, "publish", lambda: Answer(200, ANSWERS.published(8)))

    async def republish(self, write: Write, version: int) -> Answer:
        return await self._once(write, version, lambda: Answer(200, ANSWERS.published(9)))

    async def quote(self, caller: Caller, request: PurchaseRequest) -> Sale:
        self.quoted.append(request)
        self._note(caller, request)
        return samples.sale(
            id=None,
            state="quoted",
            quote="token",
            valid_until=samples.NOON,
            explain=request.explain,
            is_russian=request.is_russian,
        )

    async def preview_return(self, caller: Caller, request: ReturnRequest) -> Returned:
        self._note(caller, request)
        return samples.returned(is_preview=True)

    async def post_offline(self, write: Write, receipts: Sequence[OfflineReceipt]) -> Answer:
        sale = samples.sale(offline=OfflineSale(debt={"points": 5}, over_allowance=3, is_frozen=False))
        results = [
            OfflineResult(
                each.named,
                Answer(201, ANSWERS.sale(sale))
                if each.refused is None
                else ANSWERS.refusal(each.refused, request_id=write.request_id),
            )
            for each in receipts
        ]
        return await self._once(write, receipts, lambda: Answer(200, results_bytes(results)))

    def allowance_keys(self) -> Sequence[Mapping[str, str]]:
        return ({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1", "use": "sig", "alg": "EdDSA"},)

    async def lookup(self, customer: Identifier) -> CustomerProfile:
        self._note(customer)
        return samples.profile()

    async def customer(self, customer_id: UUID) -> CustomerProfile:
        self._note(customer_id)
        if customer_id != samples.CUSTOMER:
            raise Rejected(Rejection.CUSTOMER_NOT_FOUND, "There is no such customer.")
        return samples.profile()

    async def erase(self, write: Write, request: EraseRequest) -> Answer:
        body = erasure_bytes(personal_samples.erasure())
        return await self._once(write, request, lambda: Answer(200, body))

    async def erasures(self, *, limit: int, cursor: str | None) -> Page[Erasure]:
        self._note(limit, cursor)
        return Page((personal_samples.erasure(),), "cursor")

    async def consents(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[ConsentRecord]:
        self._note(customer_id, limit, cursor)
        return Page((personal_samples.consent(),), "cursor")

    async def export(self, customer_id: UUID, *, cursor: str | None) -> Export:
        self._note(customer_id, cursor)
        return personal_samples.export()

    async def balance(self, customer_id: UUID, *, min_version: int, as_of: datetime | None) -> BalanceView:
        self._note(customer_id, min_version, as_of)
        return samples.balance()

    async def history(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[HistoryItem]:
        self._note(customer_id, limit, cursor)
        return samples.history()

    async def lots(self, customer_id: UUID, *, limit: int, cursor: str | None) -> Page[LotView]:
        self._note(customer_id, limit, cursor)
        return samples.lots()

    async def purchase(self, caller: Caller, name: UUID | PurchaseName) -> PurchaseRecord:
        self._note(caller, name)
        return samples.record(ANSWERS.sale(samples.sale(explain=True)))

    async def request_state(self, caller: Caller, key: str) -> RequestState:
        self._note(caller, key)
        kept = self.answers.get((caller.scope, key))
        return RequestState() if kept is None else RequestState(kept[1].status, kept[1].body)

    async def feed(self, *, after: int, limit: int, cursor: str | None) -> Page[FeedEvent]:
        self._note(after, limit, cursor)
        return feed_samples.page()

    async def draw_day(self, day: date) -> DrawDay:
        self._note(day)
        return draw_samples.day(day)

    async def prize_draw(self, draw_id: str) -> PrizeDraw:
        self._note(draw_id)
        return draw_samples.prize_draw()

    async def entrants(self, draw_id: str, *, limit: int, cursor: str | None) -> Page[str]:
        self._note(draw_id, limit, cursor)
        return Page((draw_samples.PURCHASE,), "cursor")

    async def coupon(self, code: str) -> CouponView:
        self._note(code)
        return coupon_samples.view()

    async def coupons(self, pool: str | None, *, limit: int, cursor: str | None) -> Page[CouponView]:
        self._note(pool, limit, cursor)
        return Page((coupon_samples.view(),), None)

    async def segments(self, *, limit: int, cursor: str | None) -> Page[Segment]:
        self._note(limit, cursor)
        return Page((coupon_samples.segment(),), "cursor")

    async def ledger_root(self, day: date) -> DayRoot:
        self._note(day)
        return root_samples.root(day)

    async def proof(self, customer_id: UUID, tx_id: UUID) -> Proof:
        self._note(customer_id, tx_id)
        return root_samples.proof()

    async def findings(self, *, limit: int, cursor: str | None) -> Page[OpenFinding]:
        self._note(limit, cursor)
        return audit_samples.open_findings()

    async def figures(self) -> Figures | None:
        return audit_samples.figures()

    async def guess(
        self, caller: Caller, guess: Guess, ask: Callable[[], Awaitable[Answer]], *, write: Write | None
    ) -> Answer:
        self.guesses.append(guess)
        return await ask()

    async def alerts(self, query: AlertQuery, *, limit: int, cursor: str | None) -> Page[Alert]:
        self._note(query, limit, cursor)
        return Page((deed_samples.alert(),), "cursor")

    async def decide_alert(self, write: Write, alert_id: UUID, state: AlertState) -> Answer:
        return await self._once(write, (alert_id, state), lambda: Answer(200, alert_bytes(deed_samples.alert())))

    async def adjustments(self, *, limit: int, cursor: str | None) -> Page[Adjustment]:
        self._note(limit, cursor)
        return Page((deed_samples.adjustment(),), "cursor")

    async def adjustment(self, adjustment_id: UUID) -> Adjustment:
        self._note(adjustment_id)
        return deed_samples.adjustment()

    async def approve_adjustment(self, write: Write, adjustment_id: UUID) -> Answer:
        body = ADJUSTMENT_ANSWERS.posted(adjustment_id, ANSWERS.posted(samples.posted()))
        return await self._once(write, adjustment_id, lambda: Answer(201, body))

    async def decline_adjustment(self, write: Write, adjustment_id: UUID) -> Answer:
        declined = ADJUSTMENT_ANSWERS.one(deed_samples.adjustment())
        return await self._once(write, adjustment_id, lambda: Answer(200, declined))

    async def note(self, deed: Deed) -> None:
        self.deeds.append(deed)

    async def note_often(self, deed: Deed) -> None:
        self.deeds.append(deed)

    def tally(self, deed: Deed) -> None:
        self.deeds.append(deed)

    async def audit_log(self, query: LogQuery, *, limit: int, cursor: str | None) -> Page[LogRow]:
        self._note(query, limit, cursor)
        return Page((deed_samples.row(),), "cursor")

    async def check_draft(self) -> tuple[Finding, ...]:
        self._note("check")
        return (Finding("/rules/0", Severity.WARNING, "doubtful", "It never applies."),)

    async def draft(self) -> bytes:
        self._note("draft")
        return samples.version().document

    async def program(self) -> ProgramVersion:
        self._note("program")
        return samples.version()

    async def program_versions(self, *, limit: int, cursor: str | None) -> Page[ProgramVersion]:
        self._note(limit, cursor)
        return Page((samples.version(),), None)

    async def is_ready(self) -> dict[str, str]:
        self._check()
        return {"database": "ok", "cache": "degraded", "migrations": "ok"}


@asynccontextmanager
async def opened(service: MemoryService) -> AsyncIterator[MemoryService]:
    yield service


def _prize_draw() -> bytes:
    return to_bytes(prize_draw_document(draw_samples.prize_draw()))
