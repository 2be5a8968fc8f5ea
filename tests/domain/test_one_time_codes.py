"""One-time codes against their standard and another implementation of it."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from hypothesis import given
from hypothesis import strategies as st

from app.domain.one_time_codes import (
    CODES,
    AppCode,
    code_of,
    confirmation_text,
    matching_step,
    number_of,
    read_app_code,
    step_of,
    totp,
)

SECRET = b"12345678901234567890"
AT = datetime(2026, 11, 25, 12, 0, 10, tzinfo=UTC)


# RFC 6238, appendix B: those of SHA-1, the last six of their eight digits.
@pytest.mark.parametrize(
    ("seconds", "digits"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_the_standards_own_codes(seconds: int, digits: str) -> None:
    assert totp(SECRET, step_of(datetime.fromtimestamp(seconds, UTC))) == digits[2:]


@given(secret=st.binary(min_size=20, max_size=20), seconds=st.integers(0, 2**36))
def test_another_implementation_shows_the_same(secret: bytes, seconds: int) -> None:
    other = TOTP(secret, 6, SHA1(), 30, enforce_key_length=False)  # noqa: S303 - the standard's, for what it is worth
    assert totp(secret, seconds // 30) == other.generate(seconds).decode()


@pytest.mark.parametrize(("steps", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_step_beside_is_good(steps: int, is_good: bool) -> None:
    step = step_of(AT) + steps
    assert matching_step(SECRET, totp(SECRET, step), at=AT) == (step if is_good else None)


@pytest.mark.parametrize(("ago", "is_good"), [(2, True), (8, True), (9, False)])
def test_the_step_of_the_same_receipt_is_good_for_longer(ago: int, is_good: bool) -> None:
    step = step_of(AT) - ago
    assert matching_step(SECRET, totp(SECRET, step), at=AT, used=step) == (step if is_good else None)
    assert matching_step(SECRET, totp(SECRET, step), at=AT, used=step - 1) is None


def test_a_step_has_thirty_seconds() -> None:
    assert [step_of(AT + timedelta(seconds=each)) - step_of(AT) for each in (-11, -10, 19, 20)] == [-1, 0, 0, 1]


@given(luck=st.integers(0, CODES - 1))
def test_a_code_has_six_digits_and_each_is_as_likely(luck: int) -> None:
    code = code_of(luck)
    assert len(code) == 6
    assert int(code) == luck


@pytest.mark.parametrize("text", ["000000007123456", "000 000 007 123 456", "000-000-007 123456"])
def test_an_apps_code_is_read_as_it_is_shown(text: str) -> None:
    assert read_app_code(text) == AppCode(number_of(7), "123456")


@pytest.mark.parametrize("text", ["", "12345", "0" * 14, "0" * 16, "٠" * 15, "²" * 15, "00000000712345x"])
def test_what_is_no_apps_code(text: str) -> None:
    assert read_app_code(text) is None


def test_a_message_says_all_that_is_taken() -> None:
    asked: list[tuple[str, int | str]] = [("points", 40), ("cashback", "max")]
    english = confirmation_text("012345", asked=asked, shop="S1", receipt="7")
    assert english == (
        "Code 012345. Tell it to the cashier only if you want to spend: points: 40, cashback: max. "
        "Shop S1, receipt 7. Valid for 3 min."
    )
    assert confirmation_text("012345", asked=asked, shop="S1", receipt="7", is_russian=True).startswith("Код 012345.")
