"""An admin's calls about keys: list them, make one, make a second for a terminal, revoke one."""

import re

from app.api.calls import ADMINS, Call, Operation
from app.api.faults import refuse
from app.api.key_schemas import KeyAnswer, KeyBody, KeyListAnswer, MadeKeyAnswer, page_bytes
from app.api.query import PageQuery
from app.api.signatures import public_key_of
from app.domain.key_text import ID_LENGTH
from app.domain.rejections import Rejection
from app.flows.keep_keys import no_key
from app.flows.ports_audit_log import Details
from app.flows.ports_keys import BadKeyTerms, KeyTerms
from app.flows.requests import Answer, Role

_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")


async def keys(call: Call) -> Answer:
    query: PageQuery = call.query
    return Answer(200, page_bytes(await call.service.keys(limit=query.limit, cursor=query.cursor)))


async def create(call: Call) -> Answer:
    return await call.service.create_key(call.as_write, _terms(call.body))


async def rotate(call: Call) -> Answer:
    return await call.service.rotate_key(call.as_write, _id(call))


async def revoke(call: Call) -> Answer:
    return await call.service.revoke_key(call.as_write, _id(call))


def _id(call: Call) -> str:
    text = call.params["id"]
    if not _ID.fullmatch(text):
        raise no_key()
    return text


def _terms(body: KeyBody) -> KeyTerms:
    """Raises `Rejected` for what no key can be."""
    try:
        signed_by = None if body.signed_by is None else public_key_of(body.signed_by)
    except ValueError as error:
        raise refuse("/signed_by", "format", str(error)) from None
    try:
        return KeyTerms(
            role=Role(body.role),
            shops=tuple(dict.fromkeys(body.shops)),
            terminal=body.terminal or "",
            partner=body.partner,
            signed_by=signed_by,
            certificate_sha256=None if body.certificate_sha256 is None else bytes.fromhex(body.certificate_sha256),
        )
    except BadKeyTerms as error:
        raise refuse(f"/{error.member}", "key_terms", str(error)) from None


def _noted(call: Call) -> Details:
    body: KeyBody = call.body
    return {
        "role": body.role,
        "shop": body.shops[0] if body.shops else "",
        "terminal": body.terminal or "",
        "is_signed": body.signed_by is not None,
        "is_bound": body.certificate_sha256 is not None,
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/keys",
        name="keys",
        summary="All keys, live and revoked, the oldest first; never the keys themselves",
        tag="Keys",
        handler=keys,
        roles=ADMINS,
        query=PageQuery,
        answers={200: KeyListAnswer},
    ),
    Operation(
        method="POST",
        path="/v1/keys",
        name="create_key",
        summary="Make a key; it is shown this once",
        description=(
            "Only its SHA-256 is kept. A repetition with the same Idempotency-Key answers with `key` null: if the "
            "first answer was lost, revoke the key by its `id` and make another. A terminal has at most two live keys."
        ),
        tag="Keys",
        handler=create,
        roles=ADMINS,
        body=KeyBody,
        answers={201: MadeKeyAnswer},
        is_write=True,
        scans=True,
        noted=_noted,
        examples={
            "a till's": {"role": "pos", "shops": ["S1"], "terminal": "T1"},
            "a web shop's, that sells for two": {"role": "shop", "shops": ["WEB", "S1"]},
            "a person's": {"role": "support"},
        },
    ),
    Operation(
        method="POST",
        path="/v1/keys/{id}/rotate",
        name="rotate_key",
        summary="Make a second key with the same role, shops, terminal and demands",
        description=(
            "Both work until the first is revoked: put the new one into the till, see that it sells, then revoke "
            "`replaces`. Idempotency keys go on, since they belong to the terminal."
        ),
        tag="Keys",
        handler=rotate,
        roles=ADMINS,
        answers={201: MadeKeyAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
    ),
    Operation(
        method="POST",
        path="/v1/keys/{id}/revoke",
        name="revoke_key",
        summary="Revoke a key; every process refuses it within 5 seconds",
        tag="Keys",
        handler=revoke,
        roles=ADMINS,
        answers={200: KeyAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
    ),
)
