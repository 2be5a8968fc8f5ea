"""Books as they should be, and what a forger may do to them: each with the checks that must name it, and no others."""

from collections.abc import Callable
from datetime import timedelta

from app.domain.ledger.audit import Check, LotRow
from app.domain.ledger.plans import plan_adjust, plan_redeem
from app.domain.ledger.postings import Origin
from tests.domain.ledger.papers import PROGRAM, Papers, papers_of
from tests.domain.ledger.shop import START, Shop

DAY = timedelta(days=1)

# Places of the postings below.
FIRST, SPENDING, BACK, GIFT, ADJUSTED, ACTIVATED, LAST = 0, 2, 3, 4, 5, 6, 7


def visits() -> Papers:
    """A purchase; one that redeems, half of which comes back; a gift, a correction, time passing, one more purchase."""
    shop = Shop(activate_after_days=10, expire_after_days=100)
    first = shop.buy(accrue=50)
    shop.pass_days(10)
    spending = shop.buy(accrue=10, redeem=20, qty=2)
    shop.bring_back(spending, 1000)
    shop.postings.append(
        plan_redeem(shop.book, shop.program, shop.moment(), wallet="points", units=5, origin=Origin(receipt="g"))
    )
    correction = plan_adjust(shop.book, shop.program, shop.moment(), wallet="points", units=-3, origin=Origin())
    shop.postings.append(correction)
    shop.pass_days(10)
    last = shop.buy(accrue=7)
    return papers_of(shop, [first, spending, last])


def indebted() -> Papers:
    """Points spent before their purchase came back: 10 owed, then 4 of them covered."""
    shop = Shop()
    bought = shop.buy(accrue=10)
    spent = shop.buy(redeem=10)
    shop.bring_back(bought)
    last = shop.buy(accrue=4)
    return papers_of(shop, [bought, spent, last])


