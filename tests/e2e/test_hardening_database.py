"""The roles of the database: what the application and the auditor may do, table by table, and what neither may."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from app.storage import migrate
from tests.kit import Desk, Stage, purchase

APP, AUDITOR = "loyalty_app", "loyalty_auditor"
_SERIAL = count(1)

# What the application may do besides reading. Whoever adds a table, or a statement that changes one, adds to it here.
APPENDS = {
    "acts", "adjustments", "answers", "audit_log", "claims", "draw_days", "entries", "events", "holds", "keys",
    "coupon_pools", "ledger_heads", "ledger_roots", "prize_draw_entries", "programs", "purchases", "segments",
    "tier_changes", "txs",
}  # fmt: skip
CHANGES = {
    "audit_findings", "audit_passes", "backtests", "counters", "coupons", "customers", "drafts", "gift_cards", "lots",
    "prize_draws", "profiles",
}  # fmt: skip
DELETES = {"duties", "identifiers", "pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"}
COLUMNS = {
    "adjustments": {"decided_at", "decided_by", "refusal", "state", "tx_id"},
    "events": {"position", "published_at"},
    "feed": {"last"},
    "holds": {"basket", "decision", "resolved_tx", "state"},
    "keys": {"last_used_at", "revoked_at"},
    "purchases": {"is_all_back", "lines", "uses"},
}
# Never changed by anybody: a trigger stands before their owner too.
FOR_EVER = ("audit_log", "entries", "ledger_heads", "ledger_roots", "txs")

RELATIONS = """
select c.relname as name, c.relispartition as is_partition, r.right_of::text as right_of
from pg_class c
cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as r (right_of)
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
    and has_table_privilege($1, c.oid, r.right_of)
"""
COLUMN_RIGHTS = """
select c.relname as name, a.attname as attribute from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0
    and not a.attisdropped and has_column_privilege($1, c.oid, a.attnum, 'UPDATE')
    and not has_table_privilege($1, c.oid, 'UPDATE')
"""

# What no role of ours may, in any database of any server.
NEVER = (
    "create table mine (id int)",
    "create temporary table mine (id int)",
    "create schema mine",
    "create function mine() returns int language sql as 'select 1'",
    "create extension dblink",
    "alter table entries disable trigger all",
    "alter table entries owner to current_user",
    "drop table entries",
    "drop trigger entries_append_only on entries",
    "set session_replication_role = replica",
    "set role postgres",
    "alter role current_user createdb",
    "create role mine",
    "copy txs to program 'true'",
    "select pg_read_file('PG_VERSION')",
    "select rolpassword from pg_authid",
    "select lo_import('/etc/hostname')",
    "select guard_partition('entries', 'entries_other')",
    "alter system set fsync = off",
)
NOT_BY_THE_APPLICATION = (
    *(f"{deed} {table}" for table in FOR_EVER for deed in ("delete from", "truncate")),
    "update entries set amount = amount + 1",
    "update txs set hash = ''",
    "update claims set kind = 'k'",
    "delete from claims",
    "update audit_log set outcome = 'done'",
    "update programs set document = '{}'",
    "update answers set body = ''",
    "update purchases set basket = null",
    "update holds set units = '{}'",
    "update keys set role = 'admin'",
    "update coupon_pools set uses_max = 1",
    "update draw_days set day = day",
    "update ledger_roots set root = ''",
    "delete from customers",
    "delete from profiles",
    "delete from keys",
    "delete from lots",
    "insert into alembic_version values ('9999')",
    "insert into entries_other select * from entries",
)
NOT_BY_THE_AUDITOR = (
    "select wrapped_key from profiles",
    *(
        f"select * from {table}"
        for table in (
            "profiles", "identifiers", "customers", "keys", "txs", "entries", "purchases", "answers", "drafts", "holds",
            "draw_days", "coupons", "gift_cards", "backtests", "adjustments", "pgqueuer",
        )
    ),
    "insert into audit_log select * from audit_log",
    "delete from audit_log",
    "update audit_tx set kind = 'redeem'",
    "delete from audit_entry",
    "select ensure_partitions(clock_timestamp())",
)  # fmt: skip


@pytest.fixture(scope="module")
def database(engines: ThrowawayEngines) -> Iterator[str]:
    """The name of a database that was migrated itself: rights on a database aren't cloned with it."""
    name = f"rights_{next(_SERIAL)}"
    asyncio.run(_run(engines, f"create database {name}"))
    migrate.upgrade(engines.database_url(database=name), say=lambda _: None)
    yield name
    asyncio.run(_run(engines, f"drop database {name} with (force)"))


