"""What the first run of a file fixed, kept in a small JSON file so that every later run sends the same bytes.

A file is known by its content, not its name. Without this, a run tomorrow would move the days by one more, and every
request would be a new body under an old key.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loadtest.receipts.model import UnusableInputError
from loadtest.receipts.moving import Moving

STATE_FILE = "replay.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Fixed:
    """All that bodies depend on besides the file. `redeem_every` 0: never."""

    timezone: str
    shift_days: int
    redeem_every: int
    wallet: str

    def moving(self) -> Moving:
        return Moving(zone=zone_of(self.timezone), days=self.shift_days)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises UnusableInputError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder, as "Europe".
        raise UnusableInputError(f"no time zone is called {name[:60]!r}; IANA names look like Europe/London") from error


def recall(path: Path, *, fingerprint: str) -> Fixed | None:
    """What an earlier run fixed for the file with this fingerprint. Raises UnusableInputError for a broken state."""
    kept = _load(path).get(fingerprint)
    if kept is None:
        return None
    match kept:
        case {
            "timezone": str(timezone),
            "shift_days": int(shift_days),
            "redeem_every": int(redeem_every),
            "wallet": str(wallet),
        }:
            zone_of(timezone)
            return Fixed(timezone=timezone, shift_days=shift_days, redeem_every=redeem_every, wallet=wallet)
        case _:
            raise UnusableInputError(f"the state file {path} is broken: what the first run fixed isn't all there")


def keep(path: Path, *, fingerprint: str, fixed: Fixed) -> None:
    """Adds to the state file before anything is sent; it is replaced whole, so a crash leaves the old or the new."""
    files = _load(path) | {fingerprint: asdict(fixed)}
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as out:
            json.dump({"format": FORMAT, "files": files}, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except OSError as error:
        raise UnusableInputError(f"can't write the state file {path}: {error}") from error


def _load(path: Path) -> dict[str, dict[str, object]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInputError(f"can't read the state file {path}: {error}") from error
    try:
        document = json.loads(text)
        files = document["files"]
        is_known = document["format"] == FORMAT and all(isinstance(kept, dict) for kept in files.values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableInputError(f"the state file {path} is broken: {error}") from error
    if not is_known:
        raise UnusableInputError(f"the state file {path} is of another format")
    return dict(files)
