"""A tiny loyalty bank in memory: purchases, redemptions, adjustments, returns and time, customer by customer.

Derived from the contract (section 4: "Lots", "Tiers", "Returns"); every operation takes JSON of the contract, the time
of the deal `at` and the service's clock `now` (default: `at`), which never goes back. Readings taken where the contract
leaves a choice:
- both `activate_after_days` and `expire_after_days` count from `at`, in days of the program's local clock; points
  without a delay are active at once, at the earlier of `at` and the clock;
- points that end before they begin are pending until they expire;
- a return gives back first, then takes back, so that what comes back can cover what the purchase had brought;
- points given back cover a debt like any that become active; those whose lot has expired meanwhile don't become active;
- taking back reaches into other lots only where they are active; a pending lot of another purchase is left alone;
- what `clamp` could not take is due again with the next return of that purchase (the difference to what was *posted*);
  what could be taken counts for the earlier lines first, and lines tell what was posted of them;
- tier progress moves back by the returned share, whatever `clamp` let go;
- a positive adjustment is a lot with its wallet's dates; a negative one needs the points to be there;
- `strength` bounds a redemption with no basket too;
- the measure `units` counts the first wallet's;
- a return converts by the program that decided the purchase, as all else of it is decided.
"""

from datetime import datetime
from typing import Any

from tests.model.accounts import Customer, Purchase, lines_of, on_top, posted
from tests.model.arithmetic import Json, number
from tests.model.giving_back import Counted
from tests.model.lots import take, units_of
from tests.model.pricing import decide, decide_act
from tests.model.redemption import Refused, strength_of
from tests.model.wallets import cover_debt, open_lots


