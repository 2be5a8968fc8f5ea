"""What a browser sends and keeps for a session: cookies, the origin of its pages, the token that guards its writes.

A cookie goes with every request to us, whichever page has made it. So a write with a session must say by headers that
no page can set for a browser (`Origin`, `Sec-Fetch-Site`) that it comes from our own origin, and must carry in
`X-CSRF-Token` what only a page of ours could read. That token is derived from the session's, so it is bound to it and
kept nowhere; a page can't read the session's own, which is HttpOnly.

Our origin is PUBLIC_URL. Without it people can sign in on this machine only, by plain HTTP, and the cookie has not the
prefix `__Host-`, which browsers keep for TLS. On this machine is who comes from a loopback address and calls us by one:
anybody may write any name into `Host`.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from app.domain.rejections import Rejected, Rejection, unauthenticated
from app.this_machine import is_here

SESSION = "kopilka"
SIGN_IN = "kopilka-sign-in"
SIGN_IN_SECONDS = 600  # As long as anybody takes to sign in at the provider.

Header = tuple[bytes, bytes]


def csrf_of(token: str) -> str:
    return hmac.digest(token.encode(), b"kopilka writes of a session", "sha256").hex()


class Site:
    """Where browsers reach us: PUBLIC_URL, None where it isn't set."""

    def __init__(self, public_url: str | None = None) -> None:
        self._origin = None if public_url is None else public_url.rstrip("/")
        self._prefix = "__Host-" if public_url is not None and public_url.startswith("https://") else ""

    def entrance(self, headers: Mapping[bytes, bytes], *, ip: str) -> str:
        """The origin, for whoever signs in from this address. Raises `Rejected` where nobody may from there."""
        if self._origin is None and not is_here(ip):
            raise _not_public()
        return self.origin(headers)

    def origin(self, headers: Mapping[bytes, bytes]) -> str:
        """Raises `Rejected` where nobody has said under which name we are public."""
        if self._origin is not None:
            return self._origin
        host = headers.get(b"host", b"").decode("latin-1")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if not is_here(name):
            raise _not_public()
        return f"http://{host}"

    def token(self, headers: Mapping[bytes, bytes], name: str = SESSION) -> str:
        """The value of a cookie of ours. Raises `Rejected(UNAUTHENTICATED)` where there isn't one, but exactly one."""
        wanted = f"{self._prefix}{name}".encode()
        found = [
            value
            for key, _, value in (part.strip().partition(b"=") for part in headers.get(b"cookie", b"").split(b";"))
            if key == wanted
        ]
        if len(found) != 1 or not found[0].isascii():
            raise unauthenticated()
        return found[0].decode("ascii")

    def keep(self, name: str, token: str, *, seconds: int) -> Header:
        """The header that makes a browser keep a cookie; 0 seconds: forget it."""
        secure = "; Secure" if self._prefix else ""
        value = f"{self._prefix}{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        return b"set-cookie", value.encode("ascii")

    def check_origin(self, headers: Mapping[bytes, bytes], *, must_say: bool) -> None:
        """Raises `Rejected` where a page of another origin asks, or nobody says whose it is and that must be said."""
        origin, fetch_site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        is_ours = (origin is None or origin.decode("latin-1") == self.origin(headers)) and fetch_site in {
            None,
            b"same-origin",
        }
        if not is_ours or (must_say and origin is None and fetch_site is None):
            raise Rejected(Rejection.INSUFFICIENT_SCOPE, "A page of another origin may not do that with a session.")

    def check_write(self, headers: Mapping[bytes, bytes], token: str) -> None:
        """Raises `Rejected` where a session's write isn't one of our own pages'."""
        self.check_origin(headers, must_say=True)
        if not hmac.compare_digest(headers.get(b"x-csrf-token", b""), csrf_of(token).encode()):
            raise Rejected(Rejection.INSUFFICIENT_SCOPE, "Send the session's csrf_token as X-CSRF-Token.")


def _not_public() -> Rejected:
    return Rejected(Rejection.INSUFFICIENT_SCOPE, "People sign in here once PUBLIC_URL is set.")
