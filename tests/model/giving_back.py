"""What a return gives back besides points and money: counters, uses of coupons, codes given out, draws.

Readings taken where the contract leaves a choice: a code given out is taken back only while nobody has used it; a draw
set free goes behind the customer's other slips of that rule.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime

from tests.model.accounts import Customer, Purchase
from tests.model.arithmetic import Json
from tests.model.tickets import Luck, Slip
from tests.model.tiers import Tiers
from tests.model.world import CUSTOMER, Name, Use, World


class Counted(Tiers):
    """What is counted of everyone and of the program: `counts` by (customer, or None; name; period).

    `secret_of` a day makes luck; without it nothing is drawn.
    """

    def __init__(self, program: Json, *, secret_of: Callable[[date], bytes] | None = None) -> None:
        super().__init__(program)
        self.counts: Counter[tuple[str | None, Name, str]] = Counter()
        self.coupons: dict[str, Json] = {}
        self.secret_of = secret_of

    def world(self, customer_id: str | None, now: datetime, *, receipt: tuple[str, str, str] | None = None) -> World:
        """How things stand for a customer; `receipt` (shop, terminal, number) has its luck."""
        world = World(now=now, coupons=self.coupons, codes=self.free_codes(now))
        for (owner, name, period), used in self.counts.items():
            if owner is None:
                world.counts["program", name, period] = used
            elif owner == customer_id:
                world.counts["customer", name, period] = used
        if customer_id is not None:
            world.slips = self.customers[customer_id].slips
        if receipt is not None and self.secret_of is not None:
            day = self.local_day(now)
            world.luck = Luck(self.secret_of(day), day, *receipt)
        return world

    def free_codes(self, now: datetime) -> dict[str, list[str]]:
        """By pool: what nobody has, nobody used, and isn't over."""
        free: dict[str, list[str]] = {}
        for code, coupon in sorted(self.coupons.items()):
            is_over = coupon.get("end") is not None and coupon["end"] <= now
            if coupon.get("pool") and not (
                coupon.get("customer") or coupon["uses"] or coupon.get("blocked") or is_over
            ):
                free.setdefault(coupon["pool"], []).append(code)
        return free

    def count(self, uses: list[Use], customer_id: str | None, *, sign: int = 1) -> None:
        for use in uses:
            self.counts[customer_id if use.scope == CUSTOMER else None, use.name, use.period] += sign * use.amount

    def use(self, decision: Json, customer_id: str | None) -> tuple[list[str], list[str]]:
        """Take what a decision uses; answers the stored codes it used, and those it gave out that may go back."""
        self.count(decision["uses"], customer_id)
        used = [code for code in applied_codes(decision) if code in self.coupons]
        for code in used:
            self.coupons[code] = {**self.coupons[code], "uses": self.coupons[code]["uses"] + 1}
        returnable = []
        given = [(each["rule"], code) for each in decision["effects"] for code in each.get("codes", [])]
        for rule, code in given:
            self.coupons[code] = {**self.coupons[code], "customer": customer_id}
            if decision["on_return"].get(rule) != "keep":
                returnable.append(code)
        return used, returnable

    def take_over_slips(self, customer: Customer, decision: Json) -> None:
        for draw in decision["draws"]:
            if draw["slip_of"] is not None:
                customer.slips[draw["rule"]].pop(0)

    def free(self, purchase: Purchase, before: list[int]) -> None:
        """After a return: what has come back of counters beyond `before`; of the rest when everything has."""
        for use, freed in zip(purchase.uses, before, strict=True):
            owner = purchase.customer if use.scope == CUSTOMER else None
            self.counts[owner, use.name, use.period] -= purchase.freed(use) - freed
        if not purchase.is_all_back:
            return
        for code in purchase.coupons:
            self.coupons[code] = {**self.coupons[code], "uses": self.coupons[code]["uses"] - 1}
        for code in purchase.codes:
            if not self.coupons[code]["uses"]:
                self.coupons[code] = {**self.coupons[code], "blocked": True}
        for draw in purchase.draws:
            was_kept = draw["prize"] is not None and draw["keeps"]
            self.leave_slip(purchase.customer, draw, of=str(purchase.number), is_kept=was_kept)

    def leave_slip(self, customer_id: str | None, draw: Json, *, of: str, is_kept: bool) -> None:
        """A draw set free: the customer's next one of its rule."""
        if customer_id is not None:
            slip = Slip(
                of,
                draw["day"],
                (int(draw["ticket"], 16), int(draw["choice"], 16)),
                draw["state"],
                is_kept or draw["because"] == "kept",
                draw["units"] or None,
            )
            self.customers[customer_id].slips.setdefault(draw["rule"], []).append(slip)


def applied_codes(decision: Json) -> list[str]:
    return [each["code"].strip().upper() for each in decision["coupons"] if each["verdict"] == "applied"]
