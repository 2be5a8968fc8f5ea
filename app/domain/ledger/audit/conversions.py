"""Full sets: what a posting converts are sets of the program, and it leaves none but beyond the most it may convert."""

from collections.abc import Mapping

from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.lots import AVAILABLE
from app.domain.ledger.audit.purses import PurseState
from app.domain.ledger.audit.rows import TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.chart import TxKind

_KNOWN_KINDS: frozenset[str] = frozenset(TxKind)


def check_conversions(
    tx: TxRow,
    converted: Mapping[str, int],
    *,
    purses: Mapping[str, PurseState],
    terms: Mapping[int, Terms | None],
    notes: Notes,
) -> None:
    """`converted` is what the posting moved on `program:converted`, by wallet; `purses` are those it left behind. What
    time has brought names no version: any version's sets will do there.
    """
    if tx.kind not in _KNOWN_KINDS:
        return
    if tx.program is not None:
        program = terms.get(tx.program)
        if program is None:
            return
        _check_none_left(tx, converted, purses, program, notes)
        known = [program]
    else:
        known = [program for program in terms.values() if program is not None]
    if converted and known and not any(_are_sets(converted, program) for program in known):
        notes.add(Check.CONVERSION, tx.tx_id, expected="full sets, and what they become", found=converted)


def _check_none_left(
    tx: TxRow, converted: Mapping[str, int], purses: Mapping[str, PurseState], program: Terms, notes: Notes
) -> None:
    full = [
        (conversion, purse.units[AVAILABLE])
        for conversion in program.conversions
        if (purse := purses.get(conversion.wallet)) is not None and conversion.sets(purse.units[AVAILABLE])
    ]
    if not full:
        return
    sets = _sets_of(converted, program) or {}
    for conversion, left in full:
        if sets.get(conversion.wallet, 0) < conversion.sets_max:
            expected = f"less than {conversion.every} {conversion.wallet} left"
            notes.add(Check.CONVERSION, tx.tx_id, expected=expected, found=left)


def _are_sets(converted: Mapping[str, int], program: Terms) -> bool:
    return _sets_of(converted, program) is not None


def _sets_of(converted: Mapping[str, int], program: Terms) -> dict[str, int] | None:
    """How many sets each wallet gave of what it had and of what came in; None where they weren't whole, were more than
    a posting converts, or something came from nowhere.
    """
    left, made = dict(converted), dict[str, int]()
    for conversion in program.conversions:
        sets, rest = divmod(left.pop(conversion.wallet, 0), conversion.every)
        if not 0 <= sets <= conversion.sets_max or rest:
            return None
        made[conversion.wallet] = sets
        left[conversion.into] = left.get(conversion.into, 0) + sets * conversion.units
    return None if any(left.values()) else made
