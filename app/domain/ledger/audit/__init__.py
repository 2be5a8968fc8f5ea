"""What the self-audit recomputes from the entries, and what it says where the books disagree. Rows in, findings out.

findings.py (the list of checks, one finding) > rows.py (what is read, as it stands in the database) > terms.py (wallets
of a program's version) > links.py (versions and hashes) > lots.py, purses.py > entries.py (sums, sides, debts) >
conversions.py (full sets) > lines.py, uses.py, holds.py, answers.py, purchases.py (lines against postings) >
memories.py (what the row remembers) > customers.py (one customer's books from first to last). counters.py sums up the
program's counters over all of them.

It reads what others wrote and shares as little with them as it can: the canonical form of a transaction is built anew
from the columns, and every sum is made here. Each posting's hash is chained from the stored hash before it, so that one
changed row is one finding and not one for each later posting.

Left out because they follow: `available = active lots - debt` and `pending = pending lots` hold for the stored figures
once balances and lots each agree with the entries.
"""

from app.domain.ledger.audit.counters import CountersAudit
from app.domain.ledger.audit.customers import CustomerAudit
from app.domain.ledger.audit.findings import Check, Finding
from app.domain.ledger.audit.rows import (
    ActRow,
    CounterRow,
    CustomerRow,
    EntryRow,
    HoldRow,
    LotRow,
    PurchaseRow,
    TxRow,
)
from app.domain.ledger.audit.terms import Terms, read_terms, terms_of

__all__ = [
    "ActRow",
    "Check",
    "CounterRow",
    "CountersAudit",
    "CustomerAudit",
    "CustomerRow",
    "EntryRow",
    "Finding",
    "HoldRow",
    "LotRow",
    "PurchaseRow",
    "Terms",
    "TxRow",
    "read_terms",
    "terms_of",
]
