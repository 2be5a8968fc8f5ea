"""A decision becomes one balanced posting, and so does whatever else moves points but a return (returns.py)
and a hold (holds.py).

`moment.now` is the database's clock: it rules what is spendable, what has expired, limits and tiers. `moment.at` is the
time of the deal: it dates the lots. Lots are needed by what spends (a redemption, a cost, a correction downwards) and
by every plan where the program has a converting wallet (recording.py).
"""

from app.domain.decision import Decision
from app.domain.identifiers import TxId
from app.domain.ledger.arrivals import arrivals_of, credit_new_lot
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.offline import spend_or_owe
from app.domain.ledger.passing import bring_up_to_date
from app.domain.ledger.postings import Origin
from app.domain.ledger.quoting import balances_after
from app.domain.ledger.recording import Chained, plan_nobodys, record
from app.domain.ledger.taking import count_uses, need_available
from app.domain.ledger.terms import LotTerms, wallet_terms
from app.domain.ledger.tiers import count_purchase
from app.domain.program import Program

__all__ = [
    "Chained",
    "Moment",
    "balances_after",
    "bring_up_to_date",
    "plan_adjust",
    "plan_event",
    "plan_load",
    "plan_nobodys",
    "plan_purchase",
    "plan_redeem",
    "record",
]


def plan_purchase(
    book: Book, program: Program, decision: Decision, moment: Moment, *, origin: Origin, may_owe: bool = False
) -> Chained:
    """Redemption and costs out of lots, accruals into new ones; the customer's counters, slips, windows and tier.

    may_owe: the units were taken without connection; those that are not there become a debt.
    """
    moves, tx_id = _carry_out(book, program, decision, moment, may_owe=may_owe)
    progress = book.progress
    book.bought_at.append(moment.at)
    if progress.last_purchase_at is None or progress.last_purchase_at < moment.at:
        progress.last_purchase_at = moment.at
    accrued = decision.accrued.get(program.default_wallet, 0)
    count_purchase(program, book, moment.now, paid=decision.paid, units=accrued)
    book.memory.tidy(moment.now, program)
    return record(book, moves, moment, program=program, kind=TxKind.PURCHASE, tx_id=tx_id, origin=origin)


def plan_event(book: Book, program: Program, decision: Decision, moment: Moment, *, origin: Origin) -> Chained:
    """What another act than a purchase brings: posted like a purchase, but it counts for no tier and is no purchase."""
    moves, tx_id = _carry_out(book, program, decision, moment)
    book.memory.tidy(moment.now, program)
    return record(book, moves, moment, program=program, kind=TxKind.EVENT, tx_id=tx_id, origin=origin)


def plan_load(
    book: Book,
    program: Program,
    moment: Moment,
    *,
    wallet: str,
    units: int,
    expire_after_days: int | None,
    origin: Origin,
) -> Chained:
    """Put units on a gift card, as a lot of the wallet's terms; `expire_after_days` is the card's own, None: it has
    none. Entries of a load name no rule.
    """
    terms = wallet_terms(program.wallets[wallet])
    if expire_after_days is not None:
        terms = terms._replace(expire_after_days=expire_after_days)
    return _bring(book, program, moment, kind=TxKind.EVENT, wallet=wallet, units=units, terms=terms, origin=origin)


def plan_redeem(book: Book, program: Program, moment: Moment, *, wallet: str, units: int, origin: Origin) -> Chained:
    """Spend points with no basket.

    Raises:
        Rejected: `insufficient_points`.
    """
    need_available(book, wallet, units)
    moves = Moves(book)
    _spend_all(moves, wallet, units)
    tx_id = TxId(moment.new_id())
    return record(book, moves, moment, program=program, kind=TxKind.REDEEM, tx_id=tx_id, origin=origin)


def plan_adjust(book: Book, program: Program, moment: Moment, *, wallet: str, units: int, origin: Origin) -> Chained:
    """Add units as a lot of the wallet's terms, or take them out of the lots.

    Raises:
        Rejected: `insufficient_points` - a correction never makes a debt.
    """
    if units >= 0:
        terms = wallet_terms(program.wallets[wallet])
        return _bring(book, program, moment, kind=TxKind.ADJUST, wallet=wallet, units=units, terms=terms, origin=origin)
    need_available(book, wallet, -units)
    moves = Moves(book)
    _spend_all(moves, wallet, -units, against=Account.ADJUSTED)
    tx_id = TxId(moment.new_id())
    return record(book, moves, moment, program=program, kind=TxKind.ADJUST, tx_id=tx_id, origin=origin)


def _carry_out(
    book: Book, program: Program, decision: Decision, moment: Moment, *, may_owe: bool = False
) -> tuple[Moves, TxId]:
    moves, spend = Moves(book), spend_or_owe if may_owe else _spend_all
    for wallet, units in decision.redeemed_units.items():
        spend(moves, wallet, units)
    tx_id = TxId(moment.new_id())
    for wallet, terms, by_rule in arrivals_of(decision, program):
        credit_new_lot(
            moves,
            program,
            moment,
            tx_id=tx_id,
            wallet=wallet,
            terms=terms,
            by_rule=by_rule,
            against=Account.ISSUED,
        )
    count_uses(book.memory, decision)
    return moves, tx_id


def _bring(
    book: Book,
    program: Program,
    moment: Moment,
    *,
    kind: TxKind,
    wallet: str,
    units: int,
    terms: LotTerms,
    origin: Origin,
) -> Chained:
    moves, tx_id = Moves(book), TxId(moment.new_id())
    against = Account.ADJUSTED if kind is TxKind.ADJUST else Account.ISSUED
    credit_new_lot(
        moves, program, moment, tx_id=tx_id, wallet=wallet, terms=terms, by_rule={None: units}, against=against
    )
    return record(book, moves, moment, program=program, kind=kind, tx_id=tx_id, origin=origin)


def _spend_all(moves: Moves, wallet: str, units: int, *, against: Account = Account.REDEEMED) -> None:
    taken = moves.spend(wallet, units, against=against)
    if taken != units:
        raise RuntimeError(
            f"the lots of customer {moves.book.customer_id} hold {taken} of {units} available units of {wallet}"
        )
