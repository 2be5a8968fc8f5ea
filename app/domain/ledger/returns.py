"""Goods brought back: what a return refunds, takes back and gives back, exactly, in any split.

A return is decided by the stored purchase, never by today's program. For line i with accrued e_i, redeemed units s_i
and returned share r_i so far, the total taken back is `Σ half_up(e_i · r_i)`, given back `Σ half_up(s_i · r_i)`,
refunded `Σ half_up(paid_i · r_i)`; each return posts the difference to what was posted before, so any split ends at the
whole.

What a rule's `on_return` keeps (`kept` of a line) is taken out of e_i. What rewards have cost (`cost_units`) is taken
out of s_i: a gift or a code has no share, and with its cost on a line worth nothing that line alone would bring it
back. It is given back when everything is back and the reward with it (`CostBack`), or stays taken. Counters move back
by the same shares, where their period is still the same; uses, coupons, stocks and prizes when everything is back
(giving_back.py).

Points are given back before any are taken: what a customer gets back can cover what the purchase had brought, and a
loop of buy, spend, return leaves nothing behind. What goes back to a lot that has ended expires at once and covers
nothing. Of a receipt made without connection what was owed comes first (offline.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.amounts import quantity
from app.domain.decision import CostBack
from app.domain.draws.records import DrawRecord
from app.domain.identifiers import TxId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.giving_back import give_back
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.offline import give_back_owed
from app.domain.ledger.postings import Origin
from app.domain.ledger.purchase_states import LineState, PurchaseState, Uses, UseState
from app.domain.ledger.recording import Chained, plan_nobodys, record
from app.domain.ledger.tiers import end_windows, keep_path, take_back
from app.domain.program import Debt, Program, Wallet
from app.domain.rejections import Fault, Rejected, Rejection

__all__ = [
    "LineBack",
    "LineState",
    "PurchaseState",
    "ReturnPlan",
    "UseState",
    "Uses",
    "plan_return",
    "quantities",
]


@dataclass(frozen=True, slots=True)
class LineBack:
    id: str
    qty_milli: int
    refund: int
    taken_back: Mapping[str, int]
    given_back: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReturnPlan:
    """`expired_again` went back to lots that had ended meanwhile; `clamped` is what a wallet without debt could not
    give.
    """

    chained: Chained
    lines: tuple[LineBack, ...]
    taken_back: Mapping[str, int]
    given_back: Mapping[str, int]
    expired_again: Mapping[str, int]
    clamped: Mapping[str, int]
    freed: tuple[tuple[str, str, int], ...] = ()  # (name, period, units below 0) for the program's counters.
    coupons: tuple[str, ...] = ()  # Codes whose use is given back.
    voided: tuple[str, ...] = ()  # Codes given out that are no longer good (those still unused).
    draws: tuple[DrawRecord, ...] = ()  # Whose prizes went back with this return.
    costs_kept: Mapping[str, int] = field(default_factory=dict)  # Of rewards that stay, once everything is back.

    @property
    def refund(self) -> int:
        return sum(line.refund for line in self.lines)


def quantities(purchase: PurchaseState, asked: Sequence[tuple[str, int]] | None) -> dict[str, int]:
    """Thousandths to bring back by line id; `asked` None is all that is left.

    Raises:
        Rejected: `validation_error` for a line that isn't there or is named twice, `return_exceeds_purchase` for more
        than is left.
    """
    left = {line.id: line.qty_milli - line.returned_milli for line in purchase.lines}
    if asked is None:
        back = {line_id: qty for line_id, qty in left.items() if qty}
        if not back:
            raise Rejected(
                Rejection.RETURN_EXCEEDS_PURCHASE,
                "Everything of this purchase is returned already.",
                facts={"available": []},
            )
        return back
    faults = []
    back = {}
    for place, (line_id, qty) in enumerate(asked):
        if line_id not in left:
            faults.append(Fault(f"/lines/{place}/id", "unknown_line", "must be a line of the purchase"))
        elif line_id in back:
            faults.append(Fault(f"/lines/{place}/id", "duplicate", "must be named once"))
        back[line_id] = qty
    if faults:
        raise Rejected(Rejection.VALIDATION_ERROR, "These lines can't be returned.", faults=tuple(faults))
    if any(qty > left[line_id] for line_id, qty in back.items()):
        raise Rejected(
            Rejection.RETURN_EXCEEDS_PURCHASE,
            "That is more than is left of the purchase.",
            facts={"available": [{"id": line_id, "qty": quantity(left[line_id])} for line_id in back]},
        )
    return back


def plan_return(
    book: Book | None,
    purchase: PurchaseState,
    moment: Moment,
    *,
    back: Mapping[str, int],
    sold_by: Program,
    today: Program,
    origin: Origin,
    used: Collection[str] = (),
) -> ReturnPlan:
    """Post one return and advance the purchase's state. `book` None: nobody's purchase, only money. Needs all lots
    that the purchase made or spent, and of each wallet as many of the first as hold what it brought.

    Args:
        sold_by: the program that decided the purchase, by whose wallets debts are made and full sets convert; units of
            its first one count for the customer's progress.
        today: the program in force, by which the windows of tiers end.
        used: codes that have been used by now, of those that the purchase gave out.
    """
    if book is not None:
        end_windows(today, book, moment.now)
    refunds, progress_units = _advance(purchase, back, default_wallet=sold_by.default_wallet)
    freed = give_back(book, purchase)
    if book is None:
        chained = plan_nobodys(moment, kind=TxKind.RETURN, origin=origin, parent=purchase.tx_id)
        return ReturnPlan(chained, _lines_back(purchase, back, refunds, {}, {}), {}, {}, {}, {}, *freed)
    moves = Moves(book)
    paid_with = dict.fromkeys(wallet for line in purchase.lines for wallet in line.redeemed_units)
    before = {wallet: _posted(purchase, wallet) for wallet in paid_with}
    tx_id = TxId(moment.new_id())
    costs_back = _costs_back(purchase, used)
    given = {line.id: _give_due(line, costs_back) for line in purchase.lines}
    for wallet, already in before.items():
        units = min(_posted(purchase, wallet), purchase.owed(wallet)) - already
        give_back_owed(moves, sold_by, moment, tx_id=tx_id, wallet=wallet, units=units)
    expired_again = {
        wallet: units
        for wallet, already in before.items()
        if (units := _give_back(moves, purchase, moment, wallet=wallet, already=already))
    }
    taken, clamped = _take_back(moves, purchase, sold_by.wallets)
    take_back(
        sold_by,
        book,
        purchase.day,
        paid=sum(refunds.values()),
        purchases=int(purchase.is_all_back),
        units=progress_units,
    )
    keep_path(today, book, moment.now)
    book.memory.tidy(moment.now, today)
    chained = record(
        book, moves, moment, program=sold_by, kind=TxKind.RETURN, tx_id=tx_id, origin=origin, parent=purchase.tx_id
    )
    return ReturnPlan(
        chained,
        _lines_back(purchase, back, refunds, taken, given),
        _by_wallet(taken),
        _by_wallet(given),
        expired_again,
        clamped,
        *freed,
        costs_kept=_costs_kept(purchase, costs_back),
    )


def _advance(purchase: PurchaseState, back: Mapping[str, int], *, default_wallet: str) -> tuple[dict[str, int], int]:
    """Note what comes back on the lines: the money of each, and the units that no longer count for the tier. Those go
    by share, like money: what a wallet without debt keeps doesn't count either.
    """
    refunds: dict[str, int] = {}
    units = 0
    for line in purchase.lines:
        accrued = line.accrued.get(default_wallet, 0)
        units -= line.share(accrued)
        line.returned_milli += back.get(line.id, 0)
        refunds[line.id] = line.share(line.paid) - line.refunded
        line.refunded += refunds[line.id]
        units += line.share(accrued)
    return refunds, units


def _by_wallet(lines: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for units in lines.values():
        for wallet, amount in units.items():
            totals[wallet] = totals.get(wallet, 0) + amount
    return {wallet: amount for wallet, amount in totals.items() if amount}


def _costs_back(purchase: PurchaseState, used: Collection[str]) -> frozenset[CostBack]:
    """Which costs of rewards the purchase gives back by now."""
    if not purchase.is_all_back:
        return frozenset()
    if any(code in used for code in purchase.uses.codes):
        return frozenset({CostBack.WHOLE})
    return frozenset({CostBack.WHOLE, CostBack.UNUSED})


def _costs_kept(purchase: PurchaseState, costs_back: Collection[str]) -> dict[str, int]:
    if not purchase.is_all_back:
        return {}  # Nothing is kept for good yet.
    stay = {
        f"{line.id} {when}": units
        for line in purchase.lines
        for when, units in line.cost_units.items()
        if when not in costs_back
    }
    return _by_wallet(stay)


def _give_due(line: LineState, costs_back: Collection[str]) -> dict[str, int]:
    """What is due to the customer now by wallet, beyond what was posted before; notes it as posted."""
    posted = line.given_back
    due = {
        wallet: line.giveable(wallet, costs_back=costs_back) - posted.get(wallet, 0) for wallet in line.redeemed_units
    }
    for wallet, units in due.items():
        posted[wallet] = posted.get(wallet, 0) + units
    return due


def _posted(purchase: PurchaseState, wallet: str) -> int:
    return sum(line.given_back.get(wallet, 0) for line in purchase.lines)


def _give_back(moves: Moves, purchase: PurchaseState, moment: Moment, *, wallet: str, already: int) -> int:
    """Put units back into the lots they came from, in the order they were spent, once what was owed is back; returns
    what expired again at once.
    """
    lots = moves.book.lots or {}
    owed, posted = purchase.owed(wallet), _posted(purchase, wallet)
    already = max(0, already - owed)
    left = max(0, posted - owed) - already
    expired = 0
    for spent_wallet, lot_id, units in purchase.spent:
        if spent_wallet != wallet:
            continue
        passed_over = min(already, units)
        already -= passed_over
        portion = min(left, units - passed_over)
        if portion:
            lot = lots[lot_id]
            moves.credit(lot, portion, against=Account.RETURNED, covers_debt=not lot.has_expired(moment.now))
            expired += moves.expire_if_over(lot, now=moment.now)
            left -= portion
    return expired


def _take_back(
    moves: Moves, purchase: PurchaseState, wallets: Mapping[str, Wallet]
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Out of the purchase's own lots, pending ones first, then other active lots in spending order, then into debt
    where the wallet allows.

    What a wallet without debt can't give stays due: a later return of the same purchase asks for it again.
    """
    book = moves.book
    taken: dict[str, dict[str, int]] = {line.id: {} for line in purchase.lines}
    clamped: dict[str, int] = {}
    for wallet in dict.fromkeys(wallet for line in purchase.lines for wallet in line.accrued):
        due = {line.id: line.share(line.takeable(wallet)) - line.taken_back.get(wallet, 0) for line in purchase.lines}
        total = sum(due.values())
        own = [lot for lot in book.loaded_lots(wallet) if purchase.has_made(lot)]
        own.sort(key=lambda lot: not lot.is_pending)
        got = moves.spend(wallet, total, against=Account.RETURNED, lots=own)
        got += moves.spend(wallet, total - got, against=Account.RETURNED)
        if got < total and wallets[wallet].debt is Debt.ALLOW:
            moves.owe(wallet, total - got, against=Account.RETURNED)
            got = total
        if got < total:
            clamped[wallet] = total - got
        for line in purchase.lines:
            part = min(got, due[line.id])
            got -= part
            if part:
                taken[line.id][wallet] = part
                line.taken_back[wallet] = line.taken_back.get(wallet, 0) + part
    return taken, clamped


def _lines_back(
    purchase: PurchaseState,
    back: Mapping[str, int],
    refunds: Mapping[str, int],
    taken: Mapping[str, Mapping[str, int]],
    given: Mapping[str, Mapping[str, int]],
) -> tuple[LineBack, ...]:
    return tuple(
        LineBack(
            id=line.id,
            qty_milli=back[line.id],
            refund=refunds[line.id],
            taken_back=taken.get(line.id, {}),
            given_back={wallet: units for wallet, units in given.get(line.id, {}).items() if units},
        )
        for line in purchase.lines
        if line.id in back
    )
