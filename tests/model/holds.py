"""Holds: a basket or points set aside, then captured, released, or ended by time (contract, section 3).

Readings taken where the contract leaves a choice:
- a held basket is decided when it is placed, and takes then all that a purchase takes; of its draws nothing is told
  before the capture; a line's terms of redemption and what is said of codes are those of the placing;
- held units stay with their lots but are nobody's to spend: they cover no debt, fill no set, and don't expire; what
  goes back to a lot that has ended meanwhile expires at once, what goes back to another covers a debt first;
- the end of a hold gives everything back, also what a return would leave with the customer, since nothing was given;
- of a line of which `d` of `q` are left out every figure loses `half_up(figure · d / q)`, so that a capture and all
  later returns end at the whole; money paid with units is then moved, as little as it takes, for the line to add up
  with a discount no larger than it was;
- rewards stay whole with what they have cost; the cost on a line that is left out goes over to the first that stays;
- the units that were taken first are redeemed, the others go back before anything new arrives;
- points run from the capture, by the terms of the program that decided the basket; there and then the purchase counts.
"""

from collections import Counter
from copy import deepcopy
from datetime import datetime, timedelta
from fractions import Fraction

from tests.model.accounts import Customer, Hold, lines_of
from tests.model.arithmetic import Json, half_up, largest_remainder, number
from tests.model.books import Books
from tests.model.lots import Lot
from tests.model.pricing import added, prices
from tests.model.redemption import Refused, strength_of
from tests.model.wallets import cover_debt
from tests.model.world import SHARE, Use

OF_LUCK = ("bag", "pity", "plain", "surprise")  # What luck has done stays done: a slip takes the draw over.


