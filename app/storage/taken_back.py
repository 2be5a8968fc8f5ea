"""What a purchase keeps for its returns and for whoever checks its draws, as JSON."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson

from app.domain.counters import Back, Scope
from app.domain.draws.records import DrawRecord
from app.domain.ledger.returns import LineState, Uses, UseState
from app.domain.program import Algorithm


def lines_to_json(lines: Sequence[LineState]) -> str:
    """One object a line. `kept` and `cost_units` are left out where there is nothing: the release before reads no lines
    that have them, and its processes post returns while others are upgraded.
    """
    return orjson.dumps([_line(line) for line in lines]).decode()


def _line(line: LineState) -> dict[str, object]:
    document: dict[str, object] = {
        "id": line.id,
        "qty_milli": line.qty_milli,
        "paid": line.paid,
        "accrued": line.accrued,
        "redeemed_units": line.redeemed_units,
    }
    if line.kept:
        document["kept"] = line.kept
    if line.cost_units:
        document["cost_units"] = line.cost_units
    document["returned_milli"] = line.returned_milli
    document["refunded"] = line.refunded
    document["taken_back"] = line.taken_back
    document["given_back"] = line.given_back
    return document


def lines_from_json(text: str) -> list[LineState]:
    return [LineState(**line) for line in orjson.loads(text)]


def uses_to_json(uses: Uses) -> str | None:
    """`{"counts": [...], "coupons": [...], "codes": [...]}`; None where nothing was taken."""
    if not (uses.counts or uses.coupons or uses.codes):
        return None
    return orjson.dumps(uses).decode()


def uses_from_json(text: str | None) -> Uses:
    if text is None:
        return Uses()
    stored = orjson.loads(text)
    return Uses(
        counts=[_use(count) for count in stored["counts"]],
        coupons=tuple(stored["coupons"]),
        codes=tuple(stored["codes"]),
    )


def draws_to_json(draws: Sequence[DrawRecord]) -> str | None:
    """One object a draw; None where nothing was drawn."""
    return orjson.dumps(draws).decode() if draws else None


def draws_from_json(text: str | None) -> tuple[DrawRecord, ...]:
    return () if text is None else tuple(draw_of(draw) for draw in orjson.loads(text))


def draw_of(stored: Mapping[str, Any]) -> DrawRecord:
    """One record as it was stored."""
    return DrawRecord(
        **{**stored, "algorithm": Algorithm(stored["algorithm"]), "day": date.fromisoformat(stored["day"])}
    )


def _use(stored: Mapping[str, Any]) -> UseState:
    return UseState(**{**stored, "scope": Scope(stored["scope"]), "back": Back(stored["back"])})
