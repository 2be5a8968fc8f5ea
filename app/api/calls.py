"""One operation of the contract: what the edge must know to serve it and to document it; and one call of it."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from app.api.sessions_cookies import Site
from app.domain.rejections import Rejected, Rejection
from app.flows.guessing import Guess
from app.flows.ports_audit_log import Details
from app.flows.requests import Answer, Caller, Role, Write
from app.flows.service import Service

BODY_MAX = 256 * 1024  # Contract, section 2: 500 lines of 500 bytes.
PROGRAM_BODY_MAX = 4 * 1024 * 1024

JSON_TYPE = "application/json"

# Who may call what, in the words of CONTRACT, section 3. An admin may call everything.
TILLS = frozenset({Role.POS, Role.SHOP, Role.ADMIN})
TILLS_AND_SUPPORT = TILLS | {Role.SUPPORT}
SUPPORT = frozenset({Role.SUPPORT, Role.ADMIN})
MARKETERS = frozenset({Role.MARKETER, Role.ADMIN})
PROGRAM_READERS = MARKETERS | {Role.ANALYST}
FEED_READERS = frozenset({Role.ANALYST, Role.OPS, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
WRITERS = TILLS_AND_SUPPORT | MARKETERS  # Everyone who has idempotency keys.

# The caller of operations that need no key.
ANYONE = Caller(key_id="", role=Role.OPS)


class Nothing(BaseModel):
    """No members; what a call without a body or without a query takes."""

    model_config = {"extra": "forbid", "strict": True, "title": "Nothing"}


@dataclass(slots=True)
class Call:
    """One call that has passed every check of the edge.

    `opened` is the service once it is open. `body` and `query` are instances of the operation's models, `document` is
    the JSON as parsed, `raw` the bytes. `write` is None for reads and previews.
    """

    opened: Service | None
    caller: Caller
    params: Mapping[str, str]
    query: Any
    body: Any
    document: Any
    raw: bytes
    phone_region: str
    is_russian: bool
    write: Write | None
    ip: str = ""
    request_id: str = ""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    site: Site = field(default_factory=Site)  # Where browsers reach us.

    @property
    def service(self) -> Service:
        """Raises `Rejected` while the service starts or stops."""
        if self.opened is None:
            raise Rejected(Rejection.UNAVAILABLE, "The service is starting or stopping.")
        return self.opened

    @property
    def as_write(self) -> Write:
        if self.write is None:
            raise TypeError("this call writes nothing")
        return self.write

    def id(self, missing: Rejection = Rejection.NOT_FOUND, *, name: str = "id") -> UUID:
        """The path's `{id}`, or another id in it.

        Raises:
            Rejected: it is no id that the service could have given; `missing` says that there is no such thing.
        """
        text = self.params[name]
        try:
            value = UUID(text)
        except ValueError:
            value = None
        if value is None or str(value) != text.lower():
            raise Rejected(missing, "There is nothing with this id.")
        return value


Handler = Callable[[Call], Coroutine[Any, Any, Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`path` is a template, `roles` None needs no key, `answers` are the models of good answers by status.

    `refusals` are the codes that this operation may answer beside those that every operation has. A write needs an
    idempotency key and runs to its end whatever the client does; `can_preview` makes it a read when the query says
    `preview=true`. `scans` looks at every value of the body for what no database can hold: for bodies that the model
    does not describe to the last member; None: the handler looks itself. `speaks`: good answers hold sentences by
    Accept-Language, as those do that may be asked to `explain`. `is_long`: an answer takes seconds by its nature, so it
    tells nothing of how long others will wait. `is_queued`: what it writes is written by a round, which comes to its
    end whoever waits for it.

    Writes by people go to the audit log, with what `noted` says of them; `notes_itself`: the flow has done that
    already; `notes_refusals`: also a call that is refused with 404 or 422. For the roles of `unmasked_for` the answer
    shows personal data in clear, which goes there too.

    `guesses` says what a call may learn by guessing; None: it names nothing that can be guessed.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    handler: Handler
    roles: frozenset[Role] | None
    answers: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] = Nothing
    refusals: tuple[Rejection, ...] = ()
    is_write: bool = False
    is_queued: bool = False
    can_preview: bool = False
    scans: bool | None = False
    speaks: bool = False
    is_long: bool = False
    body_max: int = BODY_MAX
    media_type: str = JSON_TYPE
    description: str = ""
    examples: Mapping[str, object] = field(default_factory=dict)
    noted: Callable[[Call], Details] | None = None
    notes_itself: bool = False
    notes_refusals: bool = False
    unmasked_for: frozenset[Role] = frozenset()
    guesses: Callable[[Call], Guess | None] | None = None

    @property
    def has_sentences(self) -> bool:
        return self.speaks or "explain" in self.query.model_fields
