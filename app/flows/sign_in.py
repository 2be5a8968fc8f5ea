"""Signing in: by a local account (login, password, one-time code), or by an identity provider (OpenID Connect).

A guess is counted before it is looked at, by address and by account, in the database: any number of guesses at once, in
any number of processes, are no more than the limit. An address beyond its own counts nothing more, so that nobody fills
the table. Whoever is unknown, disabled or not set up yet is told the same as whoever mistyped, after the same work; the
audit log is told whose account it was. Counting by account lets others lock a known login out for a while; a provider's
people have none. Of them both halves are counted by address, before the provider is asked anything.

A provider's sign-in is bound to the browser that began it by one random token in its cookie: state, nonce and PKCE
verifier are derived from it, so that nothing is kept here meanwhile, and no other browser can end what this one began.
"""

import hmac
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address

from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.ports_people import (
    Codes,
    Identity,
    Passwords,
    Person,
    Provider,
    ProviderRefused,
    ProviderSilent,
    Session,
    SignInStore,
)
from app.flows.requests import Role
from app.flows.sessions import IDLE, LASTS, digest_of

TRIES_WITHIN = timedelta(minutes=15)
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 128
DISTINCT_MIN = 6  # Characters of a password that differ: "aaaaaaaaaaaa" is as long as it is bad.
ADDRESS_BITS_V6 = 64  # What one subscriber has.


