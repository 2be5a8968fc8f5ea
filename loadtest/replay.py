"""`python -m app replay FILE`: real receipts through the HTTP API, as a till would send them.

1. Read the file (Online Retail or CDNOW, told by content) and give every line a treatment.
2. Fix what bodies depend on, or take what the first run fixed from the state file.
3. Plan: registrations, purchases in time order, returns of the lines that were bought; a fixed key for each.
4. Send over several connections, each customer's receipts in order; repeat what got no answer under the same key.
5. Count, run `verify`, print, and exit 0 only if every receipt has a definite outcome and the audit is clean.

The service has to run with AT_MAX_AGE_HOURS=0. A second run sends the same bytes and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console

from loadtest.options import Options, read_options
from loadtest.receipts.files import load, read
from loadtest.receipts.lanes import share_out
from loadtest.receipts.model import Reading, UnusableInputError
from loadtest.receipts.moving import moving_to_today
from loadtest.receipts.planning import TIMEZONES, Plan, plan_requests
from loadtest.till.access import Access, find_access
from loadtest.till.audit import run_verify
from loadtest.till.client import Till, open_http
from loadtest.till.halt import Halt
from loadtest.till.report import Report, as_json
from loadtest.till.run import run_lanes
from loadtest.till.screen import Screen
from loadtest.till.state import STATE_FILE, Fixed, keep, recall, zone_of
from loadtest.till.tables import print_report
from loadtest.till.tally import Tally

REDEEM_EVERY_DEFAULT = 5
WALLET_DEFAULT = "points"
EXIT_INTERRUPTED = 130
INTERRUPTED = "interrupted"


def main(argv: Sequence[str], *, transport: httpx.AsyncBaseTransport | None = None) -> int:
    """Runs a replay and returns the exit code: 0 whole and clean, 1 not, 130 interrupted. `transport` is for tests."""
    options = read_options(argv)
    console = Console()
    try:
        report = _replay(options, console=console, transport=transport)
        print_report(report, console=console)
        if options.json_file is not None:
            _write_json(report, path=options.json_file)
    except UnusableInputError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # The second Ctrl-C, or one while nothing is being sent.
        print("replay: left at once; the same command goes on where this run ended", file=sys.stderr)
        return EXIT_INTERRUPTED
    if report.halted == INTERRUPTED:
        return EXIT_INTERRUPTED
    return 0 if report.is_good else 1


def _replay(options: Options, *, console: Console, transport: httpx.AsyncBaseTransport | None) -> Report:
    text, fingerprint = load(options.file)
    reading = read(text)
    access = find_access(url=options.url, key=options.key)
    asyncio.run(_look_for_the_service(access, transport=transport))
    fixed = _fix(options, reading, path=options.state or access.data_dir / STATE_FILE, fingerprint=fingerprint)
    plan = plan_requests(reading, moving=fixed.moving(), redeem_every=fixed.redeem_every, wallet=fixed.wallet)
    tally, halt, elapsed_us = asyncio.run(
        _send(plan, options=options, access=access, console=console, transport=transport)
    )
    is_verify_due = options.is_verify_wanted and halt != INTERRUPTED
    return Report(
        file=options.file.name,
        source=reading.source,
        currency=reading.currency,
        url=access.url,
        connections=options.connections,
        fixed=fixed,
        census=plan.census,
        tally=tally,
        elapsed_us=elapsed_us,
        halted=halt,
        audit=run_verify() if is_verify_due else None,
        is_audit_wanted=options.is_verify_wanted,
    )


def _fix(options: Options, reading: Reading, *, path: Path, fingerprint: str) -> Fixed:
    """What the first run of this file fixed; on the first run, fixes it."""
    fixed = recall(path, fingerprint=fingerprint)
    if fixed is not None:
        asked = (options.timezone, options.redeem_every, options.wallet)
        kept = (fixed.timezone, fixed.redeem_every, fixed.wallet)
        for name, wish, before in zip(("timezone", "redeem-every", "wallet"), asked, kept, strict=True):
            if wish is not None and wish != before:
                raise UnusableInputError(
                    f"this file was first sent with --{name} {before} (kept in {path}); "
                    "to send it otherwise, use another --state and the key of another terminal"
                )
        return fixed
    timezone = options.timezone or TIMEZONES[reading.source]
    last = max(receipt.at for receipt in reading.receipts)
    moving = moving_to_today(last, zone=zone_of(timezone), now=datetime.now(UTC))
    fixed = Fixed(
        timezone=timezone,
        shift_days=moving.days,
        redeem_every=REDEEM_EVERY_DEFAULT if options.redeem_every is None else options.redeem_every,
        wallet=options.wallet or WALLET_DEFAULT,
    )
    keep(path, fingerprint=fingerprint, fixed=fixed)
    return fixed


async def _send(
    plan: Plan, *, options: Options, access: Access, console: Console, transport: httpx.AsyncBaseTransport | None
) -> tuple[Tally, str | None, int]:
    """Sends a plan; returns the counts, why the run was stopped early (None: it wasn't), and the time it took in µs."""
    halt, tally = Halt(), Tally()
    lanes = share_out(plan.steps, connections=options.connections)
    trust = httpx.create_ssl_context()
    async with contextlib.AsyncExitStack() as stack:
        tills = []
        for _ in lanes:
            http = open_http(access.url, key=access.key, trust=trust, transport=transport)
            await stack.enter_async_context(http)
            tills.append(Till(http, patience_seconds=options.patience_seconds, halt=halt))
        with Screen(console, steps=len(plan.steps)) as screen, _ctrl_c_halts(halt, screen):
            screen.say(f"{plan.receipts:,} receipts to {access.url} over {len(lanes)} connections")
            began = time.perf_counter_ns()
            await run_lanes(lanes, tills=tills, tally=tally, halt=halt, tell=screen.tell)
            elapsed_us = (time.perf_counter_ns() - began) // 1000
    return tally, halt.reason, elapsed_us


async def _look_for_the_service(access: Access, *, transport: httpx.AsyncBaseTransport | None) -> None:
    """A wrong address is said at once and in one line, not after a minute of patience; nothing is fixed before it."""
    try:
        trust = httpx.create_ssl_context()
        async with open_http(access.url, key=access.key, trust=trust, transport=transport) as http:
            await http.get("/health/live")
    except httpx.TransportError as error:
        raise UnusableInputError(
            f"no service answers at {access.url} ({type(error).__name__}); `AT_MAX_AGE_HOURS=0 make run` starts one"
        ) from error


@contextlib.contextmanager
def _ctrl_c_halts(halt: Halt, screen: Screen) -> Iterator[None]:
    """The first Ctrl-C finishes what is in flight; the second, by Python's own handler, doesn't."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        screen.say("Stopping: finishing what is in flight; Ctrl-C again to leave at once")
        halt.ask(INTERRUPTED)
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _write_json(report: Report, *, path: Path) -> None:
    try:
        path.write_text(json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UnusableInputError(f"can't write {path}: {error}") from error