class Holds(Books):
    """Books that set value aside; holds are named by their place."""

    def __init__(self, program: Json, **more: object) -> None:
        super().__init__(program, **more)  # type: ignore[arg-type]
        self.holds: list[Hold] = []

    # --- placing ------------------------------------------------------------------------------------------------------

    def hold(
        self,
        customer_id: str | None,
        *,
        basket: Json,
        redeem: Json,
        visit: Json,
        ttl_seconds: int,
        now: datetime,
        receipt: tuple[str, str] = ("", ""),
    ) -> Json | Refused:
        """Set a basket aside; `visit` is `{"at", "shop", "channel", "identified_by"}`."""
        decision = self.decide(customer_id, basket=basket, redeem=redeem, visit=visit, now=now, receipt=receipt)
        if isinstance(decision, Refused):
            return decision
        hold = self.placed(customer_id, now + timedelta(seconds=ttl_seconds))
        hold.purchase = self.purchase_of(decision, customer_id, basket=basket, at=visit["at"], now=now)
        hold.decision = decision
        hold.codes = [code for each in decision["effects"] for code in each.get("codes", [])]
        if customer_id is not None:
            customer = self.customers[customer_id]
            self.take_over_slips(customer, decision)
            for wallet, units in decision["totals"]["redeemed_units"].items():
                hold.units += self.take_aside(customer, wallet, units)
            self.posted(customer, at=visit["at"], now=now)
        return {**without_draws(decision), "hold": hold.number, "balances": self.balances_or_none(customer_id)}

    def hold_points(
        self,
        customer_id: str,
        *,
        wallet: str,
        points: int,
        ttl_seconds: int,
        now: datetime,
        identified_by: str = "card",
    ) -> Json | Refused:
        self.touch(customer_id, now)
        strength = strength_of(self.program, identified_by)
        codes = ["confirmation_required"] if strength is not None and points > strength else []
        if points > self.available(customer_id, wallet):
            codes.append("insufficient_points")
        if codes:
            return Refused(codes)
        hold, customer = self.placed(customer_id, now + timedelta(seconds=ttl_seconds)), self.customers[customer_id]
        hold.units = self.take_aside(customer, wallet, points)
        self.posted(customer, at=now, now=now)
        return {"hold": hold.number, "balances": self.balances(customer_id)}

    def placed(self, customer_id: str | None, expires_at: datetime) -> Hold:
        hold = Hold(len(self.holds), customer_id, expires_at, [])
        self.holds.append(hold)
        if customer_id is not None:
            self.customers[customer_id].holds.append(hold)
        return hold

    def take_aside(self, customer: Customer, wallet: str, units: int) -> list[tuple[Lot, int]]:
        taken = self.spend(customer, wallet, units)
        self.flows[wallet, "redeemed"] -= units  # Not yet.
        return taken

    # --- the end ------------------------------------------------------------------------------------------------------

    def capture(self, place: int, *, lines: list[Json] | None, now: datetime) -> Json | Refused:
        """Make it final: all, or `[{"id", "qty"}]` of its basket."""
        hold = self.holds[place]
        whole = hold.goods
        if whole is None:
            whole = {} if hold.purchase is None else {id_: line.qty for id_, line in hold.purchase.lines.items()}
        stays = whole if lines is None else {line["id"]: number(line["qty"]) for line in lines}
        if any(qty > whole.get(id_, 0) for id_, qty in stays.items()):
            return Refused(["validation_error"])
        if refused := self.is_ended(hold, now):
            return refused
        hold.state, hold.goods = "captured", whole
        if hold.purchase is None:
            return self.capture_units(hold, now)
        gone = {id_: 1 - stays.get(id_, Fraction(0)) / qty for id_, qty in whole.items()}
        decision = captured(hold.decision, hold.purchase.program, gone=gone, left=stays)
        purchase = hold.purchase
        purchase.number, purchase.at, purchase.now = len(self.purchases), now, now
        purchase.lines = lines_of(decision, {line["id"]: stays[line["id"]] for line in decision["lines"]})
        kept = [cut_use(use, gone) for use in purchase.uses]
        self.count(purchase.uses, hold.customer, sign=-1)
        self.count(kept, hold.customer)
        purchase.uses = kept
        self.purchases.append(purchase)
        if hold.customer is not None:
            customer = self.customers[hold.customer]
            purchase.spent, rest = self.pay(hold, decision["totals"]["redeemed_units"])
            self.let_go(customer, rest, now=now)
            self.bring(customer, decision, at=now, now=now, purchase=purchase.number, program=purchase.program)
            self.measure(hold.customer, now)
        return {**decision, "purchase": purchase.number, "balances": self.balances_or_none(hold.customer)}

    def capture_units(self, hold: Hold, now: datetime) -> Json:
        for lot, units in hold.units:
            self.flows[lot.wallet, "redeemed"] += units
        self.posted(self.customers[hold.customer or ""], at=now, now=now)
        return {"balances": self.balances(hold.customer or "")}

    def pay(self, hold: Hold, units: dict[str, int]) -> tuple[dict[str, list[tuple[Lot, int]]], list[tuple[Lot, int]]]:
        """What of a hold is redeemed, by wallet: what was taken first; and the rest."""
        due, rest = Counter(units), []
        spent: dict[str, list[tuple[Lot, int]]] = {}
        for lot, held in hold.units:
            part = min(held, due[lot.wallet])
            due[lot.wallet] -= part
            self.flows[lot.wallet, "redeemed"] += part
            if part:
                spent.setdefault(lot.wallet, []).append((lot, part))
            if held > part:
                rest.append((lot, held - part))
        return spent, rest

    def release(self, place: int, *, now: datetime) -> Json | Refused:
        """`given_back` and `expired_again` by wallet."""
        hold = self.holds[place]
        if refused := self.is_ended(hold, now):
            return refused
        told = self.end(hold, "released", now=now)
        return {**told, "balances": self.balances_or_none(hold.customer)}

    def is_ended(self, hold: Hold, now: datetime) -> Refused | None:
        """After what time has brought: why it can't be ended now."""
        self.touch(hold.customer, now)
        if hold.state == "held":
            return None
        return Refused(["hold_expired" if hold.state == "expired" else "hold_already_resolved"])

    def end(self, hold: Hold, state: str, *, now: datetime) -> Json:
        """Give everything back."""
        hold.state = state
        if hold.purchase is not None:
            self.free_goods(hold)
        given_back, expired = Counter[str](), Counter[str]()
        if hold.customer is not None:
            customer = self.customers[hold.customer]
            for lot, units in hold.units:
                given_back[lot.wallet] += units
            expired = self.let_go(customer, hold.units, now=now)
            self.posted(customer, at=now, now=now)
        return {"given_back": dict(given_back), "expired_again": dict(expired)}

    def free_goods(self, hold: Hold) -> None:
        purchase = hold.purchase
        if purchase is None:
            return
        self.count([use for use in purchase.uses if use.name[0] not in OF_LUCK], hold.customer, sign=-1)
        for code in purchase.coupons:
            self.coupons[code] = {**self.coupons[code], "uses": self.coupons[code]["uses"] - 1}
        for code in hold.codes:
            if not self.coupons[code]["uses"]:
                self.coupons[code] = {**self.coupons[code], "customer": None}
        for draw in purchase.draws:
            self.leave_slip(hold.customer, draw, of=f"hold {hold.number}", is_kept=False)

    def let_go(self, customer: Customer, units: list[tuple[Lot, int]], *, now: datetime) -> Counter[str]:
        """Back to their lots, in the order taken; answers what expired at once, by wallet."""
        expired: Counter[str] = Counter()
        for lot, part in units:
            lot.remaining += part
            if lot.is_expired(now):
                self.expire(lot, part)
                expired[lot.wallet] += part
            else:
                cover_debt(customer, lot)
        return expired

    # --- time ---------------------------------------------------------------------------------------------------------

    def touch(self, customer_id: str | None, now: datetime) -> None:
        """Also every hold that is over ends, whosever it is: what it took of the program is free for everybody."""
        for hold in self.holds:
            if hold.is_over(now) and hold.customer is None:
                self.end(hold, "expired", now=hold.expires_at)
            elif hold.is_over(now):
                self.settle(self.customers[hold.customer or ""], now)
        super().touch(customer_id, now)

    def end_by_time(self, customer: Customer, hold: Hold, instant: datetime) -> None:
        hold.state = "expired"
        self.free_goods(hold)
        self.let_go(customer, hold.units, now=instant)
        self.convert(customer, at=instant, now=instant)

    def advance(self, to: datetime) -> None:
        self.touch(None, to)
        super().advance(to)

    def balances_or_none(self, customer_id: str | None) -> Json:
        return {} if customer_id is None else self.balances(customer_id)


