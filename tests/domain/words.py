"""Between the words of the model and those of the core: input in the core's types, answers in the model's JSON."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from app.domain import counters
from app.domain.basket import Basket, Channel, ClosedTo, IdentifiedBy, Line, Payment, Visit
from app.domain.counters import Count, Scope
from app.domain.coupons import Coupon
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.draws.luck import Luck
from app.domain.draws.records import DrawRecord, Slip
from app.domain.rules.standing import Standing
from tests.model.arithmetic import Json, number
from tests.model.tickets import Slip as ModelSlip
from tests.model.world import CUSTOMER, Name, Use, World

CUTS = ("receipt", "customer", "customer_uses", "budget", "uses", "pool", "pieces")  # And caps.


def typed_line(line: Json) -> Line:
    return Line(
        id=line["id"],
        qty_milli=int(number(line["qty"]) * 1_000),
        price=line["price"],
        sku=line.get("sku"),
        category=line.get("category"),
        brand=line.get("brand"),
        tags=frozenset(line.get("tags", [])),
        list_price=line.get("list_price"),
        min_price=line.get("min_price", 0),
        closed_to=frozenset(ClosedTo(each) for each in line.get("no", [])),
    )


def typed_basket(basket: Json) -> Basket:
    payments = tuple(Payment(method=each["method"], amount=each["amount"]) for each in basket.get("payments", []))
    lines = tuple(typed_line(line) for line in basket["lines"])
    return Basket(lines=lines, coupons=tuple(basket.get("coupons", ())), payments=payments)


def typed_customer(customer: Json | None) -> CustomerFacts | None:
    if customer is None:
        return None
    birthday = customer["birthday"]
    return CustomerFacts(
        id=customer.get("id", "ann"),
        tier=customer["tier"],
        available=customer["available"],
        purchases=customer["purchases"],
        last_purchase_at=customer["last_purchase_at"],
        birthday=date.fromisoformat(birthday) if birthday else None,
        tags=frozenset(customer.get("tags", ())),
        segments=frozenset(customer.get("segments", ())),
        is_gift_card=customer.get("is_gift_card", False),
    )


def typed_visit(visit: Json, *, event: str | None = None) -> Visit:
    by = visit["identified_by"]
    return Visit(
        at=visit["at"],
        channel=Channel(visit["channel"]),
        shop=visit["shop"],
        identified_by=None if by is None else IdentifiedBy(by),
        partner=visit.get("partner"),
        card_types=frozenset(visit.get("card_types", ())),
        event=event,
    )


COUNTERS: dict[tuple[str, int], Any] = {
    ("max", 2): counters.rule_max,
    ("uses", 2): counters.rule_uses,
    ("budget", 2): counters.rule_budget,
    ("cap", 3): counters.cap_name,
    ("stock", 3): counters.stock_name,
    ("bag", 2): counters.bag_serial,
    ("bag", 3): counters.bag_taken,
    ("pity", 2): counters.pity_misses,
    ("plain", 2): counters.balanced_plain,
    ("surprise", 2): counters.balanced_surprise,
    ("coupon", 2): counters.coupon_uses,
}


def counter_name(name: Name) -> str:
    made: str = COUNTERS[name[0], len(name)](*name[1:])
    return made


def typed_slip(slip: ModelSlip) -> Slip:
    win, choice = slip.ticket
    return Slip(str(slip.purchase), slip.day, f"{win:016x}", f"{choice:016x}", slip.state, slip.kept)


def typed_coupon(code: str, coupon: Json) -> Coupon:
    return Coupon(
        code=code,
        pool=coupon.get("pool"),
        customer=coupon.get("customer"),
        uses=coupon["uses"],
        uses_max=coupon["uses_max"],
        per_customer=coupon["per_customer"],
        start=coupon.get("start"),
        end=coupon.get("end"),
        is_blocked=coupon.get("blocked", False),
    )


def typed_world(world: World) -> Standing:
    counts: dict[str, dict[str, Count]] = {"customer": {}, "program": {}}
    for (scope, name, period), used in world.counts.items():
        counts[scope][counter_name(name)] = Count(period, used)
    luck = world.luck
    return Standing(
        now=world.now,
        customer=counts["customer"],
        program=counts["program"],
        coupons={code: typed_coupon(code, coupon) for code, coupon in world.coupons.items()},
        codes=world.codes,
        slips={rule: [typed_slip(slip) for slip in slips] for rule, slips in world.slips.items()},
        luck=None if luck is None else Luck(luck.secret, luck.day, luck.shop, luck.terminal, luck.number),
    )


# --- what the core says -----------------------------------------------------------------------------------------------


def without_zeros(by_wallet: Mapping[str, int]) -> dict[str, int]:
    return {wallet: units for wallet, units in by_wallet.items() if units}


def shown(decision: Decision) -> Json:
    lines = [
        {
            "id": line.id,
            "gross": line.gross,
            "discount": line.discount,
            "redeemed": line.redeemed,
            "paid": line.paid,
            "redeemed_units": without_zeros(line.redeemed_units),
            "reward_costs": {str(when): dict(units) for when, units in line.cost_units.items()},
            "accrued": without_zeros(line.accrued),
            "kept": without_zeros(line.kept),
            "parts": [
                (part.rule, part.kind, part.wallet, part.units if part.wallet else part.amount) for part in line.parts
            ],
        }
        for line in decision.lines
    ]
    terms = {
        wallet: {"max_units": each.max_units, "max_money": each.max_money, "terms": dict(each.terms)}
        for wallet, each in decision.redeem_terms.items()
    }
    assert all(each.wanted >= each.given for each in decision.effects)
    for each in decision.redeem_terms.values():
        assert each.terms.get(each.bound_by, each.max_money) == each.max_money, "not the term that binds"
    totals = {"redeemed_units": without_zeros(decision.redeemed_units), "accrued": without_zeros(decision.accrued)}
    return {
        "lines": lines,
        "terms": terms,
        "totals": totals,
        "effects": [
            (
                *(each.rule, each.kind, each.wallet, each.given, each.gift, each.coupon, list(each.codes)),
                dict(each.cost),
                cut(each.limited_by, each.wanted, kind=each.kind),
            )
            for each in decision.effects
            if each.given
        ],
        "coupons": [(each.code, str(each.word), each.rule) for each in decision.coupons],
        "draws": [shown_draw(each) for each in decision.draws],
        "uses": summed(
            (each.scope is Scope.CUSTOMER, each.name, each.period, str(each.back), each.amount, each.by_line)
            for each in decision.uses
        ),
        "surprise": decision.surprise,
    }


def cut(limited_by: str | None, wanted: int, *, kind: str) -> tuple[str, int] | None:
    """What limits and caps cut, and from what; what a discount wanted counts in what no line had room for."""
    if limited_by is None or not (limited_by in CUTS or limited_by.startswith("cap:")):
        return None
    return limited_by, -1 if kind == "discount" else wanted


def shown_draw(record: DrawRecord) -> Json:
    return {
        "rule": record.rule,
        "day": record.day,
        "ticket": record.ticket,
        "choice": record.choice,
        "state": dict(record.state),
        "chance": Fraction(record.numerator, record.denominator),
        "drew": record.drew,
        "prize": record.prize,
        "because": record.because,
        "wallet": record.wallet,
        "units": record.units,
        "gift": record.gift,
        "code": record.code,
        "cost": record.cost,
        "slip_of": record.slip_of,
        "keeps": record.keeps,
    }


def summed(uses: Any) -> list[Any]:
    """Uses of one counter that come back in one way together, in one order."""
    sums: dict[Any, Any] = {}
    for mine, name, period, back, amount, by_line in uses:
        so_far, lines = sums.get((mine, name, period, back), (0, {}))
        lines = {id_: lines.get(id_, 0) + by_line.get(id_, 0) for id_ in {*lines, *by_line}}
        sums[mine, name, period, back] = (so_far + amount, {id_: part for id_, part in lines.items() if part})
    return sorted((*key, amount, sorted(lines.items())) for key, (amount, lines) in sums.items() if amount)


# --- what the model says, of the same ---------------------------------------------------------------------------------


def said(answer: Json) -> Json:
    lines = [
        {
            **{name: value for name, value in line.items() if name not in ("prices", "parts")},
            "parts": [
                (part["rule"], part["kind"], part.get("wallet"), part.get("units", part.get("amount")))
                for part in line["parts"]
            ],
        }
        for line in answer["lines"]
    ]
    terms = {
        wallet: {name: each[name] for name in ("max_units", "max_money", "terms")}
        for wallet, each in answer["redeem"]["wallets"].items()
    }
    return {
        "lines": lines,
        "terms": terms,
        "totals": {name: answer["totals"][name] for name in ("redeemed_units", "accrued")},
        "effects": [
            (
                *(each["rule"], each["kind"], each.get("wallet"), each["given"]),
                *(each.get("gift"), each.get("coupon"), each.get("codes", []), each.get("cost", {})),
                cut(each["limited_by"], each["wanted"], kind=each["kind"]),
            )
            for each in answer["effects"]
        ],
        "coupons": [(each["code"], each["verdict"], each["rules"]) for each in answer["coupons"]],
        "draws": [dict(each) for each in answer["draws"]],
        "uses": uses_said(answer["uses"]),
        "surprise": answer["surprise"],
    }


def uses_said(uses: list[Use]) -> list[Any]:
    return summed(
        (use.scope == CUSTOMER, counter_name(use.name), use.period, use.back, use.amount, use.by_line) for use in uses
    )


def forget_what_is_open(document: Json, got: Json, wanted: Json) -> None:
    """In lanes that take parts of candidates it isn't said what cut what is left of one; of several reasons not to give
    a prize, and of several rules that a code let apply, any may be named.
    """
    wanted["coupons"] = [
        (code, word, mine[2] if mine[2] in rules else next(iter(rules), None))
        for mine, (code, word, rules) in zip(got["coupons"], wanted["coupons"], strict=True)
    ]
    for mine, theirs in zip(got["draws"], wanted["draws"], strict=False):
        reasons = theirs.pop("reasons")
        if mine["because"] in reasons:
            theirs["because"] = mine["because"]
    lanes = document.get("lanes") or [{"id": None}]
    vague = {lane["id"] for lane in lanes if lane.get("combine") in ("sum", "best_line")}
    rules = {rule["id"] for rule in document["rules"] if rule.get("lane", lanes[0]["id"]) in vague}
    for answer in (got, wanted):
        answer["effects"] = [
            (*each[:-1], None) if each[0] in rules and each[1] != "random_reward" else each
            for each in answer["effects"]
        ]


def differing(got: Json | str, wanted: Json | str) -> str:
    """Where they differ, on the first line of the failure."""
    if isinstance(got, str) or isinstance(wanted, str):
        return f"got {got}, the model {wanted}"
    return "\n".join(
        f"{name}: got {got[name]}\n   model {wanted[name]}" for name in wanted if got[name] != wanted[name]
    )
