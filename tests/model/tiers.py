"""Tiers: what a customer's purchases measure within the policy's window, and when the tier goes up or down.

Readings taken where the contract leaves a choice: purchases count in the window of the day on which they were made, by
the service's clock, less what has come back; where tiers never go down the window only says what lifts them; a year's
end sets the tier to what that year measured; a rolling window holds a tier 365 days from the instant it was reached or
renewed, to the same time on the program's clock, then measures the last 365 local days anew.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.model.accounts import Purchase
from tests.model.arithmetic import Json
from tests.model.wallets import Wallets, days_later

HELD_DAYS = 365


class Tiers(Wallets):
    """Wallets, and the purchases that lift tiers."""

    def __init__(self, program: Json) -> None:
        super().__init__(program)
        self.purchases: list[Purchase] = []

    def policy(self, name: str, default: str) -> str:
        value: str = self.program.get("tier_policy", {}).get(name, default)
        return value

    def can_fall(self) -> bool:
        return self.policy("down", "never") == "end_of_window"

    def local_day(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.program["timezone"])).date()

    def pass_windows(self, customer_id: str, now: datetime) -> None:
        """Measure anew at the end of each window that is over."""
        customer, today = self.customers[customer_id], self.local_day(now)
        window = self.policy("window", "ever")
        if not self.can_fall():
            return
        if window == "year":
            for year in range(customer.year or today.year, today.year):
                customer.tier = self.tier_at(self.measured(customer_id, date(year, 1, 1), date(year, 12, 31)))
            customer.year = today.year
        while window == "rolling_365d" and customer.tier_until is not None and customer.tier_until <= now:
            ended = customer.tier_until
            customer.tier = self.tier_at(self.measured_until(customer_id, ended))
            customer.tier_until = self.a_window_after(ended) if self.is_above_lowest(customer.tier) else None

    def measure(self, customer_id: str, now: datetime) -> None:
        """Lift the tier if the measure has reached the next."""
        customer = self.customers[customer_id]
        reached = self.tier_at(self.measured_until(customer_id, now))
        if reached is not None and self.rank(reached) > self.rank(customer.tier):
            customer.tier = reached
            if self.policy("window", "ever") == "rolling_365d" and self.can_fall():
                customer.tier_until = self.a_window_after(now)

    def a_window_after(self, moment: datetime) -> datetime:
        return days_later(moment, HELD_DAYS, ZoneInfo(self.program["timezone"]))

    def measured_until(self, customer_id: str, now: datetime) -> int:
        """Within the window that `now` lies in."""
        today = self.local_day(now)
        first = {
            "ever": date.min,
            "year": date(today.year, 1, 1),
            "rolling_365d": today - timedelta(days=364),
        }[self.policy("window", "ever")]
        return self.measured(customer_id, first, today)

    def measured(self, customer_id: str, first: date, last: date) -> int:
        mine = [each for each in self.purchases if each.customer == customer_id and first <= each.day <= last]
        measure = self.policy("measure", "paid")
        if measure == "paid":
            return sum(each.paid - each.refunded for each in mine)
        if measure == "purchases":
            return sum(not each.is_all_back for each in mine)
        wallet = next(iter(self.program["wallets"]))
        lines = [line for each in mine for line in each.lines.values()]
        accrued = [(line, line.accrued.get(wallet, 0)) for line in lines]
        return sum(units - line.due(units) for line, units in accrued)

    def tier_at(self, reached: int) -> str | None:
        held = [tier for tier in self.program.get("tiers", []) if tier["from"] <= reached]
        return max(held, key=lambda tier: int(tier["from"]))["id"] if held else None

    def rank(self, tier: str | None) -> int:
        """The lowest is 0, none at all below it."""
        order = [each["id"] for each in sorted(self.program.get("tiers", []), key=lambda each: int(each["from"]))]
        return -1 if tier is None else order.index(tier)

    def is_above_lowest(self, tier: str | None) -> bool:
        """Whether it is more than what measuring nothing gives."""
        return self.rank(tier) > self.rank(self.tier_at(0))
