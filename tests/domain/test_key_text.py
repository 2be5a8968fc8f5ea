"""The text of a key: its form, its check, its environment."""

import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.key_text import CHECK_LENGTH, KeyEnv, key_text, may_be_key

SECRETS = st.text(string.ascii_letters + string.digits + "-_", min_size=43, max_size=43)
IDS = st.text("0123456789abcdef", min_size=12, max_size=12)


def a_key(env: KeyEnv = KeyEnv.LIVE) -> str:
    return key_text(env=env, key_id=secrets.token_hex(6), secret=secrets.token_urlsafe(32))


@given(st.sampled_from(KeyEnv), IDS, SECRETS)
def test_a_key_is_one_in_its_own_environment_alone(env: KeyEnv, key_id: str, secret: str) -> None:
    text = key_text(env=env, key_id=key_id, secret=secret)
    assert text.startswith(f"kpl_{env}_{key_id}_{secret}")
    assert [each for each in KeyEnv if may_be_key(text, env=each)] == [env]


@given(IDS, SECRETS, st.data())
def test_any_one_wrong_character_is_found(key_id: str, secret: str, data: st.DataObject) -> None:
    text = key_text(env=KeyEnv.LIVE, key_id=key_id, secret=secret)
    place = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from([each for each in string.printable if each != text[place]]))
    assert not may_be_key(text[:place] + wrong + text[place + 1 :], env=KeyEnv.LIVE)


@given(IDS, SECRETS, st.integers(0, 70))
def test_two_neighbours_that_changed_places_are_found(key_id: str, secret: str, place: int) -> None:
    text = key_text(env=KeyEnv.LIVE, key_id=key_id, secret=secret)
    swapped = text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :]
    assert swapped == text or not may_be_key(swapped, env=KeyEnv.LIVE)


def test_the_check_is_what_it_was() -> None:
    assert key_text(env=KeyEnv.LIVE, key_id="0f1e2d3c4b5a", secret="A" * 43)[-CHECK_LENGTH:] == "1Sx0KR"


def test_a_key_of_the_first_releases_needs_no_check() -> None:
    old = a_key()[:-CHECK_LENGTH]
    assert may_be_key(old, env=KeyEnv.LIVE)
    assert may_be_key(old, env=KeyEnv.TEST)  # They all said `live`, whatever they were made for.
    assert not may_be_key(a_key(KeyEnv.TEST)[:-CHECK_LENGTH], env=KeyEnv.TEST)


@pytest.mark.parametrize("text", ["", "nonsense", "kpl_live_", "kpl_live_x_y", " " + a_key(), a_key() + "\n", "к" * 71])
def test_what_is_no_key_is_none(text: str) -> None:
    assert not may_be_key(text, env=KeyEnv.LIVE)
