"""Every metric of the service, by name, and their text for Prometheus.

A metric is counted by a method that says what happened; the labels' children are bound once and kept, since finding
them by label costs more than counting. Labels come from closed sets: route templates, statuses, codes, wallets.

Several workers: the launcher names a directory (`share_metrics`) before it starts them; each counts in files of its own
there, and `render_metrics` of any of them adds all up. Counters of workers that have died stay counted; their gauges go
(`forget_process`). What is read from the database at the scrape (`Reading`) is the same in each of them: it is written
as this one has read it, beside the sum. prometheus_client looks for the directory once, on import, so the launcher
itself counts nothing.
"""

import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.compiled_core import chosen_core

METRICS_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

# Seconds. A till's answer is a few milliseconds at rest; 10 s is the longest that any request may take.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0)

# Requests that one transaction posts: up to `app.flows.rounds.ROUND_MAX`.
ROUND_SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


class Reading(NamedTuple):
    """A gauge that somebody else has counted. `values` are by the value of `label`, or by "" where it has none."""

    name: str
    help: str
    values: Mapping[str, float]
    label: str | None = None


class Metrics:
    """The service's metrics; one object a process (`METRICS`), others only in tests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "kopilka_requests",
            "Requests answered, by route and status",
            ("route", "method", "status"),
            registry=registry,
        )
        self._latency = Histogram(
            "kopilka_request_seconds",
            "From the request's first byte to the answer",
            ("route", "method"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._refusals = Counter(
            "kopilka_refusals", "Answers that say no, by the code of their problem", ("code",), registry=registry
        )
        self.in_flight = Gauge(
            "kopilka_requests_in_flight", "Requests being answered", registry=registry, multiprocess_mode="livesum"
        )
        self.round_size = Histogram(
            "kopilka_round_size",
            "Requests that one transaction posted",
            buckets=ROUND_SIZE_BUCKETS,
            registry=registry,
        )
        self.round_seconds = Histogram(
            "kopilka_round_seconds", "From claim to commit", buckets=LATENCY_BUCKETS, registry=registry
        )
        self.rounds_redone = Counter(
            "kopilka_rounds_redone", "Rounds without locks that another's write got ahead of", registry=registry
        )
        self.rounds_failed = Counter(
            "kopilka_rounds_failed", "Rounds that were rolled back as a whole", registry=registry
        )
        self.requests_retried = Counter(
            "kopilka_requests_retried", "Members of failed rounds that were tried again on their own", registry=registry
        )
        self.log_rows = Counter("kopilka_audit_log_rows", "Rows written to the audit log", registry=registry)
        self.log_faults = Counter(
            "kopilka_audit_log_faults",
            "Times that the audit log could not be written; it is tried again",
            registry=registry,
        )
        self.log_overflows = Counter(
            "kopilka_audit_log_overflows", "Deeds that the audit log had no room or no time for", registry=registry
        )
        self.lookup_misses = Counter(
            "kopilka_lookup_misses", "Guesses that found nothing, by whatever call", registry=registry
        )
        self._cache = Counter(
            "kopilka_cache_reads", "Reads of the cache by what they found", ("kind", "outcome"), registry=registry
        )
        self._issued = Counter(
            "kopilka_points_issued",
            "Units that purchases brought, by wallet",
            ("wallet",),
            registry=registry,
        )
        self._redeemed = Counter(
            "kopilka_points_redeemed", "Units that customers spent, by wallet", ("wallet",), registry=registry
        )
        build = Gauge(
            "kopilka_build_info",
            "1, with the version of the service and of Python, and whether the core runs compiled or pure",
            ("version", "python", "core"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        build.labels(build_version(), platform.python_version(), chosen_core().form).set(1)
        self._bind()

    def _bind(self) -> None:
        """Finding a child by its labels costs 2 µs, a cached call 0.1."""
        self._request = cache(self._of_request)
        self._refusal = cache(self._refusals.labels)
        self._cache_read = cache(self._cache.labels)
        self._issued_in = cache(self._issued.labels)
        self._redeemed_in = cache(self._redeemed.labels)

    def request_answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """route: the template (`/v1/customers/{id}`), never the path as sent; unknown paths share one."""
        counted, timed = self._request(route, method, status)
        counted.inc()
        timed.observe(seconds)

    def _of_request(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(route, method, status), self._latency.labels(route, method)

    def refused(self, code: str) -> None:
        self._refusal(code).inc()

    def round_posted(self, *, size: int, seconds: float) -> None:
        self.round_size.observe(size)
        self.round_seconds.observe(seconds)

    def round_redone(self) -> None:
        self.rounds_redone.inc()

    def round_failed(self, *, retried: int) -> None:
        """retried: how many of its members are tried again."""
        self.rounds_failed.inc()
        self.requests_retried.inc(retried)

    def cache_hit(self, kind: str) -> None:
        self._cache_read(kind, "hit").inc()

    def cache_miss(self, kind: str) -> None:
        self._cache_read(kind, "miss").inc()

    def cache_fault(self, kind: str) -> None:
        """The cache didn't answer in time, or answered what can't be believed."""
        self._cache_read(kind, "fault").inc()

    def points_issued(self, *, wallet: str, units: int) -> None:
        self._issued_in(wallet).inc(units)

    def points_redeemed(self, *, wallet: str, units: int) -> None:
        self._redeemed_in(wallet).inc(units)


def build_version() -> str:
    """The service's version: of the installed package, else the one of a checkout."""
    try:
        return version("kopilka")
    except PackageNotFoundError:
        return "0.1.0"


def share_metrics(directory: Path) -> None:
    """Makes the processes that are started from now on count together in `directory`, which is emptied first."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[SHARED_DIRECTORY] = str(directory)


def forget_process(pid: int) -> None:
    """Takes the gauges of a worker that has died out of the sum."""
    if SHARED_DIRECTORY in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library has no types here


def render_metrics(readings: Sequence[Reading] = ()) -> bytes:
    """The metrics of all workers as Prometheus text, of the type METRICS_TYPE, and what was read besides."""
    registry = _REGISTRY
    if SHARED_DIRECTORY in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # likewise
    return generate_latest(registry) + _render(readings)


def _render(readings: Sequence[Reading]) -> bytes:
    """Without objects of the library's own, whose values it would add up over the workers."""
    registry = CollectorRegistry()
    registry.register(_Readings(readings))
    return generate_latest(registry)


class _Readings(Collector):
    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        for name, text, values, label in self._readings:
            family = GaugeMetricFamily(name, text, labels=[label] if label else [])
            for of, value in values.items():
                family.add_metric([of] if label else [], value)
            yield family


def _own_registry() -> CollectorRegistry:
    """Of this process alone: its memory, file descriptors and garbage collections too."""
    # A second series beside each one, which nobody reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # likewise
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


_REGISTRY = _own_registry()
METRICS = Metrics(_REGISTRY)
