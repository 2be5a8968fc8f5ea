"""Runs that others disturbed are dropped and made again, a few times; wrong answers never are."""

from collections.abc import Callable, Iterator

from loadtest.cases import ACCRUE, OPEN
from loadtest.generator import Outcome, is_without_gap
from loadtest.measuring import TRIES_MAX, quiet_run, run_of
from loadtest.results import Run
from tests.loadtest.bench_samples import report, run


def measured(*runs: Run) -> Callable[[], Run]:
    following: Iterator[Run] = iter(runs)
    return lambda: next(following)


def test_a_quiet_run_counts_at_once() -> None:
    told: list[Run] = []
    first = run(others_share=0.1)
    assert quiet_run(measured(first), others_max=0.1, tell=told.append) == (first, [])
    assert told == [first]


def test_disturbed_runs_are_dropped_and_made_again() -> None:
    told: list[Run] = []
    noisy, quiet = run(rate=500, others_share=0.11), run(others_share=0.05)
    kept, dropped = quiet_run(measured(noisy, noisy, quiet), others_max=0.1, tell=told.append)
    assert kept == quiet
    assert [one.rate for one in dropped] == [500, 500]
    assert dropped[0].note == "dropped: others used 11%"
    assert told == [noisy, noisy, quiet]


def test_a_machine_that_is_never_quiet_ends_the_tries() -> None:
    noisy = run(others_share=0.5)
    kept, dropped = quiet_run(measured(*[noisy] * TRIES_MAX), others_max=0.1, tell=lambda _: None)
    assert kept is None
    assert len(dropped) == TRIES_MAX


def test_wrong_answers_are_kept_however_loud_it_was() -> None:
    wrong = run(others_share=0.9, wrong=2)
    kept, dropped = quiet_run(measured(wrong), others_max=0.1, tell=lambda _: None)
    assert (kept, dropped) == (wrong, [])
    assert report(wrong).wrong == 2
    assert report(run(), dropped=(wrong,)).wrong == 2


def outcome(others_share: float | None = 0.03) -> Outcome:
    return Outcome(
        seconds=5.0,
        right=1000,
        wrong=1,
        unsent=4,
        statuses={"201": 1000, "503": 1},
        p50_ms=1.0,
        p99_ms=2.0,
        max_ms=3.0,
        processor_us={"service": 300.0, "generator": 20.0},
        others_share=others_share,
        errors=("503 where 201 is right: {}",),
    )


def test_an_outcome_becomes_a_run_that_says_what_went_wrong() -> None:
    made = run_of(OPEN, outcome(), repeat=2, offered=210.0)
    assert (made.case, made.rate, made.offered, made.wrong, made.unsent) == (OPEN, 200.0, 210.0, 1, 4)
    assert made.processor_us_in_all == 320.0
    assert made.note == "503 where 201 is right: {}; 4 arrivals were never sent"


def test_what_cannot_be_known_of_others_is_said() -> None:
    made = run_of(ACCRUE, outcome(others_share=None), repeat=0, offered=None)
    assert made.others_share == 0.0
    assert "unknown" in made.note


def test_versions_in_a_row_are_without_a_gap_in_any_order() -> None:
    assert is_without_gap([7])
    assert is_without_gap([9, 7, 8])
    assert not is_without_gap([7, 9])  # an acknowledged write that isn't there
    assert not is_without_gap([7, 8, 8])  # two that were given one version
