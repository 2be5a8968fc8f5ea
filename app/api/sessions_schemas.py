"""What people send to sign in, and what they are told."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from app.api.answers_schema import AnswerBody, Instant
from app.api.fields import Body
from app.api.query import Query
from app.flows.requests import Role
from app.flows.sign_in import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN

CODE_LENGTH_MAX = 2_048  # Of a provider's code: opaque, and some are long.

Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_LENGTH_MAX)]


class SignInBody(Body):
    login: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    password: Password
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] = Field(
        description="Of the authenticator (RFC 6238); each is good once."
    )


class SetUpBody(Body):
    invitation: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    password: Password = Field(description=f"{PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters.")


class CallbackQuery(Query):
    """Providers add members of their own, as `session_state`."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    state: Annotated[str, Field(min_length=1, max_length=128)]
    code: Annotated[str, Field(min_length=1, max_length=CODE_LENGTH_MAX)] | None = None
    iss: Annotated[str, Field(max_length=CODE_LENGTH_MAX)] | None = Field(
        default=None, description="The issuer, where the provider names it (RFC 9207)."
    )
    error: Annotated[str, Field(max_length=CODE_LENGTH_MAX)] | None = Field(
        default=None, description="Why the provider lets nobody in."
    )


class SessionAnswer(AnswerBody):
    id: str = Field(description="The person, or the key.")
    role: Role
    csrf_token: str | None = Field(description="To be sent as X-CSRF-Token with every write. Null with a key.")
    expires_at: Instant | None = Field(description="At the latest; null with a key.")


class EndedAnswer(AnswerBody):
    state: str = Field(examples=["ended"])


class SetUpAnswer(AnswerBody):
    id: str
    login: str | None
    authenticator: str = Field(description="`otpauth://…`, for an authenticator app; shown this once.")


class ElsewhereAnswer(AnswerBody):
    location: str = Field(description="As the header Location says.")
