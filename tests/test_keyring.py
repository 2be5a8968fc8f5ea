"""The service's secrets: made once, never half, never shown."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.keyring import KEY_BYTES, NAMES, BadKeyring, open_keyring


def fingerprint(path: Path) -> str:
    return open_keyring(path, data_dir=path.parent).fingerprint


def test_the_first_start_makes_the_file_and_later_ones_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secrets.json"
    made = open_keyring(path, data_dir=tmp_path / "data")
    assert open_keyring(path, data_dir=tmp_path / "data") == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]
    assert len({getattr(made, name) for name in NAMES}) == len(NAMES)
    assert all(len(getattr(made, name)) == KEY_BYTES for name in NAMES)


def test_first_starts_at_once_share_one_keyring(tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / str(attempt) / "secrets.json"
        with ThreadPoolExecutor(max_workers=8) as pool:
            assert len(set(pool.map(fingerprint, [path] * 8))) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        (json.dumps(dict.fromkeys(NAMES, "c2hvcnQ=")), "the key master must be 32 bytes in base64"),
        (json.dumps(dict.fromkeys(NAMES, 5)), "the key master must be 32 bytes in base64"),
        (json.dumps(dict.fromkeys(NAMES, "!" * 44)), "the key master must be 32 bytes in base64"),
    ],
)
def test_an_unusable_file_is_refused_in_one_line_and_left_alone(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(BadKeyring, match=reason) as refusal:
        open_keyring(path, data_dir=tmp_path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert path.read_text() == content


def test_a_key_of_a_later_release_is_added_to_our_own_file_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    before = open_keyring(path, data_dir=tmp_path)
    stored = json.loads(path.read_text())
    del stored["draws"]
    path.write_text(json.dumps(stored))
    with pytest.raises(BadKeyring, match="lacks the key draws"):
        open_keyring(path, data_dir=tmp_path / "elsewhere")
    after = open_keyring(path, data_dir=tmp_path)
    assert after.master == before.master
    assert after.draws != before.draws
    assert open_keyring(path, data_dir=tmp_path / "elsewhere") == after


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadKeyring, match=r"SECRETS_FILE .* cannot be used: "):
        open_keyring(tmp_path / "file" / "secrets.json", data_dir=tmp_path)


def test_a_keyring_shows_no_key(tmp_path: Path) -> None:
    keyring = open_keyring(tmp_path / "secrets.json", data_dir=tmp_path)
    shown = repr(keyring) + str(keyring)
    for name in NAMES:
        key = getattr(keyring, name)
        assert repr(key) not in shown
        assert key.hex() not in shown
        assert base64.b64encode(key).decode() not in shown


def test_the_key_of_allowances_needs_nothing_new_in_a_file_of_an_earlier_release(tmp_path: Path) -> None:
    elsewhere = tmp_path / "secrets.json"
    names = ("master", "lookup", "signing", "cache", "draws")
    keys = {name: base64.b64encode(bytes(range(place, place + KEY_BYTES))).decode() for place, name in enumerate(names)}
    elsewhere.write_text(json.dumps(keys))
    keyring = open_keyring(elsewhere, data_dir=tmp_path / "data")
    assert json.loads(elsewhere.read_text()) == keys
    assert len(keyring.allowance_seed) == KEY_BYTES
    assert keyring.allowance_seed not in {getattr(keyring, name) for name in NAMES}
    other = open_keyring(tmp_path / "other" / "secrets.json", data_dir=tmp_path / "other")
    assert other.allowance_seed != keyring.allowance_seed
    assert open_keyring(elsewhere, data_dir=tmp_path / "data").allowance_seed == keyring.allowance_seed
