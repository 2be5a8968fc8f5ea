"""A basket goes in, a decision comes out: discounts, then redemption, then accruals, rewards and random rewards, each
in the program's order.

Pure: the same program, basket, customer, visit, standing and wishes give the same decision, on every machine, next
year. What is explained is what happened; there is no second code path for it. Only rules that the basket touches are
looked at (`index`), so only those have a verdict.

Decided here: a line made cheaper (`discounted: false` looks for it) is one that discounts made cheaper, also in the
later phases, since redemption is a way to pay; conditions are tested once, on the basket as it was sent; without a
customer nothing accrues, and to the rules a gift card is nobody, though it pays. Rewards in pieces look only at what
discounts left, and some of them are bought with units: they are decided before redemption and shown after accruals.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from app.domain.basket import Basket, ClosedTo, Visit
from app.domain.coupons import CouponVerdict
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision, Effect, LineDecision
from app.domain.program import Base
from app.domain.rules.accruals import Accruals
from app.domain.rules.bill import Bill, Lanes
from app.domain.rules.compiled import CompiledProgram, compile_program
from app.domain.rules.costs import refuse_unknown, settle
from app.domain.rules.facts import Facts
from app.domain.rules.forms import PhaseOf
from app.domain.rules.given import TillFacts, pay, take_discounts
from app.domain.rules.hints import hints_of
from app.domain.rules.index import Index
from app.domain.rules.limits import Tally
from app.domain.rules.lottery import Lottery
from app.domain.rules.phases import Discounts, Phase
from app.domain.rules.pieces import Pieces
from app.domain.rules.redemption import Asked, Payable, Redeemed
from app.domain.rules.redemption import redeem as redeem_units
from app.domain.rules.stacking import apply_lane
from app.domain.rules.standing import Standing
from app.domain.rules.vouchers import Taker, judge

__all__ = ["Asked", "CompiledProgram", "compile_program", "evaluate"]

NO_REWARDS: Final[Mapping[str, int]] = {}
NOTHING_KEPT: Final[Mapping[str, int]] = {}
# Looking a member up in its enum costs a tenth of a microsecond.
_PAID: Final = Base.PAID
_NET: Final = Base.NET
_GROSS: Final = Base.GROSS
_REDEEM: Final = ClosedTo.REDEEM
NO_COSTS: Final[Mapping[str, Mapping[str, int]]] = {}


def evaluate(
    program: CompiledProgram,
    basket: Basket,
    *,
    customer: CustomerFacts | None,
    visit: Visit,
    redeem: Asked,
    rewards: Mapping[str, int] = NO_REWARDS,
    standing: Standing | None = None,
    given: TillFacts | None = None,
) -> Decision:
    """Decide one basket; a `Decision` says how its totals are built.

    Args:
        redeem: units by wallet, or `"max"`.
        rewards: rules with a cost that are asked for, how often.
        standing: None means that nothing was used yet and that there is no luck, at the visit's moment.
        given: what a till without connection gave: its discounts instead of the rules', and `redeem` was paid.

    Raises:
        Rejected: what is to be redeemed may not be, or a reward that was asked for can't be had;
            `app.domain.rules.redemption` and `costs` have the order of refusals.
        ValueError: the visit's instant has no zone.
    """
    scheme, standing = program.program, standing or Standing(now=visit.at)
    known = None if customer is None or customer.is_gift_card else customer
    facts = Facts(scheme, basket, known, visit, standing=standing, public_codes=program.public_codes)
    if rewards:
        refuse_unknown(program, rewards)
    hits = _index_of(program, visit).touched(basket.lines, names=facts.vouchers.names, event=visit.event)
    tally = Tally(standing, facts, scheme.timezone)
    bill = Bill(facts, standing, hits=hits, rewards=rewards, tally=tally)
    rules = [program.rules[rank] for rank in sorted(hits)]
    if given is not None:
        take_discounts(given, bill, [rule for rule in rules if rule.lane.phase is PhaseOf.DISCOUNT])
        rules = [rule for rule in rules if rule.lane.phase is not PhaseOf.DISCOUNT]
    discounts, gifts, bonuses, draws = bill.ready(rules)

    effects = _act(Discounts(bill), discounts) if discounts else []
    pieces = _act(Pieces(bill), gifts) if gifts else []
    redeemed = _redeem(program, bill, customer, redeem) if given is None else pay(redeem, bill, scheme.wallets)
    accruals = Accruals(bill, bases=_bases(scheme.accrual_base, bill, redeemed))
    effects += _act(accruals, bonuses)
    effects += pieces
    lottery = None
    if draws or program.balanced:
        lottery = Lottery(program, bill, accruals, plain=_plain(program, bill, accruals))
        for lane, members in draws:
            lottery.run(lane, members)
        lottery.note_plain(program)
        effects += lottery.effects
    return _decision(program, bill, redeemed, effects, accruals, lottery, has_hints=given is None)


def _index_of(program: CompiledProgram, visit: Visit) -> Index:
    return program.index if visit.event is None else program.events


def _act(phase: Phase, lanes: Lanes) -> list[Effect]:
    """Let lanes work in a phase, one after another."""
    for lane, rules in lanes:
        apply_lane(lane, rules, phase)
    return phase.effects


def _redeem(program: CompiledProgram, bill: Bill, customer: CustomerFacts | None, asked: Asked) -> Redeemed:
    """What points pay, after what rewards have cost; and that with it, by line and in all."""
    scheme, visit = program.program, bill.facts.visit
    available = {} if customer is None else customer.available
    is_gift_card = customer is not None and customer.is_gift_card
    strength = scheme.redemption.strength_of(
        visit.identified_by, is_confirmed=visit.is_confirmed, is_gift_card=is_gift_card, is_by_id=visit.is_by_id
    )
    charged = settle(program, bill, available=available, strength=strength) if bill.rewards else {}
    if charged:
        available = {wallet: units - charged.get(wallet, 0) for wallet, units in available.items()}
        strength = None if strength is None else strength - sum(charged.values())
    payable = Payable(bill.left, bill.rooms, bill.open_to(_REDEEM))
    redeemed = redeem_units(
        scheme.redemption, scheme.wallets, payable, available=available, strength=strength, asked=asked
    )
    return redeemed.with_costs(charged, bill.charged) if charged else redeemed


def _bases(base: Base, bill: Bill, redeemed: Redeemed) -> list[int]:
    """What accruals look at on each line; discounts are over, so what lines have left stays as it is."""
    if base is _PAID:
        if not redeemed.units:
            return bill.left
        return [left - money for left, money in zip(bill.left, redeemed.money, strict=True)]
    if base is _NET:
        return bill.left
    if base is _GROSS:
        return bill.gross
    assert_never(base)


def _plain(program: CompiledProgram, bill: Bill, accruals: Accruals) -> int:
    """What the purchase's rewards cost that luck has no part in, in minor units; a unit of value 0 counts 1."""
    if not program.balanced:
        return 0
    wallets = program.program.wallets
    units = [
        count * max(wallets[wallet].value, 1) for by_wallet in accruals.accrued for wallet, count in by_wallet.items()
    ]
    return sum(bill.gross) - sum(bill.left) + sum(units)


