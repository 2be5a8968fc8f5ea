"""Errors in holds: in their rows, in the postings that place and end them, and in what is counted of them."""

from app.domain.ledger.audit import Check
from tests.storage.plants.plant import Plant

_HOLD = "update holds set %s where id = %s"

PLANTS: dict[str, Plant] = {
    "an open hold deleted": Plant(
        "delete from holds where id = :open_units",
        Check.HOLD_MISSING,
        (":dina", ":open_units"),
        {Check.CLAIM_WITHOUT_ANSWER, Check.CUSTOMER_HOLDS},
    ),
    "a captured hold deleted": Plant(
        "delete from holds where id = :paid", Check.HOLD_MISSING, (":dina", ":payment"), {Check.CLAIM_WITHOUT_ANSWER}
    ),
    "a hold of nothing": Plant(
        "insert into holds select :vera, customer_id, kind, shop, terminal, program, at, expires_at, state,"
        " resolved_tx, units, lines, uses, draws, decision, answer, basket, verdicts from holds where id = :released",
        Check.HOLD_WITHOUT_TX,
        (":dina", ":vera"),
    ),
    "a hold's shop": Plant(_HOLD % ("shop = 'S2'", ":open"), Check.HOLD_FACTS, (":dina", ":open")),
    "a hold's time": Plant(
        _HOLD % ("at = at - interval '1 second'", ":released"), Check.HOLD_FACTS, (":dina", ":released")
    ),
    "a hold that ends before it begins": Plant(
        _HOLD % ("expires_at = at - interval '1 hour'", ":released"), Check.HOLD_FACTS, (":dina", ":released")
    ),
    "more set aside than posted": Plant(
        _HOLD % ("units = jsonb_set(units, '{0,2}', '50')", ":open_units"), Check.HOLD_UNITS, (":dina", ":open_units")
    ),
    "less set aside than posted": Plant(_HOLD % ("units = '[]'", ":open"), Check.HOLD_UNITS, (":dina", ":open")),
    "set aside from another lot": Plant(
        _HOLD % ("units = jsonb_set(units, '{0,1}', to_jsonb(:anna::text))", ":released"),
        Check.HOLD_UNITS,
        (":dina", ":released"),
    ),
    "units that are none": Plant(_HOLD % ("units = '7'", ":open_units"), Check.HOLD_UNITS, (":dina", ":open_units")),
    "lines of a hold that are none": Plant(_HOLD % ("lines = '7'", ":open"), Check.HOLD_LINES, (":dina", ":open")),
    "lines that redeem more than is held": Plant(
        _HOLD % ("lines = jsonb_set(lines, '{0,redeemed_units,points}', '700')", ":open"),
        Check.HOLD_LINES,
        (":dina", ":open"),
    ),
    "a hold opened again": Plant(
        _HOLD % ("state = 'held', resolved_tx = null", ":released"),
        Check.HOLD_RESOLVED,
        (":dina", ":released"),
        {Check.CUSTOMER_HOLDS},
    ),
    "a hold ended by nothing": Plant(
        _HOLD % ("state = 'released', resolved_tx = :vera", ":open_units"),
        Check.HOLD_RESOLVED,
        (":dina", ":open_units"),
        {Check.CUSTOMER_HOLDS},
    ),
    "a hold ended by another posting": Plant(
        _HOLD % ("resolved_tx = :release", ":paid"), Check.HOLD_RESOLVED, (":dina", ":paid")
    ),
    "nobody's hold ended by nothing": Plant(
        _HOLD % ("state = 'released', resolved_tx = :vera", ":nobodys_open"),
        Check.HOLD_RESOLVED,
        (None, ":nobodys_open"),
    ),
    "a captured hold called released": Plant(
        _HOLD % ("state = 'released'", ":paid"), Check.HOLD_STATE, (":dina", ":paid")
    ),
    "an expired hold called released": Plant(
        _HOLD % ("state = 'released'", ":expired"), Check.HOLD_STATE, (":dina", ":expired")
    ),
    "a release called an expiry": Plant(
        _HOLD % ("state = 'expired'", ":released"), Check.HOLD_STATE, (":dina", ":released")
    ),
    "an end at another instant": Plant(
        _HOLD % ("expires_at = expires_at + interval '1 minute'", ":expired"),
        Check.HOLD_STATE,
        (":dina", ":ended"),
    ),
    "less spent by a capture": Plant(
        "update purchases set spent = jsonb_set(spent, '{0,2}', '1') where id = :captured",
        Check.HOLD_SPENT,
        (":dina", ":captured"),
        {Check.HOLD_UNITS},
    ),
    "more spent than held": Plant(
        "update purchases set spent = jsonb_set(spent, '{0,2}', '500') where id = :captured",
        Check.HOLD_SPENT,
        (":dina", ":captured"),
        {Check.HOLD_UNITS},
    ),
    "a captured purchase deleted": Plant(
        "delete from purchases where id = :captured",
        Check.PURCHASE_MISSING,
        (":dina", ":captured"),
        {
            Check.CUSTOMER_COUNTER,
            Check.CUSTOMER_LAST_PURCHASE,
            Check.CUSTOMER_PAID,
            Check.CUSTOMER_PURCHASES,
            Check.CUSTOMER_UNITS,
            Check.CUSTOMER_WINDOW,
            Check.HOLD_UNITS,
            Check.PROGRAM_COUNTER,
            Check.PURCHASE_GIVEN_BACK,
            Check.PURCHASE_TAKEN_BACK,
            Check.TX_PARENT,
        },
    ),
    "held units moved without a posting": Plant(
        "update lots set held = 0, remaining = remaining + held where customer_id = :dina and held > 0",
        Check.LOT_HELD,
        (":dina", ":set_aside_of"),
        {Check.LOT_REMAINING},
    ),
    "held points of a purse": Plant(
        "update customers set balances = jsonb_set(balances, '{points,held}', '0') where id = :dina",
        Check.CUSTOMER_BALANCE,
        (":dina", None),
    ),
    "holds counted": Plant("update customers set holds = 0 where id = :dina", Check.CUSTOMER_HOLDS, (":dina", None)),
    "a hold's end forgotten": Plant(
        "update customers set due_at = null where id = :dina", Check.CUSTOMER_DUE, (":dina", None)
    ),
    "an entry of a hold": Plant(
        "update entries set amount = amount * 2 where tx_id = :open_units",
        Check.HOLD_UNITS,
        (":dina", ":open_units"),
        {Check.CUSTOMER_BALANCE, Check.LOT_HELD, Check.LOT_REMAINING, Check.TX_HASH},
    ),
    "a release that gives back less": Plant(
        "update entries set amount = sign(amount) * 5 where tx_id = :release",
        Check.HOLD_UNITS,
        (":dina", ":release"),
        {Check.CUSTOMER_BALANCE, Check.LOT_HELD, Check.LOT_NEGATIVE, Check.LOT_REMAINING, Check.TX_HASH},
    ),
    "what an open hold took of a counter": Plant(
        _HOLD % ("uses = null", ":open"), Check.CUSTOMER_COUNTER, (":dina", None), {Check.PROGRAM_COUNTER}
    ),
    "a capture of another hold": Plant(
        "update txs set parent_tx = :released where tx_id = :payment",
        Check.HOLD_RESOLVED,
        (":dina", ":paid"),
        {Check.HOLD_UNITS, Check.HOLD_SPENT, Check.TX_HASH},
    ),
    "a tier of no version": Plant(
        "insert into tier_changes (customer_id, version, path) values (:dina, 999, '[]')",
        Check.TIER_WITHOUT_TX,
        (":dina", None),
    ),
}
