"""A stored purchase, told to whoever reads it now: the answer of that day, with what has become of it since.

Figures, words and templates are those of that day: messages and blocks were said and printed. Sentences that are made
of words (why, what limited, what to add) are told in the reader's language.
"""

from typing import Any

import orjson

from app.api.explaining import explained, limit_text, verdicts_of
from app.api.hint_texts import hint_text
from app.api.sentences import coupon_text, draw_text
from app.api.speech import Speech
from app.domain.amounts import quantity
from app.domain.program import Program
from app.flows.results import PurchaseRecord

# Of releases before that had no such members.
_LATER_MEMBERS = ("draws", "coupons", "hints", "messages", "print")


def record_document(record: PurchaseRecord, *, explain: bool, is_russian: bool) -> dict[str, object]:
    scheme = _scheme_of(record)
    speech = Speech(scheme.currency, is_russian=is_russian)
    document = _told_anew(record, scheme, speech)
    document["state"] = record.state
    document["returned"] = {line: quantity(milli) for line, milli in record.returned_milli.items()}
    if explain:
        document["explain"] = explained(verdicts_of(orjson.loads(record.verdicts)), scheme, speech)
    return document


def explanation_document(record: PurchaseRecord, *, is_russian: bool) -> dict[str, object]:
    """Why each rule did or did not apply; what limited those that did, and what would have brought more."""
    scheme = _scheme_of(record)
    speech = Speech(scheme.currency, is_russian=is_russian)
    document = _told_anew(record, scheme, speech)
    return {
        "id": record.id,
        "program": document["program"],
        "explain": explained(verdicts_of(orjson.loads(record.verdicts)), scheme, speech),
        "effects": document["effects"],
        "coupons": document["coupons"],
        "draws": document["draws"],
        "hints": document["hints"],
    }


def _scheme_of(record: PurchaseRecord) -> Program:
    if record.scheme is None:
        raise TypeError(f"purchase {record.id} has to be read with the program that decided it")
    return record.scheme


def _told_anew(record: PurchaseRecord, scheme: Program, speech: Speech) -> dict[str, Any]:
    """The stored answer with its sentences in the reader's language."""
    document: dict[str, Any] = orjson.loads(record.answer)
    document.pop("explain", None)
    for member in _LATER_MEMBERS:
        document.setdefault(member, [])
    for effect in document["effects"]:
        if effect["limited_by"] is not None:
            effect["limited_text"] = limit_text(
                limited_by=effect["limited_by"],
                wanted=effect["wanted"],
                given=effect["given"],
                wallet=effect.get("wallet"),
                is_pieces="gift" in effect or "coupon" in effect,
                speech=speech,
            )
    for coupon in document["coupons"]:
        coupon["because"] = coupon_text(coupon["verdict"], coupon.get("reason", ""), speech)
    for draw in document["draws"]:
        draw["text"] = draw_text(prize=draw["prize"], drew=draw["drew"], because=draw["because"], speech=speech)
    rules = {rule.id: rule for rule in scheme.rules} if document["hints"] else {}
    for hint in document["hints"]:
        hint["text"] = hint_text(
            what=hint["what"],
            missing=hint["missing"],
            gives=hint["gives"],
            rule=rules.get(hint["rule"]),
            speech=speech,
        )
    return document
