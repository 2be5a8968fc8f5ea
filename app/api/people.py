"""An admin's calls about people who sign in: list them, disable one. Accounts are made at the command line."""

import re

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Instant
from app.api.calls import ADMINS, Call, Operation
from app.api.query import PageQuery
from app.domain.rejections import Rejection
from app.flows.oversee_people import no_person
from app.flows.ports_people import Person
from app.flows.requests import Answer, Role

_ID = re.compile(r"p_[0-9a-f]{12}")


class PersonAnswer(AnswerBody):
    id: str = Field(examples=["p_0f1e2d3c4b5a"])
    login: str | None = Field(description="Of a local account.")
    issuer: str | None = Field(description="The identity provider that knows the person.")
    role: Role = Field(description="Of a provider's: that of the last sign-in.")
    is_set_up: bool = Field(description="False: the invitation has not been used.")
    created_at: Instant
    signed_in_at: Instant | None
    disabled_at: Instant | None


class PeopleAnswer(AnswerBody):
    items: list[PersonAnswer]
    next: str | None


async def people(call: Call) -> Answer:
    query: PageQuery = call.query
    page = await call.service.people(limit=query.limit, cursor=query.cursor)
    return Answer(200, to_bytes({"items": [_document(person) for person in page.items], "next": page.next}))


async def disable(call: Call) -> Answer:
    person_id = call.params["id"]
    if not _ID.fullmatch(person_id):
        raise no_person()
    return await call.service.disable_person(call.as_write, person_id)


def person_bytes(person: Person) -> bytes:
    return to_bytes(_document(person))


def _document(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "login": person.login,
        "issuer": person.issuer,
        "role": person.role,
        "is_set_up": person.is_set_up,
        "created_at": person.created_at,
        "signed_in_at": person.signed_in_at,
        "disabled_at": person.disabled_at,
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/people",
        name="people",
        summary="People who sign in, the oldest first; those of an identity provider once they have signed in",
        tag="People",
        handler=people,
        roles=ADMINS,
        query=PageQuery,
        answers={200: PeopleAnswer},
    ),
    Operation(
        method="POST",
        path="/v1/people/{id}/disable",
        name="disable_person",
        summary="End a person's sessions, and let them sign in no more; every process refuses them within 5 seconds",
        description="`python -m app people reset` takes it back, for a local account.",
        tag="People",
        handler=disable,
        roles=ADMINS,
        answers={200: PersonAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
    ),
)
