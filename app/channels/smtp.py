"""Messages by mail. `smtps://` is encrypted from its first byte; `smtp://` as soon as the server offers it, and where
there is a password, or a code would leave this machine, nothing is sent unless it does.
"""

from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ssl import SSLContext
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from app.flows.ports import Person
from app.flows.ports_messages import Message, MessageNotSent
from app.this_machine import is_here

_log = structlog.get_logger("app.channels")

SECONDS_MAX: Final = 5.0  # Of each step; `app.flows.courier` bounds them all.


class SmtpChannel:
    def __init__(self, url: str, *, sender: str, tls: SSLContext | None = None) -> None:
        """tls: whom to trust, where not whom the system does."""
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._port = parts.port
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._is_tls = parts.scheme == "smtps"
        # None: where it is offered.
        self._start_tls = None if self._is_tls or (is_here(self._host) and self._password is None) else True
        self._sender = sender
        self._domain = sender.rpartition("@")[2]
        self._tls = tls

    def reaches(self, person: Person) -> bool:
        return bool(person.email)

    async def send(self, message: Message) -> None:
        address = message.person.email or ""
        try:
            mail = self._mail(message, address)
            await aiosmtplib.send(
                mail,
                recipients=[address],  # Whatever a header may be read as, a code goes to one address.
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._is_tls,
                start_tls=self._start_tls,
                tls_context=self._tls,
                timeout=SECONDS_MAX,
                local_hostname=self._domain,  # Else this machine's name is looked up, and everything waits for it.
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            _log.warning("message_not_sent", channel="smtp", error=type(error).__name__)
            raise MessageNotSent from None

    def _mail(self, message: Message, address: str) -> EmailMessage:
        """Raises ValueError: the address can't be one."""
        mail = EmailMessage()
        try:
            mail["To"] = address
            (read,) = mail["To"].addresses
        except (AttributeError, IndexError) as error:  # The library's own, of what it can't read: "a@[".
            raise ValueError("no address") from error
        if read.addr_spec != address:
            raise ValueError("another address")
        mail["From"] = self._sender
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=self._domain)
        mail.set_content(message.text)
        return mail
