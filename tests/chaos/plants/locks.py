"""Bugs about locks: none, the wrong order."""

from app.storage import ledger, round_writes, shared
from tests.chaos.plants import plant, replaced


@plant(
    "read-then-write",
    faults=["clients reset"],
    emphasis="redemptions",
    caught_by=["the ledger's own rules", "verify finds nothing", "every prefix is above its floor"],
)
def read_then_write() -> None:
    """Customers are read without a lock, and written as they were then: the later of two writers undoes the earlier.

    The revision that each update of a customer carries would have refused the second; it is taken away too. Nothing
    else would: versions are unique by their transaction only, and a check of the row sees one writer's sums.
    """
    unlocked = replaced(ledger.LOCK_PATRONS_WAITING, " for no key update of c", "")
    ledger.LOCK_PATRONS = ledger.LOCK_PATRONS_WAITING = unlocked
    round_writes.WRITE = replaced(round_writes.WRITE, " and c.revision = b.revision", "")


@plant("locks-in-any-order", faults=["clients reset"], emphasis="sales", caught_by=["no deadlocks"])
def locks_in_any_order() -> None:
    """Rows of shared counters are locked as they come, so two rounds can wait for each other in a circle.

    PostgreSQL ends one of the two after a second, and that round is tried again: nothing is lost but time.
    """
    shared.LOCK_COUNTERS = replaced(shared.LOCK_COUNTERS, "order by name", "order by random()")


@plant(
    "budget-without-lock",
    faults=["clients reset"],
    emphasis="sales",
    caught_by=["counters say what was taken", "budgets, coupons and stocks hold", "verify finds nothing"],
)
def budget_without_lock() -> None:
    """Budgets and stocks are read, then written as what was read and what the round took: two rounds at once count
    once.

    A customer's own limits are safe, under the customer's lock; coupons have a constraint besides their lock. For
    counters the lock is all there is: a constraint would have to know the rule's limit.
    """
    shared.LOCK_COUNTERS = shared.READ_COUNTERS
