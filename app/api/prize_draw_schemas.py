"""What marketers send about prize draws, and how draws are shown."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from app.api.answers_schema import AnswerBody, Instant
from app.api.fields import Body, Id, Money, Name
from app.api.fields import Instant as InstantField
from app.domain.draws.prize_draws import PIECES_MAX, DrawPrize, DrawState, PrizeDraw

PRIZES_MAX = 100
SHOPS_MAX = 1_000
LANGUAGES_MAX = 10
DRAW_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

DrawId = Annotated[str, StringConstraints(pattern=DRAW_ID)]
_Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Titles = Annotated[
    dict[_Language, Name],
    Field(max_length=LANGUAGES_MAX, description="By language.", examples=[{"en": "A TV", "ru": "Телевизор"}]),
]
_ONE_OF: dict[str, Any] = {"oneOf": [{"required": ["gift"]}, {"required": ["title"]}]}


class DrawPrizeBody(Body):
    """Exactly one of `gift` (an article) and `title` (anything else)."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF)

    id: DrawId
    count: Annotated[int, Field(ge=1, le=PIECES_MAX)] = 1
    gift: Id | None = None
    title: Titles | None = None


class PrizeDrawBody(Body):
    id: DrawId
    title: Titles = Field(default_factory=dict)
    from_: InstantField = Field(alias="from", description="Purchases enter that were posted from here on.")
    until: InstantField = Field(description="Not included; in the future.")
    shops: Annotated[list[Id], Field(min_length=1, max_length=SHOPS_MAX)] | None = Field(
        default=None, description="Only purchases made there; null: everywhere."
    )
    min_paid: Money = Field(default=0, description="What has to stay paid of a purchase, minor units.")
    one_prize_a_customer: bool = True
    prizes: Annotated[list[DrawPrizeBody], Field(min_length=1, max_length=PRIZES_MAX)] = Field(
        description=f"In the order in which they are drawn; at most {PIECES_MAX} pieces in all."
    )


class DrawPrizeAnswer(AnswerBody):
    id: str
    count: int
    gift: str | None
    title: dict[str, str]


class WinnerAnswer(AnswerBody):
    prize: str
    place: int = Field(description="From 1, the lowest rank first.")
    purchase: str


class PrizeDrawAnswer(AnswerBody):
    id: str
    title: dict[str, str]
    state: DrawState
    from_: Instant = Field(alias="from")
    until: Instant
    shops: list[str] | None
    min_paid: int
    one_prize_a_customer: bool
    prizes: list[DrawPrizeAnswer]
    commitment: str = Field(description="SHA-256 of the secret, in hexadecimal digits.")
    created_at: Instant
    frozen_at: Instant | None
    entrants: int | None
    list_hash: str | None = Field(description="SHA-256 over the purchase ids of the list, joined by LF.")
    drawn_at: Instant | None
    secret: str | None = Field(description="64 hexadecimal digits; null until the draw is held.")
    winners: list[WinnerAnswer] | None


class EntrantsAnswer(AnswerBody):
    items: list[str] = Field(description="Ids of purchases, in the list's order.")
    next: str | None


def prize_draw_document(draw: PrizeDraw) -> dict[str, object]:
    terms = draw.terms
    return {
        "id": draw.id,
        "title": draw.title,
        "state": draw.state,
        "from": terms.start,
        "until": terms.end,
        "shops": terms.shops,
        "min_paid": terms.min_paid,
        "one_prize_a_customer": terms.one_prize_a_customer,
        "prizes": [_prize_document(prize) for prize in terms.prizes],
        "commitment": draw.commitment,
        "created_at": draw.created_at,
        "frozen_at": draw.frozen_at,
        "entrants": draw.entrants,
        "list_hash": draw.list_hash,
        "drawn_at": draw.drawn_at,
        "secret": draw.secret,
        "winners": draw.winners,
    }


def _prize_document(prize: DrawPrize) -> dict[str, object]:
    return {"id": prize.id, "count": prize.count, "gift": prize.gift, "title": prize.title}
