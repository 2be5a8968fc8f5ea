"""The command line of `python -m app replay`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path(__file__).parent / "data" / "online_retail_sample.csv.gz"
CONNECTIONS_DEFAULT = 8
CONNECTIONS_MAX = 256
# Long enough for a service that is being restarted with its database, short enough to notice that it is gone.
PATIENCE_SECONDS_DEFAULT = 60
DESCRIPTION = "Sends real receipts through the HTTP API, as a till would; a second run changes nothing."


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. None: not given, so the state file or the default decides."""

    file: Path
    url: str | None
    key: str | None
    connections: int
    state: Path | None
    timezone: str | None
    redeem_every: int | None
    wallet: str | None
    patience_seconds: int
    json_file: Path | None
    is_verify_wanted: bool


def read_options(argv: Sequence[str]) -> Options:
    """Parses a command line; argparse itself ends the program, code 2, for one that is none."""
    parser = argparse.ArgumentParser(prog="python -m app replay", description=DESCRIPTION)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE, help="Online Retail (CSV, also .gz) or CDNOW")
    parser.add_argument("--url", help="address of the service (http://127.0.0.1:8000)")
    parser.add_argument("--key", help="key of a till; better in KOPILKA_KEY, where no process list shows it")
    parser.add_argument(
        "--connections", type=_between(1, CONNECTIONS_MAX), default=CONNECTIONS_DEFAULT, help="requests at once (8)"
    )
    parser.add_argument("--state", type=Path, help="what the first run fixed (DATA_DIR/replay.json)")
    parser.add_argument("--timezone", help="the shop's (Europe/London for Online Retail, America/New_York for CDNOW)")
    parser.add_argument(
        "--redeem-every", type=_between(0, 1_000_000), help="redeem on each n-th purchase of a customer (5; 0: never)"
    )
    parser.add_argument("--wallet", help="wallet that is redeemed from (points)")
    parser.add_argument(
        "--patience", type=_between(1, 3600), default=PATIENCE_SECONDS_DEFAULT, help="seconds for one request (60)"
    )
    parser.add_argument("--json", type=Path, help="write the report as JSON, too")
    parser.add_argument("--no-verify", action="store_true", help="don't run verify at the end")
    given = parser.parse_args(argv)
    return Options(
        file=given.file,
        url=given.url,
        key=given.key,
        connections=given.connections,
        state=given.state,
        timezone=given.timezone,
        redeem_every=given.redeem_every,
        wallet=given.wallet,
        patience_seconds=given.patience,
        json_file=given.json,
        is_verify_wanted=not given.no_verify,
    )


def _between(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: a whole number within bounds."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most}")
        return int(text)

    return parse
