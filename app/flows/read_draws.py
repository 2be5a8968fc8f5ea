"""A day's commitment, and its secret when the day is over: what a customer checks a ticket with."""

from dataclasses import dataclass
from datetime import date

from app.domain.draws.luck import commitment_of
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.ports import Programs, Vault
from app.flows.ports_draws import DrawDays


@dataclass(frozen=True, slots=True)
class DrawDay:
    """`secret` in hexadecimal digits; None while the day lasts. It is None for ever where the day's tickets were drawn
    with another secret than the service has by now: what is not the one that was promised is not shown.
    """

    day: date
    commitment: str
    secret: str | None


class ReadDraws:
    def __init__(self, days: DrawDays, *, programs: Programs, vault: Vault) -> None:
        self._days = days
        self._programs = programs
        self._vault = vault

    async def day(self, day: date) -> DrawDay:
        """A local day of the program in force, by the database's clock. Raises `Rejected(NOT_FOUND)` for days to come,
        whose secrets nobody is bound to yet.
        """
        compiled = await self._programs.current()
        if compiled is None:
            raise refusals.no_program()
        now, drawn_by = await self._days.day(day)
        today = now.astimezone(compiled.program.timezone).date()
        if day > today:
            raise no_day()
        secret = self._vault.draw_secret(day.isoformat())
        own = commitment_of(secret)
        is_told = day < today and drawn_by in (None, own)
        return DrawDay(day, drawn_by or own, secret.hex() if is_told else None)


def no_day() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no draw on this day.")
