"""A program's decision about a basket or an act (contract, section 4, "Order and arithmetic").

Takes the raw JSON of the contract and answers in the contract's words, and what the decision uses besides.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.model import coupons
from tests.model.arithmetic import Json, number
from tests.model.facts import Facts, gross
from tests.model.lanes import Given, Phase, earned, taken_off
from tests.model.limits import Limits
from tests.model.lottery import Draw, Lottery
from tests.model.redemption import ORDER, Redeemed, Refused, redeem_basket
from tests.model.rewards import Rewards, reward_costs, take_costs
from tests.model.world import NEVER, SHARE, Use, World, added_up

__all__ = ["Refused", "decide", "decide_act"]

ACT: Json = {"lines": [{"id": "event", "qty": 1, "price": 0}]}  # Stands for an act: one line that is worth nothing.


def decide(
    program: Json,
    basket: Json,
    *,
    customer: Json | None,
    shop: str,
    channel: str,
    at: datetime,
    redeem: Json,
    identified_by: str | None,
    world: World | None = None,
    partner: str | None = None,
    card_types: tuple[str, ...] = (),
    event: str | None = None,
) -> Json | Refused:
    """The totals, lines, redeem terms, effects, coupons and draws of the contract's answer, or what it is refused for.

    `customer` is `{"tier", "purchases", "last_purchase_at", "birthday", "available"}`, and now and then `"id"`,
    `"tags"`, `"segments"`, `"is_gift_card"`. Maps by wallet leave zeros out; lines tell `redeemed_units` and `kept`
    too, effects only what rules gave; `uses` is what the decision takes from counters.
    """
    world, payer = world or World(now=at), customer
    if customer is not None and customer.get("is_gift_card"):
        customer = None  # Rules see nobody: a gift card only pays.
    customer_id = None if customer is None else customer.get("id", "")
    codes = coupons.usable(basket, program=program, world=world, customer_id=customer_id)
    facts = Facts(
        zone=ZoneInfo(program["timezone"]),
        basket=basket,
        customer=customer,
        shop=shop,
        channel=channel,
        at=at,
        identified_by=None if customer is None else identified_by,
        partner=partner,
        card_types=() if customer is None else card_types,
        codes=frozenset(name for names in codes.values() for name in names),
        event=event,
    )
    wishes = {name: units for name, units in redeem.items() if name != "rewards"}
    decision = Decision(program, facts, world, redeem.get("rewards", {}), payer, identified_by)
    return decision.decide(wishes)


def decide_act(program: Json, event: str, *, customer: Json, shop: str, at: datetime, world: World) -> Json:
    """The same for another act than a purchase, which is known by the customer's id."""
    answer = decide(
        program,
        ACT,
        customer=customer,
        shop=shop,
        channel="online",
        at=at,
        redeem={},
        identified_by="card",
        world=world,
        event=event,
    )
    assert not isinstance(answer, Refused)
    return answer


