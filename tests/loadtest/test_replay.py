"""The command from end to end, against the stand-in service."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from loadtest import replay
from loadtest.till import client
from loadtest.till.audit import Audit
from tests.loadtest.fake_service import FakeService
from tests.loadtest.faulty_transport import FaultyTransport, answer, lose_answer, refuse_connection
from tests.loadtest.samples import retail

TIME = "1/18/2011 10:0"
FILE = retail(
    f"1|22423|5|{TIME}0|2.50|7",
    f"1|POST|1|{TIME}0|18|7",
    f"2|22423|4|{TIME}1|2.50|8",
    f"C3|22423|-2|{TIME}2|2.50|7",
    f"4|22960|1|{TIME}3|0|7",
    f"5|22423|1|{TIME}4|2.50|7",
    f"C6|22423|-4|{TIME}5|2.50|7",
    f"C7|D|-1|{TIME}6|2.81|8",
    f"8|22423|1|{TIME}7|2.50|",
)


@dataclass
class Desk:
    """A directory with a file to send, and the command."""

    path: Path

    def run(self, service: FakeService | httpx.AsyncBaseTransport, *options: str) -> tuple[int, dict[str, Any]]:
        """Exit code and report."""
        transport = FaultyTransport(service) if isinstance(service, FakeService) else service
        report = self.path / "report.json"
        report.unlink(missing_ok=True)
        code = replay.main(self.argv("--json", str(report), *options), transport=transport)
        return code, json.loads(report.read_text()) if report.exists() else {}

    def argv(self, *options: str) -> Sequence[str]:
        return [str(self.path / "file.csv"), "--no-verify", "--redeem-every", "2", *options]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOPILKA_KEY", "till-key")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(client, "BACKOFF_FIRST_SECONDS", 0.001)
    (tmp_path / "file.csv").write_text(FILE)
    return Desk(tmp_path)


def test_a_first_run_sends_everything_once(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    service = FakeService()
    code, report = desk.run(service)
    assert code == 0
    assert sorted(service.receipts) == ["1", "2", "4", "5", "8", "C3", "C6/1", "C6/2"]
    sent = report["sent"]
    assert (sent["customers"]["accepted"], sent["purchases"]["accepted"], sent["returns"]["accepted"]) == (2, 5, 3)
    assert report["read"]["rows_without_treatment"] == 0
    # Customer 7 buys for 30.50, returns 5.00, redeems nothing on a line of 0.00, buys for 2.50 and returns 10.00.
    assert report["points"]["issued"] == {"points": 30 + 10 + 2}
    assert report["points"]["taken_back"] == {"points": 5 + 7 + 2}
    assert report["money"] == {"gross": 4_550, "discount": 0, "redeemed": 0, "paid": 4_550, "refund": 1_500}
    assert report["sent"]["purchases"]["redeemed_on"] == 0
    shown = capsys.readouterr().out
    for text in ("cancellation: matched in full", "points taken back", "WHOLE: every receipt", "latency p99, ms"):
        assert text in shown


def test_a_second_run_changes_nothing_and_every_answer_is_replayed(desk: Desk) -> None:
    service = FakeService()
    _, first = desk.run(service)
    books = service.books()
    code, second = desk.run(service)
    assert code == 0
    assert service.books() == books
    for sort in ("customers", "purchases", "returns"):
        assert second["sent"][sort]["replayed"] == second["sent"][sort]["accepted"] == first["sent"][sort]["accepted"]
        assert first["sent"][sort]["replayed"] == 0
    assert second["points"] == first["points"]
    assert second["money"] == first["money"]


def test_the_shift_of_the_first_run_stays(desk: Desk) -> None:
    service = FakeService()
    desk.run(service)
    state = desk.path / "data" / "replay.json"
    kept = json.loads(state.read_text())
    (fixed,) = kept["files"].values()
    fixed["shift_days"] -= 3  # As if the first run had been three days ago.
    state.write_text(json.dumps(kept))
    other = FakeService()
    first, second = FaultyTransport(other), FaultyTransport(other)
    desk.run(first)
    desk.run(second)
    assert sorted(first.bodies) == sorted(second.bodies)
    assert json.loads(state.read_text()) == kept


def test_points_are_redeemed_now_and_then(desk: Desk) -> None:
    rows = [f"{number}|22423|1|{TIME}{number}|5|7" for number in range(1, 5)] + [f"C9|22423|-4|{TIME}9|5|7"]
    (desk.path / "file.csv").write_text(retail(*rows))
    service = FakeService()
    code, report = desk.run(service)
    assert code == 0
    assert report["sent"]["purchases"]["redeemed_on"] == 2
    assert report["points"]["redeemed"] == report["points"]["given_back"]
    assert report["points"]["issued"] == report["points"]["taken_back"]
    assert report["money"]["paid"] == report["money"]["refund"] == 2_000 - report["money"]["redeemed"]
    assert service.points == {"customer-1": 0}


def test_accidents_on_the_way_change_nothing(desk: Desk) -> None:
    undisturbed = FakeService()
    desk.run(undisturbed, "--connections", "1")
    accidents = {
        1: refuse_connection,
        3: lose_answer,
        5: answer(503, "unavailable"),
        7: answer(409, "request_in_progress"),
        8: lose_answer,
        9: answer(429, "rate_limited"),
        12: answer(500, "internal"),
    }
    service = FakeService()
    code, report = desk.run(FaultyTransport(service, accidents=accidents), "--connections", "1")
    assert code == 0
    assert service.books() == undisturbed.books()
    assert (report["repeats"], report["found_posted_on_repeat"]) == (7, 2)


def test_a_run_that_was_cut_off_is_resumed(desk: Desk) -> None:
    undisturbed = FakeService()
    desk.run(undisturbed, "--connections", "1")
    service = FakeService()
    code, report = desk.run(FaultyTransport(service, down_from=5), "--connections", "1", "--patience", "1")
    assert code == 1
    sent = report["sent"].values()
    assert sum(outcomes["accepted"] for outcomes in sent) == 4
    assert sum(sum(outcomes["without_answer"].values()) for outcomes in sent) == 1
    assert sum(outcomes["not_sent"] for outcomes in sent) == 5
    code, report = desk.run(service, "--connections", "1")
    assert code == 0
    assert sum(outcomes["replayed"] for outcomes in report["sent"].values()) == 4
    assert service.books() == undisturbed.books()


def test_ctrl_c_finishes_what_is_in_flight_and_the_next_run_goes_on(desk: Desk) -> None:
    undisturbed = FakeService()
    desk.run(undisturbed, "--connections", "1")

    def interrupt(write: int) -> None:
        if write == 4:
            os.kill(os.getpid(), signal.SIGINT)

    service = FakeService()
    code, report = desk.run(FaultyTransport(service, before_write=interrupt), "--connections", "1")
    assert code == 130
    assert (report["halted"], report["verify"]) == ("interrupted", None)
    accepted = sum(outcomes["accepted"] for outcomes in report["sent"].values())
    assert 4 <= accepted < 10  # The loop sees a signal within a few of its turns.
    assert service.requests == accepted
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    code, report = desk.run(service)
    assert code == 0
    assert sorted(service.receipts) == sorted(undisturbed.receipts)


def test_a_step_without_an_answer_holds_back_only_its_own_customer(desk: Desk) -> None:
    service = FakeService()
    # Over one connection the third write is receipt 1 of customer 7; customer 8 was registered second.
    broken = dict.fromkeys(range(2, 7), answer(500, "internal"))
    code, report = desk.run(FaultyTransport(service, accidents=broken), "--connections", "1")
    assert code == 1
    assert sorted(service.receipts) == ["2", "8"]
    assert report["sent"]["purchases"]["without_answer"] == {"internal": 1}
    assert (report["sent"]["purchases"]["held_back"], report["sent"]["returns"]["held_back"]) == (2, 3)
    assert not report["good"]


def test_a_kept_refusal_is_an_outcome_and_makes_its_returns_impossible(desk: Desk) -> None:
    service = FakeService(refuse_receipts={"1": "duplicate_receipt"})
    code, report = desk.run(service)
    assert code == 0
    assert report["sent"]["purchases"]["refused"] == {"duplicate_receipt": 1}
    assert report["sent"]["returns"]["impossible"] == {"purchase_refused": 2}
    assert report["sent"]["returns"]["accepted"] == 1


def test_a_refusal_that_is_not_kept_is_no_definite_outcome(desk: Desk) -> None:
    code, report = desk.run(FakeService(refuse_receipts={"4": "validation_error"}))
    assert code == 1
    assert report["sent"]["purchases"]["refused"] == {"validation_error": 1}
    assert report["sent"]["purchases"]["accepted"] == 4


def test_a_customer_known_already_is_sold_to(desk: Desk) -> None:
    service = FakeService(customers={"OR-7": "customer-old"})
    code, report = desk.run(service)
    assert code == 0
    assert report["sent"]["customers"]["refused"] == {"identifier_taken": 1}
    assert report["sent"]["purchases"]["accepted"] == 5


def test_a_service_that_takes_no_old_receipts_stops_the_run_with_the_remedy(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = desk.run(FakeService(oldest_at="9999"), "--connections", "1")
    assert code == 1
    assert "AT_MAX_AGE_HOURS=0" in report["halted"]
    assert report["sent"]["purchases"]["refused"] == {"validation_error": 1}
    assert "AT_MAX_AGE_HOURS=0" in capsys.readouterr().out


def test_a_wrong_key_stops_the_run(desk: Desk) -> None:
    service = FakeService()
    code, report = desk.run(service, "--key", "other", "--connections", "1")
    assert code == 1
    assert "unauthenticated" in report["halted"]
    assert service.requests == 1


def test_an_answer_that_contradicts_what_was_sent_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = FakeService._commit

    def dishonest(self: FakeService, document: dict[str, Any], *, customer: str | None) -> dict[str, Any]:
        said = honest(self, document, customer=customer)
        said["totals"]["gross"] += document["receipt"]["number"] == "2"
        return said

    monkeypatch.setattr(FakeService, "_commit", dishonest)
    code, report = desk.run(FakeService())
    assert code == 1
    assert report["disagreements"] == ["purchase 2: gross 1001, sent 1000"]


@pytest.mark.parametrize(("audit_code", "expected"), [(0, 0), (1, 1)])
def test_verify_decides_over_the_exit_code(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], audit_code: int, expected: int
) -> None:
    monkeypatch.setattr(replay, "run_verify", lambda: Audit(code=audit_code, output="3 things were looked at"))
    argv = [option for option in desk.argv() if option != "--no-verify"]
    assert replay.main(argv, transport=FaultyTransport(FakeService())) == expected
    assert f"verify (exit code {audit_code}):\n3 things were looked at" in capsys.readouterr().out


def test_other_settings_than_the_first_runs_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    service = FakeService()
    desk.run(service)
    for option, value in (("--timezone", "UTC"), ("--redeem-every", "3"), ("--wallet", "stamps")):
        assert desk.run(service, option, value) == (1, {})
        assert f"first sent with {option}" in capsys.readouterr().err
    assert desk.run(service, "--timezone", "Europe/London")[0] == 0


def test_no_service_is_said_at_once_and_fixes_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.main(desk.argv("--url", "http://127.0.0.1:9")) == 1
    said = capsys.readouterr().err
    assert said.startswith("replay: no service answers at http://127.0.0.1:9")
    assert said.count("\n") == 1
    assert not (desk.path / "data").exists()


@pytest.mark.parametrize("option", [("--connections", "0"), ("--patience", "-1"), ("--redeem-every", "x")])
def test_numbers_out_of_bounds_are_refused(desk: Desk, option: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as raised:
        replay.main(desk.argv(*option))
    assert raised.value.code == 2


def test_cdnow_is_replayed_too(desk: Desk) -> None:
    (desk.path / "file.csv").write_text(" 00004 0001 19970101  2   29.33\n 00004 0001 19970118  2    0.00\n")
    service = FakeService()
    code, report = desk.run(service)
    assert code == 0
    assert (report["source"], report["money"]["gross"]) == ("cdnow", 2_933)
    assert report["read"]["lines"]["sold at price 0"]["lines"] == 1
    assert list(service.customers) == ["CDNOW-00004"]


@pytest.fixture
def served() -> Iterator[tuple[FakeService, str]]:
    """The stand-in service behind a real socket."""
    service = FakeService()
    server = uvicorn.Server(
        uvicorn.Config(service.app(), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    )
    sock = server.config.bind_socket()
    thread = Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield service, f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    sock.close()


def test_the_whole_sample_goes_over_real_connections_twice(
    desk: Desk, served: tuple[FakeService, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, url = served
    report_path = desk.path / "report.json"
    argv = ["--no-verify", "--url", url, "--json", str(report_path)]
    assert replay.main(argv) == 0
    first = json.loads(report_path.read_text())
    books = service.books()
    assert replay.main(argv) == 0
    second = json.loads(report_path.read_text())
    assert service.books() == books
    assert first["sent"]["customers"]["accepted"] == 353
    assert first["sent"]["purchases"]["accepted"] == second["sent"]["purchases"]["replayed"] == 1_063
    assert first["sent"]["returns"]["accepted"] == second["sent"]["returns"]["replayed"] == 217
    assert first["money"]["gross"] == 63_077_084
    assert sum(first["points"]["redeemed"].values()) > 0
    balance = {name: sum(first["points"][name].values()) for name in first["points"]}
    expected = balance["issued"] - balance["redeemed"] - balance["taken_back"] + balance["given_back"]
    assert service.points.total() == expected
