"""The service's own secrets: a small JSON file of named 256-bit keys, made on the first start.

Every instance of one service needs the same file (SECRETS_FILE, or the one in DATA_DIR). It is written aside and put
in place by a hard link, which fails when the name is taken: of two first starts at once one makes the file, the other
reads it, and nobody ever reads half of one. Losing the file means losing customers' personal data, and every look-up by
phone or card; a backup of the database without it is worth little.

When a later release needs one more key, it is added to a file in DATA_DIR; a file elsewhere belongs to whoever put it
there, so a missing key in it stops the start.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from app.config import CannotStart

KEY_BYTES = 32
# Of 32 random bytes about 30 differ; that 16 or fewer do, as in text of hexadecimal digits, comes once in 10^25 keys.
DISTINCT_MIN = 17


class BadKeyring(CannotStart):
    """The secrets can't be used; the line names the file and never shows a key."""


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The keys by their purpose, each of 32 bytes; no key serves two."""

    master: bytes  # wraps the customers' own keys
    lookup: bytes  # keyed hashes by which a phone or card is found
    signing: bytes  # tokens of quotes
    cache: bytes  # signs what is read back from Redis
    draws: bytes  # secrets of the days' draws
    other_masters: tuple[bytes, ...] = ()  # open what they have wrapped, and wrap nothing

    def __post_init__(self) -> None:
        for name in NAMES:
            if len(getattr(self, name)) != KEY_BYTES:
                raise ValueError(f"the key {name} has not {KEY_BYTES} bytes")

    def __repr__(self) -> str:
        return f"Keyring({self.fingerprint})"

    @property
    def allowance_seed(self) -> bytes:
        """Of the Ed25519 key that signs offline allowances. Derived, so that a file of an earlier release, wherever it
        is kept, goes on serving without one more key in it.
        """
        return hmac.digest(self.signing, b"key of offline allowances\n", "sha256")

    @property
    def people(self) -> bytes:
        """Seals the secrets of people's one-time codes; derived for the same reason."""
        return hmac.digest(self.signing, b"key of people's codes\n", "sha256")

    @property
    def requests(self) -> bytes:
        """Keyed hashes of requests, by which a repeated one is known; derived for the same reason."""
        return hmac.digest(self.signing, b"key of requests\n", "sha256")

    @property
    def fingerprint(self) -> str:
        """Tells two keyrings apart (16 hex digits) without telling anything of their keys: may be stored and logged."""
        subject = b"fingerprint of the keyring\n" + hashlib.sha256(self.master).digest()
        return hmac.digest(self.lookup, subject, "sha256")[:8].hex()


NAMES = tuple(field.name for field in fields(Keyring) if field.name != "other_masters")
# Beside `master` while it is replaced: the one that comes after it, and those that it came after.
NEXT_MASTER, FORMER_MASTERS = "master_next", "master_former"


def open_keyring(path: Path, *, data_dir: Path) -> Keyring:
    """The keyring in the file, made when there is none; `BadKeyring` says in one line why it can't be used.

    data_dir: a file inside it is ours, and gets the keys that a later release added.
    """
    try:
        stored = _read(path)
        if stored is None:
            stored = _make(path)
        missing = [name for name in NAMES if name not in stored]
        if missing and data_dir.absolute() not in path.absolute().parents:
            raise BadKeyring(f"SECRETS_FILE {path} lacks the key {missing[0]}")
        if missing:
            stored = _add_missing(path)
    except OSError as error:
        raise BadKeyring(f"SECRETS_FILE {path} cannot be used: {error.strerror}") from None
    keys = {name: _key(stored[name], name, path=path) for name in NAMES}
    others = {name: _key(value, name, path=path) for name, value in _other_masters(stored)}
    _refuse_weak(keys | others, path=path)
    return Keyring(**keys, other_masters=tuple(others.values()))


