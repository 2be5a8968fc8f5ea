"""Passwords and sealed secrets of codes by themselves."""

import asyncio
import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from app import passwords
from app.domain.one_time_codes import step_of, totp
from app.domain.rejections import Rejected, Rejection
from app.passwords import Argon2Passwords, SealedCodes

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANNA, BORIS = "p_0f1e2d3c4b5a", "p_000000000001"


async def test_a_password_is_right_or_wrong() -> None:
    kept = Argon2Passwords()
    hashed = await kept.hash("correct horse battery")
    assert await kept.is_right("correct horse battery", hashed)
    assert not await kept.is_right("correct horse batterY", hashed)
    assert not await kept.is_right("correct horse battery", None)
    assert not await kept.is_right("correct horse battery", "no hash at all")
    assert hashed != await kept.hash("correct horse battery")


async def test_few_may_wait_and_the_others_are_sent_away() -> None:
    kept = Argon2Passwords()
    tries = [kept.is_right("x", None) for _ in range(passwords.WAITING_MAX + 5)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    sent_away = [each for each in answers if isinstance(each, Rejected)]
    assert [each.rejection for each in sent_away] == [Rejection.OVERLOADED] * 5
    assert not await kept.is_right("x", None)  # And then there is room again.


def test_a_secret_opens_for_its_person_and_with_its_key_only() -> None:
    codes = SealedCodes(bytes(range(32)))
    sealed, address = codes.fresh(ANNA, login="anna")
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Kopilka:anna")
    secret = base64.b32decode(parse_qs(parts.query)["secret"][0])
    assert secret not in sealed
    code = totp(secret, step_of(NOW))
    assert codes.step_of(code, sealed=sealed, person_id=ANNA, now=NOW) == step_of(NOW)
    assert codes.step_of(code, sealed=sealed, person_id=BORIS, now=NOW) is None
    assert codes.step_of(code, sealed=None, person_id=None, now=NOW) is None
    assert SealedCodes(bytes(32)).step_of(code, sealed=sealed, person_id=ANNA, now=NOW) is None


@pytest.mark.parametrize(("drift", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_half_a_minute(drift: int, is_good: bool) -> None:
    codes = SealedCodes(bytes(range(32)))
    sealed, address = codes.fresh(ANNA, login="anna")
    secret = base64.b32decode(parse_qs(urlsplit(address).query)["secret"][0])
    step = step_of(NOW) + drift
    found = codes.step_of(totp(secret, step), sealed=sealed, person_id=ANNA, now=NOW)
    assert found == (step if is_good else None)


def test_nobodys_secret_lets_nobody_in() -> None:
    code = totp(passwords._NOBODYS_SECRET, step_of(NOW))
    assert SealedCodes(bytes(range(32))).step_of(code, sealed=None, person_id=None, now=NOW) is None
