"""What `python -m app keys …` does, on a database that is ready; each answer is a line of JSON."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from app.api.signatures import public_key_of, public_pem
from app.config import CannotStart
from app.deed_log import command_deed, note_command
from app.domain.key_text import KeyEnv
from app.flows.failures import DatabaseGone
from app.flows.ports_audit_log import Details
from app.flows.ports_keys import BadKeyTerms, KeyView, TooManyKeys
from app.storage import keys as storage
from app.storage.engine import UnsafeDatabase

_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_OPTIONS = {"shops": "--shop", "terminal": "--terminal", "partner": "--partner"}


def create(
    database_url: str,
    *,
    env: KeyEnv,
    role: str,
    shops: Sequence[str],
    terminal: str | None,
    partner: str | None,
    signed_by: str | None,
    certificate_sha256: str | None,
) -> str:
    """The new key. Raises `CannotStart`.

    Args:
        signed_by: path of an Ed25519 public key in PEM.
        certificate_sha256: 64 hexadecimal digits; colons between them are as good.
    """
    making = storage.create_key(
        database_url,
        role=role,
        shops=shops,
        terminal=terminal,
        partner=partner,
        signed_by=None if signed_by is None else _public_key(Path(signed_by)),
        certificate_sha256=None if certificate_sha256 is None else _digest(certificate_sha256),
        env=env,
    )
    try:
        return _shown(_noted(database_url, "create_key", asyncio.run(making)))
    except BadKeyTerms as error:
        raise CannotStart(f"{_OPTIONS[error.member]}: {error}") from None
    except (ValueError, TooManyKeys) as error:
        raise CannotStart(str(error)) from None


def rotate(database_url: str, key_id: str, *, env: KeyEnv) -> str:
    """A second key as the one with this id. Raises `CannotStart`."""
    try:
        made = asyncio.run(storage.rotate_key(database_url, key_id, env=env))
    except TooManyKeys as error:
        raise CannotStart(str(error)) from None
    if made is None:
        raise CannotStart(f"there is no live key {key_id}")
    return _shown(_noted(database_url, "rotate_key", made))


def revoke(database_url: str, key_id: str) -> None:
    """Raises `CannotStart`."""
    if not asyncio.run(storage.revoke_key(database_url, key_id)):
        raise CannotStart(f"there is no key {key_id}")
    _note(database_url, "revoke_key", key_id, {})


def listed(database_url: str) -> Iterator[str]:
    for view in asyncio.run(storage.list_keys(database_url)):
        yield orjson.dumps(_document(view)).decode()


def _noted(database_url: str, action: str, made: storage.CreatedKey) -> storage.CreatedKey:
    """Before it is shown: nobody has a key that the audit log doesn't know."""
    _note(database_url, action, made.id, {"role": made.role})
    return made


def _note(database_url: str, action: str, key_id: str, details: Details) -> None:
    try:
        asyncio.run(note_command(database_url, command_deed(action, object=f"keys/{key_id}", details=details)))
    except (DatabaseGone, UnsafeDatabase) as error:
        raise CannotStart(f"{action} of {key_id} is done, but the audit log could not be written: {error}") from None


def _shown(made: storage.CreatedKey) -> str:
    return orjson.dumps({"id": made.id, "key": made.key, "role": made.role}).decode()


def _document(view: KeyView) -> dict[str, object]:
    terms = view.terms
    return {
        "id": view.id,
        "role": terms.role,
        "shops": terms.shops,
        "terminal": terms.terminal,
        "partner": terms.partner,
        "created_at": view.created_at,
        "last_used_at": view.last_used_at,
        "revoked_at": view.revoked_at,
        "signed_by": None if terms.signed_by is None else public_pem(terms.signed_by),
        "certificate_sha256": None if terms.certificate_sha256 is None else terms.certificate_sha256.hex(),
    }


def _public_key(path: Path) -> bytes:
    try:
        return public_key_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotStart(f"--signed-by {path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise CannotStart(f"--signed-by {path} {error}") from None


def _digest(text: str) -> bytes:
    digits = text.replace(":", "")
    if not _HEX.fullmatch(digits):
        raise CannotStart("--certificate-sha256 must be 64 hexadecimal digits")
    return bytes.fromhex(digits)
