"""Books of a program that uses the whole ledger, and what a forger may do to them: rules' own terms, conversions,
counters, slips, windows, acts, a gift card's load.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import orjson

from app.domain.counters import Back, Scope, Use
from app.domain.draws.records import DrawRecord
from app.domain.ledger.audit import ActRow, Check
from app.domain.ledger.plans import plan_load
from app.domain.ledger.postings import Origin
from app.domain.program import Algorithm
from tests.domain.ledger.papers import Papers, papers_of
from tests.domain.ledger.shop import START, Shop

DAY = timedelta(days=1)
PROGRAM = {
    "wallets": {
        "points": {"value": 100, "expire_after_days": 300, "expire_round": "month"},
        "stamps": {"value": 0, "convert": {"every": 10, "into": "points", "units": 100}},
    },
    "tier_policy": {"window": "year", "down": "end_of_window"},
    "rules": [{"id": "short", "kind": "bonus", "give": {"units": 1, "expire_after_days": 50}}],
}
MINE = Use(Scope.CUSTOMER, "rule/x/max", "2026-03", 8, Back.SHARE, {"1": 8})
TIMES = Use(Scope.CUSTOMER, "rule/x/uses", "", 1, Back.WHOLE)
BUDGET = Use(Scope.PROGRAM, "rule/x/budget", "", 6, Back.SHARE, {"1": 6})
DAILY = Use(Scope.PROGRAM, "cap/c", "2026-03-01", 3, Back.SHARE, {"1": 3})
DRAW = DrawRecord(
    rule="lucky", algorithm=Algorithm.INDEPENDENT, day=date(2026, 3, 1), ticket="01", choice="02", state={},
    numerator=1, denominator=2, drew="p", prize="p", wallet="points", units=30,
)  # fmt: skip

# Places of the postings below.
FIRST, HALF, WON, LOST, ACT, LOAD, FULL = range(7)


def rule_books() -> Papers:
    """A purchase with uses, half of which comes back; a prize that comes back whole; an act; a load; a full set."""
    shop = Shop(program=PROGRAM)
    shop.card_days = 7
    first = shop.sell(
        gives={("short", "points"): 5, ("s", "stamps"): 4}, qty=2, paid=1000, uses=[MINE, TIMES, BUDGET, DAILY]
    )
    shop.bring_back(first, 1000)
    won = shop.sell(gives={("lucky", "points"): 30}, paid=500, draws=[DRAW], uses=[TIMES])
    shop.bring_back(won)
    shop.act(gives={("short", "points"): 2}, uses=[MINE._replace(back=Back.NEVER, by_line={}), BUDGET])
    load = plan_load(
        shop.book, shop.program, shop.moment(), wallet="points", units=9, expire_after_days=7, origin=Origin()
    )
    shop.postings.append(load)
    full = shop.sell(gives={("s", "stamps"): 11}, paid=700)
    return papers_of(shop, [first, won, full])


def _memory(papers: Papers, change: Callable[[dict[str, Any]], object]) -> None:
    memory = orjson.loads(papers.row.memory)
    change(memory)
    papers.forge_row(memory=orjson.dumps(memory).decode())


def _uses(papers: Papers, place: int, number: int, **members: Any) -> None:
    purchase = papers.txs[place].purchase
    assert purchase is not None
    assert purchase.uses is not None
    uses = orjson.loads(purchase.uses)
    uses["counts"][number] |= members
    papers.forge_purchase(place, uses=orjson.dumps(uses).decode())


def _lot(papers: Papers, place: int) -> int:
    """The place of the lot that a posting has made last."""
    tx_id = papers.txs[place].tx_id
    return max(number for number, lot in enumerate(papers.lots) if lot.tx_id == tx_id)


def _amounts(papers: Papers, place: int, changes: dict[tuple[str, int], int]) -> None:
    """Other amounts for entries, by wallet and amount."""
    entries = papers.txs[place].entries
    changed = [entry._replace(amount=changes.get((entry.wallet, entry.amount), entry.amount)) for entry in entries]
    papers.forge_tx(place, entries=changed)


_CHAIN = {Check.TX_HASH}
FORGERIES: dict[str, tuple[Callable[[Papers], object], set[Check]]] = {
    "a rule's lot that lives as long as the wallet's": (
        lambda p: p.forge_lot(_lot(p, ACT), expires_at=START + 300 * DAY),
        {Check.LOT_DATES},
    ),
    "a rule's lot that ends when its days do": (
        lambda p: p.forge_lot(_lot(p, ACT), expires_at=START + 50 * DAY),
        {Check.LOT_DATES},
    ),
    "a rule that has other terms": (
        lambda p: p.forge_entry(ACT, 0, rule="base"),
        _CHAIN | {Check.LOT_DATES},
    ),
    "a load's term": (
        lambda p: p.forge_row(expire_after_days=None),
        {Check.LOT_DATES},
    ),
    "a load's end": (lambda p: p.forge_lot(_lot(p, LOAD), expires_at=None), {Check.LOT_DATES}),
    "the end of what was converted": (lambda p: p.forge_lot(_lot(p, FULL), expires_at=None), {Check.LOT_DATES}),
    "half a set": (
        lambda p: _amounts(p, FULL, {("stamps", 10): 9, ("stamps", -8): -7}),
        _CHAIN | {
            Check.CONVERSION, Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER,
        },
    ),
    "more than a set becomes": (
        lambda p: _amounts(p, FULL, {("points", 100): 200, ("points", -100): -200}),
        _CHAIN | {Check.CONVERSION, Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER},
    ),
    "a set that wasn't converted": (
        lambda p: p.forge_tx(FULL, entries=[
            entry._replace(seq=place) for place, entry in enumerate(
                [each for each in p.txs[FULL].entries if each.rule or each.account == "program:issued"], start=1
            )
        ]),
        _CHAIN | {Check.CONVERSION, Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER},
    ),
    "a customer's counter": (
        lambda p: _memory(p, lambda m: m["counts"]["rule/x/max"].__setitem__(1, 1)),
        {Check.CUSTOMER_COUNTER},
    ),
    "a customer's counter taken out": (
        lambda p: _memory(p, lambda m: m["counts"].pop("rule/x/max")),
        {Check.CUSTOMER_COUNTER},
    ),
    "a counter's period": (
        lambda p: _memory(p, lambda m: m["counts"]["rule/x/max"].__setitem__(0, "2026-02")),
        {Check.CUSTOMER_COUNTER},
    ),
    "a counter of nothing": (
        lambda p: _memory(p, lambda m: m["counts"].update({"rule/y/max": ["", 5]})),
        {Check.CUSTOMER_COUNTER},
    ),
    "a memory that is none": (lambda p: p.forge_row(memory='{"counts": 5}'), {Check.CUSTOMER_MEMORY}),
    "a hold that ends never or ever": (
        lambda p: _memory(p, lambda m: m.update({"tier_until": "soon"})),
        {Check.CUSTOMER_MEMORY},
    ),
    "a slip taken out": (lambda p: _memory(p, lambda m: m.pop("slips")), {Check.CUSTOMER_SLIPS}),
    "a slip's ticket": (
        lambda p: _memory(p, lambda m: m["slips"]["lucky"][0].__setitem__(2, "ff")),
        {Check.CUSTOMER_SLIPS},
    ),
    "a slip for nothing": (
        lambda p: _memory(p, lambda m: m["slips"].update({"other": m["slips"]["lucky"]})),
        {Check.CUSTOMER_SLIPS},
    ),
    "a kept prize": (
        lambda p: _memory(p, lambda m: m["slips"]["lucky"][0].__setitem__(5, True)),
        {Check.CUSTOMER_SLIPS},
    ),
    "a year's measure": (
        lambda p: _memory(p, lambda m: m["years"]["2026"].__setitem__(0, 9_999)),
        {Check.CUSTOMER_WINDOW},
    ),
    "a year taken out": (lambda p: _memory(p, lambda m: m.pop("years")), {Check.CUSTOMER_WINDOW}),
    "the day of a purchase": (
        lambda p: p.forge_purchase(FULL, day=date(2025, 3, 1)),
        {Check.CUSTOMER_WINDOW},
    ),
    "uses that are none": (
        lambda p: p.forge_purchase(FIRST, uses='{"counts": [5]}'),
        {Check.PURCHASE_USES, Check.CUSTOMER_COUNTER, Check.PROGRAM_COUNTER},
    ),
    "what an act took": (
        lambda p: p.forge_tx(ACT, act=ActRow(uses=None)),
        {Check.CUSTOMER_COUNTER, Check.PROGRAM_COUNTER},
    ),
    "more given back than came back": (
        lambda p: _uses(p, FIRST, 0, given_back=8),
        {Check.PURCHASE_USES, Check.CUSTOMER_COUNTER},
    ),
    "a use given back before the whole": (
        lambda p: _uses(p, FIRST, 1, given_back=1),
        {Check.PURCHASE_USES, Check.CUSTOMER_COUNTER},
    ),
    "a use kept after the whole": (
        lambda p: _uses(p, WON, 0, given_back=0),
        {Check.PURCHASE_USES, Check.CUSTOMER_COUNTER},
    ),
    "an amount that isn't its lines'": (
        lambda p: _uses(p, FIRST, 2, amount=7),
        {Check.PURCHASE_USES, Check.PROGRAM_COUNTER},
    ),
    "draws that are none": (
        lambda p: p.forge_purchase(WON, draws="[1]"),
        {Check.PURCHASE_DRAWS, Check.CUSTOMER_SLIPS},
    ),
    "the program's counter": (
        lambda p: p.counters.__setitem__(0, p.counters[0]._replace(used=1)),
        {Check.PROGRAM_COUNTER},
    ),
    "the program's counter taken out": (lambda p: p.counters.clear(), {Check.PROGRAM_COUNTER}),
    "the program's counter in another period": (
        lambda p: p.counters.__setitem__(1, p.counters[1]._replace(period="2026-02-28")),
        {Check.PROGRAM_COUNTER},
    ),
    "units that a line keeps": (
        lambda p: p.forge_line(FIRST, kept={"points": 9}),
        {Check.PURCHASE_LINES, Check.PURCHASE_SHARES},
    ),
}  # fmt: skip
