"""Runs to try the benchmark's arithmetic on."""

from typing import Any

from loadtest.results import Machine, Report, Run


def run(scenario: str = "accrue", rate: float = 1000.0, **more: Any) -> Run:
    """A quiet run of the service with 128 connections, unless said otherwise."""
    values: dict[str, Any] = {
        "scenario": scenario,
        "system": "kopilka",
        "repeat": 0,
        "seconds": 6.0,
        "rate": rate,
        "statuses": {"201": round(rate * 6)},
        "p50_ms": 20.0,
        "p99_ms": 40.0,
        "max_ms": 55.5,
        "processor_us": {"service": 400.0, "postgres": 150.0, "valkey": 10.0, "generator": 25.0},
        "others_share": 0.02,
        "connections": 128,
    }
    return Run(**{**values, **more})


def pgbench(rate: float, **more: Any) -> Run:
    latencies = {"p50_ms": None, "p99_ms": None, "max_ms": None}
    return run("tpc-b", rate, **{"system": "pgbench", "connections": 16, **latencies, **more})


def report(*runs: Run, **more: Any) -> Report:
    machine = Machine(cores=2, model="Some Processor", memory_mib=8000, flush_us=18.5, python="3.11", postgres="18.1")
    values: dict[str, Any] = {
        "made_at": "2026-11-22T07:00:00+00:00",
        "version": "0.1.0",
        "machine": machine,
        "settings": {"workers": "2"},
        "runs": runs,
    }
    return Report(**{**values, **more})
