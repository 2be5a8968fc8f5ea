"""Statements about consents: appended with the profile that they belong to, read page by page."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.domain.identifiers import GREATEST_ID
from app.flows.keep_consents import ConsentRecord
from app.flows.new_consents import NewConsent
from app.storage.engine import Connection, Database

INSERT = """
insert into consents (customer_id, id, purpose, given, version, channel, text_hash, at, recorded_by)
select $1, n.id, n.purpose, n.given, n.version, n.channel, n.text_hash, coalesce(n.at, clock_timestamp()), $9
from unnest($2::uuid[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
    n(id, purpose, given, version, channel, text_hash, at)
"""
INSERT_MISSING = f"""{INSERT}
where not exists (
    select from consents c
    where c.customer_id = $1 and (c.purpose, c.given, c.version, c.channel, c.text_hash)
        is not distinct from (n.purpose, n.given, n.version, n.channel, n.text_hash)
)
"""  # noqa: S608 - a statement of ours
BY_AN_EARLIER_RELEASE = "earlier release"  # Who had told of them isn't known.
READ = f"""
select id, purpose, given, at, version, channel, text_hash, recorded_at, recorded_by from consents
where customer_id = $1 and id < coalesce($2::uuid, '{GREATEST_ID}') order by id desc limit $3
"""  # noqa: S608 - a constant of ours


async def insert(connection: Connection, customer_id: UUID, news: Sequence[NewConsent], *, by: str) -> None:
    """by: the key that told of them."""
    if news:
        await connection.execute(INSERT, *_arguments(customer_id, news, by=by))


async def insert_missing(connection: Connection, customer_id: UUID, known: Sequence[NewConsent]) -> None:
    """Those that the history has no record of, word for word but for the time."""
    if known:
        await connection.execute(INSERT_MISSING, *_arguments(customer_id, known, by=BY_AN_EARLIER_RELEASE))


def _arguments(customer_id: UUID, news: Sequence[NewConsent], *, by: str) -> tuple[object, ...]:
    return (
        customer_id,
        [each.id for each in news],
        [each.purpose for each in news],
        [each.given for each in news],
        [each.version for each in news],
        [each.channel for each in news],
        [each.text_hash for each in news],
        [each.at for each in news],
        by,
    )


class ConsentsDatabase:
    """The port `ConsentReads`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def consents(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[ConsentRecord]:
        async with self._database.connection() as connection:
            return [consent_of(row) for row in await connection.fetch(READ, customer_id, before, limit)]


def consent_of(row: Mapping[str, Any]) -> ConsentRecord:
    return ConsentRecord(**dict(row))
