"""A receipt made without connection: what its till has given away and been paid with is a fact, not a wish.

Discount rules don't run, their verdict is `offline`; accruals, rewards and draws are decided as ever, on what the
till's discounts and units left. Shares, steps, floors and the customer's identification were the till's business: units
pay for as much as they buy. They are spread over the lines that are open to it, over all where those have too little
room. Nothing is hinted at, since the customer has left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.amounts import allocate
from app.domain.basket import ClosedTo
from app.domain.decision import Outcome, Verdict
from app.domain.program import Wallet
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.bill import Bill
from app.domain.rules.forms import CompiledRule
from app.domain.rules.redemption import Asked, Redeemed
from app.domain.rules.spreading import spread

OFFLINE = "offline"  # Why a discount rule was skipped.


@dataclass(frozen=True, slots=True)
class TillFacts:
    """`discounts`: money off each line, by its place; at most its gross."""

    discounts: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(money < 0 for money in self.discounts):
            raise ValueError(f"discounts below 0: {self.discounts}")


def take_discounts(facts: TillFacts, bill: Bill, rules: Iterable[CompiledRule]) -> None:
    """Let the till's discounts be on the lines; `rules` are those that would have given some.

    Raises:
        ValueError: there are more or fewer of them than lines, or one is above its line's gross.
    """
    for place, (money, gross) in enumerate(zip(facts.discounts, bill.gross, strict=True)):
        if money > gross:
            raise ValueError(f"line {bill.lines[place].id} of {gross} has a discount of {money}")
        bill.left[place] -= money
        if bill.rooms is not bill.left:
            bill.rooms[place] = max(bill.rooms[place] - money, 0)
    for rule in rules:
        bill.verdicts[rule.place] = Verdict(rule.id, Outcome.SKIPPED, OFFLINE)


def pay(asked: Asked, bill: Bill, wallets: Mapping[str, Wallet]) -> Redeemed:
    """Pay with the units that the till took.

    Raises:
        Rejected: `validation_error` for a wallet that can't pay, and for more money than the lines have left.
    """
    left = list(bill.left)
    money_by_line = [0] * len(left)
    units_by_line: list[Mapping[str, int]] = [{} for _ in left]
    paid_with: dict[str, int] = {}
    for wallet, units in asked.items():
        if units == "max":
            raise _refused(wallet, "type", "must be the number of units that the till took")
        if not units:
            continue
        if wallet not in wallets or not wallets[wallet].value:
            raise _refused(wallet, "not_redeemable", "must be a wallet that can pay for a basket")
        money = units * wallets[wallet].value
        if money > sum(left):
            raise _refused(wallet, "range", "must buy no more than the lines cost")
        places = _places(bill, left, money)
        parts = spread(money, [left[place] for place in places], [left[place] for place in places])
        for place, part, line_units in zip(places, parts, allocate(units, parts), strict=True):
            left[place] -= part
            money_by_line[place] += part
            if line_units:
                units_by_line[place] = {**units_by_line[place], wallet: line_units}
        paid_with[wallet] = units
    return Redeemed({}, money_by_line, paid_with, units_by_line)


def _places(bill: Bill, left: Sequence[int], money: int) -> Sequence[int]:
    places = [place for place, line in enumerate(bill.lines) if ClosedTo.REDEEM not in line.closed_to]
    return places if sum(left[place] for place in places) >= money else range(len(left))


def _refused(wallet: str, code: str, message: str) -> Rejected:
    pointer = "/redeem/" + wallet.replace("~", "~0").replace("/", "~1")
    return Rejected(Rejection.VALIDATION_ERROR, "What was redeemed can't have been.", (Fault(pointer, code, message),))
