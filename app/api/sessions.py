"""People's sessions: sign in by login, password and code or at an identity provider, see who one is, sign out."""

from app.api.answers import to_bytes
from app.api.calls import Call, Operation
from app.api.replies import Headed, Header
from app.api.sessions_cookies import SESSION, SIGN_IN, SIGN_IN_SECONDS, csrf_of
from app.api.sessions_schemas import (
    CallbackQuery,
    ElsewhereAnswer,
    EndedAnswer,
    SessionAnswer,
    SetUpAnswer,
    SetUpBody,
    SignInBody,
)
from app.domain.rejections import Rejected, Rejection
from app.flows.ports_audit_log import ActorKind, Deed
from app.flows.ports_people import PEOPLE, PERSON_PREFIX, Session
from app.flows.requests import Answer
from app.flows.sessions import LASTS
from app.flows.sign_in import Opened

CALLBACK_PATH = "/v1/sign-in/callback"
SESSION_PATH = "/v1/session"  # Where a browser is left after signing in at a provider.
BODY_MAX = 4_096

_DESCRIPTION = """\
The answer sets a cookie that only this origin gets back (`__Host-kopilka`; by plain HTTP on this machine `kopilka`). A
session calls what its person's role may call. Writes with it need `X-CSRF-Token` beside their Idempotency-Key, and come
from a page of this origin. It ends 30 minutes after its last use, 12 hours after it began, by signing out, or when the
person is disabled.
"""
_TRIES = "Tries are counted by address and by login: after `SIGN_IN_TRIES` in 15 minutes the login gets 429."


async def show(call: Call) -> Answer:
    caller = call.caller
    if not caller.key_id.startswith(PERSON_PREFIX):
        return Answer(200, _told(caller.key_id, caller.role, csrf_token=None, expires_at=None))
    token = call.site.token(call.headers)
    return Answer(200, _session(token, await call.service.session(token)))


async def sign_in(call: Call) -> Answer:
    body: SignInBody = call.body
    call.site.entrance(call.headers, ip=call.ip)
    call.site.check_origin(call.headers, must_say=False)
    opened = await call.service.sign_in(body.login, body.password, body.code, ip=call.ip)
    return await _opened(call, opened, by="password")


async def set_up(call: Call) -> Answer:
    body: SetUpBody = call.body
    done = await call.service.set_up_person(body.invitation, body.password)
    await _note(call, done.person.id, "set_up_person")
    told = {"id": done.person.id, "login": done.person.login, "authenticator": done.codes}
    return Answer(200, to_bytes(told))


async def sign_out(call: Call) -> Answer:
    """Also says so to whoever has a key: nothing was left to end."""
    cookies: tuple[Header, ...] = ()
    if call.caller.key_id.startswith(PERSON_PREFIX):
        await call.service.sign_out(call.site.token(call.headers))
        await _note(call, call.caller.key_id, "sign_out")
        cookies = (call.site.keep(SESSION, "", seconds=0),)
    return Headed(200, to_bytes({"state": "ended"}), headers=cookies)


async def begin(call: Call) -> Answer:
    origin = call.site.entrance(call.headers, ip=call.ip)
    token, address = await call.service.begin_sign_in(back_to=origin + CALLBACK_PATH, ip=call.ip)
    return _elsewhere(address, call.site.keep(SIGN_IN, token, seconds=SIGN_IN_SECONDS))


async def finish(call: Call) -> Answer:
    query: CallbackQuery = call.query
    origin = call.site.entrance(call.headers, ip=call.ip)
    token = call.site.token(call.headers, SIGN_IN)
    if query.code is None:
        raise Rejected(Rejection.UNAUTHENTICATED, "The provider has let nobody in; begin again.")
    opened = await call.service.finish_sign_in(
        token, state=query.state, code=query.code, issuer=query.iss, back_to=origin + CALLBACK_PATH, ip=call.ip
    )
    await _note(call, opened.session.person, "sign_in", by="provider")
    forget = call.site.keep(SIGN_IN, "", seconds=0)
    return _elsewhere(origin + SESSION_PATH, forget, _cookie(call, opened))


