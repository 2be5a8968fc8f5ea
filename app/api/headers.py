"""What the pipeline reads from a request's headers. Everything is bytes until it is checked."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import Scope

from app.domain.rejections import Fault, Rejected, Rejection, unauthenticated

Headers = dict[bytes, bytes]

KEY_LENGTH_MAX = 255  # Contract, section 2.
BEARER_LENGTH_MAX = 256  # A key has 71 characters; what is much longer needs no look at all.
ADDRESS_LENGTH_MAX = 64  # Of IPv6 with a zone.
DEADLINE_MS_MAX = 600_000  # Nobody waits ten minutes at a till.

_SPELLINGS_CACHED = 128  # Of Accept, Content-Type and Accept-Language; a fleet of tills sends a handful.

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
_SINGLE = (b"authorization", b"idempotency-key", b"content-type", b"content-length", b"x-request-id", b"x-deadline-ms")


def read_headers(pairs: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Headers by lower-case name.

    Raises:
        Rejected: one that may be there once is there twice; which of the two another part would read, nobody knows.
    """
    headers = dict(pairs)
    if len(headers) != len(pairs):
        names = [name for name, _ in pairs]
        for name in _SINGLE:
            if names.count(name) > 1:
                raise Rejected(Rejection.MALFORMED_REQUEST, f"The header {name.decode()} is there twice.")
    return headers


def request_id(pairs: Sequence[tuple[bytes, bytes]]) -> str:
    """The caller's X-Request-Id if it is sane, else a new one."""
    for name, value in pairs:
        if name == b"x-request-id" and _SANE_REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return os.urandom(16).hex()


def peer_address(scope: Scope) -> str:
    """The other end of the connection, "" where that has no address."""
    client = scope.get("client")
    return str(client[0])[:ADDRESS_LENGTH_MAX] if client else ""


def bearer_key(headers: Headers) -> str:
    """The key of `Authorization: Bearer`.

    Raises:
        Rejected: there is none.
    """
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not 0 < len(key) <= BEARER_LENGTH_MAX or not key.isascii():
        raise unauthenticated()
    return key.decode("ascii")


def idempotency_key(headers: Headers) -> str:
    """The key of a write.

    Raises:
        Rejected: it is missing, or not 1 to 255 printable ASCII characters.
    """
    value = headers.get(b"idempotency-key")
    if value is None:
        raise Rejected(Rejection.IDEMPOTENCY_KEY_MISSING, "Send an Idempotency-Key, new for each thing that happened.")
    return check_key(value.decode("latin-1"))


def check_key(text: str) -> str:
    """An idempotency key as it may be: 1 to 255 printable ASCII characters."""
    if not 0 < len(text) <= KEY_LENGTH_MAX or not text.isascii() or not text.isprintable():
        raise Rejected(Rejection.IDEMPOTENCY_KEY_INVALID, "An Idempotency-Key has 1 to 255 printable ASCII characters.")
    return text


def patience_seconds(headers: Headers) -> float | None:
    """X-Deadline-Ms in seconds; None where the till waits as long as the service does."""
    value = headers.get(b"x-deadline-ms")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 6 or int(value) > DEADLINE_MS_MAX:
        fault = Fault("/header/X-Deadline-Ms", "range", f"must be milliseconds, 0 to {DEADLINE_MS_MAX}")
        raise Rejected(Rejection.VALIDATION_ERROR, "X-Deadline-Ms can't be read.", (fault,))
    return int(value) / 1_000


def check_content_type(headers: Headers) -> None:
    """Bodies are JSON in UTF-8, as they are."""
    if not _is_json(headers.get(b"content-type", b"")):
        raise Rejected(Rejection.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json, in UTF-8.")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Rejected(Rejection.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, without Content-Encoding.")


def check_accept(headers: Headers) -> None:
    accept = headers.get(b"accept")
    if accept is not None and not _takes_json(accept):
        raise Rejected(Rejection.NOT_ACCEPTABLE, "Answers are application/json and application/problem+json.")


def is_russian(headers: Headers) -> bool:
    """Whether sentences are wanted in Russian rather than English."""
    language = headers.get(b"accept-language")
    return language is not None and _prefers_russian(language)


@lru_cache(maxsize=_SPELLINGS_CACHED)
def _is_json(content_type: bytes) -> bool:
    kind, *parameters = content_type.lower().split(b";")
    if kind.strip() != b"application/json":
        return False
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip().strip(b'"') not in {b"utf-8", b"utf8"}:
            return False
    return True


@lru_cache(maxsize=_SPELLINGS_CACHED)
def _takes_json(accept: bytes) -> bool:
    return any(
        weight > 0 and kind in {"*/*", "application/*", "application/json", "application/problem+json"}
        for kind, weight in _weighted(accept)
    )


@lru_cache(maxsize=_SPELLINGS_CACHED)
def _prefers_russian(language: bytes) -> bool:
    best: dict[str, int] = {}
    for tag, weight in _weighted(language):
        base = tag.partition("-")[0]
        best[base] = max(weight, best.get(base, 0))
    return best.get("ru", 0) > best.get("en", 0)


def _weighted(header: bytes) -> list[tuple[str, int]]:
    """The members of a list header with their `q` in thousandths; one that can't be read counts as 1."""
    members = []
    for member in header.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in member.split(";"))
        weight = 1_000
        for parameter in parameters:
            if match := re.fullmatch(r"q=([01])(?:\.(\d{0,3}))?", parameter):
                weight = min(1_000, int(match[1]) * 1_000 + int((match[2] or "0").ljust(3, "0")))
        members.append((name, weight))
    return members
