"""The audit log's chains in the database: what nobody may change, what `verify` finds, how they are read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import orjson
import pytest
from structlog.testing import capture_logs

from app.api.audit_log import DeedAnswer, page_bytes
from app.config import CannotStart
from app.deed_log import command_deed, log_on, note_command
from app.domain.ledger.audit import Check
from app.domain.log_chain import first_id_at, row_id_at
from app.flows import audit_log, audit_tally
from app.flows.audit_log import ChainedLog, Head, open_log
from app.flows.failures import DatabaseGone
from app.flows.ports_audit_log import ActorKind, AuditLog, Deed, LogQuery, LogRow, Outcome
from app.flows.results import Page
from app.storage.audit_log import HEAD, HEADS, AuditLogDatabase, reading
from app.storage.engine import Database
from app.storage.keys import create_key, revoke_key
from app.verification import findings, read_kept_heads
from tests.kit import Stage
from tests.storage.plans import KEPT, MADE, plan_of

_NOON = datetime(2026, 11, 25, 9, tzinfo=UTC)
_T = {"pos": "T1", "admin": None}
TEXTS = ("actor_kind", "actor", "action", "object", "outcome", "ip", "request_id")


def deed(number: int, **more: object) -> Deed:
    told = {"actor": "k1", "action": "publish", "object": f"program/{number}", "request_id": f"r{number}", **more}
    return Deed(ActorKind.KEY, details={"version": number, "ключ": "я", "yes": True}, **told)  # type: ignore[arg-type]


@pytest.fixture
async def database(stage: Stage) -> AsyncIterator[Database]:
    database = Database(stage.database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def chain(database: Database) -> str:
    """Three deeds, and the process's look at the others' heads when it began: rows 1 to 4, the last of them a deed."""
    async with log_on(database, part="serve") as log:
        for number in (1, 2, 3):
            await log.note(deed(number))
    return database.instance


async def plant(stage: Stage, sql: str) -> None:
    """With all rights and without any guard."""
    connection = await asyncpg.connect(stage.owner_url)
    try:
        await connection.execute(f"set session_replication_role = replica; {sql}")
    finally:
        await connection.close()


async def checks(stage: Stage) -> list[tuple[Check, str | None]]:
    return [(finding.check, finding.tx) for finding in await findings(stage.owner_url)]


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_log set actor = 'somebody else'",
        "update audit_log set details = '{}' where seq = 2",
        "delete from audit_log",
        "truncate audit_log",
        "alter table audit_log disable trigger audit_log_append_only",
        "drop table audit_log",
        "set session_replication_role = replica",
    ],
)
async def test_the_application_may_not_rewrite_the_log(stage: Stage, chain: str, statement: str) -> None:
    connection = await asyncpg.connect(stage.database_url)
    try:
        assert await connection.fetchval("select current_user") == "loyalty_app"
        assert await connection.fetchval("select count(*) from audit_log where instance = $1", chain) == 4
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement", ["update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"]
)
async def test_nor_may_the_owner_by_accident(owner: asyncpg.Connection, chain: str, statement: str) -> None:
    assert chain
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(statement)


async def test_a_row_that_nobody_changed_is_right(stage: Stage, chain: str) -> None:
    assert chain
    assert await checks(stage) == []


@pytest.mark.parametrize(
    "change",
    [
        *(f"{name} = 'other'" for name in TEXTS if name not in {"actor_kind", "outcome"}),
        "actor_kind = 'person'",
        "outcome = 'refused'",
        "details = details || '{\"version\": 9}'",
        "details = '{}'",
        "id = gen_random_uuid()",
        "at = at + interval '1 microsecond'",
        "hash = sha256('x')",
    ],
)
async def test_a_changed_row_is_found(stage: Stage, chain: str, change: str) -> None:
    """The last one, so that nothing else can tell."""
    await plant(stage, f"update audit_log set {change} where seq = 4")
    assert await checks(stage) == [(Check.LOG_HASH, f"{chain}/4")]


async def test_one_changed_row_in_the_middle_is_one_finding(stage: Stage, chain: str) -> None:
    await plant(stage, "update audit_log set actor = 'other' where seq = 2")
    assert await checks(stage) == [(Check.LOG_HASH, f"{chain}/2")]


async def test_a_lost_row_is_a_gap(stage: Stage, chain: str) -> None:
    await plant(stage, "delete from audit_log where seq = 2")
    assert await checks(stage) == [(Check.LOG_PLACE, f"{chain}/3")]
    await plant(stage, "delete from audit_log where seq = 1")
    assert await checks(stage) == [(Check.LOG_PLACE, f"{chain}/3")]


async def test_rows_that_changed_places_are_found(stage: Stage, chain: str) -> None:
    await plant(stage, "update audit_log set at = at - interval '1 hour' where seq = 3")
    assert set(await checks(stage)) == {(Check.LOG_HASH, f"{chain}/3"), (Check.LOG_TIME, f"{chain}/3")}


async def test_a_chain_that_was_cut_off_lacks_what_another_has_named(stage: Stage, chain: str) -> None:
    await note_command(stage.database_url, command_deed("load", details={"customers": 1}))
    await plant(stage, f"delete from audit_log where instance = '{chain}' and seq = 4")
    assert await checks(stage) == [(Check.LOG_HEAD, f"{chain}/4")]
    await plant(stage, f"delete from audit_log where instance = '{chain}'")
    assert await checks(stage) == [(Check.LOG_HEAD, f"{chain}/4")]


async def test_a_chain_that_was_written_anew_is_found_by_who_named_it(stage: Stage, chain: str) -> None:
    """Its end with right hashes, by somebody with all rights."""
    await note_command(stage.database_url, command_deed("load", details={"customers": 1}))
    await plant(stage, f"delete from audit_log where instance = '{chain}' and seq = 4")
    database = Database(stage.database_url)
    database.instance = chain
    await database.open()
    async with log_on(database, part="serve") as log:
        await log.note(deed(9))
    await database.close()
    assert (Check.LOG_HEAD, f"{chain}/4") in await checks(stage)
    assert {check for check, _ in await checks(stage)} == {Check.LOG_HEAD}


async def test_what_nobody_has_named_is_found_by_a_head_that_was_kept(
    stage: Stage, chain: str, owner: asyncpg.Connection
) -> None:
    """Where one process was alone, only what was kept outside tells that its end is gone."""
    kept = await owner.fetchval("select hash from audit_log where seq = 4")
    heads = read_kept_heads([f"{chain}/4={kept.hex()}"])
    assert await findings(stage.owner_url, kept_heads=heads) == []
    await plant(stage, "delete from audit_log where seq = 4")
    assert await findings(stage.owner_url) == []
    (found,) = await findings(stage.owner_url, kept_heads=heads)
    assert (found.check, found.tx, found.found) == (Check.LOG_HEAD, f"{chain}/4", "no such row")


@pytest.mark.parametrize("text", ["", "a/1", "a/1=zz", f"a/0={'0' * 64}", f"/1={'0' * 64}", f"a/x={'0' * 64}"])
def test_a_kept_head_is_read_strictly(text: str) -> None:
    with pytest.raises(CannotStart):
        read_kept_heads([text])


class Doubtful(AuditLogDatabase):
    """Commits, and loses the connection before it can say so: the first time."""

    is_over = False

    async def append(self, rows: Sequence[LogRow]) -> None:
        await super().append(rows)
        if not self.is_over:
            self.is_over = True
            raise DatabaseGone("the answer was lost")


class Deaf:
    """Nobody hears of it."""

    def __init__(self) -> None:
        self.faults = 0
        self.now_at = _NOON

    def log_written(self, rows: int) -> None: ...

    def log_fault(self, error: BaseException) -> None:
        self.faults += 1

    def log_overflowed(self) -> None: ...

    def log_head(self, *, instance: str, seq: int, head: str) -> None: ...

    def note(self, now: datetime) -> None: ...

    def now(self) -> datetime:
        return self.now_at


async def test_a_commit_whose_fate_was_unknown_is_not_written_twice(
    stage: Stage, database: Database, owner: asyncpg.Connection
) -> None:
    """And a clock that stands still gives each row a time of its own."""
    deaf = Deaf()
    log = ChainedLog(
        Doubtful(database), instance=database.instance, part="serve", clock=deaf, watch=deaf, luck=lambda _: 1
    )
    async with open_log(log) as opened:
        for number in (1, 2):
            await opened.note(deed(number))
    rows = await owner.fetch("select seq, action, at from audit_log order by seq")
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert sorted(row["action"] for row in rows) == ["log_heads", "publish", "publish"]
    assert [row["at"] - _NOON for row in rows] == [timedelta(microseconds=n) for n in range(3)]
    assert deaf.faults == 1
    assert await checks(stage) == []


async def test_somebody_else_s_row_in_the_chain_does_not_stop_it(
    stage: Stage, database: Database, owner: asyncpg.Connection
) -> None:
    """Whoever may insert may insert nonsense; the log goes on, and the nonsense is found."""
    async with log_on(database, part="serve") as log:
        await log.note(deed(1))
        await log.note(deed(2))
        await owner.execute(
            f"insert into audit_log select instance, seq + 1, gen_random_uuid(), at, {', '.join(TEXTS)}, details, hash"
            " from audit_log where seq = 3"
        )
        await log.note(deed(3))
    found = await checks(stage)
    assert set(found) == {(Check.LOG_HASH, f"{database.instance}/4"), (Check.LOG_TIME, f"{database.instance}/4")}


async def test_rows_up_to_the_last_number_hold_up_nobody_either(
    stage: Stage, database: Database, owner: asyncpg.Connection
) -> None:
    """A chain that somebody else wrote to ends there, and its process goes on in another."""
    async with log_on(database, part="serve") as log:
        await log.note(deed(1))
        for seq in (3, 2**53 - 1):
            planted = by_hand(instance=f"'{database.instance}'", seq=str(seq))
            await owner.execute(planted.replace("'00000000-0000-7000-8000-000000000001'", "gen_random_uuid()"))
        for number in (2, 3):
            await log.note(deed(number))
    rows = await owner.fetch("select instance, object from audit_log where actor = 'k1' and object <> '' order by id")
    assert [row["object"] for row in rows] == ["program/1", "program/2", "program/3"]
    assert len({row["instance"] for row in rows}) == 2
    assert {tx for _, tx in await checks(stage)} == {f"{database.instance}/3", f"{database.instance}/{2**53 - 1}"}


_BY_HAND = """
insert into audit_log (instance, seq, id, at, actor_kind, actor, action, object, outcome, ip, request_id, details, hash)
select {instance}, {seq}, '00000000-0000-7000-8000-000000000001', {at}, 'key', {actor}, 'publish', '', 'done', '', '',
    {details}, sha256('x')