async def _opened(call: Call, opened: Opened, *, by: str) -> Answer:
    """Noted before anybody has the token."""
    await _note(call, opened.session.person, "sign_in", by=by)
    return Headed(200, _session(opened.token, opened.session), headers=(_cookie(call, opened),))


def _cookie(call: Call, opened: Opened) -> Header:
    return call.site.keep(SESSION, opened.token, seconds=int(LASTS.total_seconds()))


def _elsewhere(address: str, *cookies: Header) -> Answer:
    headers = ((b"location", address.encode("ascii")), *cookies)
    return Headed(303, to_bytes({"location": address}), headers=headers)


async def _note(call: Call, person: str, action: str, **details: str) -> None:
    deed = Deed(
        ActorKind.PERSON,
        person,
        action,
        object=f"people/{person}",
        ip=call.ip,
        request_id=call.request_id,
        details=details,
    )
    await call.service.note(deed)


def _session(token: str, session: Session) -> bytes:
    return _told(session.person, session.role, csrf_token=csrf_of(token), expires_at=session.expires_at)


def _told(who: str, role: object, *, csrf_token: str | None, expires_at: object) -> bytes:
    return to_bytes({"id": who, "role": role, "csrf_token": csrf_token, "expires_at": expires_at})


_SIGNING_IN = (
    Rejection.UNAUTHENTICATED,
    Rejection.INSUFFICIENT_SCOPE,
    Rejection.UNAVAILABLE,
)

OPERATIONS = (
    Operation(
        method="GET",
        path=SESSION_PATH,
        name="session",
        summary="Who one is, and the token that writes with a session need",
        tag="People",
        handler=show,
        roles=PEOPLE,
        answers={200: SessionAnswer},
    ),
    Operation(
        method="POST",
        path=SESSION_PATH,
        name="sign_in",
        summary="Sign in with login, password and one-time code",
        description=f"{_DESCRIPTION}\n{_TRIES}",
        tag="People",
        handler=sign_in,
        roles=None,
        body=SignInBody,
        body_max=BODY_MAX,
        answers={200: SessionAnswer},
        refusals=(*_SIGNING_IN, Rejection.RATE_LIMITED, Rejection.OVERLOADED),
        scans=True,
        examples={"somebody": {"login": "anna", "password": "correct horse battery", "code": "123456"}},
    ),
    Operation(
        method="DELETE",
        path=SESSION_PATH,
        name="sign_out",
        summary="End the session; every process refuses it within 5 seconds",
        tag="People",
        handler=sign_out,
        roles=PEOPLE,
        answers={200: EndedAnswer},
    ),
    Operation(
        method="POST",
        path="/v1/session/set-up",
        name="set_up_person",
        summary="Set the password of a new or reset account, by its invitation, once",
        description="`python -m app people create` prints the invitation; it is good for a day.",
        tag="People",
        handler=set_up,
        roles=None,
        body=SetUpBody,
        body_max=BODY_MAX,
        answers={200: SetUpAnswer},
        refusals=(Rejection.UNAUTHENTICATED, Rejection.UNAVAILABLE),
        scans=True,
        examples={"somebody": {"invitation": "x" * 43, "password": "correct horse battery"}},
    ),
    Operation(
        method="GET",
        path="/v1/sign-in",
        name="begin_sign_in",
        summary="Begin to sign in at the identity provider: a redirect",
        description=_DESCRIPTION,
        tag="People",
        handler=begin,
        roles=None,
        answers={303: ElsewhereAnswer},
        refusals=(
            Rejection.INSUFFICIENT_SCOPE,
            Rejection.NOT_FOUND,
            Rejection.RATE_LIMITED,
            Rejection.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path=CALLBACK_PATH,
        name="finish_sign_in",
        summary="Where the identity provider sends the browser back to",
        tag="People",
        handler=finish,
        roles=None,
        query=CallbackQuery,
        answers={303: ElsewhereAnswer},
        refusals=(*_SIGNING_IN, Rejection.NOT_FOUND, Rejection.RATE_LIMITED),
    ),
)
