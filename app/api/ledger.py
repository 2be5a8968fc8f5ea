"""The calls with which an auditor keeps a day's root, and anybody checks that a posting is under it."""

import re
from datetime import date

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id, Instant
from app.api.calls import Call, Operation
from app.domain.ledger.roots import DayRoot
from app.domain.rejections import Rejection
from app.flows.ledger_roots import Proof, no_day
from app.flows.requests import Answer, Role

AUDITORS = frozenset({Role.ANALYST, Role.SUPPORT, Role.ADMIN})

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_HEX = "^[0-9a-f]{64}$"

_ABOUT_ROOTS = """\
A day is a local day of the program's zone, from `begins_at` until before `ends_at`; it begins where the one \
before ended. Whoever keeps the root of a closed day (`is_final`) can prove later that nothing posted until \
then was changed, removed or added: `python -m app verify --root 2026-11-21=ROOT` says which day differs.

`tree` is the head of a Merkle tree (RFC 6962, SHA-256) over `heads` leaves: each customer's last posting of \
the day and each posting without a customer, in the order of (customer, transaction); a leaf is customer (16 \
bytes), transaction (16), version (8, big-endian), hash (32). `root` is SHA-256 of `kopilka root`, LF, \
`previous` (32 bytes), `date` and `tree` (32 bytes). A day is closed some minutes after its end; until then \
the root is that of what there is so far.
"""

_ABOUT_PROOFS = """\
All that is needed to compute the day's root from the posting: SHA-256 of `previous_hash` and `tx` (its \
canonical form, RFC 8785) is `hash`; with each of `links` (the customer's later postings of the day) it goes \
on to the hash of `head`; from the head's leaf `path` leads to `tree` (RFC 9162, 2.1.3.2, with `index` and \
`heads`), and `tree` with `previous` and `date` to `root`. Kept in a file, `python -m app proof FILE --root \
ROOT` checks it without the service; only Python's standard library is used.

The posting of a day that isn't closed is proved against the root so far (`is_final` false). Where more than \
1,000 postings of the customer follow on the day, the answer is 422.
"""


class RootAnswer(AnswerBody):
    date: str = Field(json_schema_extra={"format": "date"}, examples=["2026-11-21"])
    zone: str = Field(examples=["Europe/Moscow"], description="Whose midnight ends the day.")
    begins_at: Instant
    ends_at: Instant
    heads: int = Field(ge=0, examples=[3127])
    tree: str = Field(pattern=_HEX, examples=[_EXAMPLE])
    previous: str = Field(pattern=_HEX, description="The day before's root; zeros before the first day.")
    root: str = Field(pattern=_HEX, examples=[_EXAMPLE])
    is_final: bool = Field(description="Whether the day is closed; its root never changes then.")
    closed_at: Instant | None


class HeadAnswer(AnswerBody):
    customer_id: Id
    tx_id: Id
    version: int = Field(ge=1)
    hash: str = Field(pattern=_HEX)


class ProofAnswer(AnswerBody):
    tx: str = Field(description="The posting's canonical form, byte for byte.", examples=['{"at":"2026-11-21T…'])
    previous_hash: str = Field(pattern=_HEX)
    hash: str = Field(pattern=_HEX)
    links: list[str] = Field(max_length=1_000, description="Canonical forms of the later postings up to the head.")
    head: HeadAnswer
    index: int = Field(ge=0, description="The head's place among the leaves.")
    path: list[str] = Field(description="Hashes beside the way up, from the leaf on.", examples=[[_EXAMPLE]])
    heads: int = Field(ge=1)
    tree: str = Field(pattern=_HEX)
    previous: str = Field(pattern=_HEX)
    date: str = Field(json_schema_extra={"format": "date"}, examples=["2026-11-21"])
    root: str = Field(pattern=_HEX)
    is_final: bool


async def root(call: Call) -> Answer:
    text = call.params["date"]
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise no_day()
    return Answer(200, root_bytes(await call.service.ledger_root(day)))


async def proof(call: Call) -> Answer:
    customer = call.id(Rejection.CUSTOMER_NOT_FOUND)
    return Answer(200, proof_bytes(await call.service.proof(customer, call.id(name="tx_id"))))


def root_bytes(root: DayRoot) -> bytes:
    window = root.window
    return to_bytes(
        {
            "date": window.day,
            "zone": window.zone,
            "begins_at": window.begins_at,
            "ends_at": window.ends_at,
            "heads": root.heads,
            "tree": root.tree.hex(),
            "previous": root.previous.hex(),
            "root": root.root.hex(),
            "is_final": root.is_final,
            "closed_at": root.closed_at,
        }
    )


def proof_bytes(proof: Proof) -> bytes:
    root, head = proof.root, proof.head
    return to_bytes(
        {
            "tx": proof.tx.decode(),
            "previous_hash": proof.previous_hash.hex(),
            "hash": proof.hash.hex(),
            "links": [link.decode() for link in proof.links],
            "head": {
                "customer_id": head.customer_id,
                "tx_id": head.tx_id,
                "version": head.version,
                "hash": head.hash.hex(),
            },
            "index": proof.index,
            "path": [each.hex() for each in proof.path],
            "heads": root.heads,
            "tree": root.tree.hex(),
            "previous": root.previous.hex(),
            "date": root.window.day,
            "root": root.root.hex(),
            "is_final": root.is_final,
        }
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/ledger/roots/{date}",
        name="ledger_root",
        summary="A day's root over the whole ledger, to be kept by an auditor",
        description=_ABOUT_ROOTS,
        tag="Ledger",
        handler=root,
        roles=AUDITORS,
        is_long=True,
        answers={200: RootAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.BUSY),
    ),
    Operation(
        method="GET",
        path="/v1/customers/{id}/proof/{tx_id}",
        name="proof",
        summary="Proof that a posting is under its day's root",
        description=_ABOUT_PROOFS,
        tag="Ledger",
        handler=proof,
        roles=AUDITORS,
        is_long=True,
        answers={200: ProofAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.CUSTOMER_NOT_FOUND, Rejection.LIMIT_EXCEEDED, Rejection.BUSY),
    ),
)
