"""Lots and debts: what time brings, what comes, goes and is converted (contract, section 4, "Lots" and `convert`).

Readings taken where the contract leaves a choice: at one instant holds end before lots end, and lots before others
begin; what time has brought converts at its instant, what a posting has left at the time of its deal; a wallet is
converted before the one it fills, in the posting that filled it, so what a purchase has filled is its own lot; a rule's
own terms are rounded as its wallet's are, and an end at midnight is the end of the day that begins there.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.model.accounts import Customer, Hold
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
        """Everything that is due, instant by instant: what ends, what begins, what that converts."""
        while due := next_due(customer, now):
            instant, lots = due
            over = [hold for hold in customer.holds if hold.is_over(instant)]
            for hold in over:
                self.end_by_time(customer, hold, instant)
            if over:
                continue  # What has gone back may be due at this very instant.
            for lot in lots:
                if lot.ends_at(instant):
                    self.expire(lot, lot.remaining)
            began = [lot for lot in lots if lot.remaining]
            for lot in began:
                lot.is_active = True
                cover_debt(customer, lot)
            if began:
                self.convert(customer, at=instant, now=instant)

    def end_by_time(self, customer: Customer, hold: Hold, instant: datetime) -> None:
        """A hold is over (`holds.Holds`)."""
        raise NotImplementedError

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
        give: Json | None = None,
        program: Json | None = None,
    ) -> None:
        """Points of a deal made at `at`, by the wallet's terms or by those that a rule's `give` has of its own.

        Those without a delay are active at once, also where `at` lies ahead.
        """
        program = program or self.program
        delay, life, rounded = self.terms_of(wallet, give or {}, program)
        zone = ZoneInfo(program["timezone"])
        self.lots_made += 1
        lot = Lot(
            id=self.lots_made,
            wallet=wallet,
            remaining=units,
            active_at=days_later(at, delay, zone) if delay else min(at, now),
            expires_at=None if life is None else end_of(days_later(at, life, zone), rounded, zone),
            purchase=purchase,
        )
        customer.lots.append(lot)
        self.flows[wallet, why] += units
        if lot.active_at <= now and not lot.never_becomes_active:
            lot.is_active = True
            cover_debt(customer, lot)

    @staticmethod
    def terms_of(wallet: str, give: Json, program: Json) -> tuple[int, int | None, str]:
        """Days until points begin, days until they end, up to the end of what."""
        terms = program["wallets"][wallet]
        delay = give.get("activate_after_days")
        if delay is None:
            delay = terms.get("activate_after_days", 0)
        life = give["expire_after_days"] if "expire_after_days" in give else terms.get("expire_after_days")
        return delay, life, terms.get("expire_round", "none")

    def convert(
        self,
        customer: Customer,
        *,
        at: datetime,
        now: datetime,
        program: Json | None = None,
        purchase: int | None = None,
    ) -> None:
        """Move every full set over, from wallet to wallet; what `purchase` has filled is its own."""
        dates: Json = {"at": at, "now": now, "program": program, "purchase": purchase}
        wallets: Json = (program or self.program)["wallets"]
        for wallet in in_order_of_filling(wallets):
            terms = wallets[wallet].get("convert")
            usable = [lot for lot in open_lots(customer, wallet, active=True) if not lot.is_expired(now)]
            available = sum(lot.remaining for lot in usable) - customer.debts[wallet]
            if terms is None or available < terms["every"]:
                continue
            sets = available // terms["every"]
            take(usable, sets * terms["every"])
            self.flows[wallet, "moved"] += sets * terms["every"]
            self.make_lot(customer, terms["into"], sets * terms["units"], why="converted", **dates)

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
                "held": sum(hold.units_of(wallet) for hold in customer.holds if hold.state == "held"),
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


def days_later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day on the local clock, so many days later."""
    return (at.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def end_of(end: datetime, to: str, zone: ZoneInfo) -> datetime:
    """The end of the local day or month that it lies in."""
    midnight = end.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if to == "day":
        return (midnight + timedelta(days=1)).astimezone(UTC)
    if to == "month":
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1).astimezone(UTC)
    return end


def next_due(customer: Customer, now: datetime) -> tuple[datetime, list[Lot]] | None:
    """The next instant that has come at which holds end, or lots begin or end, and which lots, in spending order."""
    due: dict[datetime, list[Lot]] = {hold.expires_at: [] for hold in customer.holds if hold.is_over(now)}
    for lot in customer.lots:
        if lot.remaining and lot.is_expired(now) and (lot.is_active or lot.never_becomes_active):
            due.setdefault(lot.expires_at or now, []).append(lot)
        elif lot.remaining and not lot.is_active and lot.active_at <= now and not lot.never_becomes_active:
            due.setdefault(lot.active_at, []).append(lot)
    if not due:
        return None
    first = min(due)
    return first, sorted(due[first], key=lambda lot: lot.spending_order)


def in_order_of_filling(wallets: Json) -> list[str]:
    """Each wallet before the one that it converts into."""
    order: list[str] = []

    def place(wallet: str) -> None:
        if wallet not in order:
            for other, terms in wallets.items():
                if (terms.get("convert") or {}).get("into") == wallet:
                    place(other)
            order.append(wallet)

    for wallet in wallets:
        place(wallet)
    return order


def cover_debt(customer: Customer, lot: Lot) -> None:
    for covering, units in take([lot], customer.debts[lot.wallet]):
        customer.debts[covering.wallet] -= units


def open_lots(customer: Customer, wallet: str, *, active: bool) -> list[Lot]:
    """Lots with something left, in spending order."""
    lots = [lot for lot in customer.lots if lot.wallet == wallet and lot.remaining and lot.is_active == active]
    return sorted(lots, key=lambda lot: lot.spending_order)