"""


def by_hand(**values: str) -> str:
    usual = {"instance": "'0123456789ab'", "seq": "1", "at": "clock_timestamp()", "actor": "'k1'", "details": "'{}'"}
    return _BY_HAND.format(**usual | values)


_ILL_FORMED = [
    {"instance": "'no/chain'"},
    {"instance": "repeat('a', 33)"},
    {"instance": "E'a\\tb'"},
    {"seq": "9007199254740992"},
    {"at": "'infinity'"},
    {"at": "'-infinity'"},
    {"at": "'0044-03-15 BC'"},
    {"at": "'9999-01-01'"},
    {"actor": "repeat('a', 201)"},
    {"actor": "E'a\\nb'"},
    {"actor": "E'\\x1b[31m'"},
    {"details": """'{"a": {"b": 1}}'"""},
    {"details": """'{"a": [1]}'"""},
    {"details": """'{"a": null}'"""},
    {"details": """'{"a": 1.5}'"""},
    {"details": """'{"a": 9007199254740992}'"""},
    {"details": "('{\"a\": ' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb"},
    {"details": "('{\"a\": ' || repeat('9', 5000) || '}')::jsonb"},
    {"details": "jsonb_build_object('a', repeat('b', 65536))"},
]


@pytest.mark.parametrize("values", _ILL_FORMED, ids=str)
async def test_a_row_that_no_process_writes_is_refused_by_the_table(stage: Stage, values: dict[str, str]) -> None:
    connection = await asyncpg.connect(stage.database_url)
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="audit_log_form"):
            await connection.execute(by_hand(**values))
        await connection.execute(by_hand())
    finally:
        await connection.close()


@pytest.mark.parametrize("values", _ILL_FORMED, ids=str)
async def test_a_row_from_before_the_tables_checks_stops_nobody(
    stage: Stage, owner: asyncpg.Connection, database: Database, values: dict[str, str]
) -> None:
    """It is shown, whole or as one that can't be read, and found."""
    await owner.execute("alter table audit_log drop constraint audit_log_form")
    await owner.execute(by_hand(**values))
    (row,) = await AuditLogDatabase(database).rows(LogQuery(), before=None, limit=2)
    shown = DeedAnswer.model_validate_json(orjson.dumps(orjson.loads(page_bytes(Page((row,), None)))["items"][0]))
    found = {check for check, _ in await checks(stage)}
    assert found & {Check.LOG_HASH, Check.LOG_PLACE}
    if "actor" in values or ("details" in values and "9007199254740992" not in values["details"]):
        assert (shown.action, shown.outcome) == ("unreadable", "failed")
        assert Check.LOG_FORM in found
    else:
        assert shown.action == "publish"


