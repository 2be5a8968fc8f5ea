"""The calls of those who write the program: draft, check, publish, read, go back."""

from hashlib import sha256

from app.api import answers
from app.api.answers_schema import DraftAnswer, FindingsAnswer, ProgramAnswer, ProgramVersionsAnswer, PublishedAnswer
from app.api.calls import MARKETERS, PROGRAM_BODY_MAX, PROGRAM_READERS, Call, Operation
from app.api.program_schema import PROGRAM_SCHEMA, ProgramBody, SchemaAnswer
from app.api.query import PageQuery
from app.domain.rejections import Rejected, Rejection
from app.flows.requests import Answer

_VERSION_DIGITS_MAX = 9
_SCHEMA = answers.to_bytes(PROGRAM_SCHEMA)


async def put_draft(call: Call) -> Answer:
    return await call.service.put_draft(call.as_write, call.document, call.raw)


async def draft(call: Call) -> Answer:
    return Answer(200, await call.service.draft())


async def check_draft(call: Call) -> Answer:
    return Answer(200, answers.findings(await call.service.check_draft()))


async def publish(call: Call) -> Answer:
    return await call.service.publish(call.as_write)


async def republish(call: Call) -> Answer:
    text = call.params["version"]
    if not text.isascii() or not text.isdigit() or len(text) > _VERSION_DIGITS_MAX:
        raise Rejected(Rejection.NOT_FOUND, "There is no such version.")
    return await call.service.republish(call.as_write, int(text))


async def program(call: Call) -> Answer:
    return Answer(200, answers.program(await call.service.program()))


async def program_versions(call: Call) -> Answer:
    query: PageQuery = call.query
    page = await call.service.program_versions(limit=query.limit, cursor=query.cursor)
    return Answer(200, answers.program_versions(page))


async def schema(_call: Call) -> Answer:
    return Answer(200, _SCHEMA)


OPERATIONS = (
    Operation(
        method="PUT",
        path="/v1/program/draft",
        name="put_draft",
        summary="Write the draft; one with mistakes is refused with a pointer to each",
        tag="Program",
        handler=put_draft,
        roles=MARKETERS,
        body=ProgramBody,
        answers={200: DraftAnswer},
        refusals=(Rejection.PROGRAM_INVALID,),
        is_write=True,
        scans=True,
        body_max=PROGRAM_BODY_MAX,
        noted=lambda call: {"sha256": sha256(call.raw).hexdigest()},
        examples={
            "points for every 100 roubles": {
                "currency": "RUB",
                "timezone": "Europe/Moscow",
                "wallets": {"points": {"value": 100}},
                "rules": [{"id": "base", "kind": "bonus", "give": {"per": {"amount": 10000, "units": 1}}}],
            }
        },
    ),
    Operation(
        method="GET",
        path="/v1/program/draft",
        name="draft",
        summary="The draft as it was written",
        tag="Program",
        handler=draft,
        roles=PROGRAM_READERS,
        answers={200: DraftAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
    Operation(
        method="POST",
        path="/v1/program/draft/check",
        name="check_draft",
        summary="What is wrong or doubtful in the draft",
        description="Writes nothing and needs no Idempotency-Key.",
        tag="Program",
        handler=check_draft,
        roles=MARKETERS,
        answers={200: FindingsAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
    Operation(
        method="POST",
        path="/v1/program/publish",
        name="publish",
        summary="Publish the draft: every request that starts after this answer is decided by it",
        tag="Program",
        handler=publish,
        roles=MARKETERS,
        is_long=True,
        answers={200: PublishedAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.PROGRAM_INVALID, Rejection.BACKTEST_REQUIRED),
        is_write=True,
    ),
    Operation(
        method="GET",
        path="/v1/program",
        name="program",
        summary="The program in force",
        tag="Program",
        handler=program,
        roles=PROGRAM_READERS,
        answers={200: ProgramAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
    Operation(
        method="GET",
        path="/v1/program/versions",
        name="program_versions",
        summary="Published versions, newest first",
        tag="Program",
        handler=program_versions,
        roles=PROGRAM_READERS,
        query=PageQuery,
        answers={200: ProgramVersionsAnswer},
    ),
    Operation(
        method="GET",
        path="/v1/program/schema",
        name="program_schema",
        summary="The JSON Schema of the document, for editors",
        description="2020-12. What holds between parts of the document, only a draft is told.",
        tag="Program",
        handler=schema,
        roles=PROGRAM_READERS,
        answers={200: SchemaAnswer},
        media_type="application/schema+json",
    ),
    Operation(
        method="POST",
        path="/v1/program/versions/{version}/republish",
        name="republish",
        summary="Go back: an earlier version is published again, under a new number",
        tag="Program",
        handler=republish,
        roles=MARKETERS,
        is_long=True,
        answers={200: PublishedAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.PROGRAM_INVALID),
        is_write=True,
    ),
)
