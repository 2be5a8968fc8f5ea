"""A tiny loyalty bank in memory: purchases, redemptions, adjustments, returns and time, customer by customer.

Derived from the contract (section 4: "Lots", "Tiers", "Returns"); every operation takes JSON of the contract, the time
of the deal `at` and the service's clock `now` (default: `at`), which never goes back. Readings taken where the contract
leaves a choice:
- both `activate_after_days` and `expire_after_days` count from `at`, on the program's local clock (the zones that are
  drawn have no summer time, so days of 24 hours say the same); points without a delay are active at once, at the
  earlier of `at` and the clock;
- points that end before they begin are pending until they expire;
- a return gives back first, then takes back, so that what comes back can cover what the purchase had brought;
- points given back cover a debt like any that become active; those whose lot has expired meanwhile don't become active;
- taking back reaches into other lots only where they are active; a pending lot of another purchase is left alone;
- what `clamp` could not take is due again with the next return of that purchase (the difference to what was *posted*);
  what could be taken counts for the earlier lines first, and lines tell what was posted of them;
- tier progress moves back by the returned share, whatever `clamp` let go;
- a positive adjustment is a lot with its wallet's dates; a negative one needs the points to be there;
- `strength` bounds a redemption with no basket too;
- the measure `units` counts the first wallet's; tiers never go down.
"""

from datetime import datetime

from tests.model.accounts import Customer, Line, Purchase
from tests.model.arithmetic import Json, number
from tests.model.lots import take, units_of
from tests.model.pricing import decide
from tests.model.redemption import Refused, strength_of
from tests.model.wallets import Wallets, cover_debt, open_lots


