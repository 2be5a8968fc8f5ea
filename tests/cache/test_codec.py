"""Snapshots as bytes."""

from dataclasses import replace
from uuid import UUID

from app.cache.codec import SHAPE, from_body, to_body
from app.flows.ledger_port import Sealed
from tests.cache.patrons import ANNA, array_of, patron


def test_the_shape_is_what_its_number_says() -> None:
    """Whoever changes what stands where sees it here, and raises the number: another release reads by the place."""
    moment = "2026-11-21T09:00:00+00:00"
    memory = patron().book.memory.to_document()
    assert SHAPE == 2
    assert array_of(patron()) == [
        *(SHAPE, ANNA.hex, 1, 1, [["points", 10, 2, 0, 0]], "gold", 5, 1, 7, moment, memory, moment, 0),
        *(len(b"wrapped"), len(b"sealed"), moment, UUID(int=9).hex, ["a"], ["vip"], {"00ff": "gold"}),
        *(True, False, False, [["points", [3, moment], None]]),
    ]


def test_an_erased_customer_comes_back_without_a_key() -> None:
    for profile in (Sealed(None, None), Sealed(b"key", None), Sealed(None, b"sealed"), Sealed(b"", b"")):
        erased = replace(patron(), profile=profile)
        assert from_body(to_body(erased), ANNA).profile == profile
