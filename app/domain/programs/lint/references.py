"""Names that only the service knows: segments, pools of coupons. Wallets, tiers and lanes are the reader's to check."""

from collections.abc import Collection

from app.domain.coupons import normal_code
from app.domain.program import CouponIs, GiveCoupon, GiveDraw, Program, Rule, SegmentIs
from app.domain.programs.lint.findings import Notes, Placed, place_of, tests_of


def check_references(program: Program, notes: Notes, *, segments: Collection[str], pools: Collection[str]) -> None:
    """Disabled rules too: whoever enables them wants to have been told."""
    normal_pools = {normal_code(pool) for pool in pools}
    for rule in program.rules:
        for placed in tests_of(rule):
            if isinstance(placed.test, SegmentIs):
                _note_segments(rule, placed, placed.test, notes, segments=segments)
            elif isinstance(placed.test, CouponIs):
                _note_codes(rule, placed, placed.test, notes, pools=normal_pools)
        _note_pools(rule, notes, pools=pools)


def _note_segments(rule: Rule, placed: Placed, test: SegmentIs, notes: Notes, *, segments: Collection[str]) -> None:
    for number, segment in enumerate(test.segments):
        if segment not in segments:
            notes.error(
                f"{placed.pointer}/{number}",
                "unknown_segment",
                f"Rule {rule.id} asks for the segment {segment}, which there is not: no customer is in it.",
            )


def _note_codes(rule: Rule, placed: Placed, test: CouponIs, notes: Notes, *, pools: Collection[str]) -> None:
    public = [code for code in test.codes if code not in pools]
    if not public or not placed.positive:
        return
    codes = ", ".join(public)
    notes.inform(
        placed.pointer,
        "public_code",
        f"Rule {rule.id} names {codes}: no pool has this name, so whoever knows it can use it as a code.",
    )
    limit = rule.limit
    bounds = () if limit is None else (limit.budget, limit.uses, limit.customer_max, limit.customer_uses)
    if rule.enabled and all(bound is None for bound in bounds):
        notes.warn(
            placed.pointer,
            "public_code_without_limit",
            f"Rule {rule.id} can be used with the public code {codes} by anybody as often as they like: "
            "it has no limit by customer, budget or uses.",
        )


def _note_pools(rule: Rule, notes: Notes, *, pools: Collection[str]) -> None:
    match rule.give:
        case GiveCoupon(pool) if pool not in pools:
            notes.error(place_of(rule, "give", "coupon"), "unknown_pool", _no_pool(rule, pool))
        case GiveDraw(_, prizes):
            for number, prize in enumerate(prizes):
                if prize.coupon is not None and prize.coupon not in pools:
                    place = place_of(rule, "give", "draw", "prizes", number, "coupon")
                    notes.error(place, "unknown_pool", _no_pool(rule, prize.coupon))


def _no_pool(rule: Rule, pool: str) -> str:
    return f"Rule {rule.id} gives codes of the pool {pool}, which there is not: it has none to give."