@dataclass
class Decision:
    """One decision on its way through the four phases; `asked` are pieces by rule with a `cost`, `payer` whose points
    pay.
    """

    program: Json
    facts: Facts
    world: World
    asked: dict[str, int]
    payer: Json | None
    identified_by: str | None

    def decide(self, wishes: Json) -> Json | Refused:
        program, facts, lines = self.program, self.facts, self.facts.basket["lines"]
        whole = [gross(line) for line in lines]
        self.limits = Limits(program, self.world, lines)

        nothing = [False for _ in lines]
        shelf = Phase(program, facts, self.limits, "discount", whole, nothing, self.asked)
        discounts = shelf.run()
        off = taken_off(discounts, lines)
        net = [price - part for price, part in zip(whole, off, strict=True)]
        cheaper = [bool(part) for part in off]
        counter = Rewards(program, facts, self.limits, "reward", net, cheaper, self.asked, free=self.free())
        rewards = counter.run()

        objections = self.objections(discounts + rewards, shelf.offered | counter.offered)
        costs = take_costs(discounts + rewards, lines)
        redeemed = redeem_basket(
            program,
            lines,
            net,
            customer=self.payer,
            request=wishes,
            identified_by=self.identified_by,
            cost=added(costs),
        )
        if isinstance(redeemed, Refused):
            return Refused(sorted({*objections, *redeemed.codes}, key=ORDER.index))
        if objections:
            return Refused(objections)
        paid = [left - part for left, part in zip(net, redeemed.money, strict=True)]
        redeemed.units = [dict(Counter(one) + Counter(two)) for one, two in zip(redeemed.units, costs, strict=True)]

        base = {"gross": whole, "net": net, "paid": paid}[program.get("accrual", {}).get("base", "paid")]
        accruals: list[Given] = []
        if self.earns:
            accruals = Phase(program, facts, self.limits, "accrue", base, cheaper, {}).run()
        lottery = self.lottery(base, cheaper, accruals, rewards, plain=sum(off) + self.worth(accruals))
        draws = lottery.draw_all(self.world.luck) if self.earns and self.world.luck is not None else []
        answer = self.told(whole, off, redeemed, discounts + accruals + rewards, draws)
        if self.earns and self.facts.event is None:
            answer["uses"] = added_up(answer["uses"] + lottery.plain_uses(draws))
        return answer | {"surprise": self.earns and bool(lottery.ready())}

    @property
    def earns(self) -> bool:
        """Nothing accrues to nobody."""
        return self.facts.customer is not None

    def free(self) -> dict[str, list[str]]:
        """Codes that can be given out, by pool: not those that the basket itself has sent."""
        sent = [coupons.normal(code) for code in self.facts.basket.get("coupons", [])]
        return {pool: [code for code in codes if code not in sent] for pool, codes in self.world.codes.items()}

    def worth(self, accruals: list[Given]) -> int:
        return sum(given.total * (given.value or 1) for given in accruals)

    def lottery(
        self, base: list[int], cheaper: list[bool], accruals: list[Given], rewards: list[Given], *, plain: int
    ) -> Lottery:
        given = [code for each in rewards for code in each.codes]
        free = {pool: [code for code in codes if code not in given] for pool, codes in self.free().items()}
        return Lottery(
            *(self.program, self.facts, self.limits, "draw", base, cheaper, {}),
            world=self.world,
            plain=plain,
            before=accruals,
            free=free,
        )

    def objections(self, given: list[Given], offered: dict[str, Given]) -> list[str]:
        """What stands against the rewards that were asked for: that they don't apply, or that nothing is left."""
        gave = {each.rule["id"] for each in given}
        codes = set()
        for name in self.asked.keys() - gave:
            offer = offered.get(name)
            codes.add("budget_exhausted" if offer and offer.is_used_up else "validation_error")
        return sorted(codes, key=ORDER.index)

    # --- what is told -------------------------------------------------------------------------------------------------

    def told(self, whole: list[int], off: list[int], redeemed: Redeemed, given: list[Given], draws: list[Draw]) -> Json:
        lines = self.facts.basket["lines"]
        accrued, kept = earned(given, lines), [Counter[str]() for _ in lines]
        rewarded = reward_costs(given, lines)
        for draw in draws:
            for i, units in draw.parts.items():
                if draw.wallet is not None and units:
                    accrued[i][draw.wallet] = accrued[i].get(draw.wallet, 0) + units
                    kept[i][draw.wallet] += units if draw.keeps else 0
        answered = []
        for i, line in enumerate(lines):
            paid = whole[i] - off[i] - redeemed.money[i]
            answered.append(
                {
                    "id": line["id"],
                    "gross": whole[i],
                    "discount": off[i],
                    "redeemed": redeemed.money[i],
                    "paid": paid,
                    "redeemed_units": redeemed.units[i],
                    "reward_costs": rewarded[i],
                    "accrued": accrued[i],
                    "kept": {wallet: units for wallet, units in kept[i].items() if units},
                    "prices": prices(paid, number(line["qty"])),
                    "parts": [part_of(each, i) for each in given if each.parts.get(i)]
                    + [drawn_part(draw, i) for draw in draws if draw.parts.get(i)],
                }
            )
        money = {name: sum(line[name] for line in answered) for name in ("gross", "discount", "redeemed", "paid")}
        applied = [each.rule for each in given] + [draw.rule for draw in draws if draw.prize is not None]
        said, uses = coupons.verdicts(
            self.facts.basket,
            applied,
            program=self.program,
            world=self.world,
            customer_id=None if self.facts.customer is None else self.facts.customer.get("id", ""),
        )
        return {
            "totals": {**money, "redeemed_units": added(redeemed.units), "accrued": added(accrued)},
            "lines": answered,
            "redeem": {"wallets": redeemed.terms},
            "effects": [effect_of(each) for each in given] + [prize_of(draw) for draw in draws if draw.prize],
            "coupons": said,
            "draws": [draw.told() for draw in draws],
            "uses": added_up(uses + self.uses(given, draws)),
            "lots": lots_of(given, draws),
            "on_return": {rule["id"]: rule.get("on_return", "take_back") for rule in self.program["rules"]},
        }

    def uses(self, given: list[Given], draws: list[Draw]) -> list[Use]:
        """Of limits and caps, and what draws count."""
        ids = [line["id"] for line in self.facts.basket["lines"]]
        uses: list[Use] = []
        for each in given:
            by_line = None if each.pieces else {ids[i]: part for i, part in each.parts.items() if part}
            kept = each.pieces and each.rule.get("on_return") == "keep"
            uses += self.limits.uses_of(each.rule, each.total, by_line, back=NEVER if kept else SHARE)
            if each.wallet is not None:
                uses += self.limits.cap_uses(each.parts, each.wallet)
        for draw in draws:
            uses += draw.uses
        return uses


