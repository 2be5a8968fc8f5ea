"""Errors in two closed days of small books, and what names each: in what the roots are over, and in roots and heads.

Names: `anna` bought on both days, `boris` twice on the first one, `vera` on the second, nobody once a day. Ids with a
colon are `anna1` (her posting of the first day) and so on; `nobody1`, `nobody2` are anonymous ones.
"""

from dataclasses import dataclass

from app.domain.ledger.audit import Check


@dataclass(frozen=True, slots=True)
class RootPlant:
    """`told` are findings that must be there: check, customer, transaction and the day that `expected` begins with."""

    sql: str
    told: tuple[tuple[Check, str | None, str | None, str | None], ...]


FIRST, SECOND = "2026-11-25", "2026-11-26"
_GONE = "delete from entries where {0}; delete from events where {0}; delete from txs where {0};"

PLANTS: dict[str, RootPlant] = {
    # What was posted.
    "a posting changed": RootPlant(
        "update txs set receipt = 'x', hash = sha256('x') where tx_id = :anna1",
        ((Check.HEAD_POSTING, ":anna", ":anna1", FIRST), (Check.TX_HASH, ":anna", ":anna1", None)),
    ),
    "entries changed on both sides": RootPlant(
        "update entries set amount = amount * 2 where tx_id = :boris1", ((Check.TX_HASH, ":boris", ":boris1", None),)
    ),
    "the oldest posting removed": RootPlant(
        _GONE.format("tx_id = :boris1"), ((Check.TX_VERSION, ":boris", ":boris2", None),)
    ),
    "the newest posting removed": RootPlant(
        _GONE.format("tx_id = :vera1"), ((Check.HEAD_POSTING, ":vera", ":vera1", SECOND),)
    ),
    "a day's newest posting removed, and the chain mended": RootPlant(
        f"{_GONE.format('tx_id = :boris2')} update customers set version = 1,"
        " head = (select hash from txs where tx_id = :boris1) where id = :boris",
        ((Check.HEAD_POSTING, ":boris", ":boris2", FIRST),),
    ),
    "a whole customer removed": RootPlant(
        f"{_GONE.format('customer_id = :boris')} delete from lots where customer_id = :boris;"
        " delete from purchases where customer_id = :boris; delete from customers where id = :boris",
        ((Check.HEAD_POSTING, ":boris", ":boris2", FIRST),),
    ),
    "an anonymous posting removed": RootPlant(
        f"{_GONE.format('tx_id = :nobody1')} delete from purchases where id = :nobody1;"
        " delete from claims where answer_id = :nobody1",
        ((Check.HEAD_POSTING, None, ":nobody1", FIRST),),
    ),
    "an anonymous posting inserted": RootPlant(
        "insert into txs (customer_id, version, tx_id, kind, at, created_at, hash) select customer_id, version,"
        " :extra, kind, at, created_at, hash from txs where tx_id = :nobody1",
        ((Check.HEAD_MISSING, None, ":extra", FIRST),),
    ),
    "a posting inserted": RootPlant(
        "insert into txs (customer_id, version, tx_id, kind, at, created_at, hash) select customer_id, 2, :extra,"
        " 'adjust', at, created_at, hash from txs where tx_id = :vera1",
        ((Check.HEAD_POSTING, ":vera", ":vera1", SECOND),),
    ),
    "a customer's posting inserted into a day without any": RootPlant(
        "insert into txs (customer_id, version, tx_id, kind, at, created_at, hash) select customer_id, 2, :extra,"
        " 'adjust', at, created_at - interval '1 day', hash from txs where tx_id = :vera1",
        ((Check.HEAD_MISSING, ":vera", ":extra", FIRST),),
    ),
    "a posting before all days": RootPlant(
        "update txs set created_at = created_at - interval '9 days' where tx_id = :boris1",
        ((Check.HEAD_MISSING, ":boris", ":boris1", FIRST),),
    ),
    "a posting moved to another day": RootPlant(
        "update txs set created_at = created_at + interval '1 day' where tx_id = :nobody1",
        ((Check.HEAD_POSTING, None, ":nobody1", FIRST), (Check.HEAD_MISSING, None, ":nobody1", SECOND)),
    ),
    "an anonymous posting changed": RootPlant(
        "update txs set hash = sha256('x') where tx_id = :nobody2",
        ((Check.HEAD_POSTING, None, ":nobody2", SECOND), (Check.TX_HASH, None, ":nobody2", None)),
    ),
    # Heads.
    "a head's hash": RootPlant(
        "update ledger_heads set hash = sha256('x') where tx_id = :anna1",
        ((Check.HEAD_POSTING, ":anna", ":anna1", FIRST), (Check.ROOT_TREE, None, None, FIRST)),
    ),
    "a head of somebody else": RootPlant(
        "update ledger_heads set customer_id = :extra where tx_id = :vera1",
        ((Check.HEAD_POSTING, ":extra", ":vera1", SECOND), (Check.HEAD_MISSING, ":vera", ":vera1", SECOND)),
    ),
    "a head removed": RootPlant(
        "delete from ledger_heads where tx_id = :boris2",
        ((Check.HEAD_MISSING, ":boris", ":boris2", FIRST), (Check.ROOT_TREE, None, None, FIRST)),
    ),
    "a head in another place": RootPlant(
        "update ledger_heads set place = 77 where tx_id = :nobody1", ((Check.HEAD_PLACE, None, ":nobody1", FIRST),)
    ),
    "a head of a day without root": RootPlant(
        "update ledger_heads set day = '2026-12-31' where tx_id = :anna2",
        (
            (Check.HEAD_WITHOUT_ROOT, ":anna", ":anna2", None),
            (Check.HEAD_MISSING, ":anna", ":anna2", SECOND),
        ),
    ),
    # Roots.
    "a root": RootPlant(
        "update ledger_roots set root = sha256('x') where day = '2026-11-25'",
        ((Check.ROOT_HASH, None, None, FIRST), (Check.ROOT_PREVIOUS, None, None, SECOND)),
    ),
    "what a root is over": RootPlant(
        "update ledger_roots set previous = sha256('x') where day = '2026-11-26'",
        ((Check.ROOT_PREVIOUS, None, None, SECOND), (Check.ROOT_HASH, None, None, SECOND)),
    ),
    "a tree": RootPlant(
        "update ledger_roots set tree = sha256('x') where day = '2026-11-26'",
        ((Check.ROOT_TREE, None, None, SECOND), (Check.ROOT_HASH, None, None, SECOND)),
    ),
    "how many heads": RootPlant(
        "update ledger_roots set heads = heads + 1 where day = '2026-11-26'", ((Check.ROOT_TREE, None, None, SECOND),)
    ),
    "a day's beginning": RootPlant(
        "update ledger_roots set begins_at = begins_at - interval '1 hour' where day = '2026-11-26'",
        ((Check.ROOT_WINDOW, None, None, SECOND),),
    ),
    "a root removed": RootPlant(
        "delete from ledger_roots where day = '2026-11-25'",
        ((Check.ROOT_PREVIOUS, None, None, SECOND), (Check.HEAD_WITHOUT_ROOT, ":anna", ":anna1", None)),
    ),
}
