"""Files of customers: CSV with a header, or a JSON object a line. Rows become entrants, or say why they can't.

Columns of a CSV: `phone`, `card`, `external_id`, `name`, `birthday`, `email`, `tags` (parted by `;`), and for each
wallet `points:WALLET` and `expires_at:WALLET`. Lines of JSON are bodies of a registration, with `opening` besides:
`{"points": 120}` or `[{"wallet", "points", "expires_at"}]`. No row is kept in memory for longer than its portion.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from app.api.body import parse_json, refuse_unstorable
from app.api.customers import consent_document
from app.api.faults import rejected_for
from app.api.identity import identifiers_of
from app.api.load_schemas import LoadBody
from app.config import CannotStart
from app.domain.ledger.opening import Opening
from app.domain.rejections import Fault, Rejected
from app.flows.keep_customer import with_identifiers
from app.flows.load_customers import Entrant, Portion, RefusedRow
from app.flows.ports import Person

# One transaction: some 30 MB while it is put together, a second and a half on the database.
PORTION_ROWS = 5_000
PORTION_BYTES = 8 * 1024 * 1024  # Of rows that are long: memory is bounded whatever a file holds.
ROW_BYTES_MAX = 64 * 1024
_CHUNK_BYTES = 1024 * 1024
_PLAIN = ("phone", "card", "external_id", "name", "birthday", "email", "tags")
_WALLET = re.compile(r"(points|expires_at):(.+)")
_INTEGER = re.compile(r"[0-9]{1,15}")
# Pointers into a row as it is meant to be.
_KNOWN = re.compile(
    r"(/(phone|card|external_id|name|birthday|email)|/tags(/\d+)?|/consents(/\d+(/(type|given|at|version|channel|text_hash))?)?"
    r"|/opening(/\d+(/(wallet|points|expires_at))?)?)?"
)
_BOM = b"\xef\xbb\xbf"


class _Row(NamedTuple):
    """`document` is None where the row can't be read; `size` in bytes, or characters."""

    line: int
    size: int
    document: object


class CustomerFile:
    """A file that was looked over: its digest names its rows for ever, `rows` is about how many it has."""

    def __init__(self, path: Path) -> None:
        """Raises `CannotStart`."""
        digest, lines = sha256(), 0
        try:
            with path.open("rb") as file:
                first = file.read(ROW_BYTES_MAX).removeprefix(_BOM).lstrip()
                file.seek(0)
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    lines += chunk.count(b"\n")
        except OSError as error:
            raise CannotStart(f"{path} can't be read: {error.strerror}") from None
        self.path = path
        self.digest = digest.hexdigest()
        self.is_csv = not first.startswith(b"{")
        self.rows = max(0, lines - self.is_csv)
        header = first.partition(b"\n")[0]
        self._delimiter = ";" if header.count(b";") > header.count(b",") else ","

    def portions(self, *, region: str) -> Iterator[Portion]:
        """The file's rows, as many at a time as make a portion. Raises `CannotStart` for a file that is no table."""
        for number, some in enumerate(_parted(self._csv_rows() if self.is_csv else self._json_rows())):
            # How rows are parted is in the name: parted otherwise, they would be other portions.
            name = f"load\n{self.digest}\n{PORTION_ROWS}\n{PORTION_BYTES}\n{number}"
            read = [_read(row, region=region) for row in some]
            entrants = [row for row in read if isinstance(row, Entrant)]
            refused = [fault for row in read if not isinstance(row, Entrant) for fault in row]
            yield Portion(UUID(bytes=sha256(name.encode()).digest()[:16]), entrants, refused)

    def _json_rows(self) -> Iterator[_Row]:
        with self.path.open("rb") as file:
            for line in count(1):
                text = file.readline(ROW_BYTES_MAX)
                if not text:
                    return
                is_whole = len(text) < ROW_BYTES_MAX or text.endswith(b"\n")
                rest = text
                while not is_whole and rest and not rest.endswith(b"\n"):
                    rest = file.readline(_CHUNK_BYTES)
                text = text.removeprefix(_BOM).strip()
                if text:
                    yield _Row(line, len(text), _parsed(text) if is_whole else None)

    def _csv_rows(self) -> Iterator[_Row]:
        line = 0
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, delimiter=self._delimiter, strict=True)
                _check_columns(self.path, reader.fieldnames or ())
                for row in reader:
                    line = reader.line_num
                    if any(row.values()):
                        size = sum(len(value) for value in row.values() if isinstance(value, str))
                        yield _Row(line, size, None if None in row or size > ROW_BYTES_MAX else _document(row))
        except (csv.Error, UnicodeDecodeError) as error:
            raise CannotStart(f"{self.path} is no table that can be read, after line {line}: {error}") from None


