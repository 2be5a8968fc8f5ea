"""What of a request the audit log is told: writes by people, personal data shown in clear, refusals.

Tills' own calls are told by the ledger and by metrics; here they appear only where they are refused for want of a key
or a right, or reach a limit, and nothing waits for that. Values of a path are told of calls that were answered, when
they name what there is; card and gift card numbers never.
"""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from app.api.calls import Call, Operation
from app.api.errors import KINDS
from app.api.exchange import Exchange
from app.api.guesses import handled
from app.domain.rejections import Rejected, Rejection
from app.flows.ports_audit_log import ActorKind, Deed, Details, Outcome, plain
from app.flows.ports_people import PERSON_PREFIX
from app.flows.requests import Answer, Caller, Role

BODY_READ_MAX = 64 * 1024  # Longer answers are lists of codes or numbers, which aren't told here.
_SECRET_PARAMS = frozenset({"number"})  # Of a card, of a gift card.
_TOLD = ("id", "tx_id", "version", "state", "code")  # What of an answer names what was done.
_REFUSED = frozenset({401, 403, 410, 429})
_WRONG = frozenset({404, 422})
# Part of any redemption above what a phone alone may: nobody has tried anything.
_USUAL = frozenset({Rejection.CONFIRMATION_REQUIRED})
_TILLS = frozenset({Role.POS, Role.SHOP})


def is_person(caller: Caller) -> bool:
    return caller.role not in _TILLS


async def noted_write(operation: Operation, call: Call) -> Answer:
    """The write; a person's is answered once it stands in the log.

    Raises:
        Rejected: as the handler; `unavailable` where it is done and can't be noted: the same key answers, and is noted.
    """
    answer = await _answered(operation, call)
    if is_person(call.caller) and not operation.notes_itself:
        deed = _write_deed(operation, call, answer)
        if answer.is_replayed:
            await call.service.note_often(deed)
        else:
            await call.service.note(deed)
    return answer


async def noted_read(operation: Operation, call: Call) -> Answer:
    """A person's read; what shows personal data in clear is answered once it stands in the log."""
    answer = await _answered(operation, call)
    if call.caller.role in operation.unmasked_for:
        await call.service.note_often(_deed(operation, call, Outcome.DONE, {"unmasked": True}))
    return answer


async def _answered(operation: Operation, call: Call) -> Answer:
    """The handler's answer; people who ask for customers that aren't there are told of."""
    try:
        return await handled(operation, call)
    except Rejected as rejected:
        if operation.notes_refusals and is_person(call.caller) and KINDS[rejected.rejection].status in _WRONG:
            await call.service.note(_vain_deed(operation, call, rejected))
        elif rejected.rejection is Rejection.CUSTOMER_NOT_FOUND and is_person(call.caller):
            deed = _deed(operation, call, Outcome.REFUSED, {"code": rejected.rejection.value})
            call.service.tally(replace(deed, object=""))  # What was asked for names nobody.
        raise


def refusal(exchange: Exchange, rejected: Rejected) -> Deed | None:
    """What the log counts of a "no"; None for those that business expects."""
    rejection = rejected.rejection
    if KINDS[rejection].status not in _REFUSED or rejection in _USUAL:
        return None
    return Deed(
        _kind_of(exchange.key_id),
        exchange.key_id,
        exchange.operation,
        object=rejected.about,
        outcome=Outcome.REFUSED,
        ip=exchange.ip,
        request_id=exchange.request_id,
        details={"code": rejection.value},
    )


def _write_deed(operation: Operation, call: Call, answer: Answer) -> Deed:
    told = _told_by(answer)
    details: dict[str, str | int | bool] = {**(operation.noted(call) if operation.noted else {}), **told}
    if answer.is_replayed:
        details["replayed"] = True
    details = {name: plain(value) if isinstance(value, str) else value for name, value in details.items()}
    return _deed(operation, call, Outcome.DONE if answer.status < 400 else Outcome.REFUSED, details)


def _vain_deed(operation: Operation, call: Call, rejected: Rejected) -> Deed:
    """What was asked for in vain, by its counts: it names nobody, and nothing that is there."""
    noted = operation.noted(call) if operation.noted else {}
    details = {**noted, "code": rejected.rejection.value, "faults": len(rejected.faults)}
    return replace(_deed(operation, call, Outcome.REFUSED, details), object="")


def _deed(operation: Operation, call: Call, outcome: Outcome, details: Details) -> Deed:
    caller = call.caller
    return Deed(
        _kind_of(caller.key_id),
        caller.key_id,
        operation.name,
        object=_object_of(operation.path, call.params, details),
        outcome=outcome,
        ip=call.ip,
        request_id=call.request_id,
        details=details,
    )


def _kind_of(actor: str) -> ActorKind:
    """By the id of a key or person, "" for nobody known."""
    if actor.startswith(PERSON_PREFIX):
        return ActorKind.PERSON
    return ActorKind.KEY if actor else ActorKind.UNKNOWN


def _object_of(template: str, params: Mapping[str, str], details: Details) -> str:
    """`customers/ID`: the path up to its first parameter, or the kind of thing with the id that the answer gave it."""
    parts: list[str] = []
    for segment in template.removeprefix("/v1/").split("/"):
        if not segment.startswith("{"):
            parts.append(segment)
            continue
        name = segment[1:-1]
        if name not in _SECRET_PARAMS:
            parts.append(params[name])
        break
    else:
        if "id" in details:
            parts.append(str(details["id"]))
    return plain("/".join(parts))


def _told_by(answer: Answer) -> dict[str, str | int | bool]:
    """Of an answer's members those that name what was done: ids, versions, states, codes of refusals."""
    if len(answer.body) > BODY_READ_MAX or not answer.body:
        return {}
    document = orjson.loads(answer.body)
    if not isinstance(document, dict):
        return {}
    names = _TOLD if answer.status >= 400 else _TOLD[:-1]  # Of a coupon `code` is what it is worth.
    return {
        name: value for name in names if isinstance(value := document.get(name), str | int) and len(str(value)) <= 64
    }
