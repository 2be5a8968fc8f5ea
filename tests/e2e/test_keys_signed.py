"""Writes of a key that demands signatures, signed as docs/keys.md tells a till's programmer to."""

import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.e2e.checks import refused
from tests.kit import Desk, Stage, live, purchase

DOC = Path(__file__).parents[2] / "docs" / "keys.md"
SECRET = Ed25519PrivateKey.generate()
SECRET_PEM = SECRET.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC_PEM = SECRET.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
STRANGER_PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def example() -> Callable[..., httpx.Request]:
    """The document's own function."""
    code = DOC.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own document
    function: Callable[..., httpx.Request] = names["signed"]
    return function


signed = example()


class SigningTill:
    """A till whose key demands signatures."""

    def __init__(self, http: httpx.AsyncClient, made: dict[str, Any]) -> None:
        self.http, self.id, self.key = http, made["id"], made["key"]

    def request(self, method: str, path: str, body: Any = None, *, key: str = "one") -> httpx.Request:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        return self.http.build_request(method, path, json={} if body is None else body, headers=headers)

    def signed(self, method: str, path: str, body: Any = None, *, key: str = "one", **more: Any) -> httpx.Request:
        given = {"key_id": self.id, "secret_pem": SECRET_PEM, **more}
        return signed(self.request(method, path, body, key=key), **given)

    async def send(self, request: httpx.Request) -> httpx.Response:
        return await self.http.send(request)


@pytest.fixture
async def till(admin: Desk) -> SigningTill:
    body = {"role": "pos", "shops": ["S1"], "terminal": "T1", "signed_by": PUBLIC_PEM}
    made = await admin.good("POST", "/v1/keys", body)
    assert made["signed_by"] == PUBLIC_PEM
    return SigningTill(admin.http, made)


async def test_a_signed_write_is_done_and_repeated(till: SigningTill) -> None:
    sale = purchase(None)
    first = await till.send(till.signed("POST", "/v1/accrue", sale))
    assert first.status_code == 201, first.text
    again = await till.send(till.signed("POST", "/v1/accrue", sale))
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    with_query = await till.send(till.signed("POST", "/v1/accrue?explain=true", purchase(None), key="two"))
    assert with_query.status_code == 201, with_query.text


async def test_reads_and_previews_need_no_signature(till: SigningTill) -> None:
    sold = (await till.send(till.signed("POST", "/v1/accrue", purchase(None)))).json()
    assert (await till.send(till.request("GET", f"/v1/purchases/{sold['id']}"))).status_code == 200
    assert (await till.send(till.request("POST", "/v1/quote", {"basket": {"lines": []}}))).status_code == 200
    returned = {"receipt": {"number": "r"}, "all": True}
    path = f"/v1/purchases/{sold['id']}/returns"
    assert (await till.send(till.request("POST", f"{path}?preview=true", returned))).status_code == 200
    refused(await till.send(till.request("POST", f"{path}?preview=false", returned, key="b")), 401, "unauthenticated")
    refused(await till.send(till.request("POST", path, returned, key="c")), 401, "unauthenticated")


def _changed(request: httpx.Request, **headers: str) -> httpx.Request:
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    return request


def _forged(till: SigningTill) -> dict[str, httpx.Request]:
    """Every way to be wrong, one at a time."""
    sale = purchase(None)
    good = till.signed("POST", "/v1/accrue", sale)
    without = till.request("POST", "/v1/accrue", sale)
    other_body = till.signed("POST", "/v1/accrue", sale)
    other_body.stream = httpx.ByteStream(other_body.content.replace(b"10000", b"90000"))
    no_digest = till.signed("POST", "/v1/accrue", sale)
    del no_digest.headers["Content-Digest"]
    no_input = till.signed("POST", "/v1/accrue", sale)
    del no_input.headers["Signature-Input"]
    uncovered = till.signed("POST", "/v1/accrue", sale)
    uncovered.headers["Signature-Input"] = uncovered.headers["Signature-Input"].replace(' "idempotency-key"', "")
    twice = till.signed("POST", "/v1/accrue", sale)
    for name in ("Signature", "Signature-Input"):
        twice.headers[name] = f"{twice.headers[name]}, other{twice.headers[name].removeprefix('sig')}"
    other_path = till.signed("POST", "/v1/redeem", sale)
    other_path.url = other_path.url.copy_with(path="/v1/accrue")
    added_query = till.signed("POST", "/v1/accrue", sale)
    added_query.url = added_query.url.copy_with(query=b"explain=true")
    changed_query = till.signed("POST", "/v1/accrue?explain=false", sale)
    changed_query.url = changed_query.url.copy_with(query=b"explain=true")
    by_host = till.signed("POST", "/v1/redeem", sale)
    by_host.url = by_host.url.copy_with(path="/v1/accrue")
    by_host.headers["Host"] = "a/v1/redeem?"
    return {
        "another path, told by the host": by_host,
        "no signature": without,
        "another body": other_body,
        "no digest": no_digest,
        "no input": no_input,
        "another idempotency key": _changed(till.signed("POST", "/v1/accrue", sale), Idempotency_Key="other"),
        "less is covered than was signed": uncovered,
        "two signatures": twice,
        "another path": other_path,
        "a query that was added": added_query,
        "a query that was changed": changed_query,
        "another key's id": till.signed("POST", "/v1/accrue", sale, key_id="0f1e2d3c4b5a"),
        "a stranger's key": till.signed("POST", "/v1/accrue", sale, secret_pem=STRANGER_PEM),
        "a digest of another kind": _changed(till.signed("POST", "/v1/accrue", sale), Content_Digest="md5=:AAAA:"),
        "a signature cut off": _changed(good, Signature=good.headers["Signature"][:-20] + ":"),
    }


