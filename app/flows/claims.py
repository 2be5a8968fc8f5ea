"""What a write claims for ever: its idempotency key, its receipt, its fiscal document.

A claim is the first half of a SHA-256 over what is claimed, so that the table of claims stays narrow whatever tills
send. Half is 128 bits: two of a billion claims a year for a century share one with a chance of 10^-17.

Beside a key stands the fingerprint of the request that it was used for. A request names people by their phones, of
which there are few enough to try them all, and the claim outlives them: so the hash is under a key of the keyring, and
whoever has a dump alone can't tell whether a phone that they know is in it. Releases before 0006 took it without a key.
Such claims are found by both forms: the keyed one is a hash of the other, which costs 1 µs. That ends when they are
forgotten (docs/personal-data.md): then nothing in the database has the old form.
"""

from collections.abc import Iterator
from hashlib import sha256
from uuid import UUID

from app.flows.ledger_port import Claim
from app.flows.requests import Caller, PurchaseName, Receipt, Write


def _digest(*parts: str) -> UUID:
    # Every part is preceded by its length: no two different lists read the same.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return UUID(bytes=sha256(text.encode()).digest()[:16])


def key_claim(caller: Caller, key: str) -> UUID:
    """An idempotency key, unique within the caller's shop and terminal (a person's: within the person)."""
    return _digest("key", caller.scope, key)


def is_same(claim: Claim, write: Write) -> bool:
    """Whether the key was claimed for this very request."""
    return claim.fingerprint in (write.fingerprint, write.former)


def receipt_claim(name: PurchaseName | Receipt) -> UUID:
    """(shop, terminal, shift if sent, number)."""
    shift = () if name.shift is None else (name.shift,)
    return _digest("receipt", name.shop, name.terminal, name.number, *shift)


def offline_claim(receipt: Receipt) -> UUID:
    """The key of a receipt made without connection, made of its number: no caller's key is ever the same."""
    shift = () if receipt.shift is None else (receipt.shift,)
    return _digest("offline", receipt.shop, receipt.terminal, receipt.number, *shift)


def lock_of(digest: UUID) -> int:
    """An advisory lock's number: the digest's first 8 bytes as a signed integer."""
    return int.from_bytes(digest.bytes[:8], "big", signed=True)


def receipt_claims(receipt: Receipt) -> Iterator[tuple[str, UUID]]:
    """The receipt and, where sent, the fiscal document."""
    yield "r", receipt_claim(receipt)
    if receipt.fiscal is not None:
        yield "f", _digest("fiscal", receipt.fiscal.fn, receipt.fiscal.document)
