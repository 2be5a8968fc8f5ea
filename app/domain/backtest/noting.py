"""One basket, decided twice, added to the figures. A back-test does it millions of times, so nothing is made here that
the figures don't keep.
"""

from collections.abc import Iterable, Mapping

from app.domain.backtest.past import Given, Past
from app.domain.backtest.sums import Change, Group, Sums
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, Effect
from app.domain.program import Kind

_DISCOUNT = Kind.DISCOUNT.value
NO_SEGMENT = ("",)


def note_basket(
    sums: Sums,
    past: Past,
    facts: CustomerFacts | None,
    decision: Decision,
    *,
    day: str,
    values: Mapping[str, int],
    own_values: Mapping[str, int],
) -> int:
    """Add both sides to the sums; returns what the customer gains by the draft, in minor units.

    `day` is the local day of the posting. `values` are what a unit of each wallet bought that day, `own_values` what it
    buys by the draft.
    """
    sums.baskets += 1
    sums.lines += len(past.basket.lines)
    sums.gross += past.gross
    if facts is not None and not past.has_facts:
        sums.without_facts += 1
    real_units = _note_rules(sums, past.given, values, is_draft=False)
    _note_kinds(sums.kinds, past.given)
    draft_units = _note_rules(sums, decision.effects, own_values, is_draft=True)
    for effect in decision.effects:
        if effect.limited_by is not None:
            cut = sums.cuts[effect.rule, effect.limited_by]
            cut.baskets += 1
            cut.wanted += effect.wanted
            cut.given += effect.given
    real_off, draft_off = past.discount, decision.discount
    sums.discount.real.cost += real_off
    sums.discount.draft.cost += draft_off
    sums.redeemed.real.cost += past.redeemed
    sums.redeemed.draft.cost += decision.redeemed
    real, draft = real_off + real_units, draft_off + draft_units
    by_day = sums.days[day]
    by_day.real.cost += real
    by_day.draft.cost += draft
    for group in _groups(sums, facts):
        group.baskets += 1
        group.gross += past.gross
        group.discount.real.cost += real_off
        group.discount.draft.cost += draft_off
        group.units.real.cost += real_units
        group.units.draft.cost += draft_units
    if real != draft and sums.may_note(size := abs(draft - real)):
        row = past.row
        sums.note_change(Change(size, str(row.id), past.receipt, row.shop, row.at.isoformat(), real, draft))
    return draft - real


def _note_rules(
    sums: Sums, given_by_rules: Iterable[Given | Effect], values: Mapping[str, int], *, is_draft: bool
) -> int:
    """What each rule gave on one side; returns the value of all units."""
    value = 0
    for each in given_by_rules:
        given, wallet = each.given, each.wallet
        pair = sums.rules[each.rule]
        side = pair.draft if is_draft else pair.real
        if wallet is not None:
            cost = given * values.get(wallet, 0)
            value += cost
            pair = sums.units[wallet]
            units = pair.draft if is_draft else pair.real
            units.baskets += 1
            units.given += given
            units.cost += cost
        else:
            cost = given if each.kind == _DISCOUNT else 0
        side.baskets += 1
        side.given += given
        side.cost += cost
    return value


def _note_kinds(kinds: dict[str, str], given_by_rules: Iterable[Given]) -> None:
    """Of rules that may be in no draft. Where a rule has changed its kind, the same one is kept in any order."""
    for each in given_by_rules:
        if kinds.get(each.rule, "") < each.kind:
            kinds[each.rule] = each.kind


def _groups(sums: Sums, facts: CustomerFacts | None) -> list[Group]:
    if facts is None:
        return [sums.tiers[""], sums.segments[""]]
    groups = [sums.segments[segment] for segment in facts.segments or NO_SEGMENT]
    groups.append(sums.tiers[facts.tier or ""])
    return groups
