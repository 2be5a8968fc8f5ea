"""Log lines are JSON and hold nothing personal; metrics add up over several workers."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry import Metrics, Thinned
from app.telemetry.metrics import SHARED_DIRECTORY

ROOT = Path(__file__).parent.parent
PHONE = "+79001234567"

LOGGING = f"""
import logging, sys
import structlog
from app.telemetry import configure_logging, request_id
configure_logging(form=sys.argv[1], level="info")
request_id.set("r-1")
log = structlog.get_logger("app.test")
log.debug("not_shown")
log.info("purchase_posted", tx_id="7", title="Кофе")
try:
    try:
        open("/nowhere/at/all")
    except OSError as error:
        raise ValueError("{PHONE} is not a number") from error
except ValueError:
    log.exception("failed")
    logging.getLogger("library").exception("of the library")
logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: ValueError('{PHONE}')")
printed = "Traceback (most recent call last):\\n  File \\"x.py\\", line 1\\nValueError: {PHONE}"
logging.getLogger("uvicorn.error").error(printed)
logging.getLogger("library").warning("%s of %s", 1, 2)
logging.getLogger("library").warning("%d", "{PHONE}")
"""

WORKER = """
import os, sys
from app.telemetry import METRICS
METRICS.request_answered(route="/v1/accrue", method="POST", status=201, seconds=0.01)
METRICS.round_posted(size=3, seconds=0.004)
METRICS.in_flight.inc()
print(os.getpid(), flush=True)
sys.stdin.read()
"""

SCRAPER = """
import sys
from app.telemetry import METRICS_TYPE, render_metrics
from app.telemetry.metrics import forget_process
for pid in sys.argv[1:]:
    forget_process(int(pid))
body, content_type = render_metrics(), METRICS_TYPE
assert content_type.startswith("text/plain"), content_type
sys.stdout.buffer.write(body)
"""


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, check=True)


def samples(text: str) -> dict[str, float]:
    """Every sample by name and labels as Prometheus writes them."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


@pytest.mark.parametrize("form", ["json", "console"])
def test_logs_hold_no_text_of_exceptions(form: str) -> None:
    done = python(LOGGING, form)
    assert done.stdout == b""  # standard output is for answers
    text = done.stderr.decode()
    assert PHONE not in text
    assert "ValueError" in text
    assert "not_shown" not in text


def test_a_json_log_is_one_object_a_line_with_time_level_and_request() -> None:
    lines = [json.loads(line) for line in python(LOGGING, "json").stderr.splitlines()]
    assert [line["event"] for line in lines] == [
        "purchase_posted",
        "failed",
        "of the library",
        "Task exception was never retrieved",
        "Traceback (most recent call last):",
        "1 of 2",
    ]
    assert all(line["request_id"] == "r-1" and line["level"] and line["time"].endswith("+00:00") for line in lines)
    assert lines[0]["title"] == "Кофе"
    for told in (lines[1]["error"], lines[2]["error"]):
        assert told["type"] == "ValueError"
        assert told["caused_by"]["type"] == "FileNotFoundError"
        assert told["caused_by"]["text"] == "No such file or directory"


REQUESTS = """
import asyncio, os, sys
import structlog
from app.telemetry import configure_logging, log_request, request_id
form, level = sys.argv[1:]
configure_logging(form=form, level=level)
log = structlog.get_logger("app.test")
facts = {"route": "/v1/accrue", "method": "POST", "status": 409, "code": "busy", "ms": 1.25, "key_id": "k"}
async def answer(number):
    request_id.set(f"r-{number}")
    log_request(log, dict(facts), request_id=f"r-{number}")
    log.info("request", **facts)
async def main():
    for number in range(100):
        asyncio.create_task(answer(number))
    await asyncio.sleep(0.01)
    os._exit(0)  # As if killed: nobody is asked for what is left.
asyncio.run(main())
"""


def test_a_request_s_line_is_the_one_that_structlog_would_write() -> None:
    lines = [json.loads(line) for line in python(REQUESTS, "json", "info").stderr.splitlines()]
    assert len(lines) == 200
    for number in range(100):
        one, other = [list(line.items()) for line in lines if line["request_id"] == f"r-{number}"]
        assert [member for member in one if member[0] != "time"] == [member for member in other if member[0] != "time"]
        assert [name for name, _ in one] == [name for name, _ in other]
        instants = [datetime.fromisoformat(dict(line)["time"]) for line in (one, other)]
        assert abs(instants[0] - instants[1]) < timedelta(seconds=1)
        assert len(dict(one)["time"]) == len(dict(other)["time"]) == len("2026-11-22T07:00:00.123+00:00")


