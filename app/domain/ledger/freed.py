"""What others than the customer get back by a return, a release or a hold's end."""

from typing import NamedTuple

from app.domain.draws.records import DrawRecord


class Freed(NamedTuple):
    """`counters` are (name, period, units below 0) of the program, `coupons` codes whose use goes back, `voided` codes
    that were given out and are no longer good, `draws` those whose prizes came back.
    """

    counters: tuple[tuple[str, str, int], ...]
    coupons: tuple[str, ...]
    voided: tuple[str, ...]
    draws: tuple[DrawRecord, ...]
