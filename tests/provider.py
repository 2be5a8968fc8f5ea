"""An OpenID Connect provider in a process of its own, on loopback: `python -m tests.provider PORT`.

It holds its clients to the protocol (PKCE, redirect address, codes good once, the client's secret) and signs by its own
RS256 or ES256 keys. POST /control tells it who is signed in there, to rotate its keys, and what shall be wrong with the
next tokens. It shares no code with the service.
"""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.kit import free_port

CLIENT, SECRET = "kopilka", "s3cret of the client / + &"


class Keys:
    """The key that signs, with its id; the ones before stay published."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.rotate("RS256")

    def rotate(self, algorithm: str) -> None:
        self.algorithm, self.kid = algorithm, secrets.token_hex(4)
        if algorithm == "RS256":
            self.private: Any = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
            told = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            self.private = ec.generate_private_key(ec.SECP256R1())
            told = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        self.published.append({**told, "kid": self.kid, "use": "sig", "alg": algorithm})

    def public_pem(self) -> bytes:
        pem: bytes = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem


class State:
    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys = Keys()
        self.user: dict[str, Any] = {"sub": "u1", "groups": ["help"]}
        self.flaw = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "nonce": nonce, "iat": now, "exp": now + 300, **self.user}
        headers, key, algorithm = {"kid": self.keys.kid}, self.keys.private, self.keys.algorithm
        wrong: dict[str, dict[str, Any]] = {
            "issuer": {"iss": "https://another.example"},
            "audience": {"aud": "another"},
            "no_party": {"aud": [CLIENT, "another"]},
            "party": {"aud": [CLIENT, "another"], "azp": "another"},
            "nonce": {"nonce": "another"},
            "expired": {"iat": now - 900, "exp": now - 600},
            "future": {"iat": now + 600, "exp": now + 900},
            "subject": {"sub": "имя с пробелом"},
        }
        claims |= wrong.get(self.flaw, {})
        if self.flaw.startswith("no:"):
            claims.pop(self.flaw.removeprefix("no:"))
        if self.flaw == "none":
            return f"{_b64(json.dumps({'alg': 'none', **headers}).encode())}.{_b64(json.dumps(claims).encode())}."
        if self.flaw in {"secret", "public"}:  # The client's secret, or the public key as if it were one.
            return by_hand(claims, SECRET.encode() if self.flaw == "secret" else self.keys.public_pem(), headers)
        if self.flaw == "unknown_key":
            headers = {"kid": "nobody's"}
        if self.flaw == "another_key":
            key = Keys().private if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
        token = jwt.encode(claims, key, algorithm=algorithm, headers=headers)
        if self.flaw == "changed":
            head, _, signature = token.split(".")
            return f"{head}.{_b64(json.dumps({**claims, 'groups': ['boss']}).encode())}.{signature}"
        return token


def by_hand(claims: dict[str, Any], secret: bytes, headers: dict[str, str]) -> str:
    """Signed by a secret of any kind, which PyJWT would not do."""
    signed = f"{_b64(json.dumps({'alg': 'HS256', **headers}).encode())}.{_b64(json.dumps(claims).encode())}"
    return f"{signed}.{_b64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Handler(BaseHTTPRequestHandler):
    state: State

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.state.asked.append(parts.path)
        if self.state.flaw == "silent":
            self._say(500, {})
        elif parts.path == "/.well-known/openid-configuration":
            self._say(200, self._metadata())
        elif parts.path == "/keys":
            self._say(200, {"keys": self.state.keys.published})
        elif parts.path == "/authorize":
            self._authorize({name: values[0] for name, values in parse_qs(parts.query).items()})
        elif parts.path == "/asked":
            self._say(200, {"asked": self.state.asked})
        else:
            self._say(404, {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.state.asked.append(self.path)
        if self.path == "/control":
            self._control(json.loads(raw))
        elif self.path == "/token":
            self._token({name: values[0] for name, values in parse_qs(raw).items()})
        else:
            self._say(404, {})

    def _metadata(self) -> dict[str, Any]:
        issuer = self.state.issuer
        return {
            "issuer": "https://another.example" if self.state.flaw == "metadata" else issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": "http://id.example/token" if self.state.flaw == "plain" else f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        }

    def _control(self, told: dict[str, Any]) -> None:
        self.state.flaw = told.get("flaw", "")
        self.state.user = told.get("user", self.state.user)
        if "rotate" in told:
            self.state.keys.rotate(told["rotate"])
        self._say(200, {})

    def _authorize(self, asked: dict[str, str]) -> None:
        is_sound = (
            asked.get("response_type") == "code"
            and asked.get("client_id") == CLIENT
            and "openid" in asked.get("scope", "").split()
            and asked.get("code_challenge_method") == "S256"
            and len(asked.get("code_challenge", "")) == 43
            and {"state", "nonce", "redirect_uri"} <= asked.keys()
        )
        if not is_sound:
            self._say(400, {"error": "invalid_request"})
            return
        code = secrets.token_urlsafe(24)
        self.state.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.state.issuer, "session_state": "of ours"}
        if self.state.flaw == "mixed_up":
            answer["iss"] = "https://another.example"
        if self.state.flaw == "unnamed":
            answer.pop("iss")
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(answer)}")
        self.end_headers()

    def _token(self, form: dict[str, str]) -> None:
        asked = self.state.codes.pop(form.get("code", ""), None)
        user, _, password = (
            base64.b64decode(self.headers.get("Authorization", "Basic Og==")[6:]).decode().partition(":")
        )
        if (user, unquote(password.replace("+", " "))) != (CLIENT, SECRET):
            self._say(401, {"error": "invalid_client"})
            return
        challenge = _b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            self._say(400, {"error": "invalid_grant"})
            return
        self._say(200, {"access_token": "x", "token_type": "Bearer", "id_token": self.state.id_token(asked["nonce"])})

    def _say(self, status: int, document: dict[str, Any]) -> None:
        raw = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.state.flaw == "drip" and self.path != "/control":
            for byte in raw:
                self.wfile.write(bytes((byte,)))
                time.sleep(0.05)
        else:
            self.wfile.write(raw)


@dataclass(frozen=True, slots=True)
class RunningProvider:
    issuer: str

    def control(self, **told: Any) -> None:
        _post(f"{self.issuer}/control", told)

    def asked(self) -> list[str]:
        with urllib.request.urlopen(f"{self.issuer}/asked", timeout=5) as answer:  # noqa: S310 - ours, on loopback
            found: list[str] = json.load(answer)["asked"]
        return found


def _post(url: str, document: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(document).encode(), method="POST")  # noqa: S310 - likewise
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - likewise


@contextmanager
def running_provider() -> Iterator[RunningProvider]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.provider", str(port)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield RunningProvider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=5)
        if process.stdout is not None:
            process.stdout.close()


def main(port: int) -> None:
    Handler.state = State(f"http://127.0.0.1:{port}")
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
