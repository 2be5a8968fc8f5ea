"""Files of customers: CSV with a header, or a JSON object a line. Rows become entrants, or say why they can't.

Columns of a CSV: `phone`, `card`, `external_id`, `name`, `birthday`, `email`, `tags` (parted by `;`), and for each
wallet `points:WALLET` and `expires_at:WALLET`. Lines of JSON are bodies of a registration, with `opening` besides:
`{"points": 120}` or `[{"wallet", "points", "expires_at"}]`. No row is kept in memory for longer than its portion.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from app.api.customers import consent_document
from app.api.faults import rejected_for
from app.api.identity import identifiers_of
from app.api.load_schemas import LoadBody
from app.config import CannotStart
from app.domain.ledger.opening import Opening
from app.domain.rejections import Rejected
from app.flows.keep_customer import with_identifiers
from app.flows.load_customers import Entrant, Portion, RefusedRow
from app.flows.ports import Person

# One transaction: some 30 MB while it is put together, a second and a half on the database.
PORTION_ROWS = 5_000
_PLAIN = frozenset({"phone", "card", "external_id", "name", "birthday", "email", "tags"})
_WALLET = re.compile(r"(points|expires_at):(.+)")
_INTEGER = re.compile(r"[0-9]{1,15}")


class CustomerFile:
    """A file that was looked over: its digest names its rows for ever, `rows` is how many it has."""

    def __init__(self, path: Path) -> None:
        """Raises `CannotStart`."""
        digest, lines = sha256(), 0
        try:
            with path.open("rb") as file:
                first = file.readline()
                file.seek(0)
                for line in file:
                    digest.update(line)
                    lines += bool(line.strip())
        except OSError as error:
            raise CannotStart(f"{path} can't be read: {error.strerror}") from None
        self.path = path
        self.digest = digest.hexdigest()
        self.is_csv = not first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
        self.rows = max(0, lines - self.is_csv)  # Of a CSV with line breaks in cells: about so many.
        if self.is_csv:
            self._delimiter = ";" if first.count(b";") > first.count(b",") else ","

    def portions(self, *, region: str) -> Iterator[Portion]:
        """The file's rows, `PORTION_ROWS` at a time. Raises `CannotStart` for a file that is no table."""
        rows = self._csv_rows() if self.is_csv else self._json_rows()
        number = 0
        while some := list(islice(rows, PORTION_ROWS)):
            claim = UUID(bytes=sha256(f"load\n{self.digest}\n{PORTION_ROWS}\n{number}".encode()).digest()[:16])
            read = [_read(line, document, region=region) for line, document in some]
            entrants = [row for row in read if isinstance(row, Entrant)]
            refused = [fault for row in read if not isinstance(row, Entrant) for fault in row]
            yield Portion(claim, entrants, refused)
            number += 1

    def _json_rows(self) -> Iterator[tuple[int, object]]:
        with self.path.open("rb") as file:
            for line, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                try:
                    yield line, orjson.loads(text)
                except orjson.JSONDecodeError:
                    yield line, None

    def _csv_rows(self) -> Iterator[tuple[int, object]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, delimiter=self._delimiter, strict=True)
                for name in reader.fieldnames or ():
                    if name not in _PLAIN and not _WALLET.fullmatch(name):
                        raise CannotStart(f"{self.path} has a column that isn't known: {name[:64]}")
                for row in reader:
                    if any(row.values()):
                        yield reader.line_num, None if None in row else _document(row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise CannotStart(f"{self.path} is no table that can be read: {error}") from None


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


def _read(line: int, document: object, *, region: str) -> Entrant | list[RefusedRow]:
    """A row's entrant, or its mistakes."""
    if not isinstance(document, dict):
        return [RefusedRow(line, "", "unreadable", "is no row that can be read")]
    try:
        body = LoadBody.model_validate(document)
        identifiers = identifiers_of(body, region=region)
        consents = tuple(map(consent_document, body.consents))
        person = Person(name=body.name, birthday=body.birthday, email=body.email, consents=consents)
        return Entrant(
            line=line,
            identifiers=identifiers,
            person=with_identifiers(person, identifiers),
            tags=tuple(body.tags),
            openings=tuple(Opening(each.wallet, each.points, each.expires_at) for each in body.opening),
        )
    except ValidationError as error:
        rejected = rejected_for(error, document)
    except Rejected as one:
        rejected = one
    return [RefusedRow(line, fault.pointer, fault.code, fault.message) for fault in rejected.faults]
