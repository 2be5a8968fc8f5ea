"""The pipeline that every call passes, a plain ASGI application.

    X-Request-Id -> route -> crowd -> key, and what it demands besides -> role -> Accept -> Content-Type -> body -> JSON
    -> Idempotency-Key -> models of body and query -> handler -> bytes

No framework stands between the server and a handler: its layers cost 150 µs a request, this pipeline about 60. FastAPI
carries the documentation and the lifespan, and is asked for nothing else.

A write runs in a task of its own: a client that hangs up, or a server that gives up on a connection, cancels our
waiting and not the write. A till's that waits for a round needs none: its round goes on by itself. While the service
stops, new writes get 503 and those under way are waited for.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import headers as read
from app.api.body import ClientGone, fingerprint, parse_json, read_body
from app.api.calls import ANYONE, JSON_TYPE, Call, Operation
from app.api.certificates import ClientCertificates
from app.api.crowd import Crowd
from app.api.deeds import is_person, noted_read, noted_write, refusal
from app.api.errors import internal_error, problem
from app.api.exchange import IS_KNOWN, Exchange, Served
from app.api.guesses import handled
from app.api.proxies import TrustedProxies
from app.api.query import parse_query
from app.api.replies import Reply, send_page, send_reply
from app.api.routing import Router
from app.api.sessions_cookies import Site
from app.api.signatures import Signed, check_signature
from app.domain.rejections import Rejected, Rejection
from app.flows.requests import Answer, Caller, Write
from app.flows.service import Service
from app.telemetry import METRICS, request_id

CLIENT_GONE_STATUS = 499  # Only in logs and metrics; nobody is there to read it.
DRAIN_SECONDS = 10.0  # The longest that any request may take.
# After a body that took longer to come its key is looked at again: who was revoked meanwhile may have begun thousands.
BODY_TRUST_SECONDS = 1.0

_log = structlog.get_logger("app.api")


class Edge:
    """Serves `operations` by a service that is opened later; `pages` answers at `page_paths` and has the lifespan."""

    def __init__(
        self,
        operations: Iterable[Operation],
        *,
        pages: ASGIApp,
        page_paths: Iterable[str] = (),
        phone_region: str,
        proxies: TrustedProxies | None = None,
        site: Site | None = None,
    ) -> None:
        self._router = Router((each.method, each.path, Served(each)) for each in operations)
        self._pages = pages
        self._page_paths = frozenset(page_paths)
        self._phone_region = phone_region
        self._proxies = proxies or TrustedProxies()
        self._certificates = ClientCertificates(self._proxies)
        self._site = site or Site()
        self._service: Service | None = None
        self._is_stopping = False
        self._writes: set[asyncio.Task[Any]] = set()
        self._crowd = Crowd()

    def open(self, service: Service) -> None:
        """Begin to serve."""
        self._service = service
        self._is_stopping = False

    def stop_writes(self) -> None:
        """From now on new writes get 503."""
        self._is_stopping = True

    async def close(self) -> None:
        """Stop serving: no new writes, those under way come to their end."""
        self.stop_writes()
        if self._writes:
            await asyncio.wait(set(self._writes), timeout=DRAIN_SECONDS)
        self._service = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        exchange = Exchange(scope, receive, self._proxies)
        request_id.set(exchange.request_id)
        if scope["path"] in self._page_paths:
            await send_page(self._pages, scope, receive, send, request_id=exchange.request_id)
            return
        METRICS.in_flight.inc()
        try:
            reply = await self._reply(exchange)
            self._crowd.leave(exchange)  # Who takes the answer slowly keeps nobody waiting.
            await send_reply(send, reply, request_id=exchange.request_id, is_head=exchange.method == "HEAD")
            exchange.tell(status=reply.status, code=reply.code)
        except ClientGone:
            exchange.tell(status=CLIENT_GONE_STATUS, code="client_gone")
        except asyncio.CancelledError:
            exchange.tell(status=CLIENT_GONE_STATUS, code="cancelled")
            raise
        finally:
            self._crowd.leave(exchange)
            METRICS.in_flight.dec()

    async def _reply(self, exchange: Exchange) -> Reply:
        """The reply to a request, whatever happens to it."""
        try:
            served = self._route(exchange)
            answer = await self._answer(exchange, served)
            return Reply.of(answer, media_type=served.operation.media_type, has_sentences=served.has_sentences)
        except Rejected as rejected:
            self._tally(exchange, rejected)
            return Reply.of(problem(rejected, request_id=exchange.request_id))
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 - the last net: what nobody foresaw is logged, and told as nothing but 500
            _log.exception("request_failed", route=exchange.route)
            return Reply.of(internal_error(request_id=exchange.request_id))

    def _tally(self, exchange: Exchange, rejected: Rejected) -> None:
        deed = refusal(exchange, rejected)
        if deed is not None and self._service is not None:
            self._service.tally(deed)

    def _route(self, exchange: Exchange) -> Served:
        found = self._router.find(exchange.path.decode("latin-1"))
        if found is None:
            raise Rejected(Rejection.NOT_FOUND, "There is nothing at this path.")
        place, exchange.params = found
        exchange.route = place.template
        method = "GET" if exchange.method == "HEAD" else exchange.method
        served = place.by_method.get(method)
        if served is not None:
            exchange.operation = served.operation.name
        else:
            allow = place.allow
            raise Rejected(
                Rejection.METHOD_NOT_ALLOWED, f"This path answers {', '.join(allow)}.", facts={"allow": allow}
            )
        return served

    async def _answer(self, exchange: Exchange, served: Served) -> Answer:
        operation, service = served.operation, self._service
        headers = exchange.headers = read.read_headers(exchange.scope["headers"])
        caller, wait, signed = ANYONE, 0.0, None
        if operation.roles is not None:
            wait = self._crowd.enter(exchange, now=exchange.arrived)
            if service is None:
                raise Rejected(Rejection.UNAVAILABLE, "The service is starting or stopping.")
            caller = await self._caller(service, exchange, operation)
            exchange.key_id = caller.key_id
            if caller.signed_by is not None or caller.certificate_sha256 is not None:
                signed = self._admit(exchange, operation, caller)
            exchange.scope[IS_KNOWN] = True
            if caller.role not in operation.roles:
                raise Rejected(Rejection.INSUFFICIENT_SCOPE, f"A key of the role {caller.role} may not do that.")
        if operation.media_type is JSON_TYPE:
            read.check_accept(headers)
        raw, document = await self._body(exchange, operation, signed)
        if service is not None and operation.roles is not None and exchange.age() > BODY_TRUST_SECONDS:
            await self._caller(service, exchange, operation)
        query = parse_query(exchange.scope["query_string"])
        is_write = _is_write(operation, query)
        key = read.idempotency_key(headers) if is_write else ""
        patience = read.patience_seconds(headers)
        if patience is not None and wait > patience:
            raise Rejected(Rejection.DEADLINE_EXCEEDED, "The till's patience would end before the answer is there.")
        call = Call(
            opened=service,
            caller=caller,
            params=exchange.params,
            query=served.query(query),
            body=served.body(document),
            document=document,
            raw=raw,
            phone_region=self._phone_region,
            is_russian=read.is_russian(headers),
            write=None,
            ip=exchange.ip,
            request_id=exchange.request_id,
            headers=headers,
            site=self._site,
        )
        if not is_write:
            return await (noted_read(operation, call) if is_person(caller) else handled(operation, call))
        call.write = _write(exchange, document, service=call.service, caller=caller, key=key, patience=patience)
        return await self._write(operation, call)

    async def _caller(self, service: Service, exchange: Exchange, operation: Operation) -> Caller:
        """Whose key it is; without one, whose session, whose writes must be those of a page of ours."""
        headers = exchange.headers
        if b"cookie" not in headers or b"authorization" in headers:
            return await service.authenticate(read.bearer_key(headers))
        token = self._site.token(headers)
        caller = await service.session_caller(token)
        exchange.key_id = caller.key_id
        if operation.method != "GET":
            self._site.check_write(headers, token)
        return caller

    def _admit(self, exchange: Exchange, operation: Operation, caller: Caller) -> Signed | None:
        """Raises `Rejected(UNAUTHENTICATED)` where a request lacks what its key demands besides itself."""
        scope = exchange.scope
        if caller.certificate_sha256 is not None:
            self._certificates.check(caller.certificate_sha256, address=exchange.peer, pairs=scope["headers"])
        if caller.signed_by is None or not _is_write(operation, parse_query(scope["query_string"])):
            return None
        return check_signature(
            scope["headers"],
            method=exchange.method,
            path=exchange.path,
            query=scope["query_string"],
            key_id=caller.key_id,
            public_key=caller.signed_by,
        )

    async def _body(self, exchange: Exchange, operation: Operation, signed: Signed | None) -> tuple[bytes, Any]:
        """The body's bytes and its JSON value; None where there is none and none is needed."""
        if operation.is_long:
            self._crowd.leave(exchange)
        if operation.method == "GET":
            return b"", None
        if operation.body is not None:
            read.check_content_type(exchange.headers)
        self._crowd.leave(exchange)  # As long as the caller sends, it waits for nothing of ours.
        raw = await read_body(exchange.receive, headers=exchange.headers, size_max=operation.body_max)
        if signed is not None:
            signed.check_body(raw)
        if operation.roles is not None and not operation.is_long:
            self._crowd.come_back(exchange, now=asyncio.get_running_loop().time())
        if operation.body is None:
            if not raw:
                return raw, None
            read.check_content_type(exchange.headers)
        return raw, parse_json(raw, scans=operation.scans)

    async def _write(self, operation: Operation, call: Call) -> Answer:
        """Run a write to its end, whatever becomes of whoever waits for it."""
        if self._is_stopping:
            raise Rejected(Rejection.UNAVAILABLE, "The service is stopping.")
        if operation.is_queued and not is_person(call.caller) and (current := asyncio.current_task()) is not None:
            self._writes.add(current)
            try:
                return await noted_write(operation, call)
            finally:
                self._writes.discard(current)
        task = asyncio.create_task(noted_write(operation, call))
        self._writes.add(task)
        task.add_done_callback(self._settle)
        return await asyncio.shield(task)

    def _settle(self, task: "asyncio.Task[Answer]") -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # Looked at here, since nobody may be waiting any more.


def _is_write(operation: Operation, query: Mapping[str, str]) -> bool:
    return operation.is_write and not (operation.can_preview and query.get("preview") == "true")


def _write(
    exchange: Exchange, document: object, *, service: Service, caller: Caller, key: str, patience: float | None
) -> Write:
    former = fingerprint(
        method=exchange.method,
        path=exchange.path,
        query=exchange.scope["query_string"],
        document={} if document is None else document,
    )
    return Write(
        caller=caller,
        key=key,
        fingerprint=service.keyed(former),
        request_id=exchange.request_id,
        deadline=None if patience is None else exchange.arrived + patience,
        former=former,
    )
