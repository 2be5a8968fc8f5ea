"""What a customer has in one wallet."""

from typing import NamedTuple


class WalletBalance(NamedTuple):
    """Units: spendable now (below 0 is a debt), not yet active, set aside."""

    available: int = 0
    pending: int = 0
    held: int = 0
