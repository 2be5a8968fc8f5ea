"""How much of each wallet a basket may take, known before it is decided: what of a customer's lots has to be read.

It may name more than the decision takes, never less: what is asked for in units is paid in full or refused, `"max"`
pays for no more than the share of what the lines cost that points may pay, and a reward costs at most what it was asked
for.
"""

from collections.abc import Mapping

from app.domain.amounts import MICRO
from app.domain.basket import Basket
from app.domain.rules.compiled import CompiledProgram
from app.domain.rules.redemption import Asked


def most_taken(
    program: CompiledProgram, basket: Basket, *, redeem: Asked, rewards: Mapping[str, int]
) -> Mapping[str, int]:
    """Units by wallet; a wallet left out is not touched. What is refused takes nothing, whatever is asked."""
    scheme, wallets = program.program.redemption, program.program.wallets
    most: dict[str, int] = {}
    for wallet, asked in redeem.items():
        if asked != "max":
            most[wallet] = asked
        elif wallet in scheme.wallets and (value := wallets[wallet].value):
            payable = scheme.max_share * sum(line.gross for line in basket.lines) // MICRO
            most[wallet] = payable // value
    for rule_id, times in rewards.items():
        rank = program.ranks.get(rule_id)
        if rank is not None:
            for wallet, units in program.rules[rank].cost.items():
                most[wallet] = most.get(wallet, 0) + units * times
    return {wallet: units for wallet, units in most.items() if units > 0}
