"""Random rewards: which rules draw, what they draw, and what becomes of the prize (contract, section 4, "Draws").

Readings taken where the contract leaves a choice: of several reasons not to give a prize any may be named; limits look
at the whole prize, then caps cut its units; a prize that comes with a slip brings no more units than it did; "plain"
counts the discounts and accruals of every purchase of a customer while the rule is in force.
"""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import floor

from tests.model.arithmetic import Json, largest_remainder, number
from tests.model.candidates import Picked, pick
from tests.model.lanes import Given, Phase, wallet_of
from tests.model.tickets import Luck, State, chance_of, drawn, microseconds
from tests.model.world import CUSTOMER, NEVER, PROGRAM, SHARE, WHOLE, Use, World


@dataclass
class Draw:
    """One draw, with all that decided it."""

    rule: Json
    day: date
    ticket: tuple[int, int]
    state: State
    chance: Fraction
    drew: Json | None
    slip_of: str | None = None
    prize: Json | None = None
    reasons: list[str] = field(default_factory=list)  # All that stands against giving it.
    limited_by: str | None = None
    wanted: int = 0
    wallet: str | None = None
    units: int = 0
    code: str | None = None
    cost: int = 0
    parts: dict[int, int] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)

    @property
    def keeps(self) -> bool:
        return bool(self.rule.get("on_return", "take_back") == "keep")

    def told(self) -> Json:
        prize = self.prize or {}
        return {
            "rule": self.rule["id"],
            "day": self.day,
            "ticket": f"{self.ticket[0]:016x}",
            "choice": f"{self.ticket[1]:016x}",
            "state": self.state,
            "chance": self.chance,
            "drew": None if self.drew is None else self.drew["id"],
            "prize": prize.get("id"),
            "because": self.reasons[0] if self.reasons else None,
            "reasons": self.reasons,
            "wallet": self.wallet if self.units else None,
            "units": self.units,
            "gift": prize.get("gift"),
            "code": self.code,
            "cost": self.cost,
            "slip_of": self.slip_of,
            "keeps": self.keeps,
        }