async def test_a_long_row_of_heads_is_none_of_these(owner: asyncpg.Connection) -> None:
    """As many chains as are named, at the end of their numbers."""
    await owner.execute(
        by_hand(
            details=f"""(select jsonb_object_agg(lpad(n::text, 12, '0'), '9007199254740991 ' || repeat('f', 64))
            from generate_series(1, {audit_log.HEADS_MAX}) n)"""
        )
    )


@pytest.mark.parametrize("role", ["pos", "admin"])
async def test_a_live_key_that_the_log_does_not_know_is_found(
    stage: Stage, chain: str, owner: asyncpg.Connection, role: str
) -> None:
    """Whoever may insert keys may make one; an hour later it is told of, until it is revoked."""
    assert chain
    made = [
        await create_key(stage.owner_url, role=role, shops=["S1"] * (role == "pos"), terminal=_T[role]) for _ in "12"
    ]
    await note_command(
        stage.database_url, command_deed("create_key", object=f"keys/{made[0].id}", details={"role": role})
    )
    assert await checks(stage) == []
    # As it will be two hours from now.
    await owner.execute(
        "set session_replication_role = replica; update keys set created_at = created_at - interval '2 hours';"
        " update audit_log set at = at - interval '3 hours'"
    )
    assert [tx for check, tx in await checks(stage) if check is Check.KEY_UNNOTED] == [f"keys/{made[1].id}"]
    assert await revoke_key(stage.owner_url, made[1].id)
    assert Check.KEY_UNNOTED not in {check for check, _ in await checks(stage)}


