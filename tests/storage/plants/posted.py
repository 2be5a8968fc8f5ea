"""Errors in what is only ever appended: entries, transactions, events, claims, answers."""

from app.domain.ledger.audit import Check
from tests.storage.plants.plant import Plant

PLANTS: dict[str, Plant] = {
    # Entries.
    "an amount changed": Plant(
        "update entries set amount = amount - 1 where tx_id = :gift and seq = 1",
        Check.ENTRY_SUM,
        (":anna", ":gift"),
        {Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER, Check.TX_HASH},
    ),
    "an amount changed on both sides": Plant(
        "update entries set amount = amount * 2 where tx_id = :gift",
        Check.TX_HASH,
        (":anna", ":gift"),
        {Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER},
    ),
    "an entry deleted": Plant(
        "delete from entries where tx_id = :gift and seq = 1",
        Check.ENTRY_SUM,
        (":anna", ":gift"),
        {Check.CUSTOMER_BALANCE, Check.ENTRY_ORDER, Check.LOT_REMAINING, Check.PURCHASE_ANSWER, Check.TX_HASH},
    ),
    "an entry in the middle deleted": Plant(
        "delete from entries where tx_id = :first and seq = 2",
        Check.ENTRY_ORDER,
        (":anna", ":first"),
        {Check.CUSTOMER_BALANCE, Check.ENTRY_SUM, Check.LOT_REMAINING, Check.PURCHASE_ANSWER, Check.TX_HASH},
    ),
    "all entries of a transaction deleted": Plant(
        "delete from entries where tx_id = :back",
        Check.PURCHASE_TAKEN_BACK,
        (":anna", ":spending"),
        {Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER, Check.PURCHASE_GIVEN_BACK, Check.TX_HASH},
    ),
    "entries added to a transaction": Plant(
        "insert into entries values (:anna, :gift, 3, 'customer:available', 'points', 100),"
        " (:anna, :gift, 4, 'program:redeemed', 'points', -100)",
        Check.CUSTOMER_BALANCE,
        (":anna", None),
        {Check.DEBT, Check.PURCHASE_ANSWER, Check.TX_HASH},
    ),
    "entries without a transaction": Plant(
        "insert into entries values (:anna, :anna, 1, 'customer:available', 'points', 100),"
        " (:anna, :anna, 2, 'program:issued', 'points', -100)",
        Check.ENTRY_WITHOUT_TX,
        (":anna", ":anna"),
    ),
    "entries moved to somebody else": Plant(
        "update entries set customer_id = :boris where tx_id = :gift",
        Check.ENTRY_WITHOUT_TX,
        (":boris", ":gift"),
        {Check.CUSTOMER_BALANCE, Check.LOT_REMAINING, Check.PURCHASE_ANSWER, Check.TX_HASH},
    ),
    "an account changed": Plant(
        "update entries set account = 'program:adjusted' where tx_id = :gift and seq = 2",
        Check.ENTRY_ACCOUNT,
        (":anna", ":gift"),
        {Check.TX_HASH},
    ),
    "issued points made redeemed ones": Plant(
        "update entries set account = 'program:redeemed' where tx_id = :last and account = 'program:issued'",
        Check.PURCHASE_ACCRUED,
        (":anna", ":last"),
        {Check.PURCHASE_REDEEMED, Check.TX_HASH},
    ),
    "available points made held ones": Plant(
        "update entries set account = 'customer:held' where tx_id = :gift and seq = 1",
        Check.ENTRY_ACCOUNT,
        (":anna", ":gift"),
        {
            Check.CUSTOMER_BALANCE,
            Check.LOT_HELD,
            Check.LOT_NEGATIVE,
            Check.LOT_REMAINING,
            Check.PURCHASE_ANSWER,
            Check.TX_HASH,
        },
    ),
    "a rule changed": Plant(
        "update entries set rule = 'mine' where tx_id = :first and seq = 1", Check.TX_HASH, (":anna", ":first")
    ),
    "an entry without its lot": Plant(
        "update entries set lot_id = null where tx_id = :gift",
        Check.DEBT,
        (":anna", ":gift"),
        {Check.LOT_REMAINING, Check.TX_HASH},
    ),
    "an entry of somebody else's lot": Plant(
        "update entries set lot_id = :vera where tx_id = :gift and seq = 1",
        Check.ENTRY_LOT,
        (":anna", ":gift"),
        {Check.LOT_REMAINING, Check.TX_HASH},
    ),
    "more taken out of a lot than it had": Plant(
        "update entries set amount = sign(amount) * 1000000 where tx_id = :gift",
        Check.LOT_NEGATIVE,
        (":anna", ":gift"),
        {Check.CUSTOMER_BALANCE, Check.CUSTOMER_FLOOR, Check.LOT_REMAINING, Check.PURCHASE_ANSWER, Check.TX_HASH},
    ),
    "a debt taken for a lot's units": Plant(
        "update entries set lot_id = (select lot_id from lots where tx_id = :returned and wallet = 'points')"
        " where tx_id = :debt and lot_id is null and account = 'customer:available'",
        Check.LOT_NEGATIVE,
        (":boris", ":debt"),
        {Check.DEBT, Check.LOT_REMAINING, Check.TX_HASH},
    ),
    # Transactions.
    "the time of a deal": Plant(
        "update txs set at = at + interval '1 microsecond' where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")
    ),
    "a receipt": Plant("update txs set receipt = 'x' where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")),
    "a shop": Plant("update txs set shop = 'S2' where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")),
    "a terminal": Plant("update txs set terminal = 'T2' where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")),
    "a purchase's shop": Plant(
        "update txs set shop = 'S2' where tx_id = :first", Check.PURCHASE_FACTS, (":anna", ":first"), {Check.TX_HASH}
    ),
    "a key": Plant("update txs set idempotency_key = 'x' where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")),
    "a key taken off": Plant(
        "update txs set idempotency_key = null where tx_id = :gift",
        Check.TX_CLAIMS,
        (":anna", ":gift"),
        {Check.TX_HASH},
    ),
    "a program that there is": Plant(
        "update txs set program = 2 where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")
    ),
    "a program that isn't there": Plant(
        "update txs set program = 9 where tx_id = :gift", Check.TX_PROGRAM, (":anna", ":gift"), {Check.TX_HASH}
    ),
    "a kind": Plant(
        "update txs set kind = 'adjust' where tx_id = :gift", Check.ENTRY_ACCOUNT, (":anna", ":gift"), {Check.TX_HASH}
    ),
    "a parent": Plant(
        "update txs set parent_tx = :last where tx_id = :back",
        Check.TX_PARENT,
        (":anna", ":back"),
        {Check.PURCHASE_GIVEN_BACK, Check.PURCHASE_RETURNED, Check.PURCHASE_TAKEN_BACK, Check.TX_HASH},
    ),
    "a parent of what has none": Plant(
        "update txs set parent_tx = :first where tx_id = :gift", Check.TX_PARENT, (":anna", ":gift"), {Check.TX_HASH}
    ),
    "a parent taken off": Plant(
        "update txs set parent_tx = null where tx_id = :back",
        Check.TX_PARENT,
        (":anna", ":back"),
        {Check.PURCHASE_GIVEN_BACK, Check.PURCHASE_RETURNED, Check.PURCHASE_TAKEN_BACK, Check.TX_HASH},
    ),
    "a hash": Plant(
        "update txs set hash = decode(repeat('ab', 32), 'hex') where tx_id = :gift", Check.TX_HASH, (":anna", ":gift")
    ),
    "nobody's receipt": Plant(
        "update txs set receipt = 'x' where tx_id = :anonymous", Check.TX_HASH, (None, ":anonymous")
    ),
    "when it was posted": Plant(
        "update txs set created_at = created_at - interval '1 hour' where tx_id = :gift",
        Check.TX_TIME,
        (":anna", ":gift"),
    ),
    "swapped versions": Plant(
        "update txs set version = 9 - version where customer_id = :anna and version in (4, 5)",
        Check.TX_HASH,
        (":anna", ":gift"),
        {Check.EVENT_WITHOUT_TX, Check.TX_TIME, Check.TX_WITHOUT_EVENT},
    ),
    "a version left out": Plant(
        "update txs set version = 100 where tx_id = :last",
        Check.TX_VERSION,
        (":anna", ":last"),
        {Check.CUSTOMER_VERSION, Check.EVENT_WITHOUT_TX, Check.PURCHASE_ANSWER, Check.TX_HASH, Check.TX_WITHOUT_EVENT},
    ),
    "a version used twice": Plant(
        "update txs set version = version - 1 where tx_id = :gift",
        Check.TX_VERSION,
        (":anna", ":gift"),
        {Check.EVENT_WITHOUT_TX, Check.TX_HASH, Check.TX_WITHOUT_EVENT},
    ),
    "a transaction deleted": Plant(
        "delete from txs where tx_id = :gift",
        Check.ENTRY_WITHOUT_TX,
        (":anna", ":gift"),
        {
            Check.CLAIM_WITHOUT_ANSWER,
            Check.CUSTOMER_BALANCE,
            Check.EVENT_WITHOUT_TX,
            Check.LOT_REMAINING,
            Check.PURCHASE_ANSWER,
            Check.TX_HASH,
            Check.TX_VERSION,
        },
    ),
    "a transaction inserted": Plant(
        "insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)"
        " select :anna, txs.version + 1, :anna, 'adjust', at, updated_at, head from customers, txs"
        " where id = :anna and customer_id = id order by txs.version desc limit 1",
        Check.TX_WITHOUT_EVENT,
        (":anna", ":anna"),
        {Check.CUSTOMER_VERSION, Check.TX_HASH},
    ),
    "a transaction with another's id": Plant(
        "insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)"
        " select :boris, txs.version + 1, :gift, 'adjust', at, updated_at, head from customers, txs"
        " where id = :boris and customer_id = id order by txs.version desc limit 1",
        Check.TX_REPEATED,
        (None, ":gift"),
        {Check.CUSTOMER_VERSION, Check.TX_CLAIMS, Check.TX_HASH, Check.TX_WITHOUT_EVENT},
    ),
    "an event deleted": Plant("delete from events where tx_id = :gift", Check.TX_WITHOUT_EVENT, (":anna", ":gift")),
    "an event's version": Plant(
        "update events set version = 99 where tx_id = :gift",
        Check.EVENT_WITHOUT_TX,
        (":anna", ":gift"),
        {Check.TX_WITHOUT_EVENT},
    ),
    "an event of nothing": Plant(
        "insert into events values (:anna, 1, :anna, 1, 'purchase')", Check.EVENT_WITHOUT_TX, (":anna", ":anna")
    ),
    "a claimed key deleted": Plant(
        "delete from claims where kind = 'k' and answer_id = :gift", Check.TX_CLAIMS, (":anna", ":gift")
    ),
    "a claimed receipt deleted": Plant(
        "delete from claims where kind = 'r' and answer_id = :first", Check.TX_CLAIMS, (":anna", ":first")
    ),
    "a receipt claimed for nothing": Plant(
        "insert into claims values (:anna, 'r', null, :anna)", Check.CLAIM_WITHOUT_ANSWER, (None, ":anna")
    ),
    "an answer deleted": Plant("delete from answers where id = :gift", Check.CLAIM_WITHOUT_ANSWER, (None, ":gift")),
}
