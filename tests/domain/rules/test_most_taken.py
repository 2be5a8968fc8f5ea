"""What a basket may take at most; that no decision takes more is held against every purchase of the ledger's model
tests (`tests.domain.ledger.bank`).
"""

from typing import Any

import pytest

from app.domain.basket import Basket, Line
from app.domain.programs import read_program
from app.domain.rules.compiled import compile_program
from app.domain.rules.most_taken import most_taken

PROGRAM = {
    "currency": "RUB",
    "timezone": "UTC",
    "wallets": {"points": {"value": 100}, "cashback": {"value": 1}, "stamps": {"value": 0}, "miles": {"value": 1}},
    "redemption": {"wallets": ["points", "cashback", "stamps"], "max_share": "0.30"},
    "rules": [
        {"id": "mug", "kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": 150, "stamps": 3}},
        {"id": "off", "kind": "discount", "give": {"percent": "10"}},
    ],
}
BASKET = Basket(lines=(Line(id="1", qty_milli=1_500, price=9_999), Line(id="2", qty_milli=1_000, price=501)))  # 15,500


@pytest.mark.parametrize(
    ("redeem", "rewards", "most"),
    [
        ({}, {}, {}),
        ({"points": 70}, {}, {"points": 70}),
        ({"points": 0}, {}, {}),
        ({"points": "max"}, {}, {"points": 46}),  # 30 % of 15,500 are 4,650.
        ({"cashback": "max", "points": "max"}, {}, {"cashback": 4_650, "points": 46}),
        ({"stamps": "max"}, {}, {}),  # Worth nothing: no basket is paid with it.
        ({"miles": "max", "nonsense": "max"}, {}, {}),  # Refused, like what comes next.
        ({"points": -5}, {}, {}),
        ({}, {"mug": 2}, {"points": 300, "stamps": 6}),
        ({}, {"mug": 0, "off": 1, "nonsense": 7}, {}),
        ({"points": "max"}, {"mug": 1}, {"points": 196, "stamps": 3}),
        ({"points": 10, "stamps": 1}, {"mug": 1}, {"points": 160, "stamps": 4}),
    ],
)
def test_what_a_basket_may_take_at_most(redeem: Any, rewards: dict[str, int], most: dict[str, int]) -> None:
    program = compile_program(read_program(PROGRAM))
    assert most_taken(program, BASKET, redeem=redeem, rewards=rewards) == most
