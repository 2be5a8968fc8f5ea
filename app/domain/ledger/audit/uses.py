"""What purchases and acts took of counters: can it be read, and was only given back what came back."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from app.domain.counters import Back, Scope
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.lines import LineRow

_SCOPES: frozenset[str] = frozenset(Scope)
_BACKS: frozenset[str] = frozenset(Back)


class UseRow(NamedTuple):
    """One member of `counts` in the `uses` of a purchase or act."""

    scope: str
    name: str
    period: str
    amount: int
    back: str
    by_line: dict[str, int]
    given_back: int


def read_uses(text: str | None) -> list[UseRow] | None:
    """None where they are something else."""
    if text is None:
        return []
    try:
        uses = [UseRow(**count) for count in orjson.loads(text)["counts"]]
    except (KeyError, TypeError, ValueError):
        return None
    return uses if all(map(_is_sound, uses)) else None


def _is_sound(use: UseRow) -> bool:
    scope, name, period, amount, back, by_line, given_back = use
    return (
        scope in _SCOPES
        and back in _BACKS
        and type(name) is type(period) is str
        and type(amount) is type(given_back) is int
        and type(by_line) is dict
        and all(type(part) is int for part in by_line.values())
    )


def check_uses(
    uses: Sequence[UseRow], lines: Sequence[LineRow], *, is_all_back: bool, tx_id: str, notes: Notes
) -> None:
    """What was given back is the returned share of each line, rounded half-up, or all when everything is back."""
    by_id = {line.id: line for line in lines}
    for use in uses:
        if use.back == Back.SHARE:
            if sum(use.by_line.values()) != use.amount or not use.by_line.keys() <= by_id.keys():
                expected = f"{use.name}: {use.amount} over lines of the purchase"
                notes.add(Check.PURCHASE_USES, tx_id, expected=expected, found=use.by_line)
                continue
            due = sum([by_id[line_id].share(part) for line_id, part in use.by_line.items()])
        else:
            due = use.amount if use.back == Back.WHOLE and is_all_back else 0
        if use.given_back != due:
            notes.add(Check.PURCHASE_USES, tx_id, expected=f"{use.name}: {due} given back", found=use.given_back)
