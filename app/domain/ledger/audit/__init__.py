"""What the self-audit recomputes from the entries, and what it says where the books disagree. No I/O: rows in, findings out.

findings.py (the list of checks, one finding) > rows.py (what is read, as it stands in the database) > links.py (versions and hashes) >
entries.py (sums, sides, debts) > lots.py > purchases.py (lines against postings) > customers.py (one customer's books from first to last).

It reads what others wrote and shares as little with them as it can: the canonical form of a transaction is built anew from the columns,
and every sum is made here. Each posting's hash is chained from the stored hash before it, so that one changed row is one finding and
not one for each later posting.
"""

from app.domain.ledger.audit.customers import CustomerAudit
from app.domain.ledger.audit.findings import Check, Finding
from app.domain.ledger.audit.rows import CustomerRow, EntryRow, LotRow, PurchaseRow, TxRow
from app.domain.ledger.audit.terms import Terms, read_terms

__all__ = [
    "Check",
    "CustomerAudit",
    "CustomerRow",
    "EntryRow",
    "Finding",
    "LotRow",
    "PurchaseRow",
    "Terms",
    "TxRow",
    "read_terms",
]
