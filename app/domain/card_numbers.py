"""Numbers of cards that the service makes: digits to scan or type, with Luhn's check digit (ISO/IEC 7812)."""

DIGITS = 18  # Of luck: nobody meets a live gift card by trying; with prefix and check digit a number has 20 or 21.
GIFT_PREFIX = "9"
CARD_PREFIX = "27"


def make_number(prefix: str, luck: int) -> str:
    """Prefix, 18 digits of luck (an integer below 10^18), check digit.

    Raises:
        ValueError: the luck is out of bounds.
    """
    if not 0 <= luck < 10**DIGITS:
        raise ValueError("luck has 18 digits")
    body = f"{prefix}{luck:0{DIGITS}}"
    return body + str(check_digit(body))


def check_digit(digits: str) -> int:
    """Luhn's: every second digit from the right doubled, digits of the sums added, up to a multiple of ten."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10
