"""Answers on their way out: status, headers, bytes."""

from dataclasses import dataclass
from typing import Self

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.calls import JSON_TYPE
from app.api.errors import PROBLEM_TYPE
from app.flows.requests import Answer

Header = tuple[bytes, bytes]

# Answers hold balances and names: nothing on the way may keep them, no browser may guess what they are, nor tell others
# where it found them, and no page of others may frame them.
ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
# What a browser may load for an answer that it shows: nothing; for a page of ours the style that stands in it.
NO_PAGE: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PAGE: Header = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
_REPLAYED: Header = (b"idempotent-replayed", b"true")
_VARIES: Header = (b"vary", b"Accept-Language")
_CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="kopilka"')


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Headed(Answer):
    """A good answer with headers of its own: cookies, a place to go to."""

    headers: tuple[Header, ...] = ()


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Reply:
    """`code` is that of the problem document, None for good answers."""

    status: int
    body: bytes
    media_type: bytes
    code: str | None = None
    extra: tuple[Header, ...] = ()

    @classmethod
    def of(cls, answer: Answer, *, media_type: str = JSON_TYPE, has_sentences: bool = False) -> Self:
        """A "no" is a problem document whatever the operation answers else; what its headers repeat is read from it.

        has_sentences: in the language that was asked for. Problem documents are in English whoever asks.
        """
        replayed = (_REPLAYED,) if answer.is_replayed else ()
        if answer.status < 400:
            varies = (_VARIES,) if has_sentences else ()
            own = answer.headers if isinstance(answer, Headed) else ()
            return cls(answer.status, answer.body, media_type.encode(), extra=replayed + varies + own)
        document = orjson.loads(answer.body)
        extra = list(replayed)
        if answer.status == 401:
            extra.append(_CHALLENGE)
        if (milliseconds := document.get("retry_after_ms")) is not None:
            extra.append((b"retry-after", b"%d" % max(1, -(-milliseconds // 1_000))))
        if answer.status == 405:
            extra.append((b"allow", ", ".join(document["allow"]).encode()))
        return cls(answer.status, answer.body, PROBLEM_TYPE.encode(), code=document["code"], extra=tuple(extra))


async def send_reply(send: Send, reply: Reply, *, request_id: str, is_head: bool) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (b"content-type", reply.media_type),
                (b"content-length", b"%d" % len(reply.body)),
                (b"x-request-id", request_id.encode()),
                *ALWAYS,
                _PAGE if reply.media_type.startswith(b"text/html") else NO_PAGE,
                *reply.extra,
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"" if is_head else reply.body})


async def send_page(pages: ASGIApp, scope: Scope, receive: Receive, send: Send, *, request_id: str) -> None:
    """A page of the documentation, with our headers on it; one that loads something brings its own policy."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], (b"x-request-id", request_id.encode()), *ALWAYS]
            if not any(name == NO_PAGE[0] for name, _ in headers):
                headers.append(NO_PAGE)
            message["headers"] = headers
        await send(message)

    await pages(scope, receive, send_with_headers)