# --- what is told, and what is left of it -----------------------------------------------------------------------------


def without_draws(decision: Json) -> Json:
    """What may be shown before the capture: no draw, nothing that one gave, no code that was given out."""
    told = deepcopy(decision)
    lines = [undrawn(line) for line in told["lines"]]
    effects = [{**each, "codes": []} for each in told["effects"] if each["kind"] != "random_reward"]
    totals = {**told["totals"], "accrued": added([line["accrued"] for line in lines])}
    drawn = {draw["rule"] for draw in told["draws"]}
    coupons = [
        {**each, "verdict": "not_applicable"} if each["verdict"] == "applied" and set(each["rules"]) <= drawn else each
        for each in told["coupons"]
    ]
    return {**told, "totals": totals, "lines": lines, "effects": effects, "coupons": coupons, "draws": []}


def undrawn(line: Json) -> Json:
    parts = [part for part in line["parts"] if part["kind"] != "random_reward"]
    accrued: Counter[str] = Counter(line["accrued"])
    for part in line["parts"]:
        if part["kind"] == "random_reward":
            accrued[part["wallet"]] -= part["units"]
    return {**line, "parts": parts, "accrued": without_zeros(accrued)}


def captured(decision: Json, program: Json, *, gone: dict[str, Fraction], left: dict[str, Fraction]) -> Json:
    """The decision of what stays: `gone` is the share of each line that is left out, `left` how much of it stays."""
    lines = [cut_line(line, gone[line["id"]], left[line["id"]]) for line in decision["lines"] if gone[line["id"]] < 1]
    for line in decision["lines"]:
        if gone[line["id"]] == 1:
            carry_costs(line["reward_costs"], to=lines[0])
    figures = {name: sum(line[name] for line in lines) for name in ("gross", "discount", "redeemed", "paid")}
    units = {name: added([line[name] for line in lines]) for name in ("redeemed_units", "accrued")}
    by_rule: Counter[tuple[str, str | None]] = Counter()
    for line in lines:
        for part in line["parts"]:
            by_rule[part["rule"], part.get("wallet")] += part["units"] if "wallet" in part else part["amount"]
    effects = []
    for each in decision["effects"]:
        is_piece = "gift" in each or "coupon" in each
        given = each["given"] if is_piece else by_rule[each["rule"], each.get("wallet")]
        if given:
            effects.append({**each, "given": given, "wanted": each["wanted"] - each["given"] + given})
    gives = {rule["id"]: rule["give"] for rule in program["rules"]}
    lots = [(gives[rule], wallet, count) for (rule, wallet), count in by_rule.items() if wallet is not None and count]
    return {**decision, "totals": {**figures, **units}, "lines": lines, "effects": effects, "lots": lots}


