"""What the till was told of a purchase: the stored answer against the lines, the posting and the balances it left."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.domain.amounts import MILLI
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.lines import LineRow
from app.domain.ledger.audit.purses import PurseState
from app.domain.ledger.audit.rows import TxRow
from app.domain.ledger.chart import TxKind


def check_answer(
    tx: TxRow, answer: bytes, *, lines: Sequence[LineRow], purses: Mapping[str, PurseState], notes: Notes
) -> None:
    """`purses` are those that the posting left behind. A capture's purchase has the id of its hold."""
    purchase_id = tx.parent_tx if tx.kind == TxKind.CAPTURE else tx.tx_id
    try:
        told: dict[str, Any] = orjson.loads(answer)
        facts = [
            ("posting", (purchase_id, tx.tx_id, tx.version), (told["id"], told["tx_id"], told["version"])),
            ("customer", notes.customer, told["customer"]["id"] if told["customer"] else None),
            ("paid", sum(line.paid for line in lines), told["totals"]["paid"]),
            *(_line_facts(line, each) for line, each in zip(lines, told["lines"], strict=True)),
            *(_balance_facts(purses, wallet, each) for wallet, each in told["balances"].items()),
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        notes.add(Check.PURCHASE_ANSWER, tx.tx_id, expected="the answer of a purchase", found="something else")
        return
    for name, posted, said in facts:
        if posted != said:
            notes.add(Check.PURCHASE_ANSWER, tx.tx_id, expected=f"{name}: {posted}", found=said)


def _line_facts(line: LineRow, told: dict[str, Any]) -> tuple[str, object, object]:
    accrued, pairs = told["accrued"], told["prices"]
    if 0 in accrued.values():
        accrued = {wallet: units for wallet, units in accrued.items() if units}
    qty_milli = _milli(pairs[0]["qty"]) if len(pairs) == 1 else sum([_milli(pair["qty"]) for pair in pairs])
    return (
        line.id,
        (line.id, line.qty_milli, line.paid, line.accrued),
        (told["id"], qty_milli, told["paid"], accrued),
    )


def _milli(quantity: int | str) -> int:
    """Thousandths of a quantity as answers write it: an integer, or a decimal string."""
    if isinstance(quantity, int):
        return quantity * MILLI
    whole, _, rest = quantity.partition(".")
    return int(whole) * MILLI + int(rest.ljust(3, "0"))


def _balance_facts(purses: Mapping[str, PurseState], wallet: str, told: dict[str, int]) -> tuple[str, object, object]:
    purse = purses.get(wallet)
    left = [0, 0, 0] if purse is None else purse.units
    return wallet, left, [told["available"], told["pending"], told["held"]]
