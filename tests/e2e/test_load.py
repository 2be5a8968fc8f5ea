"""`load`: customers and opening balances of another scheme, through real engines to tills' calls."""

import asyncio
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import app.load_files
from app.config import CannotStart
from app.load import Tally, load
from app.storage.bulk_load import LoadPortion
from app.verification import findings
from tests.kit import Desk, Stage, small_program

LATER = "2031-05-01T00:00:00+03:00"


@pytest.fixture
async def points(till: Desk, stage: Stage) -> Desk:
    """A till of a shop with a program."""
    await Desk(till.http, await stage.key("admin")).publish(small_program())
    return till


async def run(stage: Stage, path: Path, *, said: list[str] | None = None) -> Tally:
    return await load(
        path,
        settings=stage.settings(),
        keyring=stage.keyring(),
        database_url=stage.database_url,
        say=(said if said is not None else []).append,
    )


def table(path: Path, rows: Sequence[Mapping[str, object]], *, delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("\n".join(json.dumps(row) if not isinstance(row, str) else row for row in rows) + "\n")
    return path


def refused(path: Path) -> list[tuple[int, str, str]]:
    told = path.with_name(path.name + ".refused.jsonl").read_text().splitlines()
    return [(row["line"], row["pointer"], row["code"]) for row in map(json.loads, told)]


def told_of(folder: Path) -> list[Path]:
    return list(folder.glob("*.refused.jsonl"))


async def found(desk: Desk, reference: Mapping[str, str]) -> Any:
    return await desk.good("POST", "/v1/customers/lookup", {"customer": reference})


async def test_customers_come_with_what_they_had(points: Desk, stage: Stage, tmp_path: Path) -> None:
    rows = [
        {"phone": "8 (900) 111-22-33", "card": "A 1", "name": "Анна", "birthday": "1980-05-17", "tags": "vip; new",
         "points:points": 250, "expires_at:points": LATER},
        {"phone": "", "card": "", "external_id": "crm-7", "name": "", "points:points": 0},
    ]  # fmt: skip
    tally = await run(stage, table(tmp_path / "all.csv", rows, delimiter=";"))
    assert (tally.customers, tally.postings, tally.refused_rows) == (2, 1, set())
    assert not told_of(tmp_path)
    anna = await found(points, {"phone": "+79001112233"})
    assert anna["id"] == (await found(points, {"card": "A1"}))["id"]
    assert (anna["version"], anna["balances"]["points"]["available"]) == (1, 250)
    held = (await points.good("GET", f"/v1/customers/{anna['id']}/lots"))["items"]
    assert [(lot["remaining"], lot["expires_at"]) for lot in held] == [(250, "2031-04-30T21:00:00Z")]
    support = Desk(points.http, await stage.key("support"))
    profile = await support.good("GET", f"/v1/customers/{anna['id']}")
    assert (profile["name"], profile["birthday"], profile["tags"]) == ("Анна", "1980-05-17", ["vip", "new"])
    bought = await points.accrue(anna["id"], redeem={"points": 10})
    assert (bought.status_code, bought.json()["version"]) == (201, 2)
    assert (await found(points, {"external_id": "crm-7"}))["version"] == 0
    assert await findings(stage.database_url) == []


async def test_lines_of_json_carry_several_lots_and_consents(points: Desk, stage: Stage, tmp_path: Path) -> None:
    row = {
        "card": "J1",
        "consents": [{"type": "marketing", "given": True}],
        "opening": [{"wallet": "points", "points": 5, "expires_at": LATER}, {"wallet": "points", "points": 7}],
    }
    await run(stage, lines(tmp_path / "all.jsonl", [row, {"card": "J2", "opening": {"points": 3}}]))
    first, second = await found(points, {"card": "J1"}), await found(points, {"card": "J2"})
    assert [each["balances"]["points"]["available"] for each in (first, second)] == [12, 3]
    assert len((await points.good("GET", f"/v1/customers/{first['id']}/lots"))["items"]) == 2
    history = (await points.good("GET", f"/v1/customers/{first['id']}/history"))["items"]
    assert [(item["kind"], item["reason"]) for item in history] == [("adjust", "opening balance")]
    assert await findings(stage.database_url) == []


async def test_a_row_that_cannot_be_loaded_stops_no_other(points: Desk, stage: Stage, tmp_path: Path) -> None:
    await points.register(card="OLD")
    rows: list[object] = [
        {"card": "G1"},
        {"card": "OLD"},
        {"card": "G2", "phone": "123"},
        "no json",
        {"name": "Nobody"},
        {"card": "G3", "opening": {"gold": 1}},
        {"card": "G4", "opening": [{"wallet": "points", "points": 1, "expires_at": "2020-01-01T00:00:00Z"}]},
        {"card": "G1"},
        {"card": "G5", "opening": {"points": 0}},
        {"card": "G6", "referrer": "somebody"},
        {"card": "G7"},
        {"card": "G8", "tags": ["a\0b"]},
        {"card": "G9", "+79005550013": 1},
        '{"card": "G10", "card": "G11"}',
        {"card": "G12", "name": "x" * 70_000},
        {"card": "G13"},
    ]
    path, said = lines(tmp_path / "all.jsonl", rows), list[str]()
    tally = await run(stage, path, said=said)
    assert tally.customers == 3
    assert refused(path) == [
        (2, "/card", "taken"),
        (3, "/phone", "phone"),
        (4, "", "unreadable"),
        (5, "", "identifier_missing"),
        (6, "/opening/0/wallet", "unknown"),
        (7, "/opening/0/expires_at", "over"),
        (8, "/card", "taken"),
        (9, "/opening/0/points", "range"),
        (10, "", "unknown_field"),
        (12, "/tags/0", "text"),
        (13, "", "unknown_field"),
        (14, "", "unreadable"),
        (15, "", "unreadable"),
    ]
    assert "13 rows refused" in said[0]
    assert str(path) in said[1]
    assert await findings(stage.database_url) == []


async def test_the_same_file_again_changes_nothing_and_tells_the_same(
    points: Desk, stage: Stage, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = lines(tmp_path / "all.jsonl", [{"card": "S1", "opening": {"points": 9}}, {"card": "S2", "phone": "x"}])
    first = await run(stage, path)
    before, told = await owner.fetchval("select count(*) from txs"), refused(path)
    again = await run(stage, path)
    assert (again.customers, again.loaded_before, again.postings) == (first.customers, 1, 1)
    assert (await owner.fetchval("select count(*) from txs"), refused(path)) == (before, told)
    assert (await found(points, {"card": "S1"}))["balances"]["points"]["available"] == 9


async def test_a_load_that_was_cut_off_goes_on_where_it_ended(
    points: Desk, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.load_files, "PORTION_ROWS", 10)
    path = lines(tmp_path / "all.jsonl", [{"card": f"K{n}", "opening": {"points": 1}} for n in range(35)])
    add, done = LoadPortion.add, 0

    async def cut(self: LoadPortion, *args: Any, **more: Any) -> None:
        nonlocal done
        await add(self, *args, **more)
        done += 1
        if done == 3:  # Everything of the third portion is written, and not committed.
            raise ConnectionResetError

    monkeypatch.setattr(LoadPortion, "add", cut)
    with pytest.raises(CannotStart, match="goes on where it ended"):
        await run(stage, path)
    monkeypatch.setattr(LoadPortion, "add", add)
    tally = await run(stage, path)
    assert (tally.customers, tally.loaded_before, tally.postings) == (35, 20, 35)
    assert [(await found(points, {"card": f"K{n}"}))["version"] for n in (0, 19, 20, 34)] == [1, 1, 1, 1]
    assert await findings(stage.database_url) == []


async def test_two_loads_of_one_file_at_once_load_it_once(
    points: Desk, stage: Stage, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = lines(tmp_path / "all.jsonl", [{"card": f"T{n}", "opening": {"points": 1}} for n in range(500)])
    one, other = await asyncio.gather(run(stage, path), run(stage, path))
    assert one.customers == other.customers == 500
    assert sorted((one.loaded_before, other.loaded_before)) == [0, 500]
    assert await owner.fetchval("select count(*) from txs where reason = 'opening balance'") == 500
    assert await found(points, {"card": "T499"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phone,shoe size\n+79000000000,43\n", "column 2 is none of"),
        ("card,name,card\nA,B,C\n", "column 3 twice"),
        ("card\n\xff\n", "no table"),
        (None, "can't be read"),
    ],
)
async def test_a_file_that_is_none_is_refused_whole(
    points: Desk, stage: Stage, tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "all.csv"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CannotStart, match=message):
        await run(stage, path)
    assert not told_of(tmp_path)


async def test_portions_are_bounded_by_their_size_too(
    points: Desk, stage: Stage, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.load_files, "PORTION_BYTES", 1_000)
    path = lines(tmp_path / "all.jsonl", [{"card": f"B{n}", "name": "n" * 200} for n in range(12)])
    assert (await run(stage, path)).customers == 12
    assert await owner.fetchval("select count(*) from claims") > 2
    assert (await run(stage, path)).loaded_before == 12


async def test_customers_who_register_meanwhile_are_passed_over(
    points: Desk, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A till registers one of them between the look and the load, more than once."""
    path = lines(tmp_path / "all.jsonl", [{"card": f"M{n}", "opening": {"points": 1}} for n in range(20)])
    taken, registered = LoadPortion.taken, list[str]()

    async def beaten(self: LoadPortion, digests: Sequence[bytes]) -> Any:
        found = await taken(self, digests)
        if len(registered) < 3:
            registered.append(await points.register(card=f"M{len(registered)}"))
        return found

    monkeypatch.setattr(LoadPortion, "taken", beaten)
    tally = await run(stage, path)
    assert (tally.customers, len(registered)) == (17, 3)
    assert refused(path) == [(line, "/card", "taken") for line in (1, 2, 3)]
    assert await findings(stage.database_url) == []


async def test_a_portion_whose_report_is_gone_is_not_loaded_again(
    points: Desk, stage: Stage, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = lines(tmp_path / "all.jsonl", [{"card": "L1", "opening": {"points": 1}}])
    await run(stage, path)
    await owner.execute("delete from answers")
    assert (await run(stage, path)).customers == 0
    assert (await found(points, {"card": "L1"}))["version"] == 1


async def test_balances_need_a_program(stage: Stage, tmp_path: Path) -> None:
    assert (await run(stage, lines(tmp_path / "plain.jsonl", [{"card": "P1"}]))).customers == 1
    with pytest.raises(CannotStart, match="program"):
        await run(stage, lines(tmp_path / "rich.jsonl", [{"card": "P2", "opening": {"points": 1}}]))
