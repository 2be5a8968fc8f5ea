"""Holds, the tiers of the past, the daily roots of the chain, the feed of events, the self-audit, the jobs' queue.

Locks: new columns are nullable or have constant defaults, so nothing is rewritten. Customers, lots and claims are
locked, events and postings closed to writes, from their statement to the end: customers and lots are read once, events
and postings indexed (measured: 1.8 seconds a million postings). So a living ledger is migrated while it is quiet; one
of more than some 30 million postings meets the statement timeout, which undoes everything. A lock is waited for by at
most the lock timeout. The release before works on this schema: what it doesn't know of has defaults, and a hold that it
lets pass is ended by the next round of this one.

Revision: 0003, after 0002
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "2026_11_23_holds_and_time"
_PARTS = ("holds.sql", "tiers.sql", "roots.sql", "feed.sql", "audits.sql", "claims.sql", "queue.sql", "rights.sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    for part in _PARTS:
        for statement in (_SQL / part).read_text(encoding="utf-8").split("\n--;\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuses: points that are set aside would be lost."""
    raise NotImplementedError("holds are never dropped by a migration")
