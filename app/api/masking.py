"""Personal data as tills and stored answers may show it: enough to ask "is that you?", not enough to find anybody."""

SHOWN_OF_PREFIX = 2
SHOWN_OF_NUMBER = 4


def mask_phone(phone: str) -> str:
    """`+79001234567` is `+7******4567`."""
    hidden = max(len(phone) - SHOWN_OF_PREFIX - SHOWN_OF_NUMBER, 0)
    return phone[:SHOWN_OF_PREFIX] + "*" * hidden + phone[-SHOWN_OF_NUMBER:]


def mask_card(card: str) -> str:
    """`4276000011112222` is `****2222`; a number too short to hide anything is not shown at all."""
    return "****" + (card[-SHOWN_OF_NUMBER:] if len(card) > 2 * SHOWN_OF_NUMBER else "")
