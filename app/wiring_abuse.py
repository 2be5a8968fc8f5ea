"""What `wiring` and `background` put together against abuse."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from uuid import UUID

import structlog

from app.api.alerts import alert_bytes
from app.api.answers import JsonAnswers
from app.config import Settings
from app.domain.abuse.misses import MissLimits
from app.domain.abuse.tills import AlertKind, TillLimits
from app.domain.abuse.velocity import OverPace, Velocity
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.guards import Guards
from app.flows.keep_alerts import KeepAlerts
from app.flows.lookup_budget import LookupBudget
from app.flows.once import Once
from app.flows.ports import Clock, Programs
from app.flows.ports_alerts import Raised
from app.flows.ports_offline import Beyond
from app.flows.rate_limits import RateLimits
from app.flows.requests import Caller, Receipt, Role
from app.flows.watch_tills import WatchTills
from app.storage.alerts import AlertsDatabase
from app.storage.budgets import BudgetsDatabase
from app.storage.engine import Database
from app.storage.ledger import LedgerDatabase
from app.telemetry import METRICS, Metrics, Thinned

_log = structlog.get_logger("app.flows")
_TILLS = (Role.POS, Role.SHOP)
PACE_SECONDS = 1.0
TOLD_MAX = 10_000  # Customers, at some 200 bytes each; the one told of longest ago is forgotten.


class AbuseWatch:
    """The ports `BudgetWatch`, `PaceWatch` and `OfflineWatch` on metrics, log and alerts."""

    def __init__(self, metrics: Metrics, alerts: AlertsDatabase, *, limits: MissLimits, clock: Clock) -> None:
        self._metrics = metrics
        self._alerts = alerts
        self._limits = limits
        self._clock = clock
        self._faults = Thinned(_log, ticks=time.monotonic)
        self._told: OrderedDict[UUID, float] = OrderedDict()  # Customers who were too fast, and when that was raised.

    def look_failed(self, error: Exception) -> None:
        self._faults.warning("budget_look_failed", error=type(error).__name__)

    def missed(self, count: int) -> None:
        self._metrics.lookup_misses.inc(count)

    async def exhausted(self, caller: Caller) -> None:
        facts = {"burst": self._limits.burst, "day": self._limits.day, "shop_day": self._limits.shop_day}
        await self._raise(AlertKind.LOOKUP_BUDGET, caller, None, facts)

    async def over_pace(self, caller: Caller, over: OverPace) -> None:
        """One alert a customer and PACE_SECONDS: refusals come as fast as somebody asks, each would be a write."""
        now = time.monotonic()
        if now - self._told.get(over.customer, float("-inf")) < PACE_SECONDS:
            return
        self._told[over.customer] = now
        self._told.move_to_end(over.customer)
        if len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        facts = {name: each for name in ("allowed", "requested") if isinstance(each := over.facts[name], int)}
        await self._raise(AlertKind.VELOCITY, caller, over.customer, facts)

    async def beyond_allowance(self, receipt: Receipt, beyond: Beyond) -> None:
        facts = {"allowed": beyond.allowed, "beyond": beyond.units}
        kind, day = AlertKind.OFFLINE_BEYOND_ALLOWANCE, self._clock.now().date()
        await self._keep(Raised(kind, receipt.shop, receipt.terminal, beyond.customer, day, facts, beyond.tx_id))

    async def _raise(self, kind: AlertKind, caller: Caller, customer: UUID | None, facts: Mapping[str, int]) -> None:
        terminal = caller.terminal if caller.shops else caller.key_id
        await self._keep(Raised(kind, caller.shop, terminal, customer, self._clock.now().date(), facts))

    async def _keep(self, raised: Raised) -> None:
        try:
            await self._alerts.raise_alerts([raised])
        except (DatabaseGone, DatabaseBusy, Conflict) as error:
            self._faults.warning("alert_not_raised", error=type(error).__name__)


def velocity_of(settings: Settings) -> Velocity:
    return Velocity(
        accruals=settings.velocity_accruals_day,
        redemptions=settings.velocity_redemptions_day,
        accrued=settings.velocity_accrued_day,
        redeemed=settings.velocity_redeemed_day,
    )


def guards_of(settings: Settings, database: Database, *, clock: Clock, answers: JsonAnswers) -> Guards:
    alerts = AlertsDatabase(database)
    limits = MissLimits(
        burst=settings.lookup_misses_5min, day=settings.lookup_misses_day, shop_day=settings.lookup_misses_shop_day
    )
    bulk = MissLimits(burst=0, day=settings.lookup_misses_bulk_day, shop_day=0)
    watch = AbuseWatch(METRICS, alerts, limits=limits, clock=clock)
    misses = BudgetsDatabase(database)
    others = dict.fromkeys((role for role in Role if role not in _TILLS), settings.rate_others)
    return Guards(
        rates=RateLimits({Role.POS: settings.rate_pos, Role.SHOP: settings.rate_shop, **others}),
        budget=LookupBudget(misses, limits=limits, watch=watch),
        bulk=LookupBudget(
            misses, limits=bulk, watch=AbuseWatch(METRICS, alerts, limits=bulk, clock=clock), name="bulk"
        ),
        answered=Once(LedgerDatabase(database), answers=answers),
        pace=watch,
        offline=watch,
        alerts=KeepAlerts(Once(alerts, answers=answers), alerts, answer=alert_bytes),
    )


def till_watch(settings: Settings, database: Database, *, programs: Programs) -> WatchTills:
    limits = TillLimits(
        same_customer=settings.alert_same_customer_day,
        returns=settings.alert_returns_day,
        rare_hour_permille=settings.alert_rare_hour_permille,
        sum_times=settings.alert_sum_times,
    )
    return WatchTills(AlertsDatabase(database), programs=programs, limits=limits)
