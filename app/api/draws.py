"""The call with which anybody checks a ticket: a day's commitment, and its secret when the day is over."""

import re
from datetime import date

from pydantic import Field

from app.api import answers
from app.api.answers_schema import AnswerBody
from app.api.calls import Call, Operation
from app.domain.rejections import Rejection
from app.flows.read_draws import DrawDay, no_day
from app.flows.requests import Answer

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

ALGORITHM = (
    "The commitment is SHA-256 of the secret's 32 bytes. A draw's HMAC-SHA256 has the secret as its key and as its "
    "message rule id, shop, terminal, receipt number and, where one was sent, shift, joined by LF, in UTF-8. "
    "The ticket is its first 16 digits in hexadecimal: it wins if ticket / 2^64 is below the draw's chance. "
    "The next 16, over 2^64, choose the prize by weight. "
    "In a bag the ticket alone points at one of the slips left: those of the prizes in their order, then the blanks."
)

# Five lines that run as they stand, after `day = …` and the four facts of the receipt.
CHECK = """\
import hashlib, hmac
secret = bytes.fromhex(day["secret"])
assert hashlib.sha256(secret).hexdigest() == day["commitment"]
drawn = hmac.new(secret, "\\n".join([rule, shop, terminal, number]).encode(), "sha256").hexdigest()
ticket, choice = drawn[:16], drawn[16:32]
"""

_DESCRIPTION = f"""\
A day is a local day of the program's zone, by the service's clock. Its commitment is public from its start, so nobody
can choose the secret after the tickets are known; its secret is public from its end, so nobody can know a ticket
before its receipt is closed. A receipt prints rule, day and ticket; the purchase's answer has `chance` and the `state`
that the chance follows from.

To check a receipt, take the answer as `day` and the receipt's `rule`, `shop`, `terminal` and `number`:

```python
{CHECK}```

`ticket` is what the receipt says, and it wins if `int(ticket, 16) / 2**64` is below the chance. A purchase made anew
after a whole return has the day and the ticket of the first one's receipt (`slip_of`).
"""


class DrawDayAnswer(AnswerBody):
    date: str = Field(json_schema_extra={"format": "date"})
    commitment: str = Field(description="SHA-256 of the secret, in hexadecimal digits.")
    secret: str | None = Field(description="64 hexadecimal digits; null until the day is over.")
    algorithm: str = Field(description="How a ticket follows from the secret and the receipt.")


async def day(call: Call) -> Answer:
    text = call.params["date"]
    try:
        wanted = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        wanted = None
    if wanted is None:
        raise no_day()
    return Answer(200, answers.to_bytes(_document(await call.service.draw_day(wanted))))


def _document(found: DrawDay) -> dict[str, object]:
    return {
        "date": found.day,
        "commitment": found.commitment,
        "secret": found.secret,
        "algorithm": ALGORITHM,
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/draws/{date}",
        name="draw_day",
        summary="The day's commitment, and after the day its secret",
        description=_DESCRIPTION,
        tag="Draws",
        handler=day,
        roles=None,
        answers={200: DrawDayAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.UNAVAILABLE),
    ),
)
