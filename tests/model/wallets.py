"""Lots and debts: what time brings, what comes and what goes (contract, section 4, "Lots")."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.model.accounts import Customer
from tests.model.arithmetic import Json
from tests.model.lots import Lot, take


class Wallets:
    """The wallets of everyone under the program in force.

    `flows` counts units by (wallet, why): what came less what went is what there is.
    """

    def __init__(self, program: Json) -> None:
        self.program = program
        self.customers: dict[str, Customer] = {}
        self.flows: Counter[tuple[str, str]] = Counter()
        self.lots_made = 0

    # --- what time brings ---------------------------------------------------------------------------------------------

    def advance(self, to: datetime) -> None:
        """Let time pass for everyone: lots activate and expire, each at its instant."""
        for customer in self.customers.values():
            self.settle(customer, to)

    def settle(self, customer: Customer, now: datetime) -> None:
        while due := next_due(customer, now):
            if due.is_expired(now) and (due.is_active or due.never_becomes_active):
                self.expire(due, due.remaining)
            else:
                due.is_active = True
                cover_debt(customer, due)

    def expire(self, lot: Lot, units: int) -> None:
        lot.remaining -= units
        self.flows[lot.wallet, "expired"] += units

    # --- what comes and goes ------------------------------------------------------------------------------------------

    def make_lot(
        self,
        customer: Customer,
        wallet: str,
        units: int,
        *,
        at: datetime,
        now: datetime,
        why: str,
        purchase: int | None = None,
    ) -> None:
        """Points of a deal made at `at`. Those without a delay are active at once, also where `at` lies ahead."""
        terms = self.program["wallets"][wallet]
        delay, life = terms.get("activate_after_days", 0), terms.get("expire_after_days")
        self.lots_made += 1
        lot = Lot(
            id=self.lots_made,
            wallet=wallet,
            remaining=units,
            active_at=self.days_later(at, delay) if delay else min(at, now),
            expires_at=None if life is None else self.days_later(at, life),
            purchase=purchase,
        )
        customer.lots.append(lot)
        self.flows[wallet, why] += units
        self.settle(customer, now)

    def days_later(self, at: datetime, days: int) -> datetime:
        """The same time of day on the program's clock, so many days later."""
        zone = ZoneInfo(self.program["timezone"])
        return (at.astimezone(zone) + timedelta(days=days)).astimezone(UTC)

    def spend(self, customer: Customer, wallet: str, units: int) -> list[tuple[Lot, int]]:
        self.flows[wallet, "redeemed"] += units
        return take(open_lots(customer, wallet, active=True), units)

    # --- what there is ------------------------------------------------------------------------------------------------

    def available(self, customer_id: str, wallet: str) -> int:
        customer = self.customers[customer_id]
        return sum(lot.remaining for lot in open_lots(customer, wallet, active=True)) - customer.debts[wallet]

    def balances(self, customer_id: str) -> Json:
        customer = self.customers[customer_id]
        return {
            wallet: {
                "available": self.available(customer_id, wallet),
                "pending": sum(lot.remaining for lot in open_lots(customer, wallet, active=False)),
            }
            for wallet in self.program["wallets"]
        }

    def lots(self, customer_id: str) -> dict[str, list[Json]]:
        """Open lots by wallet, in spending order."""
        customer = self.customers[customer_id]
        both = {
            wallet: open_lots(customer, wallet, active=True) + open_lots(customer, wallet, active=False)
            for wallet in self.program["wallets"]
        }
        return {
            wallet: [lot.shown() for lot in sorted(lots, key=lambda lot: lot.spending_order)]
            for wallet, lots in both.items()
        }


def next_due(customer: Customer, now: datetime) -> Lot | None:
    """The lot whose activation or expiry comes first, of those that have come."""
    due: list[tuple[datetime, Lot]] = []
    for lot in customer.lots:
        if lot.remaining and lot.is_expired(now) and (lot.is_active or lot.never_becomes_active):
            due.append((lot.expires_at or now, lot))
        elif not lot.is_active and lot.active_at <= now and not lot.never_becomes_active:
            due.append((lot.active_at, lot))
    return min(due, key=lambda each: (each[0], each[1].spending_order))[1] if due else None


def cover_debt(customer: Customer, lot: Lot) -> None:
    for covering, units in take([lot], customer.debts[lot.wallet]):
        customer.debts[covering.wallet] -= units


def open_lots(customer: Customer, wallet: str, *, active: bool) -> list[Lot]:
    """Lots with something left, in spending order."""
    lots = [lot for lot in customer.lots if lot.wallet == wallet and lot.remaining and lot.is_active == active]
    return sorted(lots, key=lambda lot: lot.spending_order)