def _decision(
    program: CompiledProgram,
    bill: Bill,
    redeemed: Redeemed,
    effects: list[Effect],
    accruals: Accruals,
    lottery: Lottery | None,
    *,
    has_hints: bool,
) -> Decision:
    vouchers, verdicts = bill.facts.vouchers, bill.verdicts
    uses = bill.tally.uses()
    coupons: tuple[CouponVerdict, ...] = ()
    if vouchers.sent:
        takers = [Taker(rule.id, rule.coupons, verdicts.get(rule.place)) for rule in program.takers]
        coupons, coupon_uses = judge(vouchers, takers)
        uses += coupon_uses
    gross, left, money, accrued = bill.gross, bill.left, redeemed.money, accruals.accrued
    kept = [] if lottery is None else lottery.kept
    lines = [
        LineDecision(
            line.id,
            gross[place],
            gross[place] - left[place],
            money[place],
            redeemed.units_by_line[place],
            accrued[place],
            tuple(bill.parts[place]),
            kept[place] if kept else NOTHING_KEPT,
            bill.cost_units[place] if bill.cost_units else NO_COSTS,
        )
        for place, line in enumerate(bill.lines)
    ]
    accrued_in_all: dict[str, int] = {}
    for effect in effects:
        if effect.wallet is not None:
            accrued_in_all[effect.wallet] = accrued_in_all.get(effect.wallet, 0) + effect.given
    hints = hints_of(program.rules, program.ranks, bill, effects, bases=accruals.stand.worths) if has_hints else ()
    return Decision(  # In their order: names would be put into a dictionary first.
        tuple(lines),
        tuple(effects),
        tuple([verdicts[place] for place in sorted(verdicts)]),
        redeemed.terms,
        redeemed.units,
        accrued_in_all,
        uses,
        () if lottery is None else tuple(lottery.draws),
        coupons,
        hints,
        lottery is not None and lottery.surprise,
    )