class Books(Counted):
    """The bank under one program, until `publish` puts another in force."""

    def register(self, customer_id: str, *, birthday: str | None = None, tags: tuple[str, ...] = ()) -> None:
        self.customers[customer_id] = Customer(birthday=birthday, tier=self.tier_at(0), tags=tags)

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
        receipt: tuple[str, str] = ("", ""),
    ) -> Json | Refused:
        """Decide and post a purchase; answers the decision, `purchase` (its place in `purchases`) and `balances`.

        `receipt` is the terminal and the number.
        """
        now = now or at
        visit = {"at": at, "shop": shop, "channel": channel, "identified_by": identified_by}
        decision = self.decide(customer_id, basket=basket, redeem=redeem, visit=visit, now=now, receipt=receipt)
        if isinstance(decision, Refused):
            return decision
        purchase = self.purchase_of(decision, customer_id, basket=basket, at=at, now=now)
        self.purchases.append(purchase)
        if customer_id is None:
            return {**decision, "purchase": purchase.number, "balances": {}}
        customer = self.customers[customer_id]
        for wallet, units in decision["totals"]["redeemed_units"].items():
            purchase.spent[wallet] = self.spend(customer, wallet, units)
        self.take_over_slips(customer, decision)
        self.bring(customer, decision, at=at, now=now, purchase=purchase.number)
        self.measure(customer_id, now)
        return {**decision, "purchase": purchase.number, "balances": self.balances(customer_id)}

    def decide(
        self,
        customer_id: str | None,
        *,
        basket: Json,
        redeem: Json,
        visit: Json,
        now: datetime,
        receipt: tuple[str, str],
    ) -> Json | Refused:
        """The program's word on a basket; `visit` is `{"at", "shop", "channel", "identified_by"}`."""
        self.touch(customer_id, now)
        facts = None if customer_id is None else self.facts_of(customer_id)
        world = self.world(customer_id, now, receipt=(visit["shop"], *receipt))
        return decide(self.program, basket, customer=facts, redeem=redeem, world=world, **visit)

    def purchase_of(
        self, decision: Json, customer_id: str | None, *, basket: Json, at: datetime, now: datetime
    ) -> Purchase:
        """The purchase that a decision makes; takes what it uses."""
        coupons, codes = self.use(decision, customer_id)
        return Purchase(
            number=len(self.purchases),
            program=self.program,
            customer=customer_id,
            at=at,
            now=now,
            uses=decision["uses"],
            coupons=coupons,
            codes=codes,
            draws=decision["draws"],
            lines=lines_of(decision, {line["id"]: number(line["qty"]) for line in basket["lines"]}),
        )

    def bring(
        self,
        customer: Customer,
        decision: Json,
        *,
        at: datetime,
        now: datetime,
        purchase: int | None,
        program: Json | None = None,
    ) -> None:
        """A lot for each wallet and terms of its own, what ends first first; then what that converts."""
        program, lots = program or self.program, dict[Any, tuple[Json, int]]()
        for give, wallet, units in decision["lots"]:
            key = wallet, self.terms_of(wallet, give, program)
            lots[key] = give, lots.get(key, ({}, 0))[1] + units
        dates: Json = {"at": at, "now": now, "program": program}
        for (wallet, _), (give, units) in sorted(lots.items(), key=lambda each: end_of(each[0][1])):
            self.make_lot(customer, wallet, units, why="issued", purchase=purchase, give=give, **dates)
        self.posted(customer, purchase=purchase, **dates)

    def posted(
        self,
        customer: Customer,
        *,
        at: datetime,
        now: datetime,
        program: Json | None = None,
        purchase: int | None = None,
    ) -> None:
        """After every posting."""
        self.convert(customer, at=at, now=now, program=program, purchase=purchase)
        self.settle(customer, now)

    def touch(self, customer_id: str | None, now: datetime) -> None:
        """What time has brought, before anything else happens."""
        if customer_id is not None:
            self.settle(self.customers[customer_id], now)
            self.pass_windows(customer_id, now)

    def advance(self, to: datetime) -> None:
        for customer_id in self.customers:
            self.touch(customer_id, to)

    def act(self, customer_id: str, *, event: str, at: datetime, shop: str, now: datetime | None = None) -> Json:
        """Another act than a purchase; nothing of it comes back."""
        now = now or at
        self.touch(customer_id, now)
        world = self.world(customer_id, now)
        decision = decide_act(self.program, event, customer=self.facts_of(customer_id), shop=shop, at=at, world=world)
        self.use(decision, customer_id)
        self.bring(self.customers[customer_id], decision, at=at, now=now, purchase=None)
        return {**decision, "balances": self.balances(customer_id)}

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
        self.touch(customer_id, now or at)
        strength = strength_of(self.program, identified_by)
        codes = ["confirmation_required"] if strength is not None and points > strength else []
        if points > self.available(customer_id, wallet):
            codes.append("insufficient_points")
        if codes:
            return Refused(codes)
        self.spend(self.customers[customer_id], wallet, points)
        self.posted(self.customers[customer_id], at=at, now=now or at)
        return {"balances": self.balances(customer_id)}

    def adjust(
        self, customer_id: str, *, wallet: str, points: int, at: datetime, now: datetime | None = None
    ) -> Json | Refused:
        customer = self.customers[customer_id]
        self.touch(customer_id, now or at)
        if points > 0:
            self.make_lot(customer, wallet, points, at=at, now=now or at, why="adjusted")
        elif -points > self.available(customer_id, wallet):
            return Refused(["insufficient_points"])
        else:
            take(open_lots(customer, wallet, active=True), -points)
            self.flows[wallet, "adjusted"] += points
        self.posted(customer, at=at, now=now or at)
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
        self.touch(purchase.customer, now)
        before, freed = (
            {id_: posted(purchase.lines[id_]) for id_ in back},
            [purchase.freed(use) for use in purchase.uses],
        )
        for id_, qty in back.items():
            purchase.lines[id_].returned += qty
        costs_back = self.costs_back(purchase)
        self.free(purchase, freed)
        moved: Json = {what: {} for what in MOVED}
        if purchase.customer is not None:
            moved = self.move_back(purchase, now, costs_back)
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

    def costs_back(self, purchase: Purchase) -> set[str]:
        """The kinds of rewards' costs that are given back by now; to be asked before uses of codes are."""
        if not purchase.is_all_back:
            return set()
        is_used = any(self.coupons[code]["uses"] for code in purchase.codes)
        return {"whole"} if is_used else {"whole", "unused"}

    def move_back(self, purchase: Purchase, now: datetime, costs_back: set[str]) -> Json:
        """The units of a return, by what became of them and wallet: `MOVED`."""
        customer_id = purchase.customer or ""
        customer = self.customers[customer_id]
        moved: Json = {what: {} for what in MOVED}
        for wallet in purchase.program["wallets"]:
            moved["given_back"][wallet], moved["expired_again"][wallet] = self.give_back(
                customer, purchase, wallet, now, costs_back
            )
        for wallet in purchase.program["wallets"]:
            moved["taken_back"][wallet], moved["clamped"][wallet] = self.take_back(customer, purchase, wallet)
        self.posted(customer, at=now, now=now, program=purchase.program)
        self.measure(customer_id, now)
        return {what: {wallet: units for wallet, units in moved[what].items() if units} for what in MOVED}

    def give_back(
        self, customer: Customer, purchase: Purchase, wallet: str, now: datetime, costs_back: set[str]
    ) -> tuple[int, int]:
        """To the lots they came from, in the order they were spent; what expired meanwhile expires again at once."""
        skip = purchase.given_back(wallet)
        for line in purchase.lines.values():
            line.given_back[wallet] = line.giveable(wallet, costs_back)
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
            id_: line.due(line.accrued.get(wallet, 0) - line.kept.get(wallet, 0)) - line.taken_back[wallet]
            for id_, line in purchase.lines.items()
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
            "id": customer_id,
            "tags": customer.tags,
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


MOVED = ("taken_back", "given_back", "expired_again", "clamped")


def end_of(terms: tuple[int, int | None, str]) -> tuple[bool, int, int]:
    delay, life, _ = terms
    return life is None, life or 0, delay
