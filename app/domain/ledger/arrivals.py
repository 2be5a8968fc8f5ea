"""Units that arrive in wallets: one lot for what becomes active and expires by the same terms."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.decision import Decision
from app.domain.identifiers import LotId, TxId
from app.domain.ledger.chart import Account
from app.domain.ledger.lots import Lot
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.terms import LotTerms, dates_of, terms_of
from app.domain.program import Program


class Arrival(NamedTuple):
    """What becomes one lot; `by_rule` are units, in the order in which the lines got them."""

    wallet: str
    terms: LotTerms
    by_rule: Mapping[str, int]


def arrivals_of(decision: Decision, program: Program) -> list[Arrival]:
    """All that a decision gives, in the order in which it is posted."""
    by_rule: dict[str, dict[str, int]] = {wallet: {} for wallet in decision.accrued}
    for line in decision.lines:
        for part in line.parts:
            wallet = part.wallet
            if wallet is not None and part.units:
                units = by_rule[wallet]
                units[part.rule] = units.get(part.rule, 0) + part.units
    arrivals = []
    for wallet, rules in by_rule.items():
        groups: dict[LotTerms, dict[str, int]] = {}
        for rule, units_given in rules.items():
            groups.setdefault(terms_of(program, rule, wallet), {})[rule] = units_given
        # What ends first comes first: it is the first to cover a debt, as it is the first to be spent.
        arrivals += [Arrival(wallet, terms, groups[terms]) for terms in sorted(groups, key=_end)]
    return arrivals


def _end(terms: LotTerms) -> tuple[bool, int, int]:
    return terms.expire_after_days is None, terms.expire_after_days or 0, terms.activate_after_days


def credit_new_lot(
    moves: Moves,
    program: Program,
    moment: Moment,
    *,
    tx_id: TxId,
    wallet: str,
    terms: LotTerms,
    by_rule: Mapping[str, int] | Mapping[None, int],
    against: Account,
) -> None:
    """Open a lot by the terms and put units into it; what is over before it has come expires in the same posting."""
    active_at, expires_at = dates_of(terms, now=moment.now, at=moment.at, zone=program.timezone)
    lot = Lot(
        id=LotId(moment.new_id()),
        wallet=wallet,
        tx_id=tx_id,
        remaining=0,
        active_at=active_at,
        expires_at=expires_at,
        is_pending=False,
        is_new=True,
    )
    lot.is_pending = active_at > moment.now or lot.is_born_dead
    for rule, units in by_rule.items():
        moves.credit(lot, units, against=against, rule=rule)
    moves.book.add_lot(lot)
    moves.expire_if_over(lot, now=moment.now)