Forge = Callable[[Papers], object]
FORGERIES: dict[str, tuple[Forge, set[Check]]] = {
    "an amount": (
        lambda p: p.forge_entry(SPENDING, 0, amount=-21),
        {Check.TX_HASH, Check.ENTRY_SUM, Check.LOT_REMAINING, Check.CUSTOMER_BALANCE, Check.PURCHASE_ANSWER},
    ),
    "both sides of an amount": (
        lambda p: p.forge_amounts(GIFT, 6),
        {Check.TX_HASH, Check.LOT_REMAINING, Check.CUSTOMER_BALANCE, Check.PURCHASE_ANSWER},
    ),
    "an entry's number": (lambda p: p.forge_entry(GIFT, 1, seq=3), {Check.TX_HASH, Check.ENTRY_ORDER}),
    "an entry's account": (
        lambda p: p.forge_entry(GIFT, 1, account="program:expired"),
        {Check.TX_HASH, Check.ENTRY_ACCOUNT},
    ),
    "an account nobody knows": (
        lambda p: p.forge_entry(GIFT, 1, account="program:mine"),
        {Check.TX_HASH, Check.ENTRY_ACCOUNT},
    ),
    "an entry's rule": (lambda p: p.forge_entry(FIRST, 0, rule="other"), {Check.TX_HASH}),
    "an entry's lot": (
        lambda p: p.forge_entry(GIFT, 0, lot_id=p.lots[2].lot_id),
        {
            Check.TX_HASH, Check.LOT_NEGATIVE, Check.LOT_REMAINING, Check.LOT_PENDING, Check.LOT_TX, Check.LOT_DATES,
        },
    ),
    "an entry of somebody else's lot": (
        lambda p: p.forge_entry(GIFT, 0, lot_id="00000000-0000-0000-0000-0000000000ff"),
        {Check.TX_HASH, Check.ENTRY_LOT, Check.LOT_REMAINING},
    ),
    "an entry without its lot": (
        lambda p: p.forge_entry(GIFT, 0, lot_id=None),
        {Check.TX_HASH, Check.LOT_REMAINING, Check.DEBT},
    ),
    "a lot on the program's side": (
        lambda p: p.forge_entry(GIFT, 1, lot_id=p.lots[0].lot_id),
        {Check.TX_HASH, Check.ENTRY_LOT},
    ),
    "a time": (lambda p: p.forge_tx(GIFT, at=p.txs[GIFT].at + DAY), {Check.TX_HASH}),
    "a purchase's time": (
        lambda p: p.forge_tx(FIRST, at=p.txs[FIRST].at + DAY),
        {Check.TX_HASH, Check.PURCHASE_FACTS, Check.LOT_DATES},
    ),
    "a receipt": (lambda p: p.forge_tx(GIFT, receipt="x"), {Check.TX_HASH}),
    "a key": (lambda p: p.forge_tx(GIFT, idempotency_key=None), {Check.TX_HASH}),
    "a hash": (lambda p: p.forge_tx(GIFT, hash=bytes(32)), {Check.TX_HASH}),
    "the last hash": (lambda p: p.forge_tx(LAST, hash=bytes(32)), {Check.TX_HASH, Check.CUSTOMER_HEAD}),
    "a parent": (
        lambda p: p.forge_tx(BACK, parent_tx=p.txs[FIRST].tx_id),
        {Check.TX_HASH, Check.PURCHASE_TAKEN_BACK, Check.PURCHASE_GIVEN_BACK},
    ),
    "a program that isn't there": (lambda p: p.forge_tx(GIFT, program=9), {Check.TX_HASH, Check.TX_PROGRAM}),
    "a program nobody can read": (
        lambda p: p.terms.update({PROGRAM: None}),
        {Check.TX_PROGRAM, Check.CUSTOMER_UNITS},
    ),
    "a version": (
        lambda p: p.forge_tx(LAST, version=9),
        {Check.TX_HASH, Check.TX_VERSION, Check.CUSTOMER_VERSION, Check.PURCHASE_ANSWER},
    ),
    "when it was posted": (
        lambda p: p.forge_tx(GIFT, created_at=p.txs[GIFT].created_at - DAY * 30),
        {Check.TX_TIME},
    ),
    "a transaction taken out": (
        lambda p: p.txs.pop(GIFT),
        {Check.TX_HASH, Check.TX_VERSION, Check.LOT_REMAINING, Check.CUSTOMER_BALANCE, Check.PURCHASE_ANSWER},
    ),
    "a transaction put in twice": (
        lambda p: p.txs.insert(GIFT, p.txs[GIFT]),
        {Check.TX_HASH, Check.TX_VERSION, Check.LOT_REMAINING, Check.CUSTOMER_BALANCE, Check.PURCHASE_ANSWER},
    ),
    "the stored version": (lambda p: p.forge_row(version=9), {Check.CUSTOMER_VERSION}),
    "the stored head": (lambda p: p.forge_row(head=bytes(32)), {Check.CUSTOMER_HEAD}),
    "the stored time": (lambda p: p.forge_row(updated_at=START), {Check.CUSTOMER_UPDATED}),
    "available": (lambda p: p.forge_purse(available=99), {Check.CUSTOMER_BALANCE}),
    "pending": (lambda p: p.forge_purse(pending=99), {Check.CUSTOMER_BALANCE}),
    "held": (lambda p: p.forge_purse(held=1), {Check.CUSTOMER_BALANCE}),
    "the floor": (lambda p: p.forge_purse(floor=-1), {Check.CUSTOMER_FLOOR}),
    "balances that are none": (lambda p: p.forge_row(balances='{"points": 7}'), {Check.CUSTOMER_BALANCE}),
    "money paid": (lambda p: p.forge_row(paid=1), {Check.CUSTOMER_PAID}),
    "purchases counted": (lambda p: p.forge_row(purchases=9), {Check.CUSTOMER_PURCHASES}),
    "units counted": (lambda p: p.forge_row(units=9), {Check.CUSTOMER_UNITS}),
    "the last purchase": (lambda p: p.forge_row(last_purchase_at=START), {Check.CUSTOMER_LAST_PURCHASE}),
    "a due time too late": (lambda p: p.forge_row(due_at=START + 400 * DAY), {Check.CUSTOMER_DUE}),
    "no due time": (lambda p: p.forge_row(due_at=None), {Check.CUSTOMER_DUE}),
    "what is left of a lot": (lambda p: p.forge_lot(0, remaining=1), {Check.LOT_REMAINING}),
    "a lot's flag": (lambda p: p.forge_lot(2, is_pending=False), {Check.LOT_PENDING}),
    "a lot's maker": (lambda p: p.forge_lot(0, tx_id=p.txs[SPENDING].tx_id), {Check.LOT_TX}),
    "a lot's activation": (lambda p: p.forge_lot(0, active_at=START), {Check.LOT_DATES}),
    "a lot's expiry": (lambda p: p.forge_lot(0, expires_at=START + 1000 * DAY), {Check.LOT_DATES}),
    "a lot that never ends": (lambda p: p.forge_lot(0, expires_at=None), {Check.LOT_DATES}),
    "a lot's wallet": (lambda p: p.forge_lot(0, wallet="stamps"), {Check.ENTRY_LOT, Check.LOT_DATES}),
    "a lot taken out": (lambda p: p.lots.pop(0), {Check.ENTRY_LOT}),
    "a lot made of nothing": (
        lambda p: p.lots.append(LotRow("00", "points", p.txs[FIRST].tx_id, 5, START, None, is_pending=False)),
        {Check.LOT_REMAINING},
    ),
    "a purchase taken out": (
        lambda p: p.forge_tx(LAST, purchase=None),
        {
            Check.PURCHASE_MISSING, Check.CUSTOMER_PAID, Check.CUSTOMER_PURCHASES, Check.CUSTOMER_UNITS,
            Check.CUSTOMER_LAST_PURCHASE,
        },
    ),
    "a purchase's shop": (lambda p: p.forge_purchase(FIRST, shop="S2"), {Check.PURCHASE_FACTS}),
    "a purchase's flag": (lambda p: p.forge_purchase(FIRST, is_all_back=True), {Check.PURCHASE_ALL_BACK}),
    "lines that are none": (
        lambda p: p.forge_purchase(FIRST, lines='{"id": "1"}'),
        {Check.PURCHASE_LINES, Check.CUSTOMER_PAID, Check.CUSTOMER_PURCHASES, Check.CUSTOMER_UNITS},
    ),
    "units a line accrued": (
        lambda p: p.forge_line(FIRST, accrued={"points": 51}),
        {Check.PURCHASE_ACCRUED, Check.PURCHASE_ANSWER, Check.CUSTOMER_UNITS},
    ),
    "units a line redeemed": (
        lambda p: p.forge_line(FIRST, redeemed_units={"points": 1}),
        {Check.PURCHASE_REDEEMED},
    ),
    "money a line cost": (lambda p: p.forge_line(FIRST, paid=1), {Check.PURCHASE_ANSWER, Check.CUSTOMER_PAID}),
    "a line's quantity": (lambda p: p.forge_line(FIRST, qty_milli=2000), {Check.PURCHASE_ANSWER}),
    "a share that was not returned": (
        lambda p: p.forge_line(SPENDING, returned_milli=500),
        {Check.PURCHASE_SHARES, Check.CUSTOMER_UNITS},
    ),
    "more returned than bought": (
        lambda p: p.forge_line(SPENDING, returned_milli=3000),
        {Check.PURCHASE_LINES, Check.PURCHASE_SHARES, Check.CUSTOMER_UNITS},
    ),
    "money refunded": (
        lambda p: p.forge_line(SPENDING, refunded=1),
        {Check.PURCHASE_SHARES, Check.CUSTOMER_PAID},
    ),
    "units taken back": (
        lambda p: p.forge_line(SPENDING, taken_back={"points": 4}),
        {Check.PURCHASE_SHARES, Check.PURCHASE_TAKEN_BACK},
    ),
    "units given back": (
        lambda p: p.forge_line(SPENDING, given_back={"points": 21}),
        {Check.PURCHASE_LINES, Check.PURCHASE_SHARES, Check.PURCHASE_GIVEN_BACK},
    ),
    "the balance that was told": (
        lambda p: p.forge_answer(FIRST, balances={"points": {"available": 50, "pending": 0, "held": 0}}),
        {Check.PURCHASE_ANSWER},
    ),
    "the version that was told": (lambda p: p.forge_answer(FIRST, version=2), {Check.PURCHASE_ANSWER}),
    "an answer that is none": (lambda p: p.forge_purchase(FIRST, answer=b"[1]"), {Check.PURCHASE_ANSWER}),
}  # fmt: skip
