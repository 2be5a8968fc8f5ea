"""`quote`: what a basket would cost and bring, from the hot cache; writes nothing, and nothing is committed on such a
view.
"""

from app.domain.ledger.quoting import balances_after
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.ledger_port import Shared
from app.flows.ports import Clock, Programs, Vault
from app.flows.ports_customers import Reads
from app.flows.promises import VALID_FOR, read_token, to_token
from app.flows.read_customer import ReadCustomer
from app.flows.requests import Caller, PurchaseRequest
from app.flows.results import Balances, Sale
from app.flows.sales import AtLimits, decide_sale, needs_of_sale, sale_of
from app.flows.standings import codes_of, standing_of


class QuoteBasket:
    def __init__(
        self,
        reader: ReadCustomer,
        *,
        reads: Reads,
        programs: Programs,
        vault: Vault,
        clock: Clock,
        limits: AtLimits,
    ) -> None:
        self._reader = reader
        self._reads = reads
        self._programs = programs
        self._vault = vault
        self._clock = clock
        self._limits = limits

    async def quote(self, caller: Caller, request: PurchaseRequest) -> Sale:
        """Raises `Rejected`."""
        version = await self._programs.newest()
        now = self._clock.now()
        promise = read_token(request.quote, self._vault) if request.quote else None
        if promise is not None and now >= promise.until:
            promise = None
        if promise is not None:
            version = promise.program
        program = await self._programs.compiled(version)
        at = self._limits.check(request.at, now=now, promise=promise)
        patron = None
        posted_version = 0
        if request.customer is not None:
            patron, posted_version = await self._reader.named(request.customer)
            if patron.is_blocked:
                raise refusals.blocked()
            if patron.is_frozen and (any(request.redeem.values()) or any(request.rewards.values())):
                raise refusals.frozen()
        decided = decide_sale(
            request,
            caller,
            version=version,
            program=program,
            patron=patron,
            vault=self._vault,
            promise=promise,
            at=at,
            standing=standing_of(patron, await self._shared(program, request), now=now, luck=None),
        )
        balances: Balances = {}
        if patron is not None:
            balances = balances_after(patron.book, program.program, decided.decision, now=now, at=at)
        sale = sale_of(decided, request, at=at, version=posted_version, balances=balances)
        # A promise of a promise ends when the first one does: a version or an hour that is over can't be kept alive.
        made = decided.promise(until=promise.until if promise else now + VALID_FOR)
        sale.quote, sale.valid_until = to_token(made, self._vault), made.until
        return sale

    async def _shared(self, program: CompiledProgram, request: PurchaseRequest) -> Shared:
        """As it is committed; no statement where the basket touches none of it."""
        needs = needs_of_sale(program, request)
        codes = codes_of(request.basket.coupons) if request.basket.coupons else ()
        if not (needs.counters or needs.pools or codes):
            return Shared()
        return await self._reads.shared(counters=sorted(needs.counters), coupons=codes, pools=needs.pools)