def add_master(path: Path) -> bytes:
    """A new master key that wraps nothing yet. Raises `BadKeyring`: there is one, or the file can't be written."""
    made = _new_key()

    def add(stored: dict[str, object]) -> None:
        if NEXT_MASTER in stored:
            raise BadKeyring(f"SECRETS_FILE {path} has a next master key already: `python -m app masters rotate`")
        stored[NEXT_MASTER] = made

    _change(path, add)
    return base64.b64decode(made)


def promote_master(path: Path) -> bool:
    """The next master key wraps from now on, where there is one; the one before only opens. Raises `BadKeyring`."""

    def promote(stored: dict[str, object]) -> None:
        if NEXT_MASTER in stored:
            former = stored.get(FORMER_MASTERS, [])
            stored[FORMER_MASTERS] = [stored["master"], *(former if isinstance(former, list) else [former])]
            stored["master"] = stored.pop(NEXT_MASTER)

    before = _read(path) or {}
    return _change(path, promote)["master"] != before.get("master")


def drop_masters(path: Path) -> int:
    """Forgets the former master keys; how many there were. Raises `BadKeyring`."""
    former = (_read(path) or {}).get(FORMER_MASTERS, [])
    _change(path, lambda stored: stored.pop(FORMER_MASTERS, None))
    return len(former) if isinstance(former, list) else 1


def _other_masters(stored: dict[str, object]) -> Iterator[tuple[str, object]]:
    """By a name for messages."""
    if NEXT_MASTER in stored:
        yield NEXT_MASTER, stored[NEXT_MASTER]
    former = stored.get(FORMER_MASTERS, [])
    for place, value in enumerate(former if isinstance(former, list) else [former]):
        yield f"{FORMER_MASTERS}/{place}", value


def _refuse_weak(keys: dict[str, bytes], *, path: Path) -> None:
    """Keys that somebody made by hand: zeros, words, one for everything."""
    for name, key in keys.items():
        if len(set(key)) < DISTINCT_MIN:
            raise BadKeyring(f"SECRETS_FILE {path}: the key {name} is not random; put 32 random bytes in its place")
        if list(keys.values()).count(key) > 1:
            raise BadKeyring(f"SECRETS_FILE {path}: the key {name} stands there twice; each purpose needs its own")


def _key(value: object, name: str, *, path: Path) -> bytes:
    try:
        key = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKeyring(f"SECRETS_FILE {path}: the key {name} must be {KEY_BYTES} bytes in base64")
    return key


def _read(path: Path) -> dict[str, object] | None:
    """What the file holds; None when there is no file."""
    try:
        stored = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise BadKeyring(f"SECRETS_FILE {path} is not JSON") from None
    if not isinstance(stored, dict):
        raise BadKeyring(f"SECRETS_FILE {path} is not a JSON object")
    return stored


def _make(path: Path) -> dict[str, object]:
    """A new file with all keys, or what another start that was faster has made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        _written_aside(path, {name: _new_key() for name in NAMES}) as aside,
        contextlib.suppress(FileExistsError),
    ):
        # A hard link is the one way to make a whole file appear under a name only if the name is free.
        os.link(aside, path)
    _sync_directory(path.parent)
    stored = _read(path)
    if stored is None:
        raise BadKeyring(f"SECRETS_FILE {path} disappeared while it was made")
    return stored


def _add_missing(path: Path) -> dict[str, object]:
    """The file with every missing key added; whoever comes second finds them there."""
    return _change(path, lambda stored: stored.update({name: _new_key() for name in NAMES if name not in stored}))


def _change(path: Path, change: Callable[[dict[str, object]], object]) -> dict[str, object]:
    """The file as it is after a change that nobody else's gets between. Raises `BadKeyring`."""
    try:
        with path.with_name(path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stored = _read(path) or {}
            change(stored)
            with _written_aside(path, stored) as aside:
                os.replace(aside, path)
            _sync_directory(path.parent)
            return stored
    except OSError as error:
        raise BadKeyring(f"SECRETS_FILE {path} cannot be used: {error.strerror}") from None


@contextlib.contextmanager
def _written_aside(path: Path, stored: dict[str, object]) -> Iterator[Path]:
    """A complete file of mode 0600 beside `path`, flushed to disk; gone afterwards unless it was moved."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(stored, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
