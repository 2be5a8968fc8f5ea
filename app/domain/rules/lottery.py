"""Random rewards: one draw a rule and purchase, after everything else.

A rule whose conditions hold and that selects a line draws, whether or not its prizes can be given: the ticket decides
first, then stock, limits, caps and pools may leave no win (`because` says which), and the draw is recorded as it was.
In a lane of mode `first`, `best` or `best_line` only the first such rule draws. A quote (no luck) draws nothing and
says that a surprise is possible.

Limits go by what prizes cost. A cap cuts units like any others. A slip of an earlier draw, set free by a whole return,
takes the place of the ticket; then no counter of the algorithm moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.domain.amounts import AMOUNT_MAX, allocate
from app.domain.basket import ClosedTo
from app.domain.counters import Back, Scope, balanced_plain, stock_name
from app.domain.decision import Effect, Outcome, Verdict
from app.domain.draws.algorithms import cost_of, draw, state_before, terms_of, units_of, uses_after
from app.domain.draws.luck import Luck, Ticket
from app.domain.draws.records import DrawRecord, Slip
from app.domain.program import Combine, OnReturn, Prize
from app.domain.rules.accruals import Accruals
from app.domain.rules.bill import Bill
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.forms import CompiledLane, CompiledRule
from app.domain.rules.phases import Reach
from app.domain.rules.picking import Picked

_ONE_DRAW = (Combine.FIRST, Combine.BEST, Combine.BEST_LINE)


@dataclass(frozen=True, slots=True)
class _Win:
    """A prize as far as it can be given; `parts` are units by picked line. `because` says what leaves nothing of it,
    `need` how much of that was needed.
    """

    prize: Prize
    wanted: int
    units: int = 0
    parts: list[int] = field(default_factory=list)
    cost: int = 0
    limited_by: str | None = None
    because: str | None = None
    need: int | None = None


class Lottery(Reach):
    """`worths` is the accrual base; what is won in units is added to `accruals`. `plain` is what the purchase's other
    rewards cost. `kept` are units by line and wallet that a return leaves.
    """

    def __init__(self, program: CompiledProgram, bill: Bill, accruals: Accruals, *, plain: int) -> None:
        super().__init__(bill, closed_to=ClosedTo.ACCRUE, worths=accruals.stand.worths)
        self.draws: list[DrawRecord] = []
        self.surprise = False
        self.kept: list[dict[str, int]] = []
        self._wallets = program.program.wallets
        self._accruals = accruals
        self._plain = plain

    def run(self, lane: CompiledLane, rules: Sequence[CompiledRule]) -> None:
        """Let those rules of a lane draw that are ready to."""
        is_drawn = False
        for rule in rules:
            picked = self.pick(rule, self.stand)
            if picked is None:
                continue
            luck = self.bill.standing.luck
            if is_drawn and lane.combine in _ONE_DRAW:
                self.outdo(rule)
            elif luck is None:
                self.bill.verdicts[rule.place] = rule.verdicts.undrawn
            else:
                self._draw(rule, picked, luck)
            is_drawn = self.surprise = True

    def note_plain(self, program: CompiledProgram) -> None:
        """Each live balanced rule learns what the purchase's other rewards cost, whether or not it drew."""
        bill = self.bill
        if bill.facts.customer is None or bill.facts.visit.event is not None or not self._plain:
            return
        redrawn = {record.rule for record in self.draws if record.slip_of is not None}  # That purchase was counted.
        for rule in program.balanced:
            if rule.id not in redrawn and (rule.window is None or rule.window(bill.facts) is None):
                bill.tally.take(Scope.PROGRAM, balanced_plain(rule.id), self._plain, Back.NEVER)

    def _draw(self, rule: CompiledRule, picked: Picked, luck: Luck) -> None:
        standing, source = self.bill.standing, rule.rule
        value = self._wallets[rule.wallet or ""].value
        base = sum(picked.worths) // picked.scale
        slip = next(iter(standing.slips.get(rule.id, ())), None)
        if slip is None:
            ticket, day = luck.ticket(rule.id), luck.day
            state = state_before(
                source,
                customer=standing.customer,
                program=standing.program,
                now=standing.now,
                plain=self._plain,
                base=base,
            )
        else:
            ticket, day, state = Ticket.parse(slip.ticket, slip.choice), slip.day, dict(slip.state)
        drawn = draw(source, ticket, state, wallet_value=value)
        win = None
        if drawn.prize is not None:
            win = self._fit(rule, picked, drawn.prize, because=drawn.because, slip=slip, base=base, value=value)
        record = DrawRecord(
            rule=rule.id,
            algorithm=terms_of(source).algorithm,
            day=day,
            ticket=ticket.hex,
            choice=ticket.choice_hex,
            state=state,
            numerator=drawn.numerator,
            denominator=drawn.denominator,
            drew=None if drawn.prize is None else drawn.prize.id,
            because=None if win is None else win.because,
            keeps=source.on_return is OnReturn.KEEP,
            slip_of=None if slip is None else slip.purchase,
        )
        given = win if win is not None and win.because is None else None
        if given is not None:
            record = self._give(rule, picked, given, record)
        else:
            self.bill.verdicts[rule.place] = _lost(record, win)
        self.draws.append(record)
        if slip is None:
            prize, cost = (given.prize, given.cost) if given is not None else (None, 0)
            for use in uses_after(source, state, drew=drawn.prize, given=prize, cost=cost):
                self.bill.tally.take(use.scope, use.name, use.amount, use.back, period=use.period)

    def _fit(
        self,
        rule: CompiledRule,
        picked: Picked,
        prize: Prize,
        *,
        because: str | None,
        slip: Slip | None,
        base: int,
        value: int,
    ) -> _Win:
        """What can be given of a prize that luck drew. Its own limits look at all that it costs, before caps cut it."""
        tally, bill = self.bill.tally, self.bill
        is_piece = prize.gift is not None or prize.coupon is not None
        units = 0 if is_piece else self._units(rule, prize, slip=slip, base=base, value=value)
        cost = cost_of(prize, base=base, wallet_value=value) if is_piece else units * max(value, 1)
        win = _Win(prize, 1 if is_piece else units, units, cost=cost)
        if slip is not None and slip.kept:
            return replace(win, because="kept")
        if prize.stock is not None and tally.used(Scope.PROGRAM, stock_name(rule.id, prize.id)) >= prize.stock:
            return replace(win, because="stock", need=1)
        if not win.wanted:
            return replace(win, because="gives_nothing")
        if rule.limit is not None:
            left, word = tally.left(rule.limit)
            if left is not None and (left < win.cost or not left):
                return replace(win, because=word, need=win.cost)
        if not is_piece:
            parts, cap = tally.fit(rule.caps, picked.places, allocate(units, picked.worths))
            units = sum(parts)
            if not units:
                return replace(win, because=cap, need=win.wanted)
            win = replace(win, units=units, parts=parts, cost=units * max(value, 1), limited_by=cap)
        if prize.coupon is not None and not bill.codes_left(prize.coupon):
            return replace(win, because="pool", need=1)
        return win if because is None else replace(win, because=because)

    def _units(self, rule: CompiledRule, prize: Prize, *, slip: Slip | None, base: int, value: int) -> int:
        """What a prize brings: of a slip no more than it brought before; and no more than one posting may move, since
        luck never refuses a sale.
        """
        units = units_of(prize, base=base, wallet_value=value)
        if slip is not None and slip.most is not None:
            units = min(units, slip.most)
        wallet = rule.wallet or ""
        return min(units, max(AMOUNT_MAX - sum(each.get(wallet, 0) for each in self._accruals.accrued), 0))

    def _give(self, rule: CompiledRule, picked: Picked, win: _Win, record: DrawRecord) -> DrawRecord:
        """Let a win happen; the record with it."""
        bill, prize, wallet, is_kept = self.bill, win.prize, rule.wallet or "", record.keeps
        by_place: dict[int, int] = {}
        if win.units:
            if is_kept:
                self.kept = self.kept or [{} for _ in bill.lines]
                for place, part in zip(picked.places, win.parts, strict=True):
                    if part:
                        self.kept[place][wallet] = self.kept[place].get(wallet, 0) + part
            self._accruals.write(rule, picked.places, win.parts)
            bill.tally.count_caps(rule.caps, picked.places, win.parts, is_kept=is_kept)
            costs = allocate(win.cost, win.parts)
            by_place = dict(zip(picked.places, costs, strict=True))
        codes = bill.take_codes(prize.coupon, 1) if prize.coupon is not None else ()
        if rule.limit is not None:
            bill.tally.count(rule.limit, win.cost, by_place, is_kept=is_kept)
        if prize.stock is not None:
            back = Back.NEVER if is_kept else Back.WHOLE
            bill.tally.take(Scope.PROGRAM, stock_name(rule.id, prize.id), 1, back)
        self.effects.append(
            Effect(
                rule=rule.id,
                kind=rule.kind,
                wanted=win.wanted,
                given=win.units or 1,
                wallet=wallet if win.units else None,
                limited_by=win.limited_by,
                gift=prize.gift,
                coupon=prize.coupon,
                codes=codes,
            )
        )
        bill.verdicts[rule.place] = rule.verdicts.applied
        return replace(
            record,
            prize=prize.id,
            wallet=wallet if win.units else None,
            units=win.units,
            gift=prize.gift,
            pool=prize.coupon,
            code=codes[0] if codes else None,
            cost=win.cost,
        )


def _lost(record: DrawRecord, win: _Win | None) -> Verdict:
    """Why a draw gave nothing: luck, or what kept back the prize that luck drew."""
    if win is None:
        chance = {"chance": [record.numerator, record.denominator]}
        return Verdict(record.rule, Outcome.SKIPPED, "draw", chance, {"ticket": record.ticket})
    return Verdict(record.rule, Outcome.SKIPPED, win.because, win.need, None if win.need is None else 0)
