"""The service as its callers see it (`app.flows.service.Service`): one method a call, each handed to the use case it
belongs to.

What goes wrong between us and the database becomes a refusal here, once: 503, which may be repeated with the same key.
"""

import time
from collections import OrderedDict
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from app.domain.identifiers import Identifier
from app.domain.rejections import Fault, unauthenticated
from app.flows import refusals
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.keep_customer import KeepCustomer
from app.flows.move_points import MovePoints
from app.flows.ports import Snapshots
from app.flows.ports_customers import Reads
from app.flows.publish_program import PublishProgram
from app.flows.quote_basket import QuoteBasket
from app.flows.read_customer import ReadCustomer
from app.flows.read_purchase import ReadPurchase
from app.flows.record_purchase import RecordPurchase
from app.flows.requests import (
    AdjustRequest,
    Answer,
    Caller,
    PurchaseName,
    PurchaseRequest,
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

KEY_SECONDS = 2.0  # How long a revoked key may still be believed; half of what operators are promised.
KEYS_MAX = 10_000  # A chain's tills, at some 300 bytes each.


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
        returns: ReturnLines,
        keeper: KeepCustomer,
        quotes: QuoteBasket,
        customers: ReadCustomer,
        records: ReadPurchase,
        programs: PublishProgram,
        reads: Reads,
        snapshots: Snapshots,
        schema_head: str,
    ) -> None:
        self._rounds = rounds
        self._purchases = purchases
        self._points = points
        self._returns = returns
        self._keeper = keeper
        self._quotes = quotes
        self._customers = customers
        self._records = records
        self._programs = programs
        self._reads = reads
        self._snapshots = snapshots
        self._schema_head = schema_head
        self._callers: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def authenticate(self, key: str) -> Caller:
        digest = sha256(key.encode()).digest()
        known = self._callers.get(digest)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        asked_at = time.monotonic()
        with _answering():
            caller = await self._reads.caller(digest)
        if caller is None:
            self._callers.pop(digest, None)
            raise unauthenticated()
        self._callers[digest] = (asked_at + KEY_SECONDS, caller)
        self._callers.move_to_end(digest)
        if len(self._callers) > KEYS_MAX:
            self._callers.popitem(last=False)
        return caller

    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        with _answering():
            return await self._purchases.accrue(write, request)

    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        with _answering():
            return await self._points.redeem(write, request)

    async def adjust(self, write: Write, request: AdjustRequest) -> Answer:
        with _answering():
            return await self._points.adjust(write, request)

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

    async def check_draft(self) -> tuple[Fault, ...]:
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
