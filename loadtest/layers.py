"""Which layer of a request a line of code belongs to: the one table that `make profile` adds up by.

A sample belongs to the innermost frame that the table names. What serves several layers (`CALLER`), the standard
library and whatever the table doesn't know belong to whoever called them; where nobody did, to `REST`. A longer name
wins over a shorter one, and `module:function` over its module.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

SERVER = "server: uvicorn, httptools, loop"
EDGE = "edge: route, headers, crowd, replies"
PARSING = "parsing and validation"
IDENTITY = "identity: key, customer, seals"
GUARDS = "guards: guesses, limits, confirmation"
ROUND = "queue and round"
RULES = "rules"
LEDGER = "ledger planning"
DRIVER = "driver: asyncpg"
ROWS = "rows to values, values to arrays"
SERIALISING = "serialising"
LOGGING = "logging"
METRICS = "metrics"
REDIS = "Redis"
READING = "use cases of reads"
GARBAGE = "garbage collector"
REST = "rest"

# In the order of a purchase's way through the service.
ORDER = (
    SERVER, EDGE, PARSING, IDENTITY, GUARDS, ROUND, RULES, LEDGER, READING, SERIALISING, ROWS, DRIVER, REDIS, LOGGING,
    METRICS, GARBAGE, REST,
)  # fmt: skip

CALLER = ""  # The layer of whoever called.

LAYERS: dict[str, str] = {
    # Who serves
    "uvicorn": SERVER,
    "uvloop": SERVER,
    "httptools": SERVER,
    "asyncio.runners": SERVER,  # What the loop does between two callbacks.
    "app.workers": SERVER,
    "app.one_write": SERVER,
    "starlette": EDGE,
    "fastapi": EDGE,
    "app.main": EDGE,
    "app.api.edge": EDGE,
    "app.api.exchange": EDGE,
    "app.api.routing": EDGE,
    "app.api.headers": EDGE,
    "app.api.crowd": EDGE,
    "app.api.calls": EDGE,
    "app.api.deeds": EDGE,
    "app.api.connections": EDGE,
    "app.api.ports_apart": EDGE,
    "app.api.cors": EDGE,
    "app.api.replies": EDGE,
    "app.api.proxies": EDGE,
    "app.api.errors": EDGE,
    "app.api.purchases": EDGE,
    "app.api.customers": EDGE,
    # What was sent
    "jiter": PARSING,
    "pydantic": PARSING,
    "pydantic_core": PARSING,
    "app.api.exchange:Served.body": PARSING,
    "app.api.exchange:Served.query": PARSING,
    "app.api.body": PARSING,
    "app.api.query": PARSING,
    "app.api.fields": PARSING,
    "app.api.lines": PARSING,
    "app.api.schemas": PARSING,
    "app.api.sale_requests": PARSING,
    "app.api.receipts": PARSING,
    "app.api.faults": PARSING,
    "app.flows.requests": PARSING,
    # Who it is
    "phonenumbers": IDENTITY,
    "cryptography": IDENTITY,
    "app.vault": IDENTITY,
    "app.wrapped_keys": IDENTITY,
    "app.sealing": IDENTITY,
    "app.this_machine": IDENTITY,
    "app.keyring": IDENTITY,
    "app.api.identity": IDENTITY,
    "app.flows.callers": IDENTITY,
    "app.flows.identity": IDENTITY,
    "app.domain.identifiers": IDENTITY,
    "app.flows.sessions": IDENTITY,
    "app.flows.sealed_reasons": IDENTITY,
    "app.flows.sealed_answers": IDENTITY,
    # Whether it may be
    "app.api.guesses": GUARDS,
    "app.flows.lookup_budget": GUARDS,
    "app.flows.guessing": GUARDS,
    "app.flows.rate_limits": GUARDS,
    "app.flows.guards": GUARDS,
    "app.flows.confirm": GUARDS,
    "app.flows.confirming": GUARDS,
    "app.flows.app_codes": GUARDS,
    "app.flows.courier": GUARDS,
    "app.domain.abuse": GUARDS,
    "app.domain.one_time_codes": GUARDS,
    # The round
    "app.flows.answering": ROUND,
    "app.flows.loyalty": ROUND,
    "app.flows.office": ROUND,
    "app.flows.use_cases": ROUND,
    "app.flows.service": ROUND,
    "app.flows.rounds": ROUND,
    "app.flows.post_round": ROUND,
    "app.flows.round_holds": ROUND,
    "app.flows.round_lots": ROUND,
    "app.flows.round_changes": ROUND,
    "app.flows.round_programs": ROUND,
    "app.flows.round_owners": ROUND,
    "app.flows.round_known": ROUND,
    "app.flows.asks": ROUND,
    "app.flows.claims": ROUND,
    "app.flows.failures": ROUND,
    "app.flows.refusals": ROUND,
    "app.flows.publish_program": ROUND,  # Which program is in force.
    "app.flows.ledger_port": ROUND,
    "app.flows.ports": ROUND,
    "app.flows.record_purchase": ROUND,
    "app.flows.sale_desk": ROUND,
    "app.flows.shared_use": ROUND,
    "app.flows.standings": ROUND,
    "app.wiring": ROUND,
    "app.clock": ROUND,
    "uuid_utils": ROUND,
    # What it decides
    "app.domain.rules": RULES,
    "app.domain.program": RULES,
    "app.domain.programs": RULES,
    "app.domain.draws": RULES,
    "app.domain.decision": RULES,
    "app.flows.sales": RULES,
    "app.domain.ledger": LEDGER,
    # What only reads
    "app.flows.quote_basket": READING,
    "app.flows.read_customer": READING,
    "app.flows.profiles": READING,
    "app.flows.promises": READING,
    "app.flows.ports_customers": READING,
    "app.flows.offline_allowance": READING,
    "app.flows.together": READING,
    "app.flows.results": CALLER,
    # What is said
    "orjson": SERIALISING,
    "app.api.answers": SERIALISING,
    "app.api.sale_answer": SERIALISING,
    "app.api.customer_answer": SERIALISING,
    "app.api.draw_answer": SERIALISING,
    "app.api.explaining": SERIALISING,
    "app.api.sentences": SERIALISING,
    "app.api.hint_texts": SERIALISING,
    "app.api.masking": SERIALISING,
    "app.api.speech": SERIALISING,
    "app.api.telling": SERIALISING,
    "app.api.templates": SERIALISING,
    "app.api.told": SERIALISING,
    "app.flows.stored_baskets": SERIALISING,
    # Where it is kept
    "asyncpg": DRIVER,
    "app.storage": ROWS,
    "app.storage.engine": DRIVER,
    "app.processors": DRIVER,  # Of a new connection to PostgreSQL.
    "redis": REDIS,
    "hiredis": REDIS,
    "app.cache": REDIS,
    # What is told of it
    "structlog": LOGGING,
    "logging": LOGGING,
    "app.telemetry": LOGGING,
    "app.telemetry.logs": LOGGING,
    "prometheus_client": METRICS,
    "app.telemetry.metrics": METRICS,
    # What several layers use
    "app.domain.allowances": CALLER,
    "app.domain.amounts": CALLER,
    "app.domain.basket": CALLER,
    "app.domain.counters": CALLER,
    "app.domain.coupons": CALLER,
    "app.domain.customer": CALLER,
    "app.domain.rejections": CALLER,
}


@cache
def layer_of(module: str, function: str = "") -> str | None:
    """The layer that the table gives a function, `CALLER` too; None: the table doesn't know its module."""
    if found := LAYERS.get(f"{module}:{function}"):
        return found
    name = module
    while name:
        if name in LAYERS:
            return LAYERS[name]
        name = name.rpartition(".")[0]
    return None


def layer_of_stack(frames: Iterable[tuple[str, str]]) -> str:
    """The layer of a sample: `(module, function)` of its frames, the innermost first."""
    for module, function in frames:
        if layer := layer_of(module, function):
            return layer
    return REST
