"""pgbench: what it prints, where it is looked for, and a real run of a second."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.engines import ThrowawayEngines
from loadtest import database
from loadtest.database import NoPgbench, at_database, read_figures, without_password

NOW = """\
pgbench (18.1)
starting vacuum...end.
progress: 1.0 s, 11903.1 tps, lat 1.340 ms stddev 0.571, 0 failed
transaction type: <builtin: TPC-B (sort of)>
scaling factor: 20
query mode: prepared
number of clients: 16
number of threads: 2
maximum number of tries: 1
duration: 6 s
number of transactions actually processed: 71234
number of failed transactions: 3 (0.004%)
latency average = 1.347 ms
latency stddev = 0.612 ms
initial connection time = 21.5 ms
tps = 11876.543210 (without initial connection time)
"""
OLD = """\
transaction type: <builtin: TPC-B (sort of)>
number of transactions actually processed: 500
latency average = 3.200 ms
tps = 4990.123456 (including connections establishing)
tps = 5000.654321 (excluding connections establishing)
"""


def test_the_figures_of_a_new_and_an_old_pgbench() -> None:
    new, old = read_figures(NOW), read_figures(OLD)
    assert (new.tps, new.transactions, new.failed) == (11876.54321, 71234, 3)
    assert (new.latency_ms, new.deviation_ms) == (1.347, 0.612)
    assert (old.tps, old.transactions, old.failed) == (5000.654321, 500, 0)
    assert (old.latency_ms, old.deviation_ms) == (3.2, None)


@pytest.mark.parametrize("text", ["", "pgbench: error: connection failed\n", NOW.replace("tps = ", "tps is ")])
def test_what_holds_no_figures_is_an_error_that_quotes_it(text: str) -> None:
    with pytest.raises(NoPgbench, match="said no figures"):
        read_figures(text)


def test_the_database_is_another_on_the_same_server() -> None:
    assert at_database("postgresql://u@/kopilka?host=/run/x", "b") == "postgresql://u@/b?host=/run/x"
    assert at_database("postgresql://u:p@h:5433/kopilka", "b") == "postgresql://u:p@h:5433/b"


def test_a_password_goes_by_the_environment_and_not_by_the_command_line() -> None:
    address, secret = without_password("postgresql://us%40er:p%2Fw@h:5433/b?sslmode=require")
    assert address == "postgresql://us%40er@h:5433/b?sslmode=require"
    assert secret == {"PGPASSWORD": "p/w"}
    assert without_password("postgresql://u@/b?host=/run/x") == ("postgresql://u@/b?host=/run/x", {})


def test_a_program_that_is_nowhere_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(database, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoPgbench, match="pgbench is not there: install"):
        database.program("pgbench")
    on_path = tmp_path / "pgbench"
    on_path.touch(mode=0o755)
    assert database.program("pgbench") == on_path


def test_a_server_that_is_gone_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NoPgbench, match="psql failed"):
        database.prepare(f"postgresql://postgres@/kopilka?host={tmp_path}")


def test_a_run_on_a_real_server(engines: ThrowawayEngines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SCALE", 1)
    monkeypatch.setattr(database, "DATABASE", f"pgbench_{os.getpid()}")
    url = engines.database_url()
    database.prepare(url)
    database.prepare(url)  # The second time it is there already.
    run = database.pgbench(url, seconds=1, repeat=3, flush_ms=1.5)
    assert (run.system, run.scenario, run.repeat, run.flush_ms, run.connections) == ("pgbench", "tpc-b", 3, 1.5, 16)
    assert run.rate > 10
    assert run.statuses["committed"] > 10
    assert run.wrong == 0
    assert run.note.startswith("latency ")