async def test_everything_else_is_refused_in_one_body_and_writes_nothing(
    till: SigningTill, owner: asyncpg.Connection
) -> None:
    unknown = await till.http.post("/v1/accrue", headers={"Authorization": "Bearer no", "X-Request-Id": "same"})
    for name, request in _forged(till).items():
        answer = await till.send(_changed(request, X_Request_Id="same"))
        refused(answer, 401, "unauthenticated")
        assert answer.content == unknown.content, name
    assert await owner.fetchval("select count(*) from purchases") == 0
    assert (await till.send(till.signed("POST", "/v1/accrue", purchase(None)))).status_code == 201


async def test_a_signature_is_good_for_five_minutes(till: SigningTill, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    for seconds, status in ((-310, 401), (310, 401), (-290, 201), (290, 201)):
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: now + seconds)  # noqa: B023 - called at once
            request = till.signed("POST", "/v1/accrue", purchase(None), key=f"at{seconds}")
        assert (await till.send(request)).status_code == status, seconds


async def test_an_expired_signature_is_refused(till: SigningTill) -> None:
    """Signed by hand, since the document's till sets no `expires`."""
    for ahead, status in ((-1, 401), (60, 201)):
        request = till.signed("POST", "/v1/accrue", purchase(None), key=f"until{ahead}")
        params = request.headers["Signature-Input"].removeprefix("sig=") + f";expires={int(time.time()) + ahead}"
        names = params[1 : params.index(")")].replace('"', "").split()
        values = {"@method": "POST", "@path": "/v1/accrue"}
        base = "\n".join([f'"{name}": {values.get(name) or request.headers[name]}' for name in names])
        base += f'\n"@signature-params": {params}'
        signature = SECRET.sign(base.encode())
        request.headers["Signature-Input"] = f"sig={params}"
        request.headers["Signature"] = f"sig=:{b64encode(signature).decode()}:"
        assert (await till.send(request)).status_code == status, ahead


async def test_the_second_key_demands_what_the_first_did(till: SigningTill, admin: Desk) -> None:
    second = SigningTill(admin.http, await admin.good("POST", f"/v1/keys/{till.id}/rotate"))
    refused(await second.send(second.request("POST", "/v1/accrue", purchase(None))), 401, "unauthenticated")
    assert (await second.send(second.signed("POST", "/v1/accrue", purchase(None)))).status_code == 201
    first_ids = second.signed("POST", "/v1/accrue", purchase(None), key="x", key_id=till.id)
    refused(await second.send(first_ids), 401, "unauthenticated")


async def test_a_real_server_sees_path_and_query_as_they_were_signed(till: SigningTill, stage: Stage) -> None:
    async with live(stage) as service, httpx.AsyncClient(base_url=service.url) as http:
        there = SigningTill(http, {"id": till.id, "key": till.key})
        sold = await there.send(there.signed("POST", "/v1/accrue?explain=true", purchase(None)))
        assert sold.status_code == 201, sold.text
        strange = "/v1/customers/01890000-0000-7000-8000-000000000000/cards/%D0%BA%20%2F1/block"
        refused(await there.send(there.signed("POST", strange, key="two")), 404, "not_found")
        refused(await there.send(there.request("POST", strange, key="two")), 401, "unauthenticated")


async def test_other_keys_need_not_sign_and_their_signatures_are_not_read(admin: Desk) -> None:
    made = await admin.good("POST", "/v1/keys", {"role": "pos", "shops": ["S1"], "terminal": "T2"})
    plain = Desk(admin.http, made["key"])
    assert (await plain.post("/v1/accrue", purchase(None))).status_code == 201
    wrong = {"Signature": "nonsense", "Signature-Input": "nonsense", "Content-Digest": "nonsense"}
    assert (await plain.post("/v1/accrue", purchase(None), headers=wrong)).status_code == 201
