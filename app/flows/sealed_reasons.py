"""Why points were redeemed, held or adjusted, in somebody's own words: they may name the customer, so they are kept
under the customer's own key, and go with it.

A reason is no part of what is chained (`domain/ledger/chain.py`): unreadable, it leaves the postings as provable as
before. Reasons that the service itself gives are words of its own, and stay in clear; so do those of customers without
a person, such as gift cards, and all that were posted by releases before 0006.
"""

from base64 import b64decode, b64encode
from uuid import UUID

from app.flows.ledger_port import Patron, Sealed
from app.flows.ports import Vault

_MARK = "sealed:"


def sealed_reason(vault: Vault, patron: Patron, reason: str) -> str:
    """As it is stored (of 256 characters at most 1,411)."""
    wrapped_key = patron.profile.wrapped_key
    if wrapped_key is None:
        return f" {reason}" if reason.startswith(_MARK) else reason  # Nobody makes us open what they have made up.
    sealed = vault.seal_secret(patron.book.customer_id, reason.encode(), wrapped_key=wrapped_key)
    return _MARK + b64encode(sealed).decode()


def opened_reason(vault: Vault, customer_id: UUID, stored: str | None, *, wrapped_key: bytes | None) -> str | None:
    """None where there was none, and where its customer was erased."""
    if stored is None or not stored.startswith(_MARK):
        return stored
    reason = vault.open_secret(customer_id, Sealed(wrapped_key, b64decode(stored.removeprefix(_MARK))))
    return None if reason is None else reason.decode()
