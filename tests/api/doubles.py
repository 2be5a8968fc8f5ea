"""A service in memory, for tests of the edge alone: it keeps keys and what it was asked, and decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from app.api.answers import ANSWERS
from app.domain.identifiers import Identifier
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.requests import (
    AdjustRequest,
    Answer,
    Caller,
    PurchaseName,
    PurchaseRequest,
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
    LotView,
    Page,
    ProgramVersion,
    PurchaseRecord,
    RequestState,
    Returned,
    Sale,
)
from tests.api import samples

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

    async def return_lines(self, write: Write, request: ReturnRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.returned(samples.returned())))

    async def register(self, write: Write, request: RegisterRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(201, ANSWERS.customer(samples.profile())))

    async def update(self, write: Write, request: UpdateRequest) -> Answer:
        return await self._once(write, request, lambda: Answer(200, ANSWERS.customer(samples.profile())))

    async def put_draft(self, write: Write, document: object, raw: bytes) -> Answer:
        return await self._once(write, (document, raw), lambda: Answer(200, ANSWERS.draft(document)))

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
            coupons=request.basket.coupons,
        )

    async def preview_return(self, caller: Caller, request: ReturnRequest) -> Returned:
        self._note(caller, request)
        return samples.returned(is_preview=True)

    async def lookup(self, customer: Identifier) -> CustomerProfile:
        self._note(customer)
        return samples.profile()

    async def customer(self, customer_id: UUID) -> CustomerProfile:
        self._note(customer_id)
        if customer_id != samples.CUSTOMER:
            raise Rejected(Rejection.CUSTOMER_NOT_FOUND, "There is no such customer.")
        return samples.profile()

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

    async def check_draft(self) -> tuple[Fault, ...]:
        self._note("check")
        return (Fault("/rules/0", "doubtful", "never applies"),)

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
