"""Coupon codes: which can be used at a sale, what they let apply, and what is said of each (contract, "Basket").

Readings taken where the contract leaves a choice: a code that can't be used is one thing only, and is looked at in this
order: blocked (unknown), somebody else's, too early, too late, used up; a code bounded a customer is nobody's for who
isn't known. Each `coupon` test of a rule that isn't turned around by `not` uses the first usable code it names, in the
basket's order; where a code let several rules apply, any of them (`rules`) may be named as its `rule`.
"""

from typing import Any

from tests.model.arithmetic import Json
from tests.model.world import CUSTOMER, WHOLE, Use, World


def normal(code: str) -> str:
    return code.strip().upper()


def needs_of(when: Json | None, name: str, *, positive: bool = True) -> list[Any]:
    """What each test of that name in a `when` needs, those left out that an odd number of `not` turns around."""
    if when is None:
        return []
    ((test, need),) = when.items()
    if test == "not":
        return needs_of(need, name, positive=not positive)
    if test in ("all", "any"):
        return [found for each in need for found in needs_of(each, name, positive=positive)]
    return [need] if test == name and positive else []


def listed(need: str | list[str]) -> list[str]:
    return [need] if isinstance(need, str) else need


def named_in(program: Json) -> set[str]:
    """Every code or pool that a rule names, turned around or not."""
    names: set[str] = set()
    for rule in program["rules"]:
        for positive in (True, False):
            for need in needs_of(rule.get("when"), "coupon", positive=positive):
                names |= {normal(each) for each in listed(need)}
    return names


def refusal(code: str, *, program: Json, world: World, customer_id: str | None) -> str | None:
    """Why a code can't be used here and now, whatever the basket."""
    coupon = world.coupons.get(code)
    if coupon is None:
        return None if code in named_in(program) else "unknown"
    if coupon.get("blocked"):
        return "unknown"
    if coupon.get("customer") not in (None, customer_id):
        return "wrong_customer"
    if coupon.get("start") is not None and world.now < coupon["start"]:
        return "not_started"
    if coupon.get("end") is not None and world.now >= coupon["end"]:
        return "expired"
    if coupon.get("uses_max") is not None and coupon["uses"] >= coupon["uses_max"]:
        return "used_up"
    return used_by_customer(code, coupon, world=world, customer_id=customer_id)


def used_by_customer(code: str, coupon: Json, *, world: World, customer_id: str | None) -> str | None:
    if coupon.get("per_customer") is None:
        return None
    if customer_id is None:
        return "wrong_customer"
    return "used_up" if world.used(CUSTOMER, ("coupon", code)) >= coupon["per_customer"] else None


def usable(basket: Json, *, program: Json, world: World, customer_id: str | None) -> dict[str, set[str]]:
    """Codes that can be used, in the basket's order, each with the names that rules may know it by."""
    found: dict[str, set[str]] = {}
    for code in (normal(each) for each in basket.get("coupons", [])):
        if refusal(code, program=program, world=world, customer_id=customer_id) is None:
            pool = (world.coupons.get(code) or {}).get("pool")
            found[code] = {code} | ({normal(pool)} if pool else set())
    return found


def verdicts(
    basket: Json, applied: list[Json], *, program: Json, world: World, customer_id: str | None
) -> tuple[list[Json], list[Use]]:
    """What is said of each code that was sent, and what is used; `applied` are the rules that gave, in their order."""
    codes = usable(basket, program=program, world=world, customer_id=customer_id)
    taken: dict[str, list[str]] = {}
    for rule in applied:
        for need in needs_of(rule.get("when"), "coupon"):
            wanted = {normal(each) for each in listed(need)}
            first = next((code for code, names in codes.items() if names & wanted), None)
            if first is not None:
                taken.setdefault(first, []).append(rule["id"])
    said = []
    for sent in basket.get("coupons", []):
        code = normal(sent)
        word = refusal(code, program=program, world=world, customer_id=customer_id)
        word = word or ("applied" if code in taken else "not_applicable")
        said.append({"code": sent, "verdict": word, "rule": taken.get(code, [None])[0], "rules": taken.get(code, [])})
    # Where the code itself may not be used more often, its own count says it already.
    bounded = [code for code in taken if _is_bounded_by_customer(world.coupons.get(code, {}))]
    uses = [Use(CUSTOMER, ("coupon", code), "", 1, WHOLE) for code in bounded]
    return said, uses


def _is_bounded_by_customer(coupon: dict[str, Any]) -> bool:
    each, whole = coupon.get("per_customer"), coupon.get("uses_max")
    return each is not None and (whole is None or whole > each)
