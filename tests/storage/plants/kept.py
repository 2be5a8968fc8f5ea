"""Errors in what is kept beside the postings: customers, lots, purchases, programs."""

from app.domain.ledger.audit import Check
from tests.storage.plants.plant import Plant

_LINE = "update purchases set lines = jsonb_set(lines, '{%s}', '%s') where id = %s"
_PURSE = "update customers set balances = jsonb_set(balances, '{points,%s}', '777') where id = %s"

PLANTS: dict[str, Plant] = {
    # Customers.
    "a customer deleted": Plant("delete from customers where id = :anna", Check.CUSTOMER_MISSING, (":anna", None)),
    "the stored version": Plant(
        "update customers set version = version + 1 where id = :anna", Check.CUSTOMER_VERSION, (":anna", None)
    ),
    "the stored head": Plant(
        "update customers set head = decode(repeat('00', 32), 'hex') where id = :anna",
        Check.CUSTOMER_HEAD,
        (":anna", None),
    ),
    "the stored time": Plant(
        "update customers set updated_at = updated_at + interval '1 second' where id = :anna",
        Check.CUSTOMER_UPDATED,
        (":anna", None),
    ),
    "available points": Plant(_PURSE % ("available", ":anna"), Check.CUSTOMER_BALANCE, (":anna", None)),
    "pending points": Plant(_PURSE % ("pending", ":anna"), Check.CUSTOMER_BALANCE, (":anna", None)),
    "held points": Plant(_PURSE % ("held", ":anna"), Check.CUSTOMER_BALANCE, (":anna", None)),
    "a wallet from nowhere": Plant(
        """update customers set balances = balances ||
            '{"stamps": {"available": 5, "pending": 0, "held": 0, "floor": 0}}' where id = :anna""",
        Check.CUSTOMER_BALANCE,
        (":anna", None),
    ),
    "a debt forgiven": Plant(
        """update customers set balances = jsonb_set(balances, '{points}',
            '{"available": 0, "pending": 0, "held": 0, "floor": 0}') where id = :boris""",
        Check.CUSTOMER_BALANCE,
        (":boris", None),
        {Check.CUSTOMER_FLOOR},
    ),
    "a floor below the debt": Plant(
        "update customers set balances = jsonb_set(balances, '{points,floor}', '-1000') where id = :anna",
        Check.CUSTOMER_FLOOR,
        (":anna", None),
    ),
    "balances that are none": Plant(
        "update customers set balances = '[]' where id = :anna", Check.CUSTOMER_BALANCE, (":anna", None)
    ),
    "a due time too late": Plant(
        "update customers set due_at = due_at + interval '1 microsecond' where id = :anna",
        Check.CUSTOMER_DUE,
        (":anna", None),
    ),
    "a due time forgotten": Plant(
        "update customers set due_at = null where id = :vera", Check.CUSTOMER_DUE, (":vera", None)
    ),
    "money counted": Plant(
        "update customers set paid = paid + 1 where id = :anna", Check.CUSTOMER_PAID, (":anna", None)
    ),
    "purchases counted": Plant(
        "update customers set purchases = purchases + 1 where id = :boris", Check.CUSTOMER_PURCHASES, (":boris", None)
    ),
    "units counted": Plant(
        "update customers set units = units + 1 where id = :vera", Check.CUSTOMER_UNITS, (":vera", None)
    ),
    "the last purchase": Plant(
        "update customers set last_purchase_at = now() where id = :anna",
        Check.CUSTOMER_LAST_PURCHASE,
        (":anna", None),
    ),
    "a memory that is none": Plant(
        "update customers set memory = '[]' where id = :galya", Check.CUSTOMER_MEMORY, (":galya", None)
    ),
    "a customer's counter": Plant(
        "update customers set memory = jsonb_set(memory, '{counts,rule/short/max,1}', '1') where id = :galya",
        Check.CUSTOMER_COUNTER,
        (":galya", None),
    ),
    "a customer's counters forgotten": Plant(
        "update customers set memory = memory - 'counts' where id = :galya", Check.CUSTOMER_COUNTER, (":galya", None)
    ),
    "a slip forgotten": Plant(
        "update customers set memory = memory - 'slips' where id = :galya", Check.CUSTOMER_SLIPS, (":galya", None)
    ),
    "a slip from nowhere": Plant(
        """update customers set memory = jsonb_set(memory, '{slips}',
            jsonb_build_object('lucky', jsonb_build_array(jsonb_build_array(:first, '2026-01-01', '0', '0', '{}'::jsonb,
            false, null)))) where id = :anna""",
        Check.CUSTOMER_SLIPS,
        (":anna", None),
    ),
    "a year's measure forgotten": Plant(
        "update customers set memory = memory - 'years' where id = :galya", Check.CUSTOMER_WINDOW, (":galya", None)
    ),
    # Lots.
    "what is left of a lot": Plant(
        "update lots set remaining = remaining + 1 where lot_id = :lot", Check.LOT_REMAINING, (":anna", ":first")
    ),
    "a pending lot made active": Plant(
        "update lots set is_pending = false where lot_id = :pending_lot", Check.LOT_PENDING, (":anna", ":first")
    ),
    "an active lot made pending": Plant(
        "update lots set is_pending = true where lot_id = :lot",
        Check.LOT_PENDING,
        (":anna", ":first"),
        {Check.CUSTOMER_DUE},
    ),
    "a lot's maker": Plant("update lots set tx_id = :last where lot_id = :lot", Check.LOT_TX, (":anna", ":last")),
    "a lot that never ends": Plant(
        "update lots set expires_at = null where lot_id = :lot", Check.LOT_DATES, (":anna", ":first")
    ),
    "a lot active earlier": Plant(
        "update lots set active_at = active_at - interval '1 day' where lot_id = :pending_lot",
        Check.LOT_DATES,
        (":anna", ":first"),
        {Check.CUSTOMER_DUE},
    ),
    "a lot's wallet": Plant(
        "update lots set wallet = 'cashback' where lot_id = :lot",
        Check.ENTRY_LOT,
        (":anna", ":first"),
        {Check.LOT_DATES},
    ),
    "a lot deleted": Plant("delete from lots where lot_id = :lot", Check.ENTRY_LOT, (":anna", ":first")),
    "a lot of somebody else": Plant(
        "update lots set customer_id = :boris where lot_id = :lot",
        Check.LOT_REMAINING,
        (":boris", ":first"),
        {Check.ENTRY_LOT},
    ),
    # Purchases.
    "a purchase deleted": Plant(
        "delete from purchases where id = :last",
        Check.PURCHASE_MISSING,
        (":anna", ":last"),
        {
            Check.CLAIM_WITHOUT_ANSWER,
            Check.CUSTOMER_LAST_PURCHASE,
            Check.CUSTOMER_PAID,
            Check.CUSTOMER_PURCHASES,
            Check.CUSTOMER_UNITS,
        },
    ),
    "a purchase of nothing": Plant(
        "insert into purchases select :anna, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines"
        " from purchases where id = :last",
        Check.PURCHASE_WITHOUT_TX,
        (":anna", ":anna"),
    ),
    "a stored shop": Plant(
        "update purchases set shop = 'S2' where id = :first", Check.PURCHASE_FACTS, (":anna", ":first")
    ),
    "what a line accrued": Plant(
        _LINE % ("0,accrued,points", "1000", ":first"),
        Check.PURCHASE_ACCRUED,
        (":anna", ":first"),
        {Check.CUSTOMER_UNITS, Check.PURCHASE_ANSWER},
    ),
    "what a line redeemed": Plant(
        _LINE % ("0,redeemed_units,points", "41", ":spending"),
        Check.PURCHASE_REDEEMED,
        (":anna", ":spending"),
        {Check.PURCHASE_SHARES},
    ),
    "what a line cost": Plant(
        _LINE % ("0,paid", "1", ":first"), Check.PURCHASE_ANSWER, (":anna", ":first"), {Check.CUSTOMER_PAID}
    ),
    "what nobody's line cost": Plant(
        _LINE % ("0,paid", "9901", ":anonymous"), Check.PURCHASE_ANSWER, (None, ":anonymous"), {Check.PURCHASE_SHARES}
    ),
    "how much was bought": Plant(_LINE % ("0,qty_milli", "2000", ":first"), Check.PURCHASE_ANSWER, (":anna", ":first")),
    "how much was returned": Plant(
        _LINE % ("0,returned_milli", "0", ":spending"),
        Check.PURCHASE_RETURNED,
        (":anna", ":spending"),
        {Check.CUSTOMER_UNITS, Check.PURCHASE_SHARES},
    ),
    "a return that wasn't": Plant(
        _LINE % ("0,returned_milli", "1", ":first"),
        Check.PURCHASE_RETURNED,
        (":anna", ":first"),
        {Check.PURCHASE_SHARES},
    ),
    "more returned than bought": Plant(
        _LINE % ("0,returned_milli", "4000", ":spending"),
        Check.PURCHASE_LINES,
        (":anna", ":spending"),
        {Check.CUSTOMER_UNITS, Check.PURCHASE_SHARES},
    ),
    "what was refunded": Plant(
        _LINE % ("0,refunded", "0", ":spending"), Check.PURCHASE_SHARES, (":anna", ":spending"), {Check.CUSTOMER_PAID}
    ),
    "what was taken back": Plant(
        _LINE % ("0,taken_back,points", "1", ":spending"),
        Check.PURCHASE_TAKEN_BACK,
        (":anna", ":spending"),
        {Check.PURCHASE_SHARES},
    ),
    "what was given back": Plant(
        _LINE % ("0,given_back,points", "1", ":spending"),
        Check.PURCHASE_GIVEN_BACK,
        (":anna", ":spending"),
        {Check.PURCHASE_SHARES},
    ),
    "lines that are none": Plant(
        "update purchases set lines = '7' where id = :first",
        Check.PURCHASE_LINES,
        (":anna", ":first"),
        {Check.CUSTOMER_PAID, Check.CUSTOMER_PURCHASES, Check.CUSTOMER_UNITS},
    ),
    "all back that isn't": Plant(
        "update purchases set is_all_back = true where id = :first", Check.PURCHASE_ALL_BACK, (":anna", ":first")
    ),
    "the answer": Plant(
        """update purchases set answer = convert_to(
            replace(convert_from(answer, 'UTF8'), '"version":1,', '"version":2,'), 'UTF8') where id = :first""",
        Check.PURCHASE_ANSWER,
        (":anna", ":first"),
    ),
    "uses that are none": Plant(
        "update purchases set uses = '7' where id = :full",
        Check.PURCHASE_USES,
        (":galya", ":full"),
        {Check.CUSTOMER_COUNTER, Check.PROGRAM_COUNTER},
    ),
    "uses given back twice": Plant(
        """update purchases set uses = jsonb_set(uses, array['counts', (place - 1)::text, 'given_back'], '20')
            from jsonb_array_elements((select uses -> 'counts' from purchases where id = :half))
                with ordinality each(count, place)
            where id = :half and count ->> 'name' = 'rule/short/budget'""",
        Check.PURCHASE_USES,
        (":galya", ":half"),
        {Check.PROGRAM_COUNTER},
    ),
    "draws that are none": Plant(
        "update purchases set draws = '7' where id = :cancelled",
        Check.PURCHASE_DRAWS,
        (":galya", ":cancelled"),
    ),
    "the day of a purchase": Plant(
        "update purchases set day = day - interval '366 days' where id = :full",
        Check.CUSTOMER_WINDOW,
        (":galya", None),
    ),
    # Acts and the program's counters.
    "an act of nothing": Plant(
        "insert into acts select :anna, customer_id, type, at, data, verdicts from acts where tx_id = :act",
        Check.ACT_WITHOUT_TX,
        (":galya", ":anna"),
    ),
    "what an act took": Plant(
        "update acts set uses = null where tx_id = :act",
        Check.CUSTOMER_COUNTER,
        (":galya", None),
        {Check.PROGRAM_COUNTER},
    ),
    "a budget": Plant(
        "update counters set used = used - 1 where name = 'rule/short/budget'", Check.PROGRAM_COUNTER, (None, None)
    ),
    "a stock forgotten": Plant(
        "delete from counters where name = 'stock/lucky/p'", Check.PROGRAM_COUNTER, (None, None)
    ),
    "a gift card's own term": Plant("update gift_cards set expire_after_days = 8", Check.LOT_DATES, (":card", ":load")),
    # Programs.
    "a program's sets": Plant(
        """update programs set document = replace(document, '"every":10', '"every":9')""",
        Check.CONVERSION,
        (":galya", ":full"),
    ),
    "a rule's own term": Plant(
        """update programs set document = replace(document, '"expire_after_days":5', '"expire_after_days":6')""",
        Check.LOT_DATES,
        (":galya", ":full"),
    ),
    "a program nobody can read": Plant(
        "update programs set document = '{}'",
        Check.TX_PROGRAM,
        (":anna", ":first"),
        {Check.CUSTOMER_UNITS, Check.CUSTOMER_WINDOW, Check.PURCHASE_SHARES},
    ),
    "a program's terms": Plant(
        """update programs set document = replace(document, '"expire_after_days":30', '"expire_after_days":60')""",
        Check.LOT_DATES,
        (":anna", ":first"),
    ),
}