@dataclass(frozen=True, slots=True)
class Limits:
    """Tries in `TRIES_WITHIN`; 0: no limit."""

    account: int = 10
    address: int = 50


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with its token, which is shown this once."""

    token: str
    session: Session


@dataclass(frozen=True, slots=True)
class SetUp:
    """`codes` is the address that an authenticator takes the secret from, shown this once."""

    person: Person
    codes: str


@dataclass(frozen=True, slots=True)
class ByProvider:
    """`roles` by group; the first that a person is in decides."""

    provider: Provider
    roles: Mapping[str, Role]

    def role_of(self, groups: Sequence[str]) -> Role | None:
        return next((role for group, role in self.roles.items() if group in groups), None)


class SignIn:
    """`token` makes 256 random bits as 43 characters, `fresh_id` a person's id; `by_provider` None: there is none."""

    def __init__(
        self,
        store: SignInStore,
        *,
        passwords: Passwords,
        codes: Codes,
        by_provider: ByProvider | None,
        limits: Limits,
        token: Callable[[], str],
        fresh_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._codes = codes
        self._by_provider = by_provider
        self._limits = limits
        self._token = token
        self._fresh_id = fresh_id

    async def local(self, login: str, password: str, code: str, *, ip: str) -> Opened:
        """Raises `Rejected`: `rate_limited`, else `unauthenticated` for whatever is wrong, `overloaded`."""
        login = login.strip().lower()
        of_account, of_address = _subject("account", login), _subject("address", _network_of(ip))
        await self._count(of_address, most=self._limits.address)
        account = await self._store.account(login)
        about = "" if account.person is None else f"people/{account.person}"
        await self._count(of_account, most=self._limits.account, about=about)
        is_right = await self._passwords.is_right(_normal(password), account.password)
        step = self._codes.step_of(code, sealed=account.code_secret, person_id=account.person, now=account.now)
        token = self._token()
        session = None
        if is_right and step is not None:
            session = await self._store.open_local(account, step=step, digest=digest_of(token), lasts=LASTS, idle=IDLE)
        if session is None:
            detail = "The login, the password or the code is wrong, or the code used."
            raise Rejected(Rejection.UNAUTHENTICATED, detail, about=about)
        await self._store.forget_tries(of_account)
        await self._store.give_back_tries(of_address, count=1)
        return Opened(token, session)

    async def set_up(self, invitation: str, password: str) -> SetUp:
        """Set the password that the invitation is for, once.

        Raises:
            Rejected: `unauthenticated` where the invitation is none, used or too old; `validation_error` for a
                password that anybody might guess.
        """
        digest = digest_of(invitation)
        person = await self._store.invited(digest)
        if person is None or person.login is None:
            raise _bad_invitation()
        password = _normal(password)
        _check_password(password, login=person.login)
        sealed, address = self._codes.fresh(person.id, login=person.login)
        hashed = await self._passwords.hash(password)
        if not await self._store.set_up(digest, password=hashed, code_secret=sealed):
            raise _bad_invitation()
        return SetUp(person, address)

    async def begin(self, *, back_to: str, ip: str) -> tuple[str, str]:
        """The token that the browser keeps, and where it is sent.

        Raises:
            Rejected: `not_found`, `rate_limited`, `unavailable`.
        """
        provider = self._provider().provider
        await self._count(_subject("address", _network_of(ip)), most=self._limits.address)
        token = self._token()
        try:
            address = await provider.address(
                state=state_of(token), nonce=_nonce_of(token), verifier=_verifier_of(token), back_to=back_to
            )
        except ProviderSilent:
            raise _silent() from None
        return token, address

    async def finish(self, token: str, *, state: str, code: str, issuer: str | None, back_to: str, ip: str) -> Opened:
        """Raises `Rejected`: `unauthenticated`; `insufficient_scope` where the person has no role; `rate_limited`;
        `unavailable`.
        """
        by = self._provider()
        if not hmac.compare_digest(state.encode(), state_of(token).encode()):
            raise _not_proven("state")
        of_address = _subject("address", _network_of(ip))
        await self._count(of_address, most=self._limits.address)
        try:
            identity = await by.provider.identity(
                code, nonce=_nonce_of(token), verifier=_verifier_of(token), back_to=back_to, issuer=issuer
            )
        except ProviderSilent:
            raise _silent() from None
        except ProviderRefused as refused:
            raise _not_proven(str(refused)) from None
        opened = await self._open_foreign(identity, by.role_of(identity.groups))
        await self._store.give_back_tries(of_address, count=2)  # It was begun, and ended.
        return opened

    async def _open_foreign(self, identity: Identity, role: Role | None) -> Opened:
        if role is None:
            await self._store.end_foreign(identity)
            raise Rejected(Rejection.INSUFFICIENT_SCOPE, "The provider names no group that has a role here.")
        token = self._token()
        session = await self._store.open_foreign(
            identity, role, fresh_id=self._fresh_id(), digest=digest_of(token), lasts=LASTS, idle=IDLE
        )
        if session is None:
            raise Rejected(Rejection.INSUFFICIENT_SCOPE, "This person may not sign in here.")
        return Opened(token, session)

    async def _count(self, subject: bytes, *, most: int, about: str = "") -> None:
        if not most:
            return
        tries = await self._store.count_try(subject, within=TRIES_WITHIN)
        if tries.count > most:
            retry = {"retry_after_ms": max(1, tries.seconds_left) * 1_000}
            raise Rejected(Rejection.RATE_LIMITED, "Too many tries to sign in.", facts=retry, about=about)

    def _provider(self) -> ByProvider:
        if self._by_provider is None:
            raise Rejected(Rejection.NOT_FOUND, "No identity provider is set (OIDC_ISSUER).")
        return self._by_provider


def state_of(token: str) -> str:
    return _derived(token, "state")


def _nonce_of(token: str) -> str:
    return _derived(token, "nonce")


def _verifier_of(token: str) -> str:
    return _derived(token, "verifier")


def _derived(token: str, purpose: str) -> str:
    """64 characters that nobody can know, or trace back, without the token."""
    return hmac.digest(token.encode(), f"kopilka sign-in {purpose}".encode(), "sha256").hex()


def _subject(kind: str, name: str) -> bytes:
    return sha256(f"{kind}\n{name}".encode()).digest()


def _network_of(ip: str) -> str:
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    if not isinstance(address, IPv6Address):
        return ip
    return str(address.ipv4_mapped or IPv6Network((int(address), ADDRESS_BITS_V6), strict=False))


def _normal(password: str) -> str:
    """One keyboard's letters as another's: the same characters are the same password."""
    return unicodedata.normalize("NFKC", password)


def _check_password(password: str, *, login: str) -> None:
    why = None
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        why = f"must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters"
    elif len(set(password)) < DISTINCT_MIN:
        why = f"must have at least {DISTINCT_MIN} different characters"
    elif login in password.lower():
        why = "must not hold the login"
    if why is not None:
        fault = Fault("/password", "weak", why)
        raise Rejected(Rejection.VALIDATION_ERROR, "The request has 1 mistake.", (fault,))


def _bad_invitation() -> Rejected:
    return Rejected(Rejection.UNAUTHENTICATED, "The invitation is none of ours, was used, or is too old.")


def _not_proven(why: str) -> Rejected:
    return Rejected(Rejection.UNAUTHENTICATED, f"The sign-in could not be finished ({why}); begin again.")


def _silent() -> Rejected:
    return Rejected(Rejection.UNAVAILABLE, "The identity provider does not answer.")
