"""The token of a quote: what was promised, by which version, until when; signed, so that nothing need be stored.

A token is URL-safe text: base64 of a small JSON object, a dot, base64 of its 16-byte signature.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import orjson

from app.domain.decision import Decision, LineDecision
from app.domain.program import Kind
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.ports import Vault

_TO_URL = bytes.maketrans(b"+/", b"-_")

VALID_FOR = timedelta(minutes=15)  # A queue at the till and a slow card terminal; a shop's checkout asks again.


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Promise:
    """`totals` as in the answer; `lines` a digest over each line's id, paid and accrued. What luck brings is never
    promised, so it is in neither.
    """

    program: int
    at: datetime
    until: datetime
    customer: str | None
    totals: dict[str, Any]
    lines: str


def totals_of(decision: Decision) -> dict[str, Any]:
    """What is promised, and what is shown where a promise can't be kept."""
    return {
        "gross": decision.gross,
        "discount": decision.discount,
        "redeemed": decision.redeemed,
        "paid": decision.paid,
        "redeemed_units": dict(decision.redeemed_units),
        "accrued": _without_luck(decision, decision.accrued, decision.lines),
    }


def make_promise(decision: Decision, *, program: int, at: datetime, until: datetime, customer: str | None) -> Promise:
    lines = [[line.id, line.paid, _without_luck(decision, line.accrued, (line,))] for line in decision.lines]
    rewards = [[each.rule, each.gift, each.coupon, each.given] for each in decision.effects if each.kind == Kind.REWARD]
    digest = sha256(orjson.dumps([lines, rewards], option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    return Promise(program, at, until, customer, totals_of(decision), digest)


def _without_luck(decision: Decision, accrued: Mapping[str, int], lines: Sequence[LineDecision]) -> Mapping[str, int]:
    """Units by wallet without those of random rewards; wallets in which nothing is left are left out."""
    if not decision.draws and all(accrued.values()):
        return accrued
    sure = dict(accrued)
    for line in lines:
        for part in line.parts:
            if part.kind == Kind.RANDOM_REWARD and part.wallet is not None:
                sure[part.wallet] -= part.units
    return {wallet: units for wallet, units in sure.items() if units}


def to_token(promise: Promise, vault: Vault) -> str:
    body = orjson.dumps(promise)
    return f"{_encode(body)}.{_encode(vault.sign(body))}"


def read_token(token: str, vault: Vault) -> Promise:
    """The promise of a token this service gave.

    Raises:
        Rejected: `validation_error` at `/quote`.
    """
    body, _, signature = token.partition(".")
    try:
        promised, signed = _decode(body), _decode(signature)
    except (binascii.Error, ValueError):
        promised, signed = b"", b""
    if not promised or not compare_digest(signed, vault.sign(promised)):
        fault = Fault("/quote", "not_ours", "must be a token of this service")
        raise Rejected(Rejection.VALIDATION_ERROR, "The quote can't be read.", faults=(fault,))
    fields = orjson.loads(promised)
    fields["at"] = datetime.fromisoformat(fields["at"])
    fields["until"] = datetime.fromisoformat(fields["until"])
    return Promise(**fields)


def check_promise(promise: Promise, kept: Promise) -> None:
    """Whether what is decided now is what was promised.

    Raises:
        Rejected: `quote_changed` with both.
    """
    if (promise.totals, promise.lines, promise.customer) != (kept.totals, kept.lines, kept.customer):
        refuse_changed(promise.totals, kept.totals)


def refuse_changed(promised: dict[str, Any], decided: dict[str, Any]) -> None:
    raise Rejected(
        Rejection.QUOTE_CHANGED,
        "What is decided now differs from what was promised.",
        facts={"promised": promised, "decided": decided},
    )


def _encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
