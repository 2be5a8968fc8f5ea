"""People who sign in, confirmation of redemptions, limits against abuse, personal data that can be destroyed.

Locks: new tables and nullable columns; nothing is rewritten. Keys, adjustments and the audit log are closed for some
milliseconds, customers to writes likewise, since new tables refer to them. Coupons are closed to writes while those
that belong to somebody are indexed (measured: 0.4 seconds a million); who can't have that makes the index beforehand,
with the statement of `personal.sql` and `concurrently`, and the migration finds it. A lock is waited for by at most the
lock timeout. The release before works on this schema.

Revision: 0006, after 0005
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "2026_11_26_people_and_data"
# The last one's references to customers close them to writes until the commit.
_PARTS = ("challenges.sql", "abuse.sql", "people.sql", "audit_log.sql", "personal.sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    for part in _PARTS:
        for statement in (_SQL / part).read_text(encoding="utf-8").split("\n--;\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuses: consents and erasures would be forgotten."""
    raise NotImplementedError("what was consented to and erased is never dropped by a migration")
