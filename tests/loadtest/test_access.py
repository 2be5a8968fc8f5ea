"""Address, key and what the first run fixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.receipts.model import UnusableInputError
from loadtest.till.access import find_access
from loadtest.till.state import Fixed, keep, recall

FIXED = Fixed(timezone="Europe/London", shift_days=5655, redeem_every=5, wallet="points")


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for name in ("KOPILKA_KEY", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_command_line_wins_over_the_environment_and_that_over_the_demo(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "demo.json").write_text(json.dumps({"till_key": "demo"}))
    assert find_access(url=None, key=None).key == "demo"
    monkeypatch.setenv("KOPILKA_KEY", "named")
    assert find_access(url=None, key=None).key == "named"
    assert find_access(url=None, key="given").key == "given"


def test_the_address_is_this_machines_port_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_access(url=None, key="k").url == "http://127.0.0.1:8000"
    monkeypatch.setenv("PORT", "8123")
    assert find_access(url=None, key="k").url == "http://127.0.0.1:8123"
    assert find_access(url="https://shop.test/", key="k").url == "https://shop.test"


def test_the_key_is_never_shown() -> None:
    assert "secret" not in repr(find_access(url=None, key="secret"))


@pytest.mark.parametrize("demo", [None, "{}", "[]", "no json", '{"till_key": 5}', '{"till_key": ""}'])
def test_without_a_key_one_line_says_how_to_make_one(data_dir: Path, demo: str | None) -> None:
    if demo is not None:
        (data_dir / "demo.json").write_text(demo)
    with pytest.raises(UnusableInputError, match="keys create --role pos --shop S1 --terminal T1") as raised:
        find_access(url=None, key=None)
    assert "\n" not in str(raised.value)


def test_what_cannot_be_an_address_a_key_or_a_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("ftp://shop.test", "shop.test", "http://"):
        with pytest.raises(UnusableInputError, match="--url"):
            find_access(url=url, key="k")
    with pytest.raises(UnusableInputError, match="characters that no key has"):
        find_access(url=None, key="k\r\nX: y")
    monkeypatch.setenv("PORT", "many")
    with pytest.raises(UnusableInputError, match="PORT"):
        find_access(url=None, key="k")


def test_what_was_fixed_is_recalled_by_the_files_content(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "replay.json"
    other = Fixed(timezone="America/New_York", shift_days=1, redeem_every=0, wallet="points")
    assert recall(path, fingerprint="a") is None
    keep(path, fingerprint="a", fixed=FIXED)
    keep(path, fingerprint="b", fixed=other)
    assert recall(path, fingerprint="a") == FIXED
    assert recall(path, fingerprint="b") == other
    assert [found.name for found in path.parent.iterdir()] == ["replay.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 2, "files": {}}',
        '{"format": 1, "files": {"a": 5}}',
        '{"format": 1, "files": {"a": {"timezone": "Europe/London"}}}',
        '{"format": 1, "files": {"a": {"timezone": "No/Where", "shift_days": 1, "redeem_every": 5, "wallet": "w"}}}',
        '{"format": 1, "files": {"a": {"timezone": "UTC", "shift_days": "1", "redeem_every": 5, "wallet": "w"}}}',
    ],
)
def test_a_broken_state_file_is_refused_and_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "replay.json"
    path.write_text(text)
    with pytest.raises(UnusableInputError):
        recall(path, fingerprint="a")
    assert path.read_text() == text


def test_a_state_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableInputError, match=r"can't (read|write) the state file"):
        keep(tmp_path / "file" / "replay.json", fingerprint="a", fixed=FIXED)
