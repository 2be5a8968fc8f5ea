"""How much of a basket points may pay, and paying it: the contract's "Redeemable", term by term, wallet after wallet.

Each wallet sees what the earlier ones of `redemption.wallets` left: of the share, of the lines' rooms, of what must
be paid in money, and of the units that the customer may spend on a purchase by how they were identified. The terms of
all wallets are reckoned whether or not something is asked, since a quote shows them.

Refusals are looked for in the order of `app.domain.rejections`: a wallet that can't be redeemed or no multiple of
`step` (422), more than the identification allows (403, before a stranger learns of a balance), more than is available
(409), more than allowed (409).

Decided here: fewer units than `min_units` are more than is allowed, which is 0 there; a purchase without a customer has
nothing available; a wallet of value 0 can't be redeemed on a basket.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from app.domain.amounts import MICRO, allocate, total
from app.domain.decision import RedeemTerms
from app.domain.program import Redemption, Wallet
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.spreading import spread

Asked = Mapping[str, int | Literal["max"]]

_SHOWN_MAX: Final = 2**53 - 1  # What every reader of JSON holds; no basket comes near it.
NOTHING: Final[Mapping[str, int]] = {}  # What most lines are paid with.
_PRECEDENCE = {rejection: place for place, rejection in enumerate(Rejection)}


class Payable:
    """The lines as discounts left them: `left` and `rooms` of all, `places` of those not closed to `redeem`."""

    __slots__ = ("left", "places", "rooms")

    def __init__(self, left: list[int], rooms: list[int], places: list[int]) -> None:
        self.left = left
        self.rooms = rooms
        self.places = places


class Redeemed:
    """What was paid: `money` by line, `units` by wallet, `units_by_line` by line, then wallet; and the terms."""

    __slots__ = ("money", "terms", "units", "units_by_line")

    def __init__(
        self,
        terms: Mapping[str, RedeemTerms],
        money: list[int],
        units: dict[str, int],
        units_by_line: list[Mapping[str, int]],
    ) -> None:
        self.terms = terms
        self.money = money
        self.units = units
        self.units_by_line = units_by_line

    def with_costs(self, units: Mapping[str, int], units_by_line: Sequence[Mapping[str, int]]) -> "Redeemed":
        """The same with units that bought no money: what rewards have cost, by wallet and by line."""
        return Redeemed(
            self.terms,
            self.money,
            _added(self.units, units),
            [_added(*both) for both in zip(self.units_by_line, units_by_line, strict=True)],
        )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{wallet: one.get(wallet, 0) + units for wallet, units in other.items()}}


class _Till:
    """What is left for the next wallet; `weights` and `rooms` are of the payable lines, `room` is their sum; `money`
    and `units` are of all.
    """

    __slots__ = (
        "due", "money", "places", "room", "rooms", "scheme", "share", "strength", "units_by_line", "weights",
    )  # fmt: skip

    def __init__(self, scheme: Redemption, payable: Payable, *, strength: int | None) -> None:
        left, places = payable.left, payable.places
        if len(places) == len(left):
            weights, rooms = list(left), list(payable.rooms)
        else:
            weights, rooms = [left[place] for place in places], [payable.rooms[place] for place in places]
        self.scheme = scheme
        self.places = places
        self.share = scheme.max_share * total(weights) // MICRO
        self.due = total(left) - scheme.min_paid
        self.room = total(rooms)
        self.strength = strength
        self.weights = weights
        self.rooms = rooms
        self.money = [0] * len(left)
        self.units_by_line = [NOTHING] * len(left)


def redeem(
    scheme: Redemption,
    wallets: Mapping[str, Wallet],
    payable: Payable,
    *,
    available: Mapping[str, int],
    strength: int | None,
    asked: Asked,
) -> Redeemed:
    """Pay what is asked; `"max"` asks for as much as is allowed.

    `available` is by wallet; `strength` is the most units of a purchase, None for no limit.

    Raises:
        Rejected: something is asked that may not be, with its facts.
    """
    redeemable = [wallet for wallet in scheme.wallets if wallets[wallet].value > 0]
    if asked:
        _refuse_malformed(asked, redeemable, wallets, scheme)
    till = _Till(scheme, payable, strength=strength)
    terms: dict[str, RedeemTerms] = {}
    units_by_wallet: dict[str, int] = {}
    refusals = []
    for wallet in redeemable:
        value, in_wallet = wallets[wallet].value, max(available.get(wallet, 0), 0)
        allowed, terms[wallet] = _reckon(till, value=value, available=in_wallet)
        if wallet not in asked:
            continue
        wanted = asked[wallet]
        units = terms[wallet].max_units if wanted == "max" else wanted
        if units:
            if (refusal := _refusal(till, wallet, units, available=in_wallet, allowed=allowed)) is not None:
                refusals.append(refusal)
                continue
            units_by_wallet[wallet] = units
            _pay(till, wallet, units, value=value)
    if refusals:
        raise min(refusals, key=lambda refusal: _PRECEDENCE[refusal.rejection])
    return Redeemed(terms, till.money, units_by_wallet, till.units_by_line)


def _refuse_malformed(
    asked: Asked, redeemable: Sequence[str], wallets: Mapping[str, Wallet], scheme: Redemption
) -> None:
    step = scheme.step
    faults = []
    for wallet, units in asked.items():
        pointer = "/redeem/" + wallet.replace("~", "~0").replace("/", "~1")
        if wallet not in wallets:
            faults.append(Fault(pointer, "unknown_wallet", "must be a wallet of the program"))
        elif wallet not in redeemable and units != 0 and (wallet not in scheme.wallets or units != "max"):
            faults.append(Fault(pointer, "not_redeemable", "must be a wallet that can pay for a basket"))
        elif units != "max" and units < 0:
            faults.append(Fault(pointer, "too_small", "must be at least 0"))
        elif units != "max" and units % step:
            faults.append(Fault(pointer, "not_a_multiple", f"must be a multiple of {step}"))
    if faults:
        raise Rejected(Rejection.VALIDATION_ERROR, "What is to be redeemed can't be.", tuple(faults))


def _reckon(till: _Till, *, value: int, available: int) -> tuple[int, RedeemTerms]:
    """Units that the formula allows, and the terms with what the identification leaves of it."""
    scheme = till.scheme
    share, funds, due = max(till.share, 0), min(available * value, _SHOWN_MAX), max(till.due, 0)
    terms = {"max_share": share, "lines_room": till.room, "available": funds, "min_paid": due}
    least = share
    for money in terms.values():
        least = min(least, money)
    allowed, cut_by = _whole_steps(least // value, scheme)
    units = allowed
    if till.strength is not None:
        terms["strength"] = till.strength * value
        least = min(least, terms["strength"])
        units, cut_by = _whole_steps(least // value, scheme)
    if cut_by is None:
        cut_by = _name_of(least, terms)
    return allowed, RedeemTerms(units, least, cut_by, terms, till.strength)


def _name_of(money: int, terms: dict[str, int]) -> str:
    """The term that is so much, the first of equal ones."""
    for name, term in terms.items():
        if term == money:
            return name
    raise ValueError(f"none of {terms} is {money}")


def _whole_steps(units: int, scheme: Redemption) -> tuple[int, str | None]:
    """Units down to a multiple of `step`, none below `min_units`; and which of the two cut them."""
    rest = units % scheme.step
    whole = units - rest
    if units > 0 and whole < scheme.min_units:
        return 0, "min_units"
    return whole, "step" if rest else None


def _refusal(till: _Till, wallet: str, units: int, *, available: int, allowed: int) -> Rejected | None:
    facts: dict[str, object] = {"wallet": wallet, "requested": units, "available": available}
    if till.strength is not None and units > till.strength:
        facts = {"wallet": wallet, "requested": units, "allowed": till.strength}
        return Rejected(Rejection.CONFIRMATION_REQUIRED, "So many units need a stronger identification.", facts=facts)
    if units > available:
        return Rejected(Rejection.INSUFFICIENT_POINTS, "The customer has fewer units than that.", facts=facts)
    facts["allowed"] = allowed
    if units > allowed:
        return Rejected(Rejection.REDEEM_LIMIT_EXCEEDED, "This basket may not be paid with so many units.", facts=facts)
    if units < till.scheme.min_units:
        facts["min_units"] = till.scheme.min_units
        return Rejected(Rejection.REDEEM_LIMIT_EXCEEDED, "So few units can't be redeemed.", facts=facts)
    return None


def _pay(till: _Till, wallet: str, units: int, *, value: int) -> None:
    """Spread what the units buy over the lines, and the units in proportion to the money they paid there."""
    paid = units * value
    money = spread(paid, till.weights, till.rooms)
    parts = allocate(units, money)
    for at, place in enumerate(till.places):
        till.rooms[at] -= money[at]
        till.money[place] += money[at]
        if parts[at]:
            till.units_by_line[place] = {**till.units_by_line[place], wallet: parts[at]}
    till.room -= paid
    till.share -= paid
    till.due -= paid
    if till.strength is not None:
        till.strength -= units
