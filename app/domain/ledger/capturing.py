"""What is captured of a held decision, and what a held answer may show of it.

Every figure of a line is cut as a return of what is left out would cut it: `whole - half_up(whole * dropped, qty)`.
That holds for `gross` and `paid`, for redeemed units (without rewards' costs, which have no share and stay whole),
accrued and kept ones. `redeemed` money is cut likewise and then moved by what it takes for the sum to hold: `discount`
and `redeemed` are what lies between `gross` and `paid`, neither ever above what it was. Parts are cut to their line's
new figures by largest remainder. A reward's cost on a line that is left out goes over to the first one that stays, so
that a return of everything still gives it back.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from app.domain.amounts import allocate, half_up
from app.domain.counters import Back, Use
from app.domain.coupons import CouponVerdict, CouponWord
from app.domain.decision import Decision, Effect, LineDecision, Outcome, Part, Verdict
from app.domain.ledger.purchase_states import LineState
from app.domain.program import Kind

Units = dict[str, int]


def left_of(whole: int, *, dropped: int, qty: int) -> int:
    """What stays of a figure when `dropped` of `qty` are left out."""
    return whole - half_up(whole * dropped, qty)


def cut(decision: Decision, *, dropped: Mapping[str, int], qty_milli: Mapping[str, int]) -> Decision:
    """The decision of only what is captured; the whole one where nothing is dropped.

    Effects are the sums of what stays of their parts; those that gave nothing on what stays are gone, those in pieces
    stay whole. What was wanted beyond what was given stays as it was. Verdicts, coupons, draws and the terms of
    redemption are those of the whole basket.

    Args:
        dropped: thousandths left out, by line id.
        qty_milli: thousandths held, by line id.

    Raises:
        ValueError: a line isn't there, more of it is dropped than is held, or nothing stays.
    """
    _check(dropped, qty_milli)
    if not any(dropped.values()):
        return decision
    stays = [line for line in decision.lines if dropped.get(line.id, 0) < qty_milli[line.id]]
    gone = [line for line in decision.lines if dropped.get(line.id, 0) == qty_milli[line.id]]
    lines = [_cut_line(line, dropped=dropped.get(line.id, 0), qty=qty_milli[line.id]) for line in stays]
    lines[0] = _with_costs_of(lines[0], gone)
    redeemed = _sum_of(line.redeemed_units for line in lines)
    return replace(
        decision,
        lines=tuple(lines),
        effects=tuple(_cut_effects(decision, lines, redeemed)),
        redeemed_units=redeemed,
        accrued=_sum_of(line.accrued for line in lines),
        uses=tuple(
            use for each in decision.uses if (use := cut_use(each, dropped=dropped, qty_milli=qty_milli)).amount
        ),
    )


def cut_use(use: Use, *, dropped: Mapping[str, int], qty_milli: Mapping[str, int]) -> Use:
    """What stays of a use of a counter: of one that comes back by share that of its lines, else all."""
    if use.back is not Back.SHARE:
        return use
    parts = {
        line_id: left_of(part, dropped=dropped.get(line_id, 0), qty=qty_milli[line_id])
        for line_id, part in use.by_line.items()
    }
    return use._replace(amount=sum(parts.values()), by_line={line_id: part for line_id, part in parts.items() if part})


def captured_lines(decision: Decision, held: Sequence[LineState], *, dropped: Mapping[str, int]) -> list[LineState]:
    """The lines of a cut decision as later returns see them.

    Raises:
        ValueError: those are not the held lines that stay.
    """
    qty_milli = {line.id: line.qty_milli for line in held}
    _check(dropped, qty_milli)
    left = {line_id: qty - dropped.get(line_id, 0) for line_id, qty in qty_milli.items()}
    if [line.id for line in decision.lines] != [line_id for line_id, qty in left.items() if qty]:
        raise ValueError(f"the decision has lines {[line.id for line in decision.lines]}, left are {left}")
    return [
        LineState(
            id=line.id,
            qty_milli=left[line.id],
            paid=line.paid,
            accrued=_without_zeros(line.accrued),
            redeemed_units=_without_zeros(line.redeemed_units),
            kept=_without_zeros(line.kept),
            cost_units=line.cost_units,
        )
        for line in decision.lines
    ]


def without_draws(decision: Decision) -> Decision:
    """What a held answer may show: no draw and nothing that one gave, as in a quote. `surprise` says that one is
    possible.

    Codes that rewards have given out are not shown either: whoever knew one could use it and release the hold. What
    the decision takes (`uses`) stays, since it is no answer's.
    """
    drawn = {draw.rule for draw in decision.draws}
    words = {each.because for each in decision.verdicts if each.rule in drawn}
    effects = [effect for effect in decision.effects if effect.kind != Kind.RANDOM_REWARD]
    lines = tuple(_undrawn_line(line) for line in decision.lines)
    return replace(
        decision,
        lines=lines,
        effects=tuple(replace(effect, codes=()) if effect.codes else effect for effect in effects),
        verdicts=tuple(
            Verdict(each.rule, Outcome.SKIPPED, "draw") if each.rule in drawn else each for each in decision.verdicts
        ),
        coupons=tuple(_undrawn_coupon(each, drawn=drawn, words=words) for each in decision.coupons),
        accrued=_sum_of(line.accrued for line in lines),
        draws=(),
    )


def _check(dropped: Mapping[str, int], qty_milli: Mapping[str, int]) -> None:
    for line_id, milli in dropped.items():
        if not 0 <= milli <= qty_milli.get(line_id, -1):
            raise ValueError(f"{milli} dropped of line {line_id}, held are {dict(qty_milli)}")
    if all(dropped.get(line_id, 0) == qty for line_id, qty in qty_milli.items()):
        raise ValueError(f"nothing stays of {dict(qty_milli)}")


def _cut_line(line: LineDecision, *, dropped: int, qty: int) -> LineDecision:
    if not dropped:
        return line

    def left(whole: int) -> int:
        return left_of(whole, dropped=dropped, qty=qty)

    gross, paid = left(line.gross), left(line.paid)
    off = gross - paid  # What discount and redemption take off; each figure by itself may be rounded another way.
    redeemed = min(max(left(line.redeemed), off - line.discount), line.redeemed, off)
    costs = _sum_of(line.cost_units.values())
    accrued = _without_zeros({wallet: left(units) for wallet, units in line.accrued.items()})
    redeemed_units = {
        wallet: left(units - costs.get(wallet, 0)) + costs.get(wallet, 0)
        for wallet, units in line.redeemed_units.items()
    }
    return replace(
        line,
        gross=gross,
        discount=off - redeemed,
        redeemed=redeemed,
        redeemed_units=_without_zeros(redeemed_units),
        accrued=accrued,
        parts=_cut_parts(line.parts, discount=off - redeemed, accrued=accrued),
        kept=_without_zeros({wallet: left(units) for wallet, units in line.kept.items()}),
    )


def _cut_parts(parts: Sequence[Part], *, discount: int, accrued: Mapping[str, int]) -> tuple[Part, ...]:
    """Parts that sum to the line's new figures; those that are 0 now are gone."""
    places: dict[str | None, list[int]] = {}
    for place, part in enumerate(parts):
        places.setdefault(part.wallet, []).append(place)
    new = list(parts)
    for wallet, mine in places.items():
        if wallet is None:
            amounts = allocate(discount, [parts[place].amount for place in mine])
            for place, amount in zip(mine, amounts, strict=True):
                new[place] = replace(parts[place], amount=amount)
        else:
            units = allocate(accrued.get(wallet, 0), [parts[place].units for place in mine])
            for place, portion in zip(mine, units, strict=True):
                new[place] = replace(parts[place], units=portion)
    return tuple(part for part in new if part.amount or part.units)


