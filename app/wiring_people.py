"""How people sign in, put together: of the service, and of the commands that keep them."""

import secrets

from app.api.people import person_bytes
from app.config import Settings
from app.flows.keep_people import KeepPeople
from app.flows.once import Once
from app.flows.oversee_people import OverseePeople
from app.flows.ports import Answers
from app.flows.ports_people import PERSON_PREFIX
from app.flows.requests import Role
from app.flows.sessions import Sessions
from app.flows.sign_in import ByProvider, Limits, SignIn
from app.identity_provider import Client, OpenIdProvider
from app.keyring import Keyring
from app.passwords import Argon2Passwords, SealedCodes
from app.storage.engine import Database
from app.storage.people import PeopleDatabase


def sessions_on(database: Database) -> Sessions:
    return Sessions(PeopleDatabase(database))


def signing_in(settings: Settings, keyring: Keyring, database: Database) -> SignIn:
    return SignIn(
        PeopleDatabase(database),
        passwords=Argon2Passwords(),
        codes=SealedCodes(keyring.people),
        by_provider=_provider(settings),
        limits=Limits(account=settings.sign_in_tries, address=settings.sign_in_tries_address),
        token=fresh_token,
        fresh_id=fresh_id,
    )


def keeping_people(database: Database) -> KeepPeople:
    return KeepPeople(PeopleDatabase(database), token=fresh_token, fresh_id=fresh_id)


def overseeing_people(database: Database, *, sessions: Sessions, answers: Answers) -> OverseePeople:
    store = PeopleDatabase(database)
    return OverseePeople(Once(store, answers=answers), store, sessions, answer=person_bytes)


def fresh_token() -> str:
    """256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


def fresh_id() -> str:
    return PERSON_PREFIX + secrets.token_hex(6)


def _provider(settings: Settings) -> ByProvider | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    client = Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scope=settings.oidc_scope,
        claim=settings.oidc_roles_claim,
    )
    return ByProvider(OpenIdProvider(client), {group: Role(role) for group, role in settings.roles_by_group.items()})