def _parted(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    some: list[_Row] = []
    size = 0
    for row in rows:
        some.append(row)
        size += row.size
        if len(some) >= PORTION_ROWS or size >= PORTION_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _check_columns(path: Path, names: Sequence[str]) -> None:
    """A table without a header has a customer in its place: none of what is there is repeated."""
    for place, name in enumerate(names, start=1):
        if name not in _PLAIN and not _WALLET.fullmatch(name):
            known = ", ".join((*_PLAIN, "points:WALLET", "expires_at:WALLET"))
            raise CannotStart(f"{path} needs a header: its column {place} is none of {known}")
        if name in names[: place - 1]:
            raise CannotStart(f"{path} has its column {place} twice")


def _parsed(text: bytes) -> object:
    """As strictly as a request's body; None where it isn't one."""
    try:
        return parse_json(text, scans=None)
    except Rejected:
        return None


def _document(row: Mapping[str, str | None]) -> dict[str, Any]:
    """A row of a table as the JSON that says the same."""
    document: dict[str, Any] = {name: value for name, value in row.items() if name in _PLAIN and value}
    if "tags" in document:
        document["tags"] = [tag.strip() for tag in document["tags"].split(";") if tag.strip()]
    openings: dict[str, dict[str, Any]] = {}
    for name, value in row.items():
        found = _WALLET.fullmatch(name)
        if found is not None and value:
            told = openings.setdefault(found[2], {"wallet": found[2]})
            told[found[1]] = int(value) if found[1] == "points" and _INTEGER.fullmatch(value) else value
    if balances := [told for told in openings.values() if told.get("points") != 0]:
        document["opening"] = balances
    return document


def _read(row: _Row, *, region: str) -> Entrant | list[RefusedRow]:
    """A row's entrant, or its mistakes."""
    document = row.document
    if not isinstance(document, dict):
        return [RefusedRow(row.line, "", "unreadable", "is no row that can be read")]
    try:
        refuse_unstorable(document)
        body = LoadBody.model_validate(document)
        identifiers = identifiers_of(body, region=region)
        consents = tuple(map(consent_document, body.consents))
        person = Person(name=body.name, birthday=body.birthday, email=body.email, consents=consents)
        return Entrant(
            line=row.line,
            identifiers=identifiers,
            person=with_identifiers(person, identifiers),
            tags=tuple(body.tags),
            openings=tuple(Opening(each.wallet, each.points, each.expires_at) for each in body.opening),
        )
    except ValidationError as error:
        rejected = rejected_for(error, document)
    except Rejected as one:
        rejected = one
    return [_refused(row.line, fault) for fault in rejected.faults]


def _refused(line: int, fault: Fault) -> RefusedRow:
    """A member that isn't known may be a customer's data in the wrong place: its name isn't repeated."""
    pointer = fault.pointer if _KNOWN.fullmatch(fault.pointer) else fault.pointer.rpartition("/")[0]
    return RefusedRow(line, pointer if _KNOWN.fullmatch(pointer) else "", fault.code, fault.message)
