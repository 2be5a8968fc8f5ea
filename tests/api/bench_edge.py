"""What the edge costs: processor time a request from the socket's bytes to the answer's, with nothing behind it.

    python -m tests.api.bench_edge [--shared] [--steps]

Real uvicorn and uvloop, fed with the bytes of 32 tills at once through transports in memory; a service that knows the
till's key and answers what it was given before. `--shared` counts metrics as one of several workers does, `--steps`
times the parts of an accrual by themselves. Lines of the log go to a file, as they do in a container.

Figures are medians of many short repeats of `process_time`: others on the machine change them little.
"""

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from time import process_time_ns
from typing import Any, cast
from uuid import UUID

TILLS = 32
REPEATS = 300
KEY = "kpl_live_0f1e2d3c4b5a_" + "A" * 43 + "1Sx0KR"
CUSTOMER = "01938000-0000-7000-8000-000000000001"
_CATEGORIES = ("drinks/coffee", "dairy/milk", "sweets/chocolate", "bakery", "grocery/pasta")


def basket(number: int) -> dict[str, Any]:
    """Five lines, as tills send them."""
    lines = [
        {
            "id": str(line),
            "sku": f"sku{(number * 7 + line) % 2_000}",
            "name": f"Goods {line}",
            "category": _CATEGORIES[(number + line) % 5],
            "brand": "ABCDE"[line - 1],
            "qty": 1 + line % 3,
            "price": 5_000 + 100 * line,
        }
        for line in range(1, 6)
    ]
    return {"lines": lines, "payments": [{"method": "card", "amount": 100}]}


def requests(kind: str) -> Iterator[bytes]:
    """Bytes of one request after another, no two alike."""
    import orjson

    head = b"Host: 127.0.0.1\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n"
    for number in count():
        if kind == "balance":
            yield b"GET /v1/customers/%b/balance HTTP/1.1\r\n%b\r\n" % (CUSTOMER.encode(), head)
            continue
        document: dict[str, Any] = {"customer": {"phone": "+79001234567"}, "basket": basket(number)}
        extra = b""
        if kind == "accrue":
            document["receipt"] = {"number": f"r-{number:07d}"}
            extra = b"Idempotency-Key: k-%07d\r\n" % number
        body = orjson.dumps(document)
        head_more = b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (extra, len(body))
        yield b"POST /v1/%b HTTP/1.1\r\n%b%b%b" % (kind.encode(), head, head_more, body)


