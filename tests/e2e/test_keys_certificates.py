"""Keys bound to a client certificate that a trusted proxy forwards; forged headers change nothing."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.api.certificates import ClientCertificates
from app.api.proxies import TrustedProxies
from app.config import BadSetting, Settings
from app.domain.rejections import Rejected
from app.main import build_app
from app.wiring import open_service
from tests.e2e.checks import refused
from tests.kit import Desk, Stage, live, purchase

PROXY, STRANGER = "10.1.2.3", "203.0.113.9"
FORGED = {
    "Forwarded": f"for={PROXY};by={PROXY};proto=https",
    "X-Forwarded-For": f"{PROXY}, {PROXY}",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": PROXY,
    "X-Client-Cert": "any",
    "True-Client-IP": PROXY,
}


def certificate(name: str) -> bytes:
    """A till's certificate, DER."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, None).public_bytes(Encoding.DER)


TILLS, ANOTHER = certificate("till"), certificate("another till")


def header_of(der: bytes) -> str:
    return f":{base64.b64encode(der).decode()}:"


@asynccontextmanager
async def behind(stage: Stage, *, address: str, proxies: str) -> AsyncIterator[httpx.AsyncClient]:
    """The service as who connects from this address sees it."""
    settings = stage.settings(trusted_proxies=proxies)
    async with open_service(
        settings, stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
    ) as service:
        edge = build_app(
            lambda: pytest.fail("it is open"), phone_region="RU", trusted_proxies=settings.trusted_networks
        )
        edge.open(service)
        transport = httpx.ASGITransport(app=edge, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://kopilka") as http:
            yield http
        await edge.close()


@pytest.fixture
async def bound_key(admin: Desk) -> str:
    body = {"role": "pos", "shops": ["S1"], "terminal": "T1", "certificate_sha256": sha256(TILLS).hexdigest().upper()}
    made = await admin.good("POST", "/v1/keys", body)
    assert made["certificate_sha256"] == sha256(TILLS).hexdigest()
    return str(made["key"])


async def asked(http: httpx.AsyncClient, key: str, headers: Mapping[str, str]) -> httpx.Response:
    return await Desk(http, key).call("POST", "/v1/accrue", purchase(None), headers=headers)


async def test_a_bound_key_works_with_its_certificate_through_the_proxy_alone(
    stage: Stage, bound_key: str, owner: asyncpg.Connection
) -> None:
    right, wrong = {"Client-Cert": header_of(TILLS)}, {"Client-Cert": header_of(ANOTHER)}
    async with behind(stage, address=PROXY, proxies="10.1.0.0/16, ::1") as http:
        assert (await asked(http, bound_key, right)).status_code == 201
        assert (await Desk(http, bound_key).call("GET", "/v1/requests/x", headers=right)).status_code == 200
        refused(await asked(http, bound_key, wrong), 401, "unauthenticated")
        refused(await asked(http, bound_key, {}), 401, "unauthenticated")
        refused(await Desk(http, bound_key).get("/v1/requests/x"), 401, "unauthenticated")
    for address, proxies in ((STRANGER, "10.1.0.0/16"), (PROXY, ""), (PROXY, "10.2.0.0/16")):
        async with behind(stage, address=address, proxies=proxies) as http:
            refused(await asked(http, bound_key, right), 401, "unauthenticated")
            refused(await asked(http, bound_key, {**right, **FORGED}), 401, "unauthenticated")
    assert await owner.fetchval("select count(*) from purchases") == 1


async def test_the_refusal_is_that_of_an_unknown_key(stage: Stage, bound_key: str) -> None:
    async with behind(stage, address=STRANGER, proxies="") as http:
        same = {"X-Request-Id": "same", "Client-Cert": header_of(TILLS)}
        assert (await asked(http, bound_key, same)).content == (await asked(http, "nonsense", same)).content


async def test_a_header_that_is_there_twice_or_can_not_be_read_is_none(stage: Stage, bound_key: str) -> None:
    good = header_of(TILLS)
    async with behind(stage, address=PROXY, proxies=PROXY) as http:
        for wrong in (good[1:-1], good[:-1], "::", ":", "", f":{good[2:]}", good + ", " + good, ":not base64:"):
            refused(await asked(http, bound_key, {"Client-Cert": wrong}), 401, "unauthenticated")
        twice = [("Authorization", f"Bearer {bound_key}"), ("Client-Cert", good), ("Client-Cert", header_of(ANOTHER))]
        refused(await http.get("/v1/requests/x", headers=twice), 401, "unauthenticated")
        assert (await http.get("/v1/requests/x", headers=twice[:2])).status_code == 200


async def test_forged_headers_change_nothing_for_other_keys(stage: Stage, till: Desk) -> None:
    headers = {**FORGED, "Client-Cert": header_of(TILLS)}
    async with behind(stage, address=STRANGER, proxies=PROXY) as http:
        desk, plain = Desk(http, till.key), await Desk(http, till.key).get("/v1/requests/x")
        forged = await desk.call("GET", "/v1/requests/x", headers=headers)
        assert (forged.status_code, forged.content) == (plain.status_code, plain.content) == (200, plain.content)
        refused(await desk.call("GET", "/v1/keys", headers=headers), 403, "insufficient_scope")


async def test_a_real_server_believes_its_connections_alone(stage: Stage, bound_key: str) -> None:
    """On a socket of loopback: uvicorn would believe that address's forwarding headers by default."""
    right = {"Client-Cert": header_of(TILLS)}
    async with live(stage, TRUSTED_PROXIES=PROXY) as service, httpx.AsyncClient(base_url=service.url) as http:
        for headers in (right, {**right, **FORGED}):
            refused(await asked(http, bound_key, headers), 401, "unauthenticated")
    trusting = live(stage, TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8", FORWARDED_ALLOW_IPS="*")
    async with trusting as service, httpx.AsyncClient(base_url=service.url) as http:
        assert (await asked(http, bound_key, right)).status_code == 201
        assert (await asked(http, bound_key, {**right, "X-Forwarded-For": STRANGER})).status_code == 201


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_an_address_is_the_same_in_both_spellings(address: str) -> None:
    proxies = TrustedProxies(Settings(trusted_proxies="10.1.0.0/16").trusted_networks)
    pairs = [(b"client-cert", header_of(TILLS).encode())]
    ClientCertificates(proxies).check(sha256(TILLS).digest(), address=address, pairs=pairs)
    for other in ("::ffff:10.2.2.3", "", "unix:", "10.1.2.3.4"):
        with pytest.raises(Rejected):
            ClientCertificates(proxies).check(sha256(TILLS).digest(), address=other, pairs=pairs)


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8", "0.0.0.0/0", "10.0.0.1,::/0", "300.1.1.1"])
def test_a_bad_list_of_proxies_stops_the_start(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)
    with pytest.raises(BadSetting, match="setting TRUSTED_PROXIES must"):
        Settings.read()


def test_no_proxy_is_trusted_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSTED_PROXIES", raising=False)
    assert Settings.read().trusted_networks == ()
