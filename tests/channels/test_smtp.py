"""Messages by mail, to a real server on loopback."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.channels.smtp import SmtpChannel
from app.flows.ports import Person
from app.flows.ports_messages import Message, MessageNotSent
from tests.e2e.checks import refused
from tests.e2e.codes import PHONE, challenged, code_in, confirmed, paying, ready
from tests.kit import Desk, Stage, client_of, free_port, served_here

ANNA = Person(phone=PHONE, email="anna@example.com")


class Inbox:
    """What a server has taken; `says` is what it answers."""

    def __init__(self, says: str = "250 OK") -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self._says = says

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.rcpt_tos, mail))
        return self._says


@contextmanager
def serving(inbox: Inbox, **more: object) -> Iterator[int]:
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **more)  # type: ignore[arg-type]
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    own = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(own + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.fixture
def message() -> Message:
    return Message(ANNA, "Код подтверждения", "Код 012345. Магазин S1.")


async def test_a_mail_is_sent_as_it_was_written(message: Message) -> None:
    inbox = Inbox()
    with serving(inbox) as port:
        channel = SmtpChannel(f"smtp://127.0.0.1:{port}", sender="loyalty@shop.example")
        await channel.send(message)
    ((to, mail),) = inbox.mails
    assert to == ["anna@example.com"]
    assert (mail["From"], mail["To"], mail["Subject"]) == ("loyalty@shop.example", "anna@example.com", message.subject)
    assert mail.get_content().strip() == message.text
    assert mail["Message-ID"].endswith("@shop.example>")


async def test_only_an_address_is_reached() -> None:
    channel = SmtpChannel("smtp://127.0.0.1", sender="a@b.example")
    assert channel.reaches(ANNA)
    assert not channel.reaches(Person(phone=PHONE))


async def test_what_a_server_refuses_is_not_sent_and_not_told(message: Message) -> None:
    with serving(Inbox("550 no such user anna@example.com")) as port:
        channel = SmtpChannel(f"smtp://127.0.0.1:{port}", sender="loyalty@shop.example")
        with pytest.raises(MessageNotSent) as refusal:
            await channel.send(message)
        assert "anna" not in str(refusal.value)
    with pytest.raises(MessageNotSent):  # Now nobody listens there.
        await channel.send(message)


async def test_an_address_with_a_line_break_adds_no_header() -> None:
    inbox = Inbox()
    with serving(inbox) as port:
        channel = SmtpChannel(f"smtp://127.0.0.1:{port}", sender="loyalty@shop.example")
        with pytest.raises(MessageNotSent):
            await channel.send(Message(Person(email="a@b.example\r\nBcc: thief@c.example"), "s", "t"))
    assert inbox.mails == []


@pytest.mark.parametrize("address", ["a@[", "x:thief@evil.ru;", "a,b@c.ru", "<a@b.ru>", "", "a@b.ru, c@d.ru"])
async def test_what_is_no_address_is_not_sent(address: str) -> None:
    inbox = Inbox()
    with serving(inbox) as port:
        channel = SmtpChannel(f"smtp://127.0.0.1:{port}", sender="loyalty@shop.example")
        with pytest.raises(MessageNotSent):
            await channel.send(Message(Person(email=address), "s", "t"))
    assert inbox.mails == []


async def test_a_password_and_a_code_leave_only_encrypted(message: Message, tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    taken: list[bytes] = []

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        taken.append(data.password)  # type: ignore[attr-defined]
        return AuthResult(success=True)

    inbox = Inbox()
    with serving(inbox, authenticator=check, auth_require_tls=False) as port:
        channel = SmtpChannel(f"smtp://anna:secret@127.0.0.1:{port}", sender="a@b.example")
        with pytest.raises(MessageNotSent):
            await channel.send(message)
    assert (inbox.mails, taken) == ([], [])
    with serving(inbox, authenticator=check, tls_context=server) as port:
        untrusting = SmtpChannel(f"smtp://anna:secret@127.0.0.1:{port}", sender="a@b.example")
        with pytest.raises(MessageNotSent):
            await untrusting.send(message)
        assert (inbox.mails, taken) == ([], [])
        channel = SmtpChannel(f"smtp://anna:s%40cret@127.0.0.1:{port}", sender="a@b.example", tls=client)
        await channel.send(message)
    assert (len(inbox.mails), taken) == (1, [b"s@cret"])


async def test_a_redemption_is_confirmed_by_mail(stage: Stage) -> None:
    inbox = Inbox()
    with serving(inbox) as port:
        async with (
            served_here(stage, smtp_url=f"smtp://127.0.0.1:{port}", smtp_from="loyalty@shop.example") as edge,
            client_of(edge) as http,
        ):
            admin = Desk(http, await stage.key("admin"))
            till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
            await ready(admin, till, email="anna@example.com")
            body = paying()
            challenge = await challenged(till, "/v1/accrue", body)
            ((_, mail),) = inbox.mails
            sale = await till.good(
                "POST", "/v1/accrue", confirmed(body, challenge, code_in({"text": mail.get_content()}))
            )
            assert sale["totals"]["redeemed_units"] == {"points": 50}
            assert not (stage.data_dir / "messages.jsonl").exists()
            await till.register(phone="+79001234568")
            problem = await till.post("/v1/accrue", paying(who={"phone": "+79001234568"}))
            assert "challenge_id" not in refused(problem, 403, "confirmation_required")