class Pipe(asyncio.Transport):
    """The server's end of a connection that goes nowhere: tells when an answer is whole."""

    def __init__(self, answered: Callable[[], None]) -> None:
        super().__init__({"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 9)})
        self._answered = answered
        self._left = -1
        self.status = b""

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        whole = bytes(data)
        if self._left < 0:
            head, _, rest = whole.partition(b"\r\n\r\n")
            self.status = head[9:12]
            start = head.lower().index(b"content-length:") + 15
            self._left = int(head[start:].split(b"\r\n", 1)[0]) - len(rest)
        else:
            self._left -= len(whole)
        if self._left == 0:
            self._left = -1
            self._answered()

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing: it stays open."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""


class Till:
    """Stands behind the edge instead of the flows: a key that it knows, and one answer a kind of call."""

    def __init__(self) -> None:
        from app.api.answers import ANSWERS
        from app.flows.callers import Callers
        from app.flows.requests import Answer, Caller, Role
        from tests.api import samples

        class Reads:
            async def caller(self, _digest: bytes) -> Caller:
                return Caller(key_id="k-1", role=Role.POS, shops=("S1",), terminal="T1")

        self.authenticate = Callers(cast(Any, Reads())).of
        self._accrued = Answer(201, ANSWERS.sale(samples.sale()))
        self._quoted = samples.sale(id=None, state="quoted", quote="token", valid_until=samples.NOON)
        self._balance = samples.balance()

    async def accrue(self, _write: object, _request: object) -> object:
        """As a round does: whoever waits gets the answer from another task."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(done.set_result, self._accrued)
        return await asyncio.shield(done)

    async def quote(self, _caller: object, _request: object) -> object:
        return self._quoted

    async def balance(self, _customer: UUID, **_query: object) -> object:
        return self._balance


async def measure(kinds: tuple[str, ...]) -> dict[str, float]:
    """Median µs a request by kind of call."""
    from uvicorn.server import ServerState

    from app.api.connections import LimitedConfig, LimitedProtocol
    from app.api.edge import Edge
    from app.main import build_app
    from app.telemetry import configure_logging

    configure_logging(form="json", level="info")
    edge: Edge = build_app(cast(Any, None), phone_region="RU")
    edge.open(cast(Any, Till()))
    config = LimitedConfig(
        edge, http=LimitedProtocol, ws="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, interface="asgi3", timeout_keep_alive=75,
    )  # fmt: skip
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sun, 22 Nov 2026 07:00:00 GMT")]
    loop = asyncio.get_running_loop()
    waiting = [0]
    whole = [loop.create_future()]

    def answered() -> None:
        waiting[0] -= 1
        if not waiting[0]:
            whole[0].set_result(None)

    protocols, pipes = [], []
    for _ in range(TILLS):
        protocol = cast(Any, config.http_protocol_class)(config=config, server_state=state, app_state={}, _loop=loop)
        pipes.append(Pipe(answered))
        protocol.connection_made(pipes[-1])
        protocols.append(protocol)
    gc.collect()
    gc.freeze()
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    sources = {kind: requests(kind) for kind in kinds}
    for _ in range(REPEATS):
        for kind in kinds:
            batch = [next(sources[kind]) for _ in protocols]
            waiting[0], whole[0] = len(protocols), loop.create_future()
            began = process_time_ns()
            for protocol, data in zip(protocols, batch, strict=True):
                protocol.data_received(data)
            await whole[0]
            await asyncio.sleep(0)
            found[kind].append((process_time_ns() - began) / 1_000 / TILLS)
            if wrong := {pipe.status for pipe in pipes} - {b"200", b"201"}:
                raise SystemExit(f"{kind}: {wrong}")
    return {kind: statistics.median(values) for kind, values in found.items()}


def steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """The parts of an accrual that can be run by themselves."""
    import structlog

    from app.api import headers as read
    from app.api.body import fingerprint, parse_json
    from app.api.calls import ANYONE, Call
    from app.api.exchange import Served
    from app.api.operations import OPERATIONS
    from app.api.replies import Reply
    from app.api.sale_requests import purchase_request
    from app.flows.requests import Answer
    from app.telemetry import METRICS, configure_logging

    configure_logging(form="json", level="info")
    served = Served(next(each for each in OPERATIONS if each.path == "/v1/accrue"))
    raw = next(requests("accrue")).partition(b"\r\n\r\n")[2]
    document = parse_json(raw)
    body = served.body(document)
    query = served.query({})
    caller = ANYONE.__class__(key_id="k-1", role=ANYONE.role, shops=("S1",), terminal="T1")
    call = Call(None, caller, {}, query, body, document, raw, "RU", False, None)
    pairs = [
        (b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + KEY.encode()), (b"idempotency-key", b"k-0000001"),
        (b"content-type", b"application/json"), (b"content-length", b"700"),
    ]  # fmt: skip
    log = structlog.get_logger("bench")
    answer = Answer(201, raw)
    yield "parse", lambda: parse_json(raw)
    yield "models", lambda: served.body(document)
    yield "to domain", lambda: purchase_request(call)
    yield "fingerprint", lambda: fingerprint(method="POST", path=b"/v1/accrue", query=b"", document=document)
    yield "headers", lambda: read.read_headers(pairs)
    yield "request id", lambda: read.request_id(pairs)
    yield "reply", lambda: Reply.of(answer)
    yield "metrics", lambda: METRICS.request_answered(route="/v1/accrue", method="POST", status=201, seconds=0.01)
    yield "in flight", METRICS.in_flight.inc
    yield (
        "log line",
        lambda: log.info("request", route="/v1/accrue", method="POST", status=201, code=None, ms=1.25, key_id="k-1"),
    )


def main() -> None:
    """Prints µs by call, and by step where asked."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--shared", action="store_true")
    asked.add_argument("--steps", action="store_true")
    options = asked.parse_args()
    out = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory() as place:
        os.dup2(os.open(f"{place}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        if options.shared:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = place
        if options.steps:
            for name, step in steps():
                print(f"{name:12} {_median(step):6.2f} µs", file=out)
        import uvloop

        for kind, cost in uvloop.run(measure(("accrue", "quote", "balance"))).items():
            print(f"{kind:12} {cost:6.1f} µs a request", file=out)


def _median(step: Callable[[], object]) -> float:
    costs = []
    for _ in range(50):
        began = process_time_ns()
        for _ in range(200):
            step()
        costs.append((process_time_ns() - began) / 200_000)
    return statistics.median(costs)


if __name__ == "__main__":
    main()
