"""The roles of the database: what the application and the auditor may do, table by table, and what neither may."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest

from app.engines import ThrowawayEngines
from app.storage import migrate
from app.storage.engine import Database
from tests.kit import Desk, Stage, purchase

APP, AUDITOR = "loyalty_app", "loyalty_auditor"
_SERIAL = count(1)

# What the application may do besides reading. Whoever adds a table, or a statement that changes one, adds to it here.
APPENDS = {
    "acts", "adjustments", "alerts", "answers", "audit_log", "claims", "consents", "coupon_pools", "draw_days",
    "entries", "erasures", "events", "holds", "keys", "ledger_heads", "ledger_roots", "people", "prize_draw_entries",
    "programs", "purchases", "segments", "tidyings", "tier_changes", "txs",
}  # fmt: skip
CHANGES = {
    "audit_findings", "audit_passes", "backtests", "counters", "coupons", "customers", "drafts", "gift_cards",
    "lookup_misses", "lots", "prize_draws", "profiles", "tills_watched",
}  # fmt: skip
DELETES = {
    "app_codes", "challenges", "duties", "identifiers", "pgqueuer", "pgqueuer_log", "pgqueuer_schedules",
    "pgqueuer_statistics", "sessions", "sign_in_tries",
}  # fmt: skip
COLUMNS = {
    "adjustments": {"decided_at", "decided_by", "refusal", "state", "tx_id"},
    "alerts": {"decided_at", "decided_by", "last_at", "state", "times"},
    "events": {"position", "published_at"},
    "feed": {"last"},
    "holds": {"basket", "decision", "resolved_tx", "state"},
    "keys": {"last_used_at", "revoked_at"},
    "people": {
        "code_secret", "code_step", "disabled_at", "invitation", "invited_until", "password", "role", "signed_in_at"
    },
    "purchases": {"is_all_back", "lines", "uses"},
    "watch": {"position"},
}  # fmt: skip
# Never changed by anybody: a trigger stands before their owner too.
FOR_EVER = ("audit_log", "consents", "entries", "erasures", "ledger_heads", "ledger_roots", "txs")

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
    *(
        deed.format(table)
        for table in ("audit_log", "entries", "txs", "keys")
        for deed in (
            "alter table {} disable trigger all",
            "alter table {} owner to current_user",
            "drop table {}",
            "alter table {} rename to mine",
            "alter table {} add column mine int",
            "create index on {} (id)",
            "create rule mine as on delete to {} do instead nothing",
            "alter table {} disable row level security",
            "alter table {} inherit alembic_version",
            "do $$ begin lock table {} in share row exclusive mode; end $$",
            "create trigger mine before insert on {} for each row execute function refuse_change()",
            "create view mine as select * from {}",
            "create temporary view mine as select * from {}",
            "merge into {} using (select 1) one on true when matched then delete",
        )
    ),
    "alter table audit_log drop constraint audit_log_form",
    "alter table entries detach partition entries_other",
    "drop trigger entries_append_only on entries",
    "drop function refuse_change() cascade",
    "create or replace function refuse_change() returns trigger language plpgsql as 'begin return null; end'",
    "create function pg_temp.mine() returns int language sql as 'select 1'",
    "alter function refuse_change() set search_path = pg_temp",
    "alter database {database} set session_replication_role = replica",
    "alter role current_user set session_replication_role = replica",
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
    "select forget_person('00000000-0000-0000-0000-000000000000', 100)",  # Nobody who was erased.
    "update holds set units = '{}'",
    "update keys set role = 'admin'",
    "update keys set shops = '{S9}'",
    "update keys set digest = sha256('mine')",
    "update keys set revoked_at = null",  # Of a revoked one: it stays so.
    "update keys set revoked_at = revoked_at + interval '1 year'",
    "insert into keys (id, digest, role, created_at) values ('m', sha256('m'), 'admin', '2020-01-01')",
    "insert into keys (id, digest, role, revoked_at) values ('m', sha256('m'), 'admin', clock_timestamp())",
    "update coupon_pools set uses_max = 1",
    "update draw_days set day = day",
    "update ledger_roots set root = ''",
    "delete from lookup_misses",
    "delete from alerts",
    "delete from customers",
    "delete from profiles",
    "delete from keys",
    "delete from people",
    "update people set login = 'mallory'",
    "insert into people (id, role, login, disabled_at) values ('p_000000000000', 'admin', 'm', clock_timestamp())",
    "insert into people (id, role, login, created_at) values ('p_000000000000', 'admin', 'm', '2020-01-01')",
    "insert into people (id, role, login, password, code_secret) values ('p_000000000000', 'admin', 'm', 'x', 'x')",
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
            "draw_days", "coupons", "gift_cards", "backtests", "adjustments", "people", "sessions",
            "pgqueuer",
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
    assert {row["proname"] for row in found} == {"ensure_partitions", "forget_person"}
    assert all(row["proconfig"] == ["search_path=public, pg_temp"] and not row["by_all"] for row in found)


@pytest.mark.parametrize("statement", NEVER + NOT_BY_THE_APPLICATION)
async def test_the_application_can_not(
    application: asyncpg.Connection, superuser: asyncpg.Connection, database: str, statement: str
) -> None:
    await superuser.execute(
        """insert into keys (id, digest, role) values ('dead', sha256('dead'), 'ops') on conflict do nothing;
        update keys set revoked_at = clock_timestamp() where revoked_at is null"""
    )
    await _is_refused(application, statement.replace("{database}", database))


@pytest.mark.parametrize("statement", NEVER + NOT_BY_THE_AUDITOR)
async def test_the_auditor_can_not(auditor: asyncpg.Connection, database: str, statement: str) -> None:
    await _is_refused(auditor, statement.replace("{database}", database))


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


async def test_a_path_of_ones_own_leads_nowhere(application: asyncpg.Connection) -> None:
    """A role may change its session's path; there is nothing that it could put there, and no trigger that is passed."""
    await application.execute("set search_path = pg_temp, public")
    for statement in ("create table mine (id int)", "update entries set amount = 1", "delete from audit_log"):
        await _is_refused(application, statement)


