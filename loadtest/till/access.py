"""Address and key of the service that is sent to.

The key comes from `--key`, else from KOPILKA_KEY, else it is that of the demo till in the same DATA_DIR.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.config import BadSetting, Settings
from loadtest.receipts.model import UnusableInputError

KEY_VARIABLE = "KOPILKA_KEY"
DEMO_FILE = "demo.json"
PORT_DEFAULT = 8000


@dataclass(frozen=True, slots=True)
class Access:
    """Where to send, as whom, and the directory that the state file is kept in. The key is never shown."""

    url: str
    key: str = field(repr=False)
    data_dir: Path


def find_access(*, url: str | None, key: str | None) -> Access:
    """What was given on the command line wins over what the environment says. Raises UnusableInputError, one line."""
    try:
        settings = Settings.read()
    except BadSetting as error:
        raise UnusableInputError(str(error)) from error
    given = (key or os.environ.get(KEY_VARIABLE, "")).strip() or _demo_key(settings.data_dir / DEMO_FILE)
    if not given.isascii() or not given.isprintable():
        raise UnusableInputError("the key has characters that no key has")
    address = url or f"http://127.0.0.1:{settings.port or PORT_DEFAULT}"
    return Access(url=_checked(address), key=given, data_dir=settings.data_dir)


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UnusableInputError(f"--url: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise UnusableInputError("--url must be an address that begins with http:// or https://")
    return url.rstrip("/")


def _demo_key(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("till_key")
    except (OSError, ValueError, AttributeError):
        found = None
    if not isinstance(found, str) or not found:
        raise UnusableInputError(
            f"no key: give --key or {KEY_VARIABLE}; "
            "`python -m app keys create --role pos --shop S1 --terminal T1` makes one"
        )
    return found