def cut_line(line: Json, gone: Fraction, left: Fraction) -> Json:
    def stays(figure: int) -> int:
        return figure - half_up(figure * gone)

    costs = Counter[str]()
    for units in line["reward_costs"].values():
        costs.update(units)
    gross, paid = stays(line["gross"]), stays(line["paid"])
    off = gross - paid
    # As near to its own share as the sum allows, where neither may be more than it was.
    possible = range(max(0, off - line["discount"]), min(line["redeemed"], off) + 1)
    redeemed = min(possible, key=lambda money: abs(money - stays(line["redeemed"])))
    accrued = {wallet: stays(units) for wallet, units in line["accrued"].items()}
    totals: dict[str | None, int] = {None: off - redeemed, **accrued}
    return {
        **line,
        "gross": gross,
        "discount": off - redeemed,
        "redeemed": redeemed,
        "paid": paid,
        "redeemed_units": without_zeros(
            {wallet: stays(units - costs[wallet]) + costs[wallet] for wallet, units in line["redeemed_units"].items()}
        ),
        "reward_costs": {when: dict(units) for when, units in line["reward_costs"].items()},
        "accrued": without_zeros(accrued),
        "kept": without_zeros({wallet: stays(units) for wallet, units in line["kept"].items()}),
        "prices": prices(paid, left),
        "parts": cut_parts(line["parts"], totals),
    }


def cut_parts(parts: list[Json], totals: dict[str | None, int]) -> list[Json]:
    """Parts that sum to what is left of the line's discount and of each wallet; what is nothing is gone."""
    new = [dict(part) for part in parts]
    for wallet, total in totals.items():
        name = "amount" if wallet is None else "units"
        mine = {i: part[name] for i, part in enumerate(parts) if part.get("wallet") == wallet}
        for i, share in largest_remainder(total, mine).items():
            new[i][name] = share
    return [part for part in new if part.get("amount") or part.get("units")]


def carry_costs(costs: dict[str, dict[str, int]], *, to: Json) -> None:
    for when, units in costs.items():
        kind = Counter(to["reward_costs"].get(when, {})) + Counter(units)
        to["reward_costs"][when] = dict(kind)
        to["redeemed_units"] = dict(Counter(to["redeemed_units"]) + Counter(units))


def cut_use(use: Use, gone: dict[str, Fraction]) -> Use:
    if use.back != SHARE:
        return use
    parts = {id_: part - half_up(part * gone[id_]) for id_, part in use.by_line.items()}
    return Use(
        use.scope,
        use.name,
        use.period,
        sum(parts.values()),
        use.back,
        {id_: part for id_, part in parts.items() if part},
    )


def without_zeros(units: dict[str, int]) -> dict[str, int]:
    return {wallet: count for wallet, count in units.items() if count}