def test_ids_have_the_order_of_their_moments() -> None:
    moments = [_NOON + timedelta(microseconds=n) for n in (0, 1, 2, 999, 1000, 1001, 999_999, 1_000_000)]
    ids = [row_id_at(moment, luck) for moment in moments for luck in (0, 2**62 - 1)]
    assert ids == sorted(ids)
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
    for moment, before in zip(moments[1:], moments, strict=False):
        assert row_id_at(before, 2**62 - 1) < first_id_at(moment) <= row_id_at(moment, 0)


async def test_what_goes_on_is_named_every_hour_and_ones_own_head_is_said(
    stage: Stage, database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by a process that has nothing else to write."""
    monkeypatch.setattr(audit_log, "HEADS_SECONDS", 0.05)
    busy = Database(stage.database_url)
    await busy.open()
    with capture_logs() as lines:
        async with log_on(database, part="jobs"), log_on(busy, part="serve") as log:
            await log.note(deed(1))
            await asyncio.sleep(0.3)
    await busy.close()
    noted = await owner.fetchval("select seq from audit_log where action = 'publish'")
    rows = await owner.fetch("select details from audit_log where instance = $1", database.instance)
    named = [orjson.loads(row["details"]).get(busy.instance, "0 ") for row in rows]
    assert max(int(head.split()[0]) for head in named) >= noted
    for instance in (database.instance, busy.instance):
        last = await owner.fetchrow("select seq, hash from audit_log where instance = $1 order by seq desc", instance)
        said = [line for line in lines if line["event"] == "audit_log_head" and line["instance"] == instance]
        assert (said[-1]["seq"], said[-1]["head"]) == (last["seq"], last["hash"].hex())
    assert await checks(stage) == []


async def test_a_flood_that_goes_on_writes_a_tenth(
    database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals of ever new kinds, by whoever has no key: a first minute, then one of ten minutes, then a usual one."""
    monkeypatch.setattr(audit_tally, "KINDS_MAX", 3)
    monkeypatch.setattr(audit_log, "TALLY_SECONDS", 0.2)
    monkeypatch.setattr(audit_log, "FLOOD_SECONDS", 2.0)
    refused = Deed(ActorKind.UNKNOWN, "", "accrue", outcome=Outcome.REFUSED, details={"code": "unauthenticated"})
    count = "select count(*) from audit_log where action <> 'log_heads'"

    async def rows_of(expected: int) -> int:
        """How many there are, once there are so many: a slow disk has a second, less than the long minute."""
        for _ in range(10):
            if await owner.fetchval(count) >= expected:
                break
            await asyncio.sleep(0.1)
        return int(await owner.fetchval(count))

    async def flood(log: AuditLog, *, first: int, kinds: int, expected: int) -> None:
        for number in range(first, first + kinds):
            for _ in range(2):
                log.tally(replace(refused, ip=f"192.0.2.{number % 250}"))
        await asyncio.sleep(0.6)
        assert await rows_of(expected) == expected

    async with log_on(database, part="serve") as log:
        await flood(log, first=0, kinds=100, expected=2 * (3 + 1))  # The first of each, how many more, at once.
        await flood(log, first=100, kinds=100, expected=8 + 4)
        await flood(log, first=100, kinds=100, expected=8 + 4)  # It is the same minute still.
        await asyncio.sleep(1.0)
        assert await rows_of(16) == 16
        await flood(log, first=300, kinds=2, expected=16 + 2)  # One more long one: there is no flood any more in it.
        await asyncio.sleep(1.8)
        assert await rows_of(20) == 20
        await flood(log, first=300, kinds=2, expected=20 + 4)
    rows = await owner.fetch("select details from audit_log where action <> 'log_heads'")
    assert sum(orjson.loads(row["details"]).get("count", 1) for row in rows) == 2 * (300 + 4)


async def test_a_start_says_no_head_and_an_end_does(stage: Stage, database: Database) -> None:
    """Whoever starts the service reads the last lines, and a chain without a deed is worth keeping to nobody."""
    with capture_logs() as lines:
        async with log_on(database, part="serve") as log:
            await log.note(deed(1))
            await asyncio.sleep(0.1)
            assert [line for line in lines if line["event"] == "audit_log_head"] == []
    assert [line["seq"] for line in lines if line["event"] == "audit_log_head"] == [2]
    lines.clear()
    quiet = Database(stage.database_url)
    await quiet.open()
    with capture_logs() as lines:
        async with log_on(quiet, part="jobs"):
            await asyncio.sleep(0.1)
    await quiet.close()
    assert lines == []


async def test_what_stands_still_is_named_once(
    database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "HEADS_SECONDS", 0.02)
    async with log_on(database, part="jobs"):
        await asyncio.sleep(0.2)
    assert await owner.fetchval("select count(*) from audit_log") == 1


@pytest.mark.parametrize("text", ["a" * 201, "a\nb", "a\x00", "\u2028"])
def test_a_deed_has_no_long_or_unprintable_texts(text: str) -> None:
    with pytest.raises(ValueError, match="no text of a deed"):
        deed(1, object=text)


_ASKED = [
    (LogQuery(), "audit_log_id_key"),
    (LogQuery(actor="k7"), "audit_log_actor"),
    (LogQuery(action="a7"), "audit_log_action"),
    (LogQuery(object="o7"), "audit_log_object"),
    (LogQuery(outcome=Outcome.FAILED), "audit_log_outcome"),
    (LogQuery(start=_NOON, end=_NOON + timedelta(hours=1)), "audit_log_id_key"),
    (LogQuery(actor="k7", start=_NOON, end=_NOON + timedelta(days=9)), "audit_log_actor"),
]


@pytest.mark.parametrize("mode", [KEPT, MADE])
@pytest.mark.parametrize(("query", "index"), _ASKED)
async def test_each_question_has_its_index(owner: asyncpg.Connection, query: LogQuery, index: str, mode: str) -> None:
    await owner.execute(
        """
        insert into audit_log
        select 'i' || n % 3, n, ('01930000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, clock_timestamp(),
            'key', 'k' || n % 1000, 'a' || n % 200, 'o' || n % 3000,
            case n % 3000 when 0 then 'failed' else 'done' end, '', '', '{}', sha256('x')
        from generate_series(1, 12000) n
        """
    )
    await owner.execute("analyze audit_log")
    statement, arguments = reading(query, before=UUID(int=2**127), limit=51)
    async with owner.transaction():
        plan = await plan_of(owner, statement, *arguments, mode=mode)
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan, plan
    assert index in plan, plan


@pytest.mark.parametrize("mode", [KEPT, MADE])
@pytest.mark.parametrize(("statement", "arguments"), [(HEAD, ("i1",)), (HEADS, (UUID(int=0), 500))])
async def test_heads_are_found_by_the_chains_key(
    owner: asyncpg.Connection, statement: str, arguments: tuple[object, ...], mode: str
) -> None:
    async with owner.transaction():
        await owner.execute("set local enable_seqscan = off; set local enable_sort = off")
        plan = await plan_of(owner, statement, *arguments, mode=mode)
    assert "Seq Scan on audit_log" not in plan, plan
    assert "audit_log_pkey" in plan, plan


async def test_heads_are_those_of_chains_that_went_on(stage: Stage, chain: str, database: Database) -> None:
    store = AuditLogDatabase(database)
    head = await store.head(chain)
    assert isinstance(head, Head)
    assert head.seq == 4
    now = datetime.now(UTC)
    assert await store.heads(since=now - timedelta(minutes=1), limit=5) == [head]
    assert await store.heads(since=now + timedelta(minutes=1), limit=5) == []
    assert await store.head("nobody") is None
