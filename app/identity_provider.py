"""An OpenID Connect provider, whichever: what it says of itself (discovery), its keys, codes exchanged for whom they
stand for (authorization code with PKCE).

The tokens are PyJWT's, which signs offline allowances already: kept well, typed, and with the whole list of what an ID
token must prove; what is left of the protocol are a redirect and one POST, which httpx makes. Authlib has all of it,
untyped, and has taken leave of httpx.

What the provider says is kept for an hour. A key that isn't known is asked for anew, so rotation is seen at once; when
it isn't there either, nobody asks again for `KEYS_SECONDS`. Of a provider that is gone, or doesn't say what it is,
nobody asks anything for `SILENT_SECONDS`; what might be the fault of one code is no reason to let the others wait.

Every question has a client of its own, so that no cookie of the provider's passes from one person's sign-in to
another's, and nothing is sent on a connection that is just being closed. It takes 0.1 ms: whom to trust is read once
(16 to 60 ms), when the service starts.
"""

import asyncio
import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from app.flows.ports_people import Identity, ProviderRefused, ProviderSilent
from app.this_machine import is_private

METADATA_SECONDS = 3_600.0
KEYS_SECONDS = 10.0
SILENT_SECONDS = 5.0
PATIENCE_SECONDS = 5.0  # With one question.
EXCHANGE_SECONDS = 8.0  # With all of a sign-in, three at most; no request may take ten.
LEEWAY_SECONDS = 60  # Two servers' clocks.
TEXT_MAX = 255  # Of a subject, by the specification.
GROUPS_MAX = 1_000
ANSWER_BYTES_MAX = 1_048_576

# Of asymmetric keys only: with the client's own secret for a key, whoever knows it could sign for anybody.
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA", "RS384", "ES384", "RS512", "ES512")
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]

_SUBJECT = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows us by. `scope` has `openid`; `claim` is where groups stand, as `groups` or, nested, as
    `realm_access.roles`.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    scope: str
    claim: str


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization: str
    token: str
    keys: str
    sends_secret_in_body: bool
    names_issuer: bool


