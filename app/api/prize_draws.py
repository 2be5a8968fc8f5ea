"""The calls of a prize draw: announce it, freeze the list of entrants, draw; and for anybody to check it."""

import re

from app.api import answers
from app.api.calls import MARKETERS, Call, Operation
from app.api.faults import refuse
from app.api.prize_draw_schemas import (
    DRAW_ID,
    DrawPrizeBody,
    EntrantsAnswer,
    PrizeDrawAnswer,
    PrizeDrawBody,
    prize_draw_document,
)
from app.api.query import PageQuery
from app.domain.draws.prize_draws import PIECES_MAX, DrawPrize, DrawTerms
from app.domain.rejections import Rejection
from app.flows.requests import Answer
from app.flows.run_prize_draws import PrizeDrawRequest, no_prize_draw

_ID = re.compile(DRAW_ID)

CHECK = """\
import hashlib, hmac
secret = bytes.fromhex(draw["secret"])
assert hashlib.sha256(secret).hexdigest() == draw["commitment"]
assert hashlib.sha256("\\n".join(entrants).encode()).hexdigest() == draw["list_hash"]
rank = lambda id: hmac.new(secret, f"{draw['list_hash']}\\n{id}".encode(), "sha256").hexdigest()
ranked = sorted(entrants, key=rank)
"""

_DESCRIPTION = f"""\
The commitment is public from the announcement, the list and its hash from the freezing, secret and winners from the
draw. To check one, take this answer as `draw` and all pages of its entrants as `entrants`:

```python
{CHECK}```

Prizes go to `ranked` from its start, in the order of `prizes`; with `one_prize_a_customer` a customer's later entries
are passed over, so winners are the first of `ranked` but for those.
"""


async def announce(call: Call) -> Answer:
    return await call.service.announce_prize_draw(call.as_write, _request(call.body))


async def freeze(call: Call) -> Answer:
    return await call.service.freeze_prize_draw(call.as_write, _id(call))


async def draw(call: Call) -> Answer:
    return await call.service.draw_prizes(call.as_write, _id(call))


async def one(call: Call) -> Answer:
    return Answer(200, answers.to_bytes(prize_draw_document(await call.service.prize_draw(_id(call)))))


async def entrants(call: Call) -> Answer:
    query: PageQuery = call.query
    page = await call.service.entrants(_id(call), limit=query.limit, cursor=query.cursor)
    return Answer(200, answers.to_bytes({"items": page.items, "next": page.next}))


def _id(call: Call) -> str:
    text = call.params["id"]
    if not _ID.fullmatch(text):
        raise no_prize_draw()
    return text


def _request(body: PrizeDrawBody) -> PrizeDrawRequest:
    """Raises `Rejected` for what no model can see alone."""
    if body.until <= body.from_:
        raise refuse("/until", "range", "must be after from")
    prizes = tuple(_prize(prize, place) for place, prize in enumerate(body.prizes))
    ids = [prize.id for prize in prizes]
    for place, prize_id in enumerate(ids):
        if prize_id in ids[:place]:
            raise refuse(f"/prizes/{place}/id", "twice", "must be unique among the prizes")
    terms = DrawTerms(
        start=body.from_,
        end=body.until,
        prizes=prizes,
        shops=None if body.shops is None else tuple(dict.fromkeys(body.shops)),
        min_paid=body.min_paid,
        one_prize_a_customer=body.one_prize_a_customer,
    )
    if terms.pieces > PIECES_MAX:
        raise refuse("/prizes", "range", f"must be at most {PIECES_MAX} pieces in all")
    return PrizeDrawRequest(id=body.id, terms=terms, title=body.title)


def _prize(body: DrawPrizeBody, place: int) -> DrawPrize:
    if (body.gift is None) == (not body.title):
        raise refuse(f"/prizes/{place}", "exactly_one", "must have exactly one of gift and title")
    return DrawPrize(id=body.id, count=body.count, gift=body.gift, title=body.title or {})


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/prize-draws",
        name="announce_prize_draw",
        summary="Announce a prize draw: its terms, and a commitment that is public at once",
        description=(
            "Every purchase that a customer makes in the period is an entry, if at least `min_paid` of it stays paid "
            "and something of it stays bought. Winning is announced; people hand the prizes over."
        ),
        tag="Draws",
        handler=announce,
        roles=MARKETERS,
        body=PrizeDrawBody,
        noted=lambda call: {"prizes": sum(prize.count for prize in call.body.prizes)},
        answers={201: PrizeDrawAnswer},
        is_write=True,
        scans=True,
        examples={
            "three TVs and a hundred mugs": {
                "id": "new-year",
                "title": {"en": "New Year's draw", "ru": "Новогодний розыгрыш"},
                "from": "2026-12-01T00:00:00+03:00",
                "until": "2027-01-01T00:00:00+03:00",
                "min_paid": 100000,
                "prizes": [
                    {"id": "tv", "count": 3, "gift": "TV-55"},
                    {"id": "mug", "count": 100, "title": {"en": "A mug", "ru": "Кружка"}},
                ],
            }
        },
    ),
    Operation(
        method="GET",
        path="/v1/prize-draws/{id}",
        name="prize_draw",
        summary="A prize draw: terms and commitment, then the list's hash, then secret and winners",
        description=_DESCRIPTION,
        tag="Draws",
        handler=one,
        roles=None,
        answers={200: PrizeDrawAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.UNAVAILABLE),
    ),
    Operation(
        method="GET",
        path="/v1/prize-draws/{id}/entrants",
        name="entrants",
        summary="The frozen list of entrants: ids of purchases",
        tag="Draws",
        handler=entrants,
        roles=None,
        query=PageQuery,
        answers={200: EntrantsAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.UNAVAILABLE),
    ),
    Operation(
        method="POST",
        path="/v1/prize-draws/{id}/freeze",
        name="freeze_prize_draw",
        summary="Freeze the list of entrants, once its period is over",
        description=(
            "From ten seconds after `until` on: by then whatever was posted in the period is committed. A long list "
            "takes its time (some 20,000 entries a second); repeat the call with its key until it has answered."
        ),
        tag="Draws",
        handler=freeze,
        roles=MARKETERS,
        answers={200: PrizeDrawAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.DRAW_NOT_READY),
        is_write=True,
    ),
    Operation(
        method="POST",
        path="/v1/prize-draws/{id}/draw",
        name="draw_prizes",
        summary="Draw the winners from the frozen list, once",
        tag="Draws",
        handler=draw,
        roles=MARKETERS,
        answers={200: PrizeDrawAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.DRAW_NOT_READY),
        is_write=True,
    ),
)