def _with_costs_of(line: LineDecision, gone: Iterable[LineDecision]) -> LineDecision:
    """The line with the rewards' costs of those that are left out."""
    costs = {when: dict(units) for when, units in line.cost_units.items()}
    redeemed = dict(line.redeemed_units)
    for other in gone:
        for when, by_wallet in other.cost_units.items():
            bound = costs.setdefault(when, {})
            for wallet, units in by_wallet.items():
                bound[wallet] = bound.get(wallet, 0) + units
                redeemed[wallet] = redeemed.get(wallet, 0) + units
    return replace(line, cost_units=costs, redeemed_units=redeemed)


def _cut_effects(decision: Decision, lines: Sequence[LineDecision], redeemed: Mapping[str, int]) -> list[Effect]:
    left: dict[tuple[str, str | None], int] = {}
    for line in lines:
        for part in line.parts:
            key = part.rule, part.wallet
            left[key] = left.get(key, 0) + part.amount + part.units
    shares = _paying_shares(decision, lines, redeemed)
    effects = []
    for effect in decision.effects:
        if effect.gift is not None or effect.coupon is not None:
            effects.append(effect)
            continue
        given = left.get((effect.rule, effect.wallet), 0)
        if given:
            cost = {
                wallet: left_of(units, dropped=shares[wallet][0], qty=shares[wallet][1])
                for wallet, units in effect.cost.items()
            }
            effects.append(replace(effect, wanted=effect.wanted - effect.given + given, given=given, cost=cost))
    return effects


def _paying_shares(
    decision: Decision, lines: Sequence[LineDecision], redeemed: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """By wallet, of the units that have a share (all but rewards' costs): how many go back, and how many there were."""
    kept = _sum_of(units for line in lines for units in line.cost_units.values())
    shares = {}
    for wallet, units in decision.redeemed_units.items():
        whole = units - kept.get(wallet, 0)
        shares[wallet] = units - redeemed.get(wallet, 0), max(whole, 1)
    return shares


def _undrawn_coupon(coupon: CouponVerdict, *, drawn: Collection[str], words: Collection[str | None]) -> CouponVerdict:
    """What is said of a code that lets a rule draw, as in a quote: its use, or why not, would tell of the draw."""
    if coupon.rule in drawn or (coupon.word is CouponWord.NOT_APPLICABLE and coupon.because in words):
        return replace(coupon, word=CouponWord.NOT_APPLICABLE, rule=None, because="draw")
    return coupon


def _undrawn_line(line: LineDecision) -> LineDecision:
    won = [part for part in line.parts if part.kind == Kind.RANDOM_REWARD]
    if not won:
        return line
    parts = tuple(part for part in line.parts if part.kind != Kind.RANDOM_REWARD)
    accrued = dict(line.accrued)
    for part in won:
        if part.wallet is not None:
            accrued[part.wallet] -= part.units
    others = {part.wallet for part in parts}
    return replace(
        line,
        accrued={wallet: units for wallet, units in accrued.items() if units or wallet in others},
        parts=parts,
        kept={},  # Only prizes are kept.
    )


def _sum_of(figures: Iterable[Mapping[str, int]]) -> Units:
    totals: Units = {}
    for units in figures:
        for wallet, portion in units.items():
            totals[wallet] = totals.get(wallet, 0) + portion
    return totals


def _without_zeros(units: Mapping[str, int]) -> Units:
    return {wallet: portion for wallet, portion in units.items() if portion}
