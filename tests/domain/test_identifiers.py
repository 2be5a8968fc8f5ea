"""Phones in every usual spelling are one phone; cards likewise."""

import pytest

from app.domain.identifiers import Identifier, IdentifierKind, card, phone

ANNA = Identifier(IdentifierKind.PHONE, "+79001234567")


@pytest.mark.parametrize(
    "text",
    [
        "+79001234567",
        "+7 900 123-45-67",
        "8 (900) 123-45-67",
        "89001234567",
        "900 123 45 67",
        "+7.900.123.45.67",
        "+7\u00a0900\u00a0123\u201145\u201167",
    ],
)
def test_a_phone_in_any_usual_spelling(text: str) -> None:
    assert phone(text, region="RU") == ANNA


def test_a_number_without_its_country_belongs_to_the_region() -> None:
    assert phone("030 901820", region="DE").value == "+4930901820"


@pytest.mark.parametrize(
    "text", ["", "+", "abc", "12", "not +79001234567", "+7 900 123-45-67 ext. 5", "+999 1234567", "9" * 41]
)
def test_what_is_no_phone_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a (valid )?phone number$"):
        phone(text, region="RU")


def test_a_card_is_read_as_printed() -> None:
    assert card("2200 1234-5678 abcd").value == "220012345678ABCD"
    for text in ("", " - ", "12;34", "кар та!"):
        with pytest.raises(ValueError, match="letters and digits"):
            card(text)
