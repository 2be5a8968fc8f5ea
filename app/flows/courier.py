"""Messages within bounds, since tills wait for them: a channel that is down or slow must not keep anybody else waiting.

A message is sent within SECONDS_MAX, or it isn't sent; no more than AT_ONCE_MAX are under way in a process, and who
comes then is told at once. Without the second bound a mail server that hangs would hold as many requests as asked for
codes, and the crowd (`app.api.crowd`) would take their waiting for its own and send all tills away.
"""

import asyncio

from app.flows.ports import Person
from app.flows.ports_messages import Message, MessageNotSent, Messages

SECONDS_MAX = 5.0  # A customer stands at the till; whoever is slower has not sent it.
AT_ONCE_MAX = 6  # Below the eight slow ones that make no crowd; at half a second a mail, 12 codes a second.


class Courier:
    """Hands messages to a channel. Of each process one: it counts."""

    def __init__(self, channel: Messages) -> None:
        self._channel = channel
        self._under_way = 0

    @property
    def is_busy(self) -> bool:
        """Whether a message couldn't be sent now."""
        return self._under_way >= AT_ONCE_MAX

    def reaches(self, person: Person) -> bool:
        return self._channel.reaches(person)

    async def send(self, message: Message) -> None:
        """As `Messages`. Raises `MessageNotSent`."""
        if self.is_busy:
            raise MessageNotSent
        self._under_way += 1
        try:
            async with asyncio.timeout(SECONDS_MAX):
                await self._channel.send(message)
        except TimeoutError:
            raise MessageNotSent from None
        finally:
            self._under_way -= 1
