"""The audit on a real ledger: nothing where nothing is wrong, and each planted error by its name."""

import asyncio
import re

import asyncpg
import pytest

from app import verification
from app.config import CannotStart
from app.domain.ledger.audit import Check, Finding
from app.storage import audit
from app.verification import findings, row_of, verify
from tests.kit import Desk, Stage, client_of, line, purchase, served_here
from tests.storage.books import Books
from tests.storage.plans import KEPT, MADE, plan_of
from tests.storage.plants import PLANTS, rooted


async def plant(stage: Stage, sql: str) -> None:
    """With all rights and without any guard but the tables' own checks."""
    connection = await asyncpg.connect(stage.owner_url)
    try:
        await connection.execute(f"set session_replication_role = replica; {sql}")
    finally:
        await connection.close()


async def report(stage: Stage) -> list[str]:
    """The lines that `verify` says."""
    said: list[str] = []
    found = await verify(stage.owner_url, say=said.append, progress=False)
    assert said[-1].endswith(f": {found:,} finding{'' if found == 1 else 's'}")
    return said


async def test_books_of_the_service_are_right(forged: Stage) -> None:
    assert await findings(forged.owner_url) == []
    (summary,) = await report(forged)
    assert re.fullmatch(
        r"checked 6 customers, 46 transactions, 198 entries, 50 lots and 18 purchases in [\d.]+ s: 0 findings", summary
    )


async def test_every_kind_of_posting_is_among_them(forged: Stage, owner_of_forged: asyncpg.Connection) -> None:
    kinds = {row["kind"] for row in await owner_of_forged.fetch("select distinct kind from audit_tx")}
    assert kinds == {
        "purchase", "redeem", "return", "activate", "expire", "adjust", "event", "hold", "capture", "release",
    }  # fmt: skip
    states = {row["state"] for row in await owner_of_forged.fetch("select distinct state from audit_hold")}
    assert states == {"held", "captured", "released", "expired"}


@pytest.mark.parametrize("name", PLANTS)
async def test_a_planted_error_is_found(planted: Stage, books: Books, name: str) -> None:
    error = PLANTS[name]
    await plant(planted, books.sql(error.sql))
    found = await findings(planted.owner_url)
    assert {finding.check for finding in found} == {error.check} | error.also
    customer, tx = (None if each is None else books.sql(each).strip("'") for each in error.at)
    assert (error.check, customer, tx) in {(finding.check, finding.customer, finding.tx) for finding in found}


async def test_what_was_planted_is_undone(planted: Stage) -> None:
    assert await findings(planted.owner_url) == []


def test_every_check_has_an_error_planted_for_it() -> None:
    of_roots = {check for plant in rooted.PLANTS.values() for check, *_ in plant.told}
    planted = {error.check for error in PLANTS.values()} | of_roots | {Check.ROOT_KEPT}  # test_verify_roots.py
    of_log = {Check.LOG_PLACE, Check.LOG_HASH, Check.LOG_FORM, Check.LOG_TIME, Check.LOG_HEAD}  # test_audit_log.py
    of_log |= {Check.KEY_UNNOTED, Check.PERSON_UNNOTED}  # Likewise, and e2e/test_people.py
    assert planted | of_log == set(Check)


async def test_what_was_wrong_and_is_right_again_is_not_found(forged: Stage, books: Books) -> None:
    await plant(forged, books.sql("update entries set amount = amount + 1 where tx_id = :gift"))
    assert await findings(forged.owner_url)
    await plant(forged, books.sql("update entries set amount = amount - 1 where tx_id = :gift"))
    assert await findings(forged.owner_url) == []


async def test_a_finding_is_a_row_that_names_both_sides(forged: Stage, books: Books) -> None:
    await plant(forged, books.sql("update customers set paid = 5 where id = :boris"))
    header, row, _ = await report(forged)
    assert header == "check\tcustomer\ttransaction\texpected\tfound"
    assert row == f"customer_paid\t{books.ids['boris']}\t-\t21000\t5"


