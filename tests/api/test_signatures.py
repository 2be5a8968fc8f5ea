"""Signed writes held against RFC 9421's own vectors, and against whatever may come in their place."""

from base64 import b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import HTTPMessageVerifier, InvalidSignature, MappingKeyResolver, algorithms
from hypothesis import given
from hypothesis import strategies as st

from app.api.signatures import RequestView, check_signature, public_key_of, public_pem
from app.domain.rejections import Rejected, Rejection

# RFC 9421, appendix B.1.4, B.2 and B.2.6.
TEST_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
_COVERED = b'("date" "@method" "@path" "@authority" "content-type" "content-length")'
_DIGEST = b"WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew=="
_SIGNATURE = b"wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
TEST_REQUEST = [
    (b"host", b"example.com"),
    (b"date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
    (b"content-type", b"application/json"),
    (b"content-digest", b"sha-512=:" + _DIGEST + b":"),
    (b"content-length", b"18"),
    (b"signature-input", b"sig-b26=" + _COVERED + b';created=1618884473;keyid="test-key-ed25519"'),
    (b"signature", b"sig-b26=:" + _SIGNATURE + b":"),
]
# Section 2.5: what is signed, to the letter.
SIGNATURE_BASE = (
    '"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
    '"@method": POST\n'
    '"@path": /foo\n'
    '"@authority": example.com\n'
    '"content-type": application/json\n'
    '"content-length": 18\n'
    '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SECRET.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def verified(pairs: list[tuple[bytes, bytes]], *, path: bytes = b"/foo") -> Any:
    key = {"test-key-ed25519": TEST_KEY.encode()}
    resolver = MappingKeyResolver(public_keys=key, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
    return verifier.verify(RequestView.of(pairs, method="POST", path=path, query=b"param=Value&Pet=dog"), max_age=None)


def test_the_request_of_the_rfc_is_signed_as_it_says() -> None:
    (result,) = verified(TEST_REQUEST)
    lines = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())
    assert lines == SIGNATURE_BASE


@pytest.mark.parametrize("place", range(len(TEST_REQUEST)))
def test_what_is_covered_can_not_be_changed(place: int) -> None:
    name, value = TEST_REQUEST[place]
    middle = next(at for at in range(len(value) // 2, len(value)) if value[at : at + 1].isalnum())
    wrong = value[:middle] + (b"8" if value[middle : middle + 1] != b"8" else b"7") + value[middle + 1 :]
    changed = [*TEST_REQUEST[:place], (name, wrong), *TEST_REQUEST[place + 1 :]]
    if name == b"content-digest":  # The RFC's example doesn't cover it.
        verified(changed)
        return
    with pytest.raises(InvalidSignature):
        verified(changed)
    with pytest.raises(InvalidSignature):
        verified(TEST_REQUEST, path=b"/fop")


def test_the_rfcs_request_itself_is_too_old_and_covers_too_little() -> None:
    assert refuses(TEST_REQUEST, key_id="test-key-ed25519", public_key=public_key_of(TEST_KEY))


def refuses(pairs: Any, *, key_id: str = "k", public_key: bytes = PUBLIC) -> bool:
    try:
        check_signature(pairs, method="POST", path=b"/foo", query=b"", key_id=key_id, public_key=public_key)
    except Rejected as rejected:
        return rejected.rejection is Rejection.UNAUTHENTICATED
    return False


NAMES = st.sampled_from([b"signature", b"signature-input", b"content-digest", b"idempotency-key", b"host", b"x"])
PIECES = st.sampled_from(
    [
        *("sig", "@method", "@path", "content-digest", "created", "keyid", "k", "sf", "bs", "key", "req", "tr", "AA=="),
        *("=", "(", ")", '"', ";", ":", ",", "-", "@", "?1", " ", "\t", "\\", "%", "é", "\x00", "1", "9" * 20, "1.5"),
    ]
)
VALUES = st.lists(PIECES, max_size=24).map(lambda pieces: "".join(pieces).encode("latin-1"))


@given(st.lists(st.tuples(NAMES, VALUES | st.binary(max_size=40)), max_size=8))
def test_whatever_stands_in_the_headers_is_a_no_and_nothing_else(pairs: list[tuple[bytes, bytes]]) -> None:
    assert refuses(pairs)


@given(st.lists(VALUES, min_size=1, max_size=3), st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_path_and_query_are_signed_is_a_no(inputs: list[bytes], path: bytes, query: bytes) -> None:
    pairs = [(b"signature-input", b"sig=" + each) for each in inputs] + [(b"signature", b"sig=:AA==:")]
    with pytest.raises(Rejected):
        check_signature(pairs, method="POST", path=path, query=query, key_id="k", public_key=PUBLIC)


def test_only_an_ed25519_key_signs() -> None:
    assert public_key_of(TEST_KEY) == b64decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    assert public_key_of(public_pem(PUBLIC)) == PUBLIC
    rsa = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMSCMN5ssA==\n-----END PUBLIC KEY-----\n"
    for text in (
        "",
        "x",
        rsa,
        TEST_KEY.replace("M", "N"),
        "\x00",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
    ):
        with pytest.raises(ValueError, match="public key"):
            public_key_of(text)