@pytest.mark.parametrize(("form", "level", "lines"), [("console", "info", 200), ("json", "warning", 0)])
def test_requests_are_told_to_people_too_and_to_nobody_who_wants_warnings_only(
    form: str, level: str, lines: int
) -> None:
    assert python(REQUESTS, form, level).stderr.decode().count("\n") == lines


def test_metrics_say_what_happened() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.request_answered(route="/v1/quote", method="POST", status=200, seconds=0.004)
    metrics.refused("insufficient_points")
    metrics.round_failed(retried=4)
    metrics.cache_hit("balance")
    metrics.cache_fault("balance")
    metrics.points_issued(wallet="points", units=12)
    metrics.points_redeemed(wallet="points", units=5)
    for name, labels, value in [
        ("kopilka_requests_total", {"route": "/v1/quote", "method": "POST", "status": "200"}, 1),
        ("kopilka_request_seconds_bucket", {"route": "/v1/quote", "method": "POST", "le": "0.005"}, 1),
        ("kopilka_request_seconds_bucket", {"route": "/v1/quote", "method": "POST", "le": "0.0025"}, 0),
        ("kopilka_refusals_total", {"code": "insufficient_points"}, 1),
        ("kopilka_rounds_failed_total", {}, 1),
        ("kopilka_requests_retried_total", {}, 4),
        ("kopilka_cache_reads_total", {"kind": "balance", "outcome": "hit"}, 1),
        ("kopilka_cache_reads_total", {"kind": "balance", "outcome": "fault"}, 1),
        ("kopilka_points_issued_total", {"wallet": "points"}, 12),
        ("kopilka_points_redeemed_total", {"wallet": "points"}, 5),
    ]:
        assert registry.get_sample_value(name, labels) == value, name


def test_one_process_tells_its_memory_too() -> None:
    environment = {name: value for name, value in os.environ.items() if name != SHARED_DIRECTORY}
    command = [sys.executable, "-c", SCRAPER]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    found = samples(done.stdout.decode())
    assert any(name.startswith("kopilka_build_info") for name in found)
    if sys.platform == "linux":
        assert found["process_resident_memory_bytes{}"] > 1_000_000


def test_workers_add_up_and_the_dead_keep_counters_only(tmp_path: Path) -> None:
    environment = {SHARED_DIRECTORY: str(tmp_path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    pids = [worker.stdout.readline().decode().strip() for worker in workers if worker.stdout]
    accrued = "kopilka_requests_total{method=POST,route=/v1/accrue,status=201}"
    both = samples(python(SCRAPER, **environment).stdout.decode())
    assert both[accrued] == 2
    assert both["kopilka_round_size_sum{}"] == 6
    assert both["kopilka_requests_in_flight{}"] == 2
    workers[0].kill()
    workers[0].communicate()
    one = samples(python(SCRAPER, pids[0], **environment).stdout.decode())
    assert one[accrued] == 2
    assert one["kopilka_requests_in_flight{}"] == 1
    workers[1].communicate()


READER = """
import sys
from app.telemetry import Reading, render_metrics
sys.stdout.buffer.write(render_metrics([
    Reading("kopilka_audit_findings", "Open", {"lot_held": 2, "debt": 1}, "check"),
    Reading("kopilka_customers_frozen", "Frozen", {"": 3}),
    Reading("kopilka_duty_age_seconds", "Age", {}, "duty"),
]))
"""


def test_what_was_read_is_said_once_however_many_workers_there_are(tmp_path: Path) -> None:
    environment = {SHARED_DIRECTORY: str(tmp_path)}
    for _ in range(2):
        found = samples(python(READER, **environment).stdout.decode())
        assert found["kopilka_audit_findings{check=lot_held}"] == 2
        assert found["kopilka_audit_findings{check=debt}"] == 1
        assert found["kopilka_customers_frozen{}"] == 3
    assert "kopilka_customers_frozen" not in python(SCRAPER, **environment).stdout.decode()


def test_a_fault_is_one_line_a_kind_and_second_and_the_rest_are_counted() -> None:
    now = [10.0]
    with structlog.testing.capture_logs() as lines:
        thinned = Thinned(structlog.get_logger(), ticks=lambda: now[0])
        for _ in range(5):
            thinned.warning("round_failed", error="DatabaseGone", retried=2)
        thinned.warning("round_failed", error="DatabaseBusy", retried=1)
        thinned.warning("cache_fault", error="DatabaseGone")
        now[0] += 1.0
        for _ in range(3):
            thinned.warning("round_failed", error="DatabaseGone", retried=7)
        now[0] += 0.9
        thinned.warning("round_failed", error="DatabaseGone", retried=7)
    assert [(line["event"], line["error"], line.get("left_out")) for line in lines] == [
        ("round_failed", "DatabaseGone", None),
        ("round_failed", "DatabaseBusy", None),
        ("cache_fault", "DatabaseGone", None),
        ("round_failed", "DatabaseGone", 4),
    ]
