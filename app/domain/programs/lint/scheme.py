"""Parts of the scheme that nothing uses or nobody can reach: lanes, wallets, caps, tiers; luck without an end."""

from collections.abc import Iterable, Sequence

from app.domain.program import (
    Algorithm,
    Cap,
    Down,
    GiveDraw,
    Kind,
    Measure,
    Period,
    Program,
    Rule,
    Scope,
    Window,
)
from app.domain.programs.lint.findings import Notes, place_of, token

_LENGTHS = (Period.DAY, Period.WEEK, Period.MONTH, Period.YEAR, Period.EVER)  # A longer one's bound holds in a shorter.
_ACCRUING = (Kind.BONUS, Kind.CASHBACK, Kind.RANDOM_REWARD)


def check_scheme(program: Program, rules: Sequence[Rule], notes: Notes, *, has_lanes: bool) -> None:
    """`rules` are those that can apply; `has_lanes` says whether the document names any."""
    if has_lanes:
        _check_lanes(program, notes)
    _check_wallets(program, rules, notes)
    _check_strength(program, notes)
    _check_caps(program, rules, notes)
    _check_tiers(program, rules, notes)
    for rule in rules:
        if isinstance(rule.give, GiveDraw):
            _check_luck(rule, rule.give, notes)


def fillers(rules: Iterable[Rule], wallet: str) -> list[Rule]:
    """The rules that accrue to a wallet."""
    return [rule for rule in rules if rule.kind in _ACCRUING and rule.wallet == wallet and _gives_units(rule)]


def _gives_units(rule: Rule) -> bool:
    if isinstance(rule.give, GiveDraw):
        return any(prize.units is not None or prize.rate is not None for prize in rule.give.prizes)
    return True


def _check_lanes(program: Program, notes: Notes) -> None:
    used = {rule.lane for rule in program.rules}
    for place, lane in enumerate(program.lanes):
        if lane.id not in used:
            notes.warn(f"/lanes/{place}", "unused_lane", f"No rule is in the lane {lane.id}.")


def _check_wallets(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    into = {wallet.convert.into for wallet in program.wallets.values() if wallet.convert is not None}
    spent = {*program.redemption.wallets, *(wallet for rule in rules for wallet in rule.cost)}
    for wallet in program.wallets.values():
        if wallet.id in into or fillers(rules, wallet.id):
            continue
        place = f"/wallets/{token(wallet.id)}"
        if wallet.id in spent or wallet.convert is not None:
            message = f"No rule fills the wallet {wallet.id}: only adjustments and gift cards can."
            notes.inform(place, "unfilled_wallet", message)
        else:
            message = f"No rule fills the wallet {wallet.id}, and nothing can be had for its units."
            # A program has to have one, also where it knows only discounts.
            note = notes.inform if wallet.id == program.default_wallet else notes.warn
            note(place, "unused_wallet", message)


def _check_strength(program: Program, notes: Notes) -> None:
    if program.redemption.is_lifted_by("id"):
        notes.warn(
            "/redemption/strength",
            "strength_by_id",
            "By phone fewer units may be redeemed than by id, which a look-up by the phone tells: the limit binds only "
            "honest tills, until `id` is limited too.",
        )


def _check_caps(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    for place, cap in enumerate(program.caps):
        givers = fillers(rules, cap.wallet)
        if not givers:
            message = f"Cap {cap.id} is never reached: no rule accrues to the wallet {cap.wallet}."
            notes.warn(f"/caps/{place}", "unreachable_cap", message)
            continue
        most = [_most(rule, period=cap.period, scope=cap.per) for rule in givers]
        bounds = [each for each in most if each is not None]
        if len(bounds) == len(most) and sum(bounds) <= cap.max:
            notes.warn(
                f"/caps/{place}",
                "unreachable_cap",
                f"Cap {cap.id} is never reached: by their own limits the rules of the wallet {cap.wallet} give at most "
                f"{sum(bounds)} {_of(cap)}, and the cap is {cap.max}.",
            )


def _of(cap: Cap) -> str:
    whose = "a customer" if cap.per is Scope.CUSTOMER else "in all"
    return whose if cap.period is Period.EVER else f"{whose} and {cap.period}"


def _most(rule: Rule, *, period: Period, scope: Scope) -> int | None:
    """The units that a rule's limits let it give in a period; None where they don't say."""
    limit = rule.limit
    if limit is None or rule.kind is Kind.RANDOM_REWARD:
        return None  # The limits of luck count what prizes cost.
    bounds = [limit.budget, None]
    is_long = _LENGTHS.index(limit.customer_period) >= _LENGTHS.index(period)
    if scope is Scope.CUSTOMER and is_long:
        bounds.append(limit.customer_max)
        if limit.customer_uses is not None and limit.receipt is not None:
            bounds.append(limit.customer_uses * limit.receipt)
    if limit.uses is not None and limit.receipt is not None:
        bounds.append(limit.uses * limit.receipt)
    return min((bound for bound in bounds if bound is not None), default=None)


def _check_tiers(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    if program.tiers and program.tier_window is Window.EVER and program.tier_down is Down.END_OF_WINDOW:
        message = "Tiers are never lost, because they are measured since ever: such a window has no end."
        notes.warn("/tier_policy/down", "endless_window", message)
    if program.tier_measure is not Measure.UNITS:
        return
    givers = fillers(rules, program.default_wallet)
    most = [_most(rule, period=Period.EVER, scope=Scope.CUSTOMER) for rule in givers]
    bounds = [each for each in most if each is not None]
    if len(bounds) < len(most):
        return
    for place, tier in enumerate(program.tiers):
        if tier.start > sum(bounds):
            notes.warn(
                f"/tiers/{place}",
                "unreachable_tier",
                f"Nobody reaches the tier {tier.id}: it begins at {tier.start} units of {program.default_wallet}, and "
                f"the rules give a customer at most {sum(bounds)}.",
            )


def _check_luck(rule: Rule, draw: GiveDraw, notes: Notes) -> None:
    limit = rule.limit
    is_bounded = limit is not None and (limit.budget is not None or limit.uses is not None)
    endless = [prize.id for prize in draw.prizes if prize.stock is None]
    if endless and not is_bounded and draw.algorithm is not Algorithm.BALANCED:
        notes.warn(
            place_of(rule, "give", "draw"),
            "endless_luck",
            f"Rule {rule.id} can give prizes without end: it has no budget, and no stock of {', '.join(endless)}.",
        )
    if limit is not None and (limit.budget is not None or limit.customer_max is not None):
        for number, prize in enumerate(draw.prizes):
            if (prize.gift is not None or prize.coupon is not None) and not prize.cost:
                notes.warn(
                    place_of(rule, "give", "draw", "prizes", number),
                    "costs_nothing",
                    f"Prize {prize.id} of rule {rule.id} has no cost: the rule's limit doesn't count it.",
                )