async def _run(engines: ThrowawayEngines, statement: str) -> None:
    connection = await asyncpg.connect(engines.database_url(database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def superuser(engines: ThrowawayEngines, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(engines.database_url(database=database))
    yield connection
    await connection.close()


@pytest.fixture
async def application(engines: ThrowawayEngines, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(engines.database_url(user=APP, database=database))
    yield connection
    await connection.close()


@pytest.fixture
async def auditor(engines: ThrowawayEngines, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(engines.database_url(user=AUDITOR, database=database))
    yield connection
    await connection.close()


async def rights_of(superuser: asyncpg.Connection, role: str) -> set[tuple[str, str]]:
    """(relation, right) of what the role may, partitions left out: they must have no more than SELECT."""
    found = await superuser.fetch(RELATIONS, role)
    assert not [row["name"] for row in found if row["is_partition"] and row["right_of"] != "SELECT"]
    return {(row["name"], row["right_of"]) for row in found if not row["is_partition"]}


async def test_the_applications_rights_are_these_and_no_more(superuser: asyncpg.Connection) -> None:
    rights = await rights_of(superuser, APP)
    assert {name for name, right in rights if right == "INSERT"} == APPENDS | CHANGES | DELETES
    assert {name for name, right in rights if right == "UPDATE"} == CHANGES | DELETES
    assert {name for name, right in rights if right == "DELETE"} == DELETES
    assert {right for _, right in rights} == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    columns: dict[str, set[str]] = {}
    for row in await superuser.fetch(COLUMN_RIGHTS, APP):
        columns.setdefault(row["name"], set()).add(row["attribute"])
    assert columns == COLUMNS


async def test_the_auditor_reads_the_views_and_the_log_and_nothing_else(superuser: asyncpg.Connection) -> None:
    views = {row[0] for row in await superuser.fetch("select viewname from pg_views where schemaname = 'public'")}
    assert await rights_of(superuser, AUDITOR) == {(name, "SELECT") for name in {*views, "audit_log"}}
    assert await superuser.fetch(COLUMN_RIGHTS, AUDITOR) == []


@pytest.mark.parametrize("role", [APP, AUDITOR])
async def test_a_role_is_nobody_special_and_owns_nothing(superuser: asyncpg.Connection, role: str) -> None:
    assert not await superuser.fetchval(
        """select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls from pg_roles
        where rolname = $1""",
        role,
    )
    assert not await superuser.fetchval("select count(*) from pg_class where relowner = $1::regrole", role)
    member_of = "select count(*) from pg_auth_members where member = $1::regrole"
    assert not await superuser.fetchval(member_of, role)
    # Whatever the search path is: there is no schema on it, or anywhere, that the role could put something into.
    writable = "select nspname from pg_namespace where has_schema_privilege($1, oid, 'CREATE')"
    assert await superuser.fetch(writable, role) == []
    assert not await superuser.fetchval("select has_database_privilege($1, current_database(), 'CREATE, TEMP')", role)


async def test_what_runs_with_its_owners_rights_has_a_path_of_its_own(superuser: asyncpg.Connection) -> None:
    found = await superuser.fetch(
        """select proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') as by_all from pg_proc
        where prosecdef and pronamespace = 'public'::regnamespace"""
    )
    assert [row["proname"] for row in found] == ["ensure_partitions"]
    assert found[0]["proconfig"] == ["search_path=public, pg_temp"]
    assert not found[0]["by_all"]


@pytest.mark.parametrize("statement", NEVER + NOT_BY_THE_APPLICATION)
async def test_the_application_can_not(application: asyncpg.Connection, statement: str) -> None:
    await _is_refused(application, statement)


@pytest.mark.parametrize("statement", NEVER + NOT_BY_THE_AUDITOR)
async def test_the_auditor_can_not(auditor: asyncpg.Connection, statement: str) -> None:
    await _is_refused(auditor, statement)


@pytest.mark.parametrize("table", FOR_EVER)
@pytest.mark.parametrize("deed", ["delete from {}", "truncate {} cascade", "update {} set {} = {}"])
async def test_not_even_the_owner_changes_what_stands_for_ever(
    superuser: asyncpg.Connection, table: str, deed: str
) -> None:
    first = await superuser.fetchval(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum = 1", table
    )
    await _is_refused(superuser, deed.format(table, first, first))


async def test_an_auditor_reads_postings_and_nobodys_name(admin: Desk, till: Desk, stage: Stage) -> None:
    person = {
        "phone": "+79005551234",
        "name": "Zinaida Quartz",
        "email": "zinaida@quartz.example",
        "birthday": "1990-02-03",
    }
    customer = await admin.register(**person)
    assert (await till.post("/v1/accrue", purchase(customer))).status_code == 201
    connection = await asyncpg.connect(
        stage.database_url.replace(f"user={APP}", f"user={AUDITOR}").replace(f"{APP}@", f"{AUDITOR}@")
    )
    try:
        assert await connection.fetchval("select current_user::text") == AUDITOR
        views = [row[0] for row in await connection.fetch("select viewname from pg_views where schemaname = 'public'")]
        read = {name: await connection.fetch(f"select * from {name}") for name in (*views, "audit_log")}
    finally:
        await connection.close()
    assert read["audit_tx"]
    assert read["audit_entry"]
    told = "\n".join(str(tuple(row.values())) for rows in read.values() for row in rows)
    for word in ("79005551234", "9005551234", "Zinaida", "Quartz", "quartz.example", "1990-02-03"):
        assert word not in told


async def _is_refused(connection: asyncpg.Connection, statement: str) -> None:
    """By a right that is missing, not by a mistake in the statement."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
