"""A draw as answers show it: all that decided it and what it gave; and its prize when that goes back."""

from app.api.sentences import draw_text
from app.api.speech import Speech
from app.domain.draws.records import DrawRecord


def draw_document(record: DrawRecord, speech: Speech) -> dict[str, object]:
    return {
        "rule": record.rule,
        "ticket": record.ticket,
        "prize": record.prize,
        "algorithm": record.algorithm,
        "day": record.day,
        "choice": record.choice,
        "chance": f"{record.numerator}/{record.denominator}",
        "state": record.state,
        "drew": record.drew,
        "because": record.because,
        "wallet": record.wallet,
        "units": record.units,
        "gift": record.gift,
        "coupon": record.code,
        "slip_of": record.slip_of,
        "text": draw_text(prize=record.prize, drew=record.drew, because=record.because, speech=speech),
    }


def prize_document(record: DrawRecord) -> dict[str, object]:
    """What a return took back."""
    return {
        "rule": record.rule,
        "day": record.day,
        "ticket": record.ticket,
        "prize": record.prize,
        "wallet": record.wallet,
        "units": record.units,
        "gift": record.gift,
        "coupon": record.code,
    }