@dataclass
class Lottery(Phase):
    """`plain` is what everything else of this purchase costs; `before` what it accrued so far; `free` codes by pool."""

    world: World = field(kw_only=True)
    plain: int = field(kw_only=True)
    before: list[Given] = field(kw_only=True)
    free: dict[str, list[str]] = field(kw_only=True)

    def ready(self) -> list[tuple[Json, Picked]]:
        """The rules that draw, with what they select."""
        found = []
        for combine, rules in self.lanes():
            picks = [(rule, pick(rule, self.standing([], before_lane=[]))) for rule in rules]
            picks = [(rule, picked) for rule, picked in picks if picked.worth]
            found += picks[:1] if combine in ("first", "best", "best_line") else picks
        return found

    def draw_all(self, luck: Luck) -> list[Draw]:
        draws: list[Draw] = []
        for rule, picked in self.ready():
            draw = self.draw(rule, picked, luck)
            if draw.drew is not None:
                self.settle(draw, picked, draws)
            draw.uses += self.uses_of(draw)
            draws.append(draw)
        return draws

    def draw(self, rule: Json, picked: Picked, luck: Luck) -> Draw:
        slips = self.world.slips.get(rule["id"], [])
        state = slips[0].state if slips else self.state_of(rule, picked)
        ticket = slips[0].ticket if slips else luck.ticket(rule["id"])
        base = state.get("base", floor(picked.total))  # A slip's prizes are weighed as they were.
        costs = {prize["id"]: self.cost_of(rule, prize, base) for prize in rule["give"]["draw"]["prizes"]}
        chance = chance_of(rule, state, costs)
        return Draw(
            rule,
            slips[0].day if slips else luck.day,
            ticket,
            state,
            chance,
            drawn(rule["give"]["draw"], ticket, state, chance),
            slip_of=slips[0].purchase if slips else None,
        )

    def state_of(self, rule: Json, picked: Picked) -> State:
        """What the algorithm looks at besides the ticket."""
        id_, draw, used = rule["id"], rule["give"]["draw"], self.world.used
        match draw["algorithm"]:
            case "bag":
                serial = used(PROGRAM, ("bag", id_))
                bag = str(serial // draw["size"])
                taken = {prize["id"]: used(PROGRAM, ("bag", id_, prize["id"]), bag) for prize in draw["prizes"]}
                return {"serial": serial, **{f"taken/{name}": count for name, count in taken.items()}}
            case "pity":
                return {"misses": used(CUSTOMER, ("pity", id_))}
            case "paced":
                return {"used": used(PROGRAM, ("budget", id_)), "at": microseconds(self.world.now)}
            case "balanced":
                percents = any("percent" in prize for prize in draw["prizes"])
                return {
                    "plain": used(PROGRAM, ("plain", id_)) + self.plain,
                    "surprise": used(PROGRAM, ("surprise", id_)),
                    **({"base": floor(picked.total)} if percents else {}),
                }
        return {}

    def units_of(self, rule: Json, prize: Json, base: int) -> int:
        if "units" in prize:
            units: int = prize["units"]
            return units
        value = self.program["wallets"][wallet_of(rule, self.program)].get("value", 1) or 1
        return floor(base * number(prize["percent"]) / 100 / value) if "percent" in prize else 0

    def cost_of(self, rule: Json, prize: Json, base: int) -> int:
        if "gift" in prize or "coupon" in prize:
            cost: int = prize.get("cost", 0)
            return cost
        value = self.program["wallets"][wallet_of(rule, self.program)].get("value", 1) or 1
        return self.units_of(rule, prize, base) * value

    def settle(self, draw: Draw, picked: Picked, draws: list[Draw]) -> None:
        """Give the prize that was drawn, or say why not."""
        rule, prize, base = draw.rule, draw.drew or {}, floor(picked.total)
        wallet, cost = wallet_of(rule, self.program), self.cost_of(rule, prize, base)
        draw.wanted = self.units_of(rule, prize, base)
        slips = self.world.slips.get(rule["id"], [])
        if slips and slips[0].most is not None and draw.wanted > slips[0].most:
            draw.wanted = slips[0].most
            cost = draw.wanted * (self.program["wallets"][wallet].get("value", 1) or 1)
        parts, cap = largest_remainder(draw.wanted, picked.worth) if draw.wanted else {}, None
        if parts:
            before = [(each.wallet, each.parts) for each in self.before if each.wallet is not None]
            before += [(each.wallet, each.parts) for each in draws if each.wallet is not None]
            cap = self.limits.fit(parts, wallet, before)
        taken = [each.code for each in draws if each.code]
        codes = [code for code in self.free.get(prize.get("coupon", ""), []) if code not in taken]
        is_piece = "gift" in prize or "coupon" in prize
        bound = self.limits.bound_of(rule)
        used = self.world.used(PROGRAM, ("stock", rule["id"], prize["id"]))
        objections = {
            "kept": bool(slips) and slips[0].kept,
            "gives_nothing": not is_piece and not draw.wanted,
            "stock": prize.get("stock") is not None and used >= prize["stock"],
            cap or "": bool(draw.wanted) and not sum(parts.values()),
            bound.name if bound else "": bound is not None and (bound.left < cost or not bound.left),
            "pool": "coupon" in prize and not codes,
            "share": self.is_over_share(draw),
        }
        draw.reasons = [word for word, stands in objections.items() if stands]
        if draw.reasons:
            return
        draw.prize, draw.cost = prize, cost
        if not is_piece:
            draw.cost = sum(parts.values()) * (self.program["wallets"][wallet].get("value", 1) or 1)
            draw.wallet, draw.units, draw.parts, draw.limited_by = wallet, sum(parts.values()), parts, cap
        if "coupon" in prize:
            draw.code = codes[0]

    def is_over_share(self, draw: Draw) -> bool:
        terms, state = draw.rule["give"]["draw"], draw.state
        if terms["algorithm"] != "balanced":
            return False
        surprise = state["surprise"] + self.cost_of(draw.rule, draw.drew or {}, state.get("base", 0))
        whole = state["plain"] + surprise
        return whole > 0 and Fraction(surprise, whole) > number(terms["share"]) + number(terms["tolerance"])

    def uses_of(self, draw: Draw) -> list[Use]:
        rule, id_, uses = draw.rule, draw.rule["id"], []
        algorithm = rule["give"]["draw"]["algorithm"]
        if draw.slip_of is None and algorithm == "bag":
            bag = str(draw.state["serial"] // rule["give"]["draw"]["size"])
            uses.append(Use(PROGRAM, ("bag", id_), "", 1, NEVER))
            if draw.drew is not None:
                uses.append(Use(PROGRAM, ("bag", id_, draw.drew["id"]), bag, 1, NEVER))
        if draw.slip_of is None and algorithm == "pity":
            step = 1 if draw.prize is None else -draw.state["misses"]
            uses.append(Use(CUSTOMER, ("pity", id_), "", step, NEVER))
        if draw.prize is None:
            return uses
        whole = NEVER if draw.keeps else WHOLE
        if draw.prize.get("stock") is not None:
            uses.append(Use(PROGRAM, ("stock", id_, draw.prize["id"]), "", 1, whole))
        if algorithm == "balanced" and draw.slip_of is None:
            uses.append(Use(PROGRAM, ("surprise", id_), "", draw.cost, NEVER))
        ids = [line["id"] for line in self.lines]
        by_line = {ids[i]: part for i, part in largest_remainder(draw.cost, draw.parts).items() if part}
        uses += self.limits.uses_of(rule, draw.cost, by_line or None, back=NEVER if draw.keeps else SHARE)
        if draw.wallet is not None:
            uses += self.limits.cap_uses(draw.parts, draw.wallet, kept=draw.keeps)
        return uses

    def plain_uses(self, draws: list[Draw]) -> list[Use]:
        """What a customer's purchase adds to the other side of each `balanced` rule that is in force; a draw that takes
        over a slip leaves its rule's counters alone.
        """
        on_slips = [draw.rule["id"] for draw in draws if draw.slip_of is not None]
        return [
            Use(PROGRAM, ("plain", rule["id"]), "", self.plain, NEVER)
            for rule in self.program["rules"]
            if rule["give"].get("draw", {}).get("algorithm") == "balanced"
            and rule["id"] not in on_slips
            and self.is_in_force(rule)
        ]