async def test_a_row_of_the_past_can_be_appended_by_nobody_elses_door(application: asyncpg.Connection) -> None:
    """Closed partitions take rows by their table alone, where each row is one more, by its own hash."""
    partitions = await application.fetch(
        """select inhrelid::regclass::text as name from pg_inherits
        where inhparent in ('entries'::regclass, 'txs'::regclass)"""
    )
    assert partitions
    for row in partitions:
        for deed in (
            "insert into {0} select * from {0}",
            "update {0} set tx_id = tx_id",
            "delete from {0}",
            "truncate {0}",
        ):
            await _is_refused(application, deed.format(row["name"]))


async def test_sessions_look_for_temporary_tables_last(stage: Stage) -> None:
    database = Database(stage.database_url)
    await database.open()
    try:
        async with database.connection() as connection:
            assert await connection.fetchval("show search_path") == "public, pg_temp"
    finally:
        await database.close()


async def test_a_key_that_was_revoked_stays_so_whoever_writes(superuser: asyncpg.Connection) -> None:
    await superuser.execute("insert into keys (id, digest, role) values ('gone', sha256('gone'), 'ops')")
    await superuser.execute("update keys set revoked_at = clock_timestamp() where id = 'gone'")
    for change in ("revoked_at = null", "revoked_at = clock_timestamp()", "role = 'admin'", "digest = sha256('new')"):
        await _is_refused(superuser, f"update keys set {change} where id = 'gone'")
    await superuser.execute(
        "update keys set last_used_at = clock_timestamp(), revoked_at = revoked_at where id = 'gone'"
    )


async def _is_refused(connection: asyncpg.Connection, statement: str) -> None:
    """By a right that is missing, not by a mistake in the statement."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
