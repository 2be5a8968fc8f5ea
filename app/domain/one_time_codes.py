"""One-time codes: the six digits that a customer is sent to confirm a redemption, and those that the app shows.

A sent code is one of 10^6 and has 5 tries in 180 seconds: a guess is right once in 200,000 codes. By the limits on
challenges a customer gets at most 20 codes a day, so whoever guesses all day is right once in 10,000 days.

An app's code is the customer's number (9 digits, random, so that none can be counted up to) and after it the six of
RFC 6238 with its usual terms: SHA-1, steps of 30 seconds. The step before and the step after the database's are taken
too: phones' clocks are right to some seconds, and a code takes some to be typed. A number has 10 tries in 10 minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1
from hmac import compare_digest, digest
from typing import Final

DIGITS: Final = 6
CODES: Final = 10**DIGITS
TRIES_MAX: Final = 5
VALID_FOR: Final = timedelta(seconds=180)

NUMBER_DIGITS: Final = 9
NUMBERS: Final = 10**NUMBER_DIGITS
SECRET_BYTES: Final = 20  # As long as SHA-1's output, which RFC 4226 recommends.
STEP_SECONDS: Final = 30
DRIFT_STEPS: Final = 1
RECEIPT_STEPS: Final = 8  # A receipt that has used a code may come with it until its confirmation is over, too.
RECEIPT_SHOWN_MAX: Final = 20  # Enough for any till's numbers, too few for a message of the cashier's own.
APP_TRIES_MAX: Final = 10
APP_TRIES_WITHIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AppCode:
    """What an app shows, apart: whose it is, and the digits of the moment."""

    number: str
    digits: str


def code_of(luck: int) -> str:
    """`luck` is 0 to `CODES` - 1."""
    return f"{luck:0{DIGITS}d}"


def number_of(luck: int) -> str:
    """`luck` is 0 to `NUMBERS` - 1."""
    return f"{luck:0{NUMBER_DIGITS}d}"


def read_app_code(text: str) -> AppCode | None:
    """As the app shows it, in groups or not; None for what can't be one."""
    digits = text.replace(" ", "").replace("-", "")
    if len(digits) != NUMBER_DIGITS + DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    return AppCode(digits[:NUMBER_DIGITS], digits[NUMBER_DIGITS:])


def step_of(at: datetime) -> int:
    """The time step of RFC 6238 that an instant is in."""
    return int(at.timestamp()) // STEP_SECONDS


def totp(secret: bytes, step: int) -> str:
    """RFC 6238: the digits of a time step."""
    mac = digest(secret, step.to_bytes(8, "big"), sha1)
    offset = mac[-1] & 0x0F
    return code_of((int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF) % CODES)


def matching_step(secret: bytes, digits: str, *, at: datetime, used: int | None = None) -> int | None:
    """The step whose digits these are; None: of none near `at`.

    used: the step that the same receipt has used before, which is good for longer.
    """
    now = step_of(at)
    steps = list(range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1))
    if used is not None and now - used <= RECEIPT_STEPS:
        steps.append(used)
    found = None
    for step in steps:
        if compare_digest(totp(secret, step), digits):
            found = step
    return found


def confirmation_text(
    code: str, *, asked: Iterable[tuple[str, int | str]], shop: str, receipt: str, is_russian: bool = False
) -> str:
    """What the customer reads: the code, and all that it lets be taken.

    asked: wallets with units or `max`, rewards with how often.
    receipt: as the till sent it; no more of it is shown than a number needs, since the customer trusts this message.
    """
    receipt = "".join(sign for sign in receipt if sign.isalnum() or sign == "-")[:RECEIPT_SHOWN_MAX]
    taken = ", ".join(f"{name}: {units}" for name, units in asked)
    minutes = VALID_FOR // timedelta(minutes=1)
    if is_russian:
        return (
            f"Код {code}. Назовите его кассиру, только если хотите списать: {taken}. "
            f"Магазин {shop}, чек {receipt}. Действует {minutes} мин."
        )
    return (
        f"Code {code}. Tell it to the cashier only if you want to spend: {taken}. "
        f"Shop {shop}, receipt {receipt}. Valid for {minutes} min."
    )


def card_text(code: str, *, shop: str, is_russian: bool = False) -> str:
    """What the customer reads before a till gives them a card."""
    minutes = VALID_FOR // timedelta(minutes=1)
    if is_russian:
        return (
            f"Код {code}. Назовите его кассиру, только если хотите получить новую карту: ею можно списывать баллы. "
            f"Магазин {shop}. Действует {minutes} мин."
        )
    return (
        f"Code {code}. Tell it to the cashier only if you want a new card: whoever has it can spend your points. "
        f"Shop {shop}. Valid for {minutes} min."
    )
