"""What is taken for a session's cookie and for a page of ours."""

import pytest

from app.api.sessions_cookies import SESSION, Site, csrf_of
from app.domain.rejections import Rejected, Rejection

PUBLIC = Site("https://kopilka.example")
TOKEN = "t" * 43


def code_of(rejected: pytest.ExceptionInfo[Rejected]) -> Rejection:
    return rejected.value.rejection


@pytest.mark.parametrize(
    "cookie",
    [
        b"",
        b"kopilka=x",
        b"__Host-kopilka=x; __Host-kopilka=y",
        b"__host-kopilka=x",
        b"x__Host-kopilka=x",
        b"__Host-kopilka-sign-in=x",
        b"__Host-kopilka=\xff",
    ],
)
def test_what_is_not_our_cookie_once_is_none(cookie: bytes) -> None:
    with pytest.raises(Rejected) as rejected:
        PUBLIC.token({b"cookie": cookie})
    assert code_of(rejected) is Rejection.UNAUTHENTICATED


def test_our_cookie_is_found_among_others() -> None:
    assert PUBLIC.token({b"cookie": b"a=b; __Host-kopilka=" + TOKEN.encode() + b";c"}) == TOKEN
    assert PUBLIC.keep(SESSION, TOKEN, seconds=5)[1].decode() == (
        f"__Host-kopilka={TOKEN}; Path=/; Max-Age=5; HttpOnly; SameSite=Lax; Secure"
    )


@pytest.mark.parametrize("host", [b"127.0.0.1:8000", b"localhost", b"[::1]:9"])
def test_without_a_public_name_this_machine_is_our_origin(host: bytes) -> None:
    assert Site().origin({b"host": host}) == f"http://{host.decode()}"


@pytest.mark.parametrize("host", [b"", b"evil.example", b"127.0.0.1.evil.example", b"127.0.0.1@evil.example", b"[::1"])
def test_and_nothing_else_is(host: bytes) -> None:
    with pytest.raises(Rejected) as rejected:
        Site().origin({b"host": host})
    assert code_of(rejected) is Rejection.INSUFFICIENT_SCOPE


def test_the_guard_of_writes_is_the_sessions_own_and_not_the_session() -> None:
    headers = {b"origin": b"https://kopilka.example", b"x-csrf-token": csrf_of(TOKEN).encode()}
    PUBLIC.check_write(headers, TOKEN)
    for wrong in (csrf_of("u" * 43).encode(), TOKEN.encode(), b"", "ключ".encode()):
        with pytest.raises(Rejected):
            PUBLIC.check_write({**headers, b"x-csrf-token": wrong}, TOKEN)
    with pytest.raises(Rejected):
        PUBLIC.check_write({**headers, b"origin": b"https://kopilka.example.evil.example"}, TOKEN)