class OpenIdProvider:
    """The port `Provider`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tls = httpx.create_ssl_context()
        self._silent_until = float("-inf")
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: jwt.PyJWKSet | None = None
        self._missed_at = -KEYS_SECONDS

    async def address(self, *, state: str, nonce: str, verifier: str, back_to: str) -> str:
        async with _in_time():
            metadata = await self._read_metadata()
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": back_to,
            "scope": self._client.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{metadata.authorization}{'&' if urlsplit(metadata.authorization).query else '?'}{urlencode(asked)}"

    async def identity(self, code: str, *, nonce: str, verifier: str, back_to: str, issuer: str | None) -> Identity:
        async with _in_time():
            metadata = await self._read_metadata()
            # RFC 9207: whoever mixes up two providers of ours is told apart, where the provider says who it is.
            if issuer != self._client.issuer and (issuer is not None or metadata.names_issuer):
                raise ProviderRefused("issuer")
            token = await self._exchange(metadata, code, verifier=verifier, back_to=back_to)
            claims = await self._read_token(metadata, token)
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise ProviderRefused("nonce")
        self._check_party(claims)
        subject = claims["sub"]
        if not isinstance(subject, str) or len(subject) > TEXT_MAX or not _SUBJECT.fullmatch(subject):
            raise ProviderRefused("subject")
        return Identity(self._client.issuer, subject, _groups(claims, self._client.claim))

    async def _exchange(self, metadata: _Metadata, code: str, *, verifier: str, back_to: str) -> str:
        client = self._client
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back_to, "code_verifier": verifier}
        authorization = None
        if client.client_secret is None:
            form["client_id"] = client.client_id
        elif metadata.sends_secret_in_body:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        else:
            authorization = httpx.BasicAuth(_encoded(client.client_id), _encoded(client.client_secret))
        answer = await self._ask("POST", metadata.token, data=form, auth=authorization)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused("code")
        return token

    async def _read_token(self, metadata: _Metadata, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise ProviderRefused("algorithm")
            key = await self._key(metadata, header.get("kid"))
            return jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                audience=self._client.client_id,
                issuer=self._client.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise ProviderRefused(type(error).__name__) from None

    def _check_party(self, claims: Mapping[str, Any]) -> None:
        """A token for several is ours only where it says that we asked for it."""
        audience, party = claims["aud"], claims.get("azp")
        if (isinstance(audience, list) and len(audience) > 1 and party is None) or (
            party is not None and party != self._client.client_id
        ):
            raise ProviderRefused("party")

    async def _key(self, metadata: _Metadata, kid: object) -> jwt.PyJWK:
        if self._keys is not None and (found := _chosen(self._keys, kid)) is not None:
            return found
        if time.monotonic() < self._missed_at + KEYS_SECONDS:
            raise ProviderRefused("key")
        try:
            self._keys = jwt.PyJWKSet.from_dict(await self._ask("GET", metadata.keys))
        except (jwt.PyJWTError, ValueError, TypeError):
            raise self._gone() from None
        found = _chosen(self._keys, kid)
        if found is None:
            self._missed_at = time.monotonic()
            raise ProviderRefused("key")
        return found

    async def _read_metadata(self) -> _Metadata:
        now = time.monotonic()
        if self._metadata is not None and now < self._metadata[0]:
            return self._metadata[1]
        told = await self._ask("GET", self._client.issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            metadata = _metadata_of(told, issuer=self._client.issuer)
        except ValueError:
            raise self._gone() from None
        self._metadata = (now + METADATA_SECONDS, metadata)
        return metadata

    async def _ask(
        self, method: str, url: str, *, data: Mapping[str, str] | None = None, auth: httpx.Auth | None = None
    ) -> dict[str, Any]:
        """The JSON object that an endpoint answers; no redirect is followed.

        Raises:
            ProviderSilent: it doesn't answer, or nothing that can be read, or hasn't a moment ago.
            ProviderRefused: 4xx to what the browser brought.
        """
        if time.monotonic() < self._silent_until:
            raise ProviderSilent
        told, is_gone = None, method == "GET"  # Nobody's code can be at fault.
        try:
            # httpx counts the time of a read, not of them all.
            async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient(verify=self._tls, timeout=None) as http:  # noqa: S113 - it is bounded
                answer = await http.request(method, url, data=data, auth=auth, headers={"Accept": "application/json"})
            if method == "POST" and 400 <= answer.status_code < 500:
                raise ProviderRefused("code")
            told = answer.json() if answer.status_code == 200 and len(answer.content) <= ANSWER_BYTES_MAX else None
        except httpx.ConnectError:
            is_gone = True
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError):
            pass
        if not isinstance(told, dict):
            raise self._gone() if is_gone else ProviderSilent
        return told

    def _gone(self) -> ProviderSilent:
        """Nobody asks it for a while."""
        self._silent_until = time.monotonic() + SILENT_SECONDS
        return ProviderSilent()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Raises ProviderSilent where all that is done in the block takes too long."""
    try:
        async with asyncio.timeout(EXCHANGE_SECONDS):
            yield
    except TimeoutError:
        raise ProviderSilent from None


def _metadata_of(told: Mapping[str, Any], *, issuer: str) -> _Metadata:
    """Raises ValueError for what is said of another, or can't be used."""
    if told.get("issuer") != issuer:
        raise ValueError("issuer")
    methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return _Metadata(
        authorization=_endpoint(told, "authorization_endpoint"),
        token=_endpoint(told, "token_endpoint"),
        keys=_endpoint(told, "jwks_uri"),
        sends_secret_in_body="client_secret_basic" not in methods and "client_secret_post" in methods,
        names_issuer=told.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(told: Mapping[str, Any], name: str) -> str:
    """Codes and keys travel over TLS, or stay on the machine. Raises ValueError."""
    value = told.get(name)
    if not isinstance(value, str) or not is_private(value):
        raise ValueError(name)
    return value


def _chosen(keys: jwt.PyJWKSet, kid: object) -> jwt.PyJWK | None:
    """The key of this id; without one the only key there is."""
    signing = [key for key in keys if key.public_key_use in (None, "sig")]
    if kid is None:
        return signing[0] if len(signing) == 1 else None
    return next((key for key in signing if key.key_id == kid), None)


def _groups(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """A claim's value or values; none where it isn't there."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values[:GROUPS_MAX] if isinstance(each, str))


def _encoded(text: str) -> str:
    """RFC 6749, section 2.3.1: form-encoded before it goes into Basic."""
    return urlencode({"": text})[1:]
