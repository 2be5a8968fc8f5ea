"""Where a request comes from, by its connection and by what trusted proxies have added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.proxies import TrustedProxies
from app.config import Settings

PROXIES = TrustedProxies(Settings(trusted_proxies="10.1.0.0/16, 2001:db8:1::/64, ::1").trusted_networks)
PROXY, ANOTHER, PROXY_V6 = "10.1.2.3", "10.1.9.9", "2001:db8:1::7"
GUEST, LIE, GUEST_V6 = "203.0.113.9", "192.0.2.66", "2001:db8:2::1"


def origin(peer: str, *values: str) -> str:
    """With a header of the name for each value."""
    pairs = [(b"x-forwarded-for", value.encode("latin-1")) for value in values]
    return PROXIES.origin(peer, [(b"forwarded", f"for={LIE}".encode()), *pairs, (b"x-real-ip", LIE.encode())])


@pytest.mark.parametrize("peer", [GUEST, GUEST_V6, "10.2.0.1", "", "unix:", "::ffff:203.0.113.9"])
def test_a_stranger_is_who_has_connected_whatever_they_send(peer: str) -> None:
    for value in ("", LIE, PROXY, f"{PROXY}, {LIE}", f"{LIE}, {PROXY}", "x"):
        assert origin(peer, value) == peer


@pytest.mark.parametrize(
    ("peer", "values", "found"),
    [
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, [GUEST], GUEST),
        (PROXY, [f"{LIE}, {GUEST}"], GUEST),
        (PROXY, [f"{PROXY}, {LIE}, {GUEST}"], GUEST),
        (PROXY, [f" {LIE} ,{GUEST}\t"], GUEST),
        # Through several: each names the one before it.
        (PROXY, [f"{LIE}, {GUEST}, {ANOTHER}"], GUEST),
        (PROXY, [f"{GUEST}, {PROXY_V6}, {ANOTHER}"], GUEST),
        (PROXY, [f"{ANOTHER}, {PROXY_V6}"], ANOTHER),  # From one of the proxies itself.
        # As several headers, of which later ones were added later.
        (PROXY, [LIE, GUEST], GUEST),
        (PROXY, [LIE, f"{GUEST}, {ANOTHER}"], GUEST),
        # IPv6, in all its spellings.
        ("::1", [GUEST_V6], GUEST_V6),
        (PROXY_V6, ["2001:DB8:0002:0:0::1"], GUEST_V6),
        (PROXY, [f"[{GUEST_V6}]:4711"], GUEST_V6),
        (PROXY, [f"[{GUEST_V6}]"], GUEST_V6),
        (PROXY, ["fe80::1%eth0"], "fe80::1"),
        ("::ffff:10.1.2.3", [f"::ffff:{GUEST}"], GUEST),
        (PROXY, [f"{GUEST}, ::ffff:{ANOTHER}"], GUEST),
        (PROXY, [f"{GUEST}:4711"], GUEST),
        # What can't be read: nobody knows what is left of it.
        (PROXY, ["unknown"], PROXY),
        (PROXY, [f"{LIE}, unknown"], PROXY),
        (PROXY, [f"{LIE}, unknown, {ANOTHER}"], ANOTHER),
        (PROXY, [f"{LIE}, , {ANOTHER}"], ANOTHER),
        (PROXY, [f"{LIE},"], PROXY),
        (PROXY, ["10.1.2.3.4"], PROXY),
        (PROXY, ["_hidden, 1, \xff\x00, for=203.0.113.9"], PROXY),
    ],
)
def test_it_is_the_first_whom_nobody_trusts_from_the_right(peer: str, values: list[str], found: str) -> None:
    assert origin(peer, *values) == found


@given(st.lists(st.sampled_from([PROXY, ANOTHER, PROXY_V6, LIE, GUEST_V6, "x", "", "[", "]:1"]), max_size=6))
def test_what_a_guest_sends_changes_nothing(sent: list[str]) -> None:
    """The proxy adds the guest's address to whatever came."""
    assert origin(PROXY, ",".join([*sent, GUEST])) == GUEST


@given(st.binary(max_size=60))
def test_garbage_is_read_by_nobody_and_breaks_nothing(value: bytes) -> None:
    found = PROXIES.origin(PROXY, [(b"x-forwarded-for", value)])
    assert len(found) <= 39


def test_without_the_setting_nobody_is_trusted() -> None:
    assert TrustedProxies().origin("127.0.0.1", [(b"x-forwarded-for", LIE.encode())]) == "127.0.0.1"
    assert not TrustedProxies().trusts("127.0.0.1")