def added(by_line: list[dict[str, int]]) -> dict[str, int]:
    return dict(sum((Counter(each) for each in by_line), Counter()))


def prices(paid: int, qty: Fraction) -> list[Json]:
    """`paid` as quantity × unit price: one pair, or two that differ by the smallest step, the dearer first."""
    if qty.denominator != 1:
        return [{"qty": qty, "amount": paid}]
    price, dearer = divmod(paid, int(qty))
    pairs = [{"qty": dearer, "price": price + 1}, {"qty": int(qty) - dearer, "price": price}]
    return [pair for pair in pairs if pair["qty"]]


def part_of(given: Given, i: int) -> Json:
    part = {"rule": given.rule["id"], "kind": given.rule["kind"]}
    if given.wallet is None:
        return {**part, "amount": given.parts[i]}
    return {**part, "wallet": given.wallet, "units": given.parts[i]}


def drawn_part(draw: Draw, i: int) -> Json:
    return {"rule": draw.rule["id"], "kind": "random_reward", "wallet": draw.wallet, "units": draw.parts[i]}


def effect_of(given: Given) -> Json:
    """`wanted` and `limited_by` tell of limits and caps alone."""
    effect = {
        "rule": given.rule["id"],
        "kind": given.rule["kind"],
        "given": given.total,
        "wanted": given.wanted,
        "limited_by": given.limited_by,
    }
    if given.pieces is not None:
        ((name, value),) = given.rule["give"].items()
        effect |= {name: value, "codes": given.codes}
    if given.cost:
        effect["cost"] = given.cost
    return effect if given.wallet is None else {**effect, "wallet": given.wallet}


def prize_of(draw: Draw) -> Json:
    prize = draw.prize or {}
    effect = {"rule": draw.rule["id"], "kind": "random_reward", "given": draw.units or 1}
    effect |= {"wanted": draw.wanted or 1, "limited_by": draw.limited_by}
    if draw.wallet is not None:
        return {**effect, "wallet": draw.wallet}
    name = "gift" if "gift" in prize else "coupon"
    return {**effect, name: prize[name], "codes": [draw.code] if draw.code else []}


def lots_of(given: list[Given], draws: list[Draw]) -> list[tuple[Json, str, int]]:
    """What accrues: the rule's `give` (with its terms), the wallet, units."""
    lots = [(each.rule["give"], each.wallet, each.total) for each in given if each.wallet is not None]
    return lots + [(draw.rule["give"], draw.wallet, draw.units) for draw in draws if draw.wallet is not None]
