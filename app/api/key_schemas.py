"""What admins send about keys, and how keys are shown."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Instant
from app.api.fields import Body, Id, empty_list
from app.api.signatures import public_pem
from app.flows.ports_keys import SHOPS_MAX, KeyTerms, KeyView
from app.flows.requests import Role
from app.flows.results import Page

PEM_LENGTH_MAX = 1_000  # An Ed25519 public key has 113.

Pem = Annotated[
    str,
    StringConstraints(min_length=1, max_length=PEM_LENGTH_MAX),
    Field(
        description=(
            "An Ed25519 public key, PEM: every write with this key must be signed by it (RFC 9421). Null: none need be."
        ),
        examples=["-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n"],
    ),
]
Digest = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$"),
    Field(
        description=(
            "SHA-256 of the client certificate (DER) that a trusted proxy must have seen with every call of this key. "
            "Null: any or none."
        )
    ),
]


class KeyBody(Body):
    role: Literal["pos", "shop", "marketer", "analyst", "support", "admin", "ops"]
    shops: Annotated[list[Id], Field(max_length=SHOPS_MAX)] = empty_list(
        description="Of a `pos` key one, of a `shop` key all its shops, its own first; of people's none."
    )
    terminal: Id | None = Field(default=None, description="The till of a `pos` key.")
    partner: Id | None = Field(default=None, description="Whose shop it is, for rules that test `partner`.")
    signed_by: Pem | None = None
    certificate_sha256: Digest | None = None


class KeyAnswer(AnswerBody):
    id: str
    role: Role
    shops: list[str]
    terminal: str | None
    partner: str | None
    signed_by: str | None = Field(description="The public key that its writes must be signed by, PEM.")
    certificate_sha256: str | None
    created_at: Instant
    last_used_at: Instant | None = Field(description="To the minute, and a minute late.")
    revoked_at: Instant | None


class MadeKeyAnswer(KeyAnswer):
    key: str | None = Field(
        description="The key itself, shown this once. Null in a repetition's answer: it was shown, and isn't kept.",
        examples=["kpl_live_0f1e2d3c4b5a_…"],
    )
    replaces: str | None = Field(description="The key to revoke once the till has this one.")


class KeyListAnswer(AnswerBody):
    items: list[KeyAnswer]
    next: str | None


class KeyBytes:
    """The port `KeyAnswers`."""

    def made(self, view: KeyView, *, text: str | None, replaces: str | None) -> bytes:
        return to_bytes({**_document(view), "key": text, "replaces": replaces})

    def one(self, view: KeyView) -> bytes:
        return to_bytes(_document(view))


def page_bytes(page: Page[KeyView]) -> bytes:
    return to_bytes({"items": [_document(view) for view in page.items], "next": page.next})


def _document(view: KeyView) -> dict[str, object]:
    terms: KeyTerms = view.terms
    return {
        "id": view.id,
        "role": terms.role,
        "shops": terms.shops,
        "terminal": terms.terminal or None,
        "partner": terms.partner,
        "signed_by": None if terms.signed_by is None else public_pem(terms.signed_by),
        "certificate_sha256": None if terms.certificate_sha256 is None else terms.certificate_sha256.hex(),
        "created_at": view.created_at,
        "last_used_at": view.last_used_at,
        "revoked_at": view.revoked_at,
    }
