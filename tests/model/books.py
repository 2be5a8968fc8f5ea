"""A tiny loyalty bank in memory: purchases, redemptions, adjustments, returns and time, customer by customer.

Derived from the contract (section 4: "Lots", "Tiers", "Returns"); every operation takes JSON of the contract, the time
of the deal `at` and the service's clock `now` (default: `at`), which never goes back. Readings taken where the contract
leaves a choice:
- both `activate_after_days` and `expire_after_days` count from `at`, on the program's local clock;
- a return takes back first, then gives back; points given back cover a debt like any that become active;
- taking back reaches into other lots only where they are active; a pending lot of another purchase is left alone;
- what `clamp` could not take is due again with the next return of that purchase (the difference to what was *posted*);
- a positive adjustment is a lot with its wallet's dates; a negative one needs the points to be there;
- the measure `units` counts the first wallet's; tiers never go down.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.model.accounts import Customer, Purchase
from tests.model.arithmetic import Json, number
from tests.model.lots import Lot, take, units_of
from tests.model.pricing import decide
from tests.model.redemption import Refused


def difference(after: Json, before: Json) -> Json:
    """What came on top since `before`: `refund`, and by wallet `taken_back` and `given_back`, without zeros."""
    on_top: Json = {"refund": after["refund"] - before["refund"]}
    for name in ("taken_back", "given_back"):
        units = {wallet: after[name][wallet] - before[name][wallet] for wallet in after[name]}
        on_top[name] = {wallet: count for wallet, count in units.items() if count}
    return on_top


class Books:
    """The bank under one program. `flows` counts units by (wallet, why): what came less what went is what there is."""

    def __init__(self, program: Json) -> None:
        self.program = program
        self.zone = ZoneInfo(program["timezone"])
        self.customers: dict[str, Customer] = {}
        self.purchases: list[Purchase] = []
        self.flows: Counter[tuple[str, str]] = Counter()
        self.lots_made = 0

    def register(self, customer_id: str, *, birthday: str | None = None) -> None:
        self.customers[customer_id] = Customer(birthday=birthday, tier=self.tier_at(0))

    # --- what time brings ---------------------------------------------------------------------------------------------

    def advance(self, to: datetime) -> None:
        """Let time pass for everyone: lots activate and expire, each at its instant."""
        for customer in self.customers.values():
            self.settle(customer, to)

    def settle(self, customer: Customer, now: datetime) -> None:
        while due := self.next_due(customer, now):
            if due.is_expired(now) and (due.is_active or due.expires_at <= due.active_at):  # type: ignore[operator]
                self.flows[due.wallet, "expired"] += due.remaining
                due.remaining = 0
            else:
                due.is_active = True
                self.cover_debt(customer, due)

    def next_due(self, customer: Customer, now: datetime) -> Lot | None:
        """The lot whose activation or expiry comes first, of those that have come."""
        due: list[tuple[datetime, Lot]] = []
        for lot in customer.lots:
            if not lot.is_active and lot.active_at <= now:
                due.append((lot.active_at, lot))
            elif lot.expires_at is not None and lot.expires_at <= now and lot.remaining:
                due.append((lot.expires_at, lot))
        return min(due, key=lambda each: (each[0], each[1].spending_order))[1] if due else None

    def cover_debt(self, customer: Customer, lot: Lot) -> None:
        for covering, units in take([lot], customer.debts[lot.wallet]):
            customer.debts[covering.wallet] -= units

    # --- operations ---------------------------------------------------------------------------------------------------

    def accrue(
        self,
        customer_id: str | None,
        *,
        basket: Json,
        redeem: Json,
        at: datetime,
        shop: str,
        channel: str,
        identified_by: str,
        now: datetime | None = None,
    ) -> Json | Refused:
        """Decide and post a purchase; answers the decision, `purchase` (its place in `purchases`) and `balances`."""
        now = now or at
        facts = None
        if customer_id is not None:
            self.settle(self.customers[customer_id], now)
            facts = self.facts_of(customer_id)
        decision = decide(
            self.program,
            basket,
            customer=facts,
            shop=shop,
            channel=channel,
            at=at,
            redeem=redeem,
            identified_by=identified_by,
        )
        if isinstance(decision, Refused):
            return decision
        quantities = {line["id"]: number(line["qty"]) for line in basket["lines"]}
        purchase = Purchase(
            number=len(self.purchases),
            customer=customer_id,
            at=at,
            lines={line["id"]: {**line, "qty": quantities[line["id"]], "returned": 0} for line in decision["lines"]},
            spent={},
        )
        self.purchases.append(purchase)
        if customer_id is None:
            return {**decision, "purchase": purchase.number}
        customer = self.customers[customer_id]
        for wallet, units in decision["totals"]["redeemed_units"].items():
            purchase.spent[wallet] = self.spend(customer, wallet, units)
        for wallet, units in decision["totals"]["accrued"].items():
            self.make_lot(customer, wallet, units, at=at, now=now, why="issued", purchase=purchase.number)
        self.measure(customer_id)
        return {**decision, "purchase": purchase.number, "balances": self.balances(customer_id)}

    def redeem(
        self, customer_id: str, *, wallet: str, points: int, at: datetime, now: datetime | None = None
    ) -> Json | Refused:
        """Spend points with no basket."""
        customer = self.customers[customer_id]
        self.settle(customer, now or at)
        if points > self.available(customer, wallet):
            return Refused(["insufficient_points"])
        self.spend(customer, wallet, points)
        return {"balances": self.balances(customer_id)}

    def adjust(
        self, customer_id: str, *, wallet: str, points: int, at: datetime, now: datetime | None = None
    ) -> Json | Refused:
        customer = self.customers[customer_id]
        self.settle(customer, now or at)
        if points < 0:
            if -points > self.available(customer, wallet):
                return Refused(["insufficient_points"])
            take(self.open_lots(customer, wallet, active=True), -points)
            self.flows[wallet, "adjusted"] += points
        else:
            self.make_lot(customer, wallet, points, at=at, now=now or at, why="adjusted", purchase=None)
        return {"balances": self.balances(customer_id)}

    def return_lines(self, purchase_number: int, *, lines: list[Json] | None, now: datetime) -> Json | Refused:
        """Take back `[{"id", "qty"}]` of a purchase, or all that is left of it.

        Lines tell what is due of each; `taken_back` in total is less where `clamp` let something go.
        """
        purchase = self.purchases[purchase_number]
        before = {id_: line["returned"] for id_, line in purchase.lines.items()}
        if lines is None:
            back = {id_: line["qty"] - line["returned"] for id_, line in purchase.lines.items()}
        else:
            back = {line["id"]: number(line["qty"]) for line in lines}
        if not any(back.values()) or any(before[id_] + qty > purchase.lines[id_]["qty"] for id_, qty in back.items()):
            return Refused(["return_exceeds_purchase"])
        due_before = {id_: purchase.due_of_line(id_) for id_ in back}
        for id_, qty in back.items():
            purchase.lines[id_]["returned"] += qty
        lines_back = [
            {"id": id_, "qty": qty, **difference(purchase.due_of_line(id_), due_before[id_])}
            for id_, qty in back.items()
            if qty
        ]
        answer = {
            "purchase": purchase.number,
            "refund": sum(line["refund"] for line in lines_back),
            "lines": lines_back,
        }
        if purchase.customer is None:
            return {**answer, "taken_back": {}, "given_back": {}}
        self.settle(self.customers[purchase.customer], now)
        taken_back = {wallet: self.take_back(purchase, wallet) for wallet in self.program["wallets"]}
        given_back = {wallet: self.give_back(purchase, wallet, now) for wallet in self.program["wallets"]}
        self.measure(purchase.customer)
        return {
            **answer,
            "taken_back": {wallet: units for wallet, units in taken_back.items() if units},
            "given_back": {wallet: units for wallet, units in given_back.items() if units},
            "balances": self.balances(purchase.customer),
        }

    # --- lots ---------------------------------------------------------------------------------------------------------

    def make_lot(
        self,
        customer: Customer,
        wallet: str,
        units: int,
        *,
        at: datetime,
        now: datetime,
        why: str,
        purchase: int | None,
    ) -> None:
        terms = self.program["wallets"][wallet]
        expires_after = terms.get("expire_after_days")
        self.lots_made += 1
        lot = Lot(
            id=self.lots_made,
            wallet=wallet,
            remaining=units,
            active_at=self.days_later(at, terms.get("activate_after_days", 0)),
            expires_at=None if expires_after is None else self.days_later(at, expires_after),
            purchase=purchase,
        )
        customer.lots.append(lot)
        self.flows[wallet, why] += units
        self.settle(customer, now)

    def days_later(self, at: datetime, days: int) -> datetime:
        return (at.astimezone(self.zone) + timedelta(days=days)).astimezone(UTC)

    def open_lots(self, customer: Customer, wallet: str, *, active: bool) -> list[Lot]:
        lots = [lot for lot in customer.lots if lot.wallet == wallet and lot.remaining and lot.is_active == active]
        return sorted(lots, key=lambda lot: lot.spending_order)

    def spend(self, customer: Customer, wallet: str, units: int) -> list[tuple[Lot, int]]:
        self.flows[wallet, "redeemed"] += units
        return take(self.open_lots(customer, wallet, active=True), units)

    def take_back(self, purchase: Purchase, wallet: str) -> int:
        """From the purchase's own lots, pending before active, then other lots in spending order, then per `debt`."""
        customer = self.customers[purchase.customer or ""]
        units = purchase.due("taken_back", wallet) - purchase.taken_back[wallet]
        pending, active = (self.open_lots(customer, wallet, active=active) for active in (False, True))
        own = [lot for lot in pending + active if lot.purchase == purchase.number]
        others = [lot for lot in active if lot.purchase != purchase.number]
        taken = units_of(take(own + others, units))
        if self.program["wallets"][wallet].get("debt", "allow") == "allow":
            customer.debts[wallet] += units - taken
            taken = units
        purchase.taken_back[wallet] += taken
        self.flows[wallet, "taken_back"] += taken
        return taken

    def give_back(self, purchase: Purchase, wallet: str, now: datetime) -> int:
        """To the lots they came from, in the order they were spent; what expired meanwhile expires again at once."""
        customer = self.customers[purchase.customer or ""]
        units = purchase.due("given_back", wallet) - purchase.given_back[wallet]
        skip, rest = purchase.given_back[wallet], units
        for lot, spent in purchase.spent.get(wallet, []):
            skipped = min(skip, spent)
            part = min(rest, spent - skipped)
            skip, rest = skip - skipped, rest - part
            lot.remaining += part
            if not lot.is_expired(now):
                self.cover_debt(customer, lot)
        self.settle(customer, now)
        purchase.given_back[wallet] += units
        self.flows[wallet, "given_back"] += units
        return units

    # --- what is known of a customer ----------------------------------------------------------------------------------

    def facts_of(self, customer_id: str) -> Json:
        customer = self.customers[customer_id]
        kept = [each for each in self.purchases if each.customer == customer_id and not each.is_all_back]
        return {
            "tier": customer.tier,
            "birthday": customer.birthday,
            "purchases": len(kept),
            "last_purchase_at": max((each.at for each in kept), default=None),
            "available": {wallet: self.available(customer, wallet) for wallet in self.program["wallets"]},
        }

    def available(self, customer: Customer, wallet: str) -> int:
        return sum(lot.remaining for lot in self.open_lots(customer, wallet, active=True)) - customer.debts[wallet]

    def balances(self, customer_id: str) -> Json:
        customer = self.customers[customer_id]
        return {
            wallet: {
                "available": self.available(customer, wallet),
                "pending": sum(lot.remaining for lot in self.open_lots(customer, wallet, active=False)),
            }
            for wallet in self.program["wallets"]
        }

    def state(self, customer_id: str) -> Json:
        """What must be equal elsewhere: balances, open lots in spending order, tier, purchases not fully returned."""
        customer = self.customers[customer_id]
        lots = {}
        for wallet in self.program["wallets"]:
            both = self.open_lots(customer, wallet, active=True) + self.open_lots(customer, wallet, active=False)
            lots[wallet] = [lot.shown() for lot in sorted(both, key=lambda lot: lot.spending_order)]
        facts = self.facts_of(customer_id)
        return {
            "balances": self.balances(customer_id),
            "lots": lots,
            "tier": facts["tier"],
            "purchases": facts["purchases"],
        }

    # --- tiers --------------------------------------------------------------------------------------------------------

    def measure(self, customer_id: str) -> None:
        """Lift the tier if the measure has reached the next; it never goes down."""
        mine = [each for each in self.purchases if each.customer == customer_id]
        first_wallet = next(iter(self.program["wallets"]))
        measure = self.program.get("tier_policy", {}).get("measure", "paid")
        if measure == "paid":
            reached = sum(line["paid"] for each in mine for line in each.lines.values())
            reached -= sum(each.refunded for each in mine)
        elif measure == "purchases":
            reached = sum(not each.is_all_back for each in mine)
        else:
            accrued = sum(line["accrued"].get(first_wallet, 0) for each in mine for line in each.lines.values())
            reached = accrued - sum(each.due("taken_back", first_wallet) for each in mine)
        order = [tier["id"] for tier in sorted(self.program.get("tiers", []), key=lambda tier: int(tier["from"]))]
        customer = self.customers[customer_id]
        now_at = self.tier_at(reached)
        if now_at is not None and (customer.tier is None or order.index(now_at) > order.index(customer.tier)):
            customer.tier = now_at

    def tier_at(self, reached: int) -> str | None:
        held = [tier for tier in self.program.get("tiers", []) if tier["from"] <= reached]
        return max(held, key=lambda tier: int(tier["from"]))["id"] if held else None