class Books(Wallets):
    """The bank under one program, until `publish` puts another in force."""

    def __init__(self, program: Json) -> None:
        super().__init__(program)
        self.purchases: list[Purchase] = []

    def register(self, customer_id: str, *, birthday: str | None = None) -> None:
        self.customers[customer_id] = Customer(birthday=birthday, tier=self.tier_at(0))

    def publish(self, program: Json) -> None:
        """From now on purchases are decided by another program; what was bought and brought stays as it is."""
        self.program = program

    # --- purchases, and points that move with no basket ---------------------------------------------------------------

    def accrue(
        self,
        customer_id: str | None,
        *,
        basket: Json,
        redeem: Json,
        at: datetime,
        shop: str,
        channel: str,
        identified_by: str | None,
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
        purchase = Purchase(
            number=len(self.purchases),
            program=self.program,
            customer=customer_id,
            at=at,
            lines={
                line["id"]: Line(
                    qty=number(bought["qty"]),
                    paid=line["paid"],
                    accrued=line["accrued"],
                    redeemed_units=line["redeemed_units"],
                )
                for line, bought in zip(decision["lines"], basket["lines"], strict=True)
            },
        )
        self.purchases.append(purchase)
        if customer_id is None:
            return {**decision, "purchase": purchase.number, "balances": {}}
        customer = self.customers[customer_id]
        for wallet, units in decision["totals"]["redeemed_units"].items():
            purchase.spent[wallet] = self.spend(customer, wallet, units)
        for wallet, units in decision["totals"]["accrued"].items():
            self.make_lot(customer, wallet, units, at=at, now=now, why="issued", purchase=purchase.number)
        self.measure(customer_id)
        return {**decision, "purchase": purchase.number, "balances": self.balances(customer_id)}

    def redeem(
        self,
        customer_id: str,
        *,
        wallet: str,
        points: int,
        at: datetime,
        identified_by: str = "card",
        now: datetime | None = None,
    ) -> Json | Refused:
        """Spend points with no basket."""
        self.settle(self.customers[customer_id], now or at)
        strength = strength_of(self.program, identified_by)
        codes = ["confirmation_required"] if strength is not None and points > strength else []
        if points > self.available(customer_id, wallet):
            codes.append("insufficient_points")
        if codes:
            return Refused(codes)
        self.spend(self.customers[customer_id], wallet, points)
        return {"balances": self.balances(customer_id)}

    def adjust(
        self, customer_id: str, *, wallet: str, points: int, at: datetime, now: datetime | None = None
    ) -> Json | Refused:
        customer = self.customers[customer_id]
        self.settle(customer, now or at)
        if points > 0:
            self.make_lot(customer, wallet, points, at=at, now=now or at, why="adjusted")
        elif -points > self.available(customer_id, wallet):
            return Refused(["insufficient_points"])
        else:
            take(open_lots(customer, wallet, active=True), -points)
            self.flows[wallet, "adjusted"] += points
        return {"balances": self.balances(customer_id)}

    # --- returns ------------------------------------------------------------------------------------------------------

    def return_lines(self, purchase_number: int, *, lines: list[Json] | None, now: datetime) -> Json | Refused:
        """Take back `[{"id", "qty"}]` of a purchase, or all that is left of it.

        `expired_again` is what was given back to lots that had expired meanwhile, `clamped` what could not be taken.
        """
        purchase = self.purchases[purchase_number]
        if lines is None:
            back = {id_: line.qty - line.returned for id_, line in purchase.lines.items() if not line.is_all_back}
        else:
            back = {line["id"]: number(line["qty"]) for line in lines}
        if not back or any(purchase.lines[id_].returned + qty > purchase.lines[id_].qty for id_, qty in back.items()):
            return Refused(["return_exceeds_purchase"])
        before = {id_: posted(purchase.lines[id_]) for id_ in back}
        for id_, qty in back.items():
            purchase.lines[id_].returned += qty
        moved = self.move_back(purchase, now) if purchase.customer is not None else {what: {} for what in MOVED}
        told = [
            {"id": id_, "qty": qty, **on_top(posted(purchase.lines[id_]), before[id_])} for id_, qty in back.items()
        ]
        return {
            "purchase": purchase.number,
            "refund": sum(line["refund"] for line in told),
            "lines": told,
            **moved,
            "balances": self.balances(purchase.customer) if purchase.customer is not None else {},
        }

    def move_back(self, purchase: Purchase, now: datetime) -> Json:
        """The units of a return, by what became of them and wallet: `MOVED`."""
        customer_id = purchase.customer or ""
        customer = self.customers[customer_id]
        self.settle(customer, now)
        moved: Json = {what: {} for what in MOVED}
        for wallet in purchase.program["wallets"]:
            moved["given_back"][wallet], moved["expired_again"][wallet] = self.give_back(
                customer, purchase, wallet, now
            )
        for wallet in purchase.program["wallets"]:
            moved["taken_back"][wallet], moved["clamped"][wallet] = self.take_back(customer, purchase, wallet)
        self.measure(customer_id)
        return {what: {wallet: units for wallet, units in moved[what].items() if units} for what in MOVED}

    def give_back(self, customer: Customer, purchase: Purchase, wallet: str, now: datetime) -> tuple[int, int]:
        """To the lots they came from, in the order they were spent; what expired meanwhile expires again at once."""
        skip = purchase.given_back(wallet)
        for line in purchase.lines.values():
            line.given_back[wallet] = line.due(line.redeemed_units.get(wallet, 0))
        rest = units = purchase.given_back(wallet) - skip
        expired = 0
        for lot, spent in purchase.spent.get(wallet, []):
            skipped = min(skip, spent)
            part = min(rest, spent - skipped)
            skip, rest = skip - skipped, rest - part
            lot.remaining += part
            if part and lot.is_expired(now):
                self.expire(lot, part)
                expired += part
            elif part:
                cover_debt(customer, lot)
        self.flows[wallet, "given_back"] += units
        return units, expired

    def take_back(self, customer: Customer, purchase: Purchase, wallet: str) -> tuple[int, int]:
        """From the purchase's own lots, pending before active, then other lots in spending order, then per `debt`."""
        due = {
            id_: line.due(line.accrued.get(wallet, 0)) - line.taken_back[wallet] for id_, line in purchase.lines.items()
        }
        units = sum(due.values())
        pending, active = (open_lots(customer, wallet, active=active) for active in (False, True))
        own = [lot for lot in pending + active if lot.purchase == purchase.number]
        others = [lot for lot in active if lot.purchase != purchase.number]
        taken = units_of(take(own + others, units))
        if purchase.program["wallets"][wallet].get("debt", "allow") == "allow":
            customer.debts[wallet] += units - taken
            taken = units
        left = taken
        for id_, line in purchase.lines.items():
            part = min(left, due[id_])
            line.taken_back[wallet] += part
            left -= part
        self.flows[wallet, "taken_back"] += taken
        return taken, units - taken

    # --- what is known of a customer ----------------------------------------------------------------------------------

    def facts_of(self, customer_id: str) -> Json:
        customer = self.customers[customer_id]
        kept = [each for each in self.purchases if each.customer == customer_id and not each.is_all_back]
        return {
            "tier": customer.tier,
            "birthday": customer.birthday,
            "purchases": len(kept),
            "last_purchase_at": max((each.at for each in kept), default=None),
            "available": {wallet: self.available(customer_id, wallet) for wallet in self.program["wallets"]},
        }

    def state(self, customer_id: str) -> Json:
        """What must be equal elsewhere: balances, open lots in spending order, tier, purchases not fully returned."""
        facts = self.facts_of(customer_id)
        return {
            "balances": self.balances(customer_id),
            "lots": self.lots(customer_id),
            "tier": facts["tier"],
            "purchases": facts["purchases"],
        }

    # --- tiers --------------------------------------------------------------------------------------------------------

    def measure(self, customer_id: str) -> None:
        """Lift the tier if the measure has reached the next; it never goes down."""
        mine = [each for each in self.purchases if each.customer == customer_id]
        measure = self.program.get("tier_policy", {}).get("measure", "paid")
        if measure == "paid":
            reached = sum(each.paid - each.refunded for each in mine)
        elif measure == "purchases":
            reached = sum(not each.is_all_back for each in mine)
        else:
            first = next(iter(self.program["wallets"]))
            lines = [line for each in mine for line in each.lines.values()]
            accrued = [(line, line.accrued.get(first, 0)) for line in lines]
            reached = sum(units - line.due(units) for line, units in accrued)
        order = [tier["id"] for tier in sorted(self.program.get("tiers", []), key=lambda tier: int(tier["from"]))]
        customer = self.customers[customer_id]
        now_at = self.tier_at(reached)
        if now_at is not None and (customer.tier is None or order.index(now_at) > order.index(customer.tier)):
            customer.tier = now_at

    def tier_at(self, reached: int) -> str | None:
        held = [tier for tier in self.program.get("tiers", []) if tier["from"] <= reached]
        return max(held, key=lambda tier: int(tier["from"]))["id"] if held else None


MOVED = ("taken_back", "given_back", "expired_again", "clamped")


def posted(line: Line) -> Json:
    """What a line has posted by now."""
    return {
        "refund": line.due(line.paid),
        "taken_back": dict(line.taken_back),
        "given_back": dict(line.given_back),
    }


def on_top(after: Json, before: Json) -> Json:
    """What came since `before`, without zeros."""
    told: Json = {"refund": after["refund"] - before["refund"]}
    for name in ("taken_back", "given_back"):
        units = {wallet: count - before[name].get(wallet, 0) for wallet, count in after[name].items()}
        told[name] = {wallet: count for wallet, count in units.items() if count}
    return told
