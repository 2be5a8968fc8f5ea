"""A request's body: read with a limit, parsed strictly, and what makes two requests the same request."""

import hashlib
import json
from typing import Any, NoReturn

import jiter
import orjson
from starlette.types import Receive

from app.api.faults import DEPTH_MAX, find_unstorable, is_storable
from app.api.headers import Headers
from app.domain.rejections import Fault, Rejected, Rejection

_FINGERPRINT_BYTES = 16  # 128 bits: two different requests under one key never meet by chance.
_NUMBER_LENGTH_MAX = 40  # Longer ones are no number of ours.


class ClientGone(Exception):
    """The client hung up before its request was whole; there is nobody to answer."""


async def read_body(receive: Receive, *, headers: Headers, size_max: int) -> bytes:
    """The whole body.

    Raises:
        Rejected: it is larger than `size_max`, or says that it will be.
        ClientGone: it will never be whole.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:12]) > size_max:
        raise _too_large(size_max)
    chunks, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > size_max:
            raise _too_large(size_max)
        chunks.append(chunk)
        is_more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse_json(raw: bytes, *, scans: bool | None = False) -> Any:
    """The JSON value of a body.

    Duplicate keys are refused: which of the two a till means, nobody knows. A value that JSON can say but nothing can
    store (NUL, half a surrogate pair, endless numbers, endless depth) is a fault with a pointer, not broken JSON.

    scans: whether to look for such values everywhere; None: the operation does, part by part.

    Raises:
        Rejected: `malformed_request`, or `validation_error` and `limit_exceeded` for what can't be stored.
    """
    try:
        document = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        document = _second_reading(raw, str(error))
        if scans is None:
            return document
        refuse_unstorable(document)
        raise _malformed(str(error)) from None
    if scans or (scans is False and b"\\u0000" in raw):
        refuse_unstorable(document)
    return document


def refuse_unstorable(document: object) -> None:
    """Raises `Rejected` where `find_unstorable` finds something."""
    if is_storable(document):
        return
    faults = find_unstorable(document)
    is_all_depth = all(fault.code == "depth" for fault in faults)
    code = Rejection.LIMIT_EXCEEDED if is_all_depth else Rejection.VALIDATION_ERROR
    raise Rejected(code, "The body holds values that can't be kept.", faults)


def fingerprint(*, method: str, path: bytes, query: bytes, document: object) -> bytes:
    """16 bytes over method, path with query, and the JSON value, whatever the order of its members and its spaces.

    What is stored of it is under a key (`Service.keyed`).
    """
    try:
        value = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # What nothing stores, in a body that the operation judges part by part: one part is refused.
        value = json.dumps(document, sort_keys=True).encode()
    whole = b"%b %b?%b\n%b" % (method.encode(), path, query, value)
    return hashlib.blake2b(whole, digest_size=_FINGERPRINT_BYTES).digest()


def _too_large(size_max: int) -> Rejected:
    return Rejected(Rejection.PAYLOAD_TOO_LARGE, f"The body has more than {size_max} bytes.")


def _second_reading(raw: bytes, reason: str) -> Any:
    """A body that the strict parser refused for values that nothing stores.

    Raises:
        Rejected: it is no JSON, or nested beyond all bounds.
    """
    if "recursion limit" in reason:
        fault = Fault("", "depth", f"must not be nested deeper than {DEPTH_MAX} levels")
        raise Rejected(Rejection.LIMIT_EXCEEDED, "The body is nested too deeply.", (fault,))
    if any(word in reason for word in ("surrogate", "hex escape", "out of range")):
        try:
            return json.loads(
                raw.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_int=_short_int, parse_constant=_refuse
            )
        except (ValueError, RecursionError):
            pass
    raise _malformed(reason)


def _malformed(reason: str) -> Rejected:
    return Rejected(Rejection.MALFORMED_REQUEST, f"The body is not JSON that can be read: {reason}.")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _short_int(digits: str) -> int:
    """Python refuses to read numbers of thousands of digits; any that is too large will do in their place."""
    return int(digits[:_NUMBER_LENGTH_MAX])


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
