"""The text of a key: `kpl_<env>_<id>_<secret><check>`, as `kpl_live_0f1e2d3c4b5a_…43 characters……6 more…`.

The check is CRC-32 over all that stands before it, six digits in base 62. It tells a typo, a cut-off paste or a random
guess from a key before the database is asked, and lets a scanner of code tell a leaked key from a word that looks like
one. It proves nothing, since whoever knows the form can compute it: that is the secret's part, 256 random bits. Keys of
the first releases have no check, and go on working.
"""

import re
from enum import StrEnum
from zlib import crc32

ID_LENGTH = 12  # Hexadecimal digits.
SECRET_LENGTH = 43  # 32 bytes in base64url.
CHECK_LENGTH = 6  # 62^6 is above 2^32.

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET = rf"[A-Za-z0-9_-]{{{SECRET_LENGTH}}}"
_WITH_CHECK = re.compile(rf"kpl_(live|test)_[0-9a-f]{{{ID_LENGTH}}}_{_SECRET}[0-9A-Za-z]{{{CHECK_LENGTH}}}")
_WITHOUT_CHECK = re.compile(rf"kpl_live_[0-9a-f]{{{ID_LENGTH}}}_{_SECRET}")


class KeyEnv(StrEnum):
    """Where a key is good: a copy of the live database, set to be a test's, takes no live keys."""

    LIVE = "live"
    TEST = "test"


def key_text(*, env: KeyEnv, key_id: str, secret: str) -> str:
    """The whole key."""
    body = f"kpl_{env}_{key_id}_{secret}"
    return body + _check_of(body)


def may_be_key(text: str, *, env: KeyEnv) -> bool:
    """Whether a text has a key's form, its check is right, and it is of this environment. Keys without a check say
    `live` wherever they were made, so they are taken in both.
    """
    if found := _WITH_CHECK.fullmatch(text):
        return found[1] == env and text[-CHECK_LENGTH:] == _check_of(text[:-CHECK_LENGTH])
    return _WITHOUT_CHECK.fullmatch(text) is not None


def _check_of(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