async def test_the_report_ends_with_a_count_where_it_would_be_endless(
    forged: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plant(forged, "update txs set hash = decode(repeat('00', 32), 'hex')")
    monkeypatch.setattr(verification, "ROWS_SAID_MAX", 3)
    _, *rows, rest, summary = await report(forged)
    assert len(rows) == 3
    count = int(summary.split(": ")[1].split()[0])
    assert rest == f"… and {count - 3} more"


def test_a_row_is_one_line_whatever_is_stored() -> None:
    finding = Finding(Check.ENTRY_ACCOUNT, None, None, expected="a\tb\nc", found="\x1b[31mключ\u2028")
    assert row_of(finding) == "entry_account\t-\t-\ta?b?c\t?[31mключ?"


async def test_a_ledger_of_many_batches_is_read_whole(
    forged: Stage, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (1, 2, 5):
        monkeypatch.setattr(audit, "BATCH", size)
        assert await findings(forged.owner_url) == []
    await plant(forged, books.sql("update txs set receipt = 'x' where tx_id in (:gift, :debt, :anonymous)"))
    assert {finding.tx for finding in await findings(forged.owner_url)} == {
        books.ids["gift"], books.ids["debt"], books.ids["anonymous"],
    }  # fmt: skip


async def test_the_applications_role_is_enough_and_limits_meant_for_tills_do_not_count(forged: Stage) -> None:
    database = forged.owner_url.split("?")[0].rsplit("/", 1)[1]
    for limit in ("statement_timeout", "lock_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"):
        await plant(forged, f"alter database {database} set {limit} = '50ms'")
    told: list[str] = []
    async with audit.open_snapshot(forged.database_url) as snapshot:
        await snapshot.strays.execute("select pg_sleep(0.1)")
        async for folder in snapshot.folders():
            told.append(folder.customer_id or "nobody")
            async for _ in folder.txs:  # A folder is read to its end before the next one is asked for.
                pass
    assert told
    assert await findings(forged.database_url) == []


async def test_what_is_posted_meanwhile_is_not_half_seen(forged: Stage, books: Books) -> None:
    async with served_here(forged) as edge, client_of(edge) as http:
        till = Desk(http, await forged.key("pos", shop="S1", terminal="T1"))

        rounds = 0

        async def sell() -> None:
            sold = 0
            while sold < 30 or rounds < 2:
                assert (await till.post("/v1/accrue", purchase(books.ids["anna"], line()))).status_code == 201
                sold += 1

        async with asyncio.TaskGroup() as group:
            selling = group.create_task(sell())
            while not selling.done():
                assert await findings(forged.owner_url) == []
                rounds += 1
    assert rounds > 1


@pytest.mark.parametrize("statement", [audit._TXS, audit._CUSTOMERS, audit._LOTS])
async def test_the_streams_come_out_of_indexes_unsorted(forged: Stage, statement: str) -> None:
    async with audit.open_snapshot(forged.owner_url) as snapshot:
        plan = "\n".join(row[0] for row in await snapshot._txs.fetch(f"explain (costs off) {statement}"))
    assert "Index Scan using" in plan
    assert not re.search(r"^[ >-]*(Incremental )?Sort$|Hash", plan, re.MULTILINE), plan


@pytest.mark.parametrize("mode", [KEPT, MADE])
@pytest.mark.parametrize("statement", [*audit._SLICES, audit._NOBODYS])
async def test_slices_are_read_in_the_order_of_indexes(forged: Stage, books: Books, statement: str, mode: str) -> None:
    bounds = books.ids["nobody"], 9 if statement is audit._NOBODYS else books.ids["dina"]
    async with audit.open_snapshot(forged.owner_url) as snapshot:
        plan = await plan_of(snapshot._txs, statement, *bounds, mode=mode, options="costs off")
    assert re.search(r"Index Scan using (customers_pkey|lots_pkey|txs_\w+_pkey).*\n.*Index Cond", plan), plan
    assert not re.search(r"^[ >-]*(Incremental )?Sort$|Hash", plan, re.MULTILINE), plan


async def test_nothing_is_written(forged: Stage) -> None:
    async with audit.open_snapshot(forged.owner_url) as snapshot:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await snapshot.strays.execute("update customers set paid = 0")


async def test_a_reader_who_stops_in_the_middle_leaves_nothing_behind(
    forged: Stage, owner_of_forged: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 1)
    async with audit.open_snapshot(forged.owner_url) as snapshot:
        async for folder in snapshot.folders():
            assert folder.customer_id is None
            break
    left = """
        select count(*) from pg_stat_activity where application_name = 'kopilka-verify' and datname = current_database()
    """
    for _ in range(100):
        if not await owner_of_forged.fetchval(left):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("connections of the audit are still open")


async def test_a_connection_cut_on_the_way_is_one_line(
    forged: Stage, owner_of_forged: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 1)
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kopilka-verify'"
    seen = audit.Snapshot.count_txs

    async def count_and_cut(snapshot: audit.Snapshot) -> int:
        count = await seen(snapshot)
        await owner_of_forged.execute(cut)
        return count

    monkeypatch.setattr(audit.Snapshot, "count_txs", count_and_cut)
    with pytest.raises(CannotStart, match=r"^the audit could not go on: [^\n]+$"):
        await verify(forged.owner_url, say=lambda _: None, progress=True)


async def test_a_database_that_is_not_there_is_one_line(forged: Stage) -> None:
    with pytest.raises(CannotStart, match=r"^the audit could not go on: [^\n]+$"):
        await findings(forged.owner_url.replace("/forged_", "/no_such_"))
