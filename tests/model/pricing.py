"""A program's decision about a basket: discounts, redemption, accruals (contract, section 4, "Order and arithmetic").

Takes the raw JSON of the contract and answers in the contract's words; only the half of the language that is built so
far.
"""

from collections import Counter
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.model.arithmetic import Json, number
from tests.model.facts import Facts, gross
from tests.model.lanes import Given, Phase, earned, taken_off
from tests.model.redemption import Refused, redeem_basket

__all__ = ["Refused", "decide"]


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
) -> Json | Refused:
    """The totals, lines, redeem terms and effects of the contract's answer, or what it is refused for.

    `customer` is `{"tier", "purchases", "last_purchase_at", "birthday", "available"}`. Maps by wallet leave zeros out;
    lines tell `redeemed_units` too, effects only what rules gave.
    """
    zone, lines = ZoneInfo(program["timezone"]), basket["lines"]
    facts = Facts(zone=zone, basket=basket, customer=customer, shop=shop, channel=channel, at=at)
    whole = [gross(line) for line in lines]

    discounts = Phase(program, facts, is_discount=True, worth=whole, discounted=[False for _ in lines]).run()
    off = taken_off(discounts, lines)
    net = [price - part for price, part in zip(whole, off, strict=True)]

    redeemed = redeem_basket(program, lines, net, customer=customer, request=redeem, identified_by=identified_by)
    if isinstance(redeemed, Refused):
        return redeemed
    paid = [left - part for left, part in zip(net, redeemed.money, strict=True)]

    base = {"gross": whole, "net": net, "paid": paid}[program.get("accrual", {}).get("base", "paid")]
    accruals: list[Given] = []
    if customer is not None:
        accruals = Phase(program, facts, is_discount=False, worth=base, discounted=[bool(part) for part in off]).run()
    accrued = earned(accruals, lines)

    answered = [
        {
            "id": line["id"],
            "gross": whole[i],
            "discount": off[i],
            "redeemed": redeemed.money[i],
            "paid": paid[i],
            "redeemed_units": redeemed.units[i],
            "accrued": accrued[i],
            "prices": prices(paid[i], number(line["qty"])),
            "parts": [part_of(given, i) for given in discounts + accruals if given.parts.get(i)],
        }
        for i, line in enumerate(lines)
    ]
    money = {name: sum(line[name] for line in answered) for name in ("gross", "discount", "redeemed", "paid")}
    return {
        "totals": {**money, "redeemed_units": added_up(redeemed.units), "accrued": added_up(accrued)},
        "lines": answered,
        "redeem": {"wallets": redeemed.terms},
        "effects": [effect_of(given) for given in discounts + accruals],
    }


def added_up(by_line: list[dict[str, int]]) -> dict[str, int]:
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


def effect_of(given: Given) -> Json:
    effect = {"rule": given.rule["id"], "kind": given.rule["kind"], "given": given.total}
    return effect if given.wallet is None else {**effect, "wallet": given.wallet}
