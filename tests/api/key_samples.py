"""Samples of keys, for tests of the edge."""

from datetime import UTC, datetime

from app.domain.key_text import KeyEnv, key_text
from app.flows.ports_keys import KeyTerms, KeyView
from app.flows.requests import Role

ID = "0f1e2d3c4b5a"
TEXT = key_text(env=KeyEnv.LIVE, key_id=ID, secret="x" * 43)
_MADE = datetime(2026, 11, 25, 12, tzinfo=UTC)


def view(terms: KeyTerms | None = None) -> KeyView:
    """A till's key, used once."""
    terms = terms or KeyTerms(Role.POS, ("S1",), "T1", signed_by=bytes(range(32)), certificate_sha256=b"\x01" * 32)
    return KeyView(ID, terms, created_at=_MADE, last_used_at=_MADE, revoked_at=None)
