"""Made-up answers about draws."""

from datetime import UTC, date, datetime
from typing import Any

from app.domain.draws.prize_draws import DrawPrize, DrawState, DrawTerms, PrizeDraw, Winner
from app.flows.read_draws import DrawDay

PURCHASE = "01932b7c-0000-7000-8000-000000000001"


def day(when: date) -> DrawDay:
    return DrawDay(when, "c0" * 32, "5e" * 32)


def prize_draw() -> PrizeDraw:
    """Drawn, so that every member is there."""
    terms = DrawTerms(
        start=datetime(2026, 12, 1, tzinfo=UTC),
        end=datetime(2027, 1, 1, tzinfo=UTC),
        prizes=(DrawPrize("tv", 1, gift="TV-55"), DrawPrize("mug", 2, title={"en": "A mug"})),
        shops=("S1",),
        min_paid=100_000,
    )
    return PrizeDraw(
        id="new-year",
        title={"en": "New Year's draw"},
        terms=terms,
        state=DrawState.DRAWN,
        commitment="c0" * 32,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        frozen_at=datetime(2027, 1, 2, tzinfo=UTC),
        entrants=1,
        list_hash="aa" * 32,
        drawn_at=datetime(2027, 1, 3, tzinfo=UTC),
        secret="5e" * 32,
        winners=(Winner("tv", 1, PURCHASE),),
    )


def terms() -> dict[str, Any]:
    """The body of an announcement."""
    return {
        "id": "new-year",
        "from": "2026-12-01T00:00:00+03:00",
        "until": "2027-01-01T00:00:00+03:00",
        "prizes": [{"id": "tv", "count": 3, "gift": "TV-55"}],
    }
