"""The scheme around the rules: wallets, redemption, tiers, lanes, caps; and the whole program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.program.rules import Rule
from app.domain.program.words import Base, Combine, Debt, Down, ExpireRound, Measure, Period, Scope, Window


@dataclass(frozen=True, slots=True)
class Convert:
    """Every full `every` units become `units` of the wallet `into`."""

    every: int
    into: str
    units: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """`value`: money in minor units that one unit buys when redeemed; 0 can't be redeemed on a basket."""

    id: str
    value: int = 1
    activate_after_days: int = 0
    expire_after_days: int | None = None
    debt: Debt = Debt.ALLOW
    expire_round: ExpireRound = ExpireRound.NONE
    convert: Convert | None = None


@dataclass(frozen=True, slots=True)
class Redemption:
    """`strength`: units a purchase by how the customer was identified, `None` no limit; without `id` as `card`."""

    wallets: tuple[str, ...]
    max_share: int = 1_000_000
    min_units: int = 0
    min_paid: int = 0
    step: int = 1
    strength: Mapping[str, int | None] = field(default_factory=dict)

    def strength_of(
        self, way: str | None, *, is_confirmed: bool, is_gift_card: bool, is_by_id: bool = False
    ) -> int | None:
        """How many units a purchase may take, None for no limit; nobody else looks into `strength`.

        way: how the customer was identified; None: there is none. Who has confirmed may spend all, and so may a gift
        card: it is its bearer's, and has no person who could confirm.
        """
        if way is None or is_confirmed or is_gift_card:
            return None
        return self.strength.get("id" if is_by_id and "id" in self.strength else way)

    def is_lifted_by(self, way: str) -> bool:
        """Whether who is named this way (`card`, `id`) may spend more than by the phone: what a till then needs is
        only a card, or the id that a look-up by the phone tells.
        """
        phone = self.strength.get("phone")
        if phone is None:
            return False
        most = self.strength_of("card", is_confirmed=False, is_gift_card=False, is_by_id=way == "id")
        return most is None or most > phone


@dataclass(frozen=True, slots=True)
class Tier:
    id: str
    start: int  # `from`: the measure at which it begins.


@dataclass(frozen=True, slots=True)
class Lane:
    id: str
    combine: Combine


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `max` units of a wallet in each period, for each customer or for the whole program; with `depth`, for
    each category by itself, counted by the first `depth` steps of its path.
    """

    id: str
    wallet: str
    max: int
    per: Scope = Scope.CUSTOMER
    period: Period = Period.EVER
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A whole scheme. `wallets` keeps the document's order; the first is the default one. `tiers` ascend by `start`."""

    currency: str
    timezone: ZoneInfo
    wallets: Mapping[str, Wallet]
    redemption: Redemption
    accrual_base: Base
    tiers: tuple[Tier, ...]
    tier_measure: Measure
    lanes: tuple[Lane, ...]
    rules: tuple[Rule, ...]
    tier_window: Window = Window.EVER
    tier_down: Down = Down.NEVER
    caps: tuple[Cap, ...] = ()
    # Made when first asked for: a document that is being read may have broken rules.
    _by_id: dict[str, Rule] = field(default_factory=dict, init=False, repr=False, compare=False)
    # What `app.domain.ledger.terms` has found so far: by rule and wallet, how what it gives there begins and ends.
    known_terms: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def default_wallet(self) -> str:
        return next(iter(self.wallets))

    @property
    def rules_by_id(self) -> Mapping[str, Rule]:
        if not self._by_id:
            self._by_id.update((rule.id, rule) for rule in self.rules)
        return self._by_id
