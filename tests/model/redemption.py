"""What points may pay of a basket, and what they do pay (contract, section 4, "Redeemable" and "Spreading").

Readings taken where the contract leaves a choice: `max_share`, `min_paid` and `strength` bound the redemption as a
whole, so a later wallet sees what the earlier left of each; money is spread by gross − discount for every wallet,
within what the earlier left of the rooms; a request below `min_units`, other than 0, is more than is allowed; to ask
for 0 of a wallet that can't pay is to ask for nothing.
"""

from dataclasses import dataclass, field
from math import floor

from tests.model.arithmetic import Json, largest_remainder, number, spread
from tests.model.candidates import room


@dataclass
class Refused:
    """A "no": `codes` are all that apply, in the contract's order of looking, and `code` the first."""

    codes: list[str]

    @property
    def code(self) -> str:
        return self.codes[0]


@dataclass
class Redeemed:
    """`money` paid on each line, `units` on each line by wallet, `terms` by wallet."""

    money: list[int]
    units: list[dict[str, int]]
    terms: dict[str, Json] = field(default_factory=dict)


ORDER = (
    "validation_error",
    "budget_exhausted",
    "confirmation_required",
    "insufficient_points",
    "redeem_limit_exceeded",
)


def redeem_basket(
    program: Json,
    lines: list[Json],
    net: list[int],
    *,
    customer: Json | None,
    request: Json,
    identified_by: str | None,
    cost: dict[str, int] | None = None,
) -> Redeemed | Refused:
    """`net` is gross − discount by line; `request` names units a wallet, or `"max"`; `cost` are units by wallet that
    rules take, before anything is redeemed.

    All objections of all wallets are gathered; the contract's order of refusals says which one is answered.
    """
    policy = program.get("redemption", {})
    result = Redeemed(money=[0 for _ in lines], units=[{} for _ in lines])
    codes: set[str] = set()
    wallets = policy.get("wallets", [next(iter(program["wallets"]))])
    asked_for = {name for name, units in request.items() if units != 0}
    negative = any(units != "max" and units < 0 for units in request.values())
    if negative or not request.keys() <= program["wallets"].keys() or not asked_for <= set(wallets):
        return Refused(["validation_error"])
    in_wallets = dict(customer["available"]) if customer else {}
    is_gift_card = customer is not None and customer.get("is_gift_card", False)
    strength = None if is_gift_card else strength_of(program, identified_by)
    spent_units = 0
    for wallet, units in (cost or {}).items():
        if units > in_wallets.get(wallet, 0):
            codes.add("insufficient_points")
        in_wallets[wallet] = in_wallets.get(wallet, 0) - units
        spent_units += units
    if cost and strength is not None and spent_units > strength:
        codes.add("confirmation_required")
    for wallet in wallets:
        left_of_strength = None if strength is None else strength - spent_units
        terms = wallet_terms(
            program, wallet, lines, net, result.money, available=in_wallets.get(wallet, 0), strength=left_of_strength
        )
        result.terms[wallet] = terms
        asked = request.get(wallet, 0)
        units = terms["max_units"] if asked == "max" else asked
        codes |= objections(units, terms, in_wallets.get(wallet, 0), policy)
        if codes:
            continue
        spent_units += units
        spend(result, units, wallet, lines, net, value=program["wallets"][wallet].get("value", 1))
    return Refused([code for code in ORDER if code in codes]) if codes else result


def strength_of(program: Json, identified_by: str | None) -> int | None:
    """The most units of a redemption by how the customer was identified; None is no limit."""
    strength: Json = program.get("redemption", {}).get("strength") or {}
    counts_as = "card" if identified_by in ("id", "external_id") else identified_by
    return None if counts_as is None else strength.get(counts_as)


def wallet_terms(
    program: Json,
    wallet: str,
    lines: list[Json],
    net: list[int],
    redeemed: list[int],
    *,
    available: int,
    strength: int | None,
) -> Json:
    """The terms of the formula in money, and the units they allow."""
    policy, value = program.get("redemption", {}), program["wallets"][wallet].get("value", 1)
    open_lines = [i for i, line in enumerate(lines) if "redeem" not in line.get("no", [])]
    share = floor(number(policy.get("max_share", "1")) * sum(net[i] for i in open_lines)) - sum(redeemed)
    terms = {
        "max_share": max(0, share),
        "lines_room": sum(room(lines[i], net[i]) - redeemed[i] for i in open_lines),
        "available": max(0, available * value),
        "min_paid": max(0, sum(net) - sum(redeemed) - policy.get("min_paid", 0)),
    }
    if strength is not None:
        terms["strength"] = max(0, strength) * value
    max_money = min(terms.values())
    units = max_money // value if value else 0
    units -= units % policy.get("step", 1)
    if units < policy.get("min_units", 0):
        units = 0
    return {"max_units": units, "max_money": max_money, "terms": terms, "strength": strength}


def objections(units: int, terms: Json, available: int, policy: Json) -> set[str]:
    codes = set()
    if units % policy.get("step", 1):
        codes.add("validation_error")
    if units and terms["strength"] is not None and units > terms["strength"]:
        codes.add("confirmation_required")
    if units and units > available:
        codes.add("insufficient_points")
    if units > terms["max_units"] or 0 < units < policy.get("min_units", 0):
        codes.add("redeem_limit_exceeded")
    return codes


def spend(result: Redeemed, units: int, wallet: str, lines: list[Json], net: list[int], *, value: int) -> None:
    if not units:
        return
    open_lines = [i for i, line in enumerate(lines) if "redeem" not in line.get("no", [])]
    rooms = {i: room(lines[i], net[i]) - result.money[i] for i in open_lines}
    money = spread(units * value, {i: net[i] for i in open_lines}, rooms)
    for i, part in money.items():
        result.money[i] += part
    for i, part in largest_remainder(units, money).items():
        if part:
            result.units[i][wallet] = part
