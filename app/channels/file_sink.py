"""Messages as lines of a file, for a start with nothing configured and for whoever forwards them: one JSON object each,
`{"at", "phone", "email", "subject", "text"}`.

The file is readable by its owner alone. A line is one write at the file's end, so processes don't mix theirs.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson
import structlog

from app.flows.ports import Person
from app.flows.ports_messages import Message, MessageNotSent

_log = structlog.get_logger("app.channels")


class FileSink:
    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now

    def reaches(self, person: Person) -> bool:
        return bool(person.phone or person.email)

    async def send(self, message: Message) -> None:
        person = message.person
        line = orjson.dumps(
            {
                "at": self._now(),
                "phone": person.phone,
                "email": person.email,
                "subject": message.subject,
                "text": message.text,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as error:
            _log.warning("message_not_sent", channel="file", error=type(error).__name__)
            raise MessageNotSent from None

    def _append(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
