"""Rules: conditions with one reward, what it may come to, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.program.conditions import When
from app.domain.program.gives import Give
from app.domain.program.selection import Selection
from app.domain.program.words import Kind, OnReturn, Period


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one rule may give; None is without end.

    `receipt`, `customer_max` and `budget` are in the effect's own unit: minor units, units of its wallet, pieces; for a
    random reward the prizes' cost in minor units. `uses` count purchases in which the rule gave something.
    """

    receipt: int | None = None
    customer_max: int | None = None
    customer_uses: int | None = None
    customer_period: Period = Period.EVER
    budget: int | None = None
    uses: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`text` by language, with placeholders in braces."""

    to: str  # cashier, customer
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """A printable block: `text` (one text), `row` (two), `code`, `divider`. Texts by language, with placeholders."""

    type: str
    text: Mapping[str, str] = field(default_factory=dict)  # The left one of a row, the content of a code.
    right: Mapping[str, str] = field(default_factory=dict)
    align: str = "left"
    format: str = ""  # Of a code: qr, ean13, code128.


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    kind: Kind
    lane: str
    priority: int
    order: int  # Place in the document: ties go to the earlier rule.
    give: Give
    wallet: str | None = None  # Accruing rules only.
    enabled: bool = True
    start: datetime | None = None  # Included.
    end: datetime | None = None  # Not included.
    title: Mapping[str, str] = field(default_factory=dict)
    when: When | None = None
    on: Selection | None = None
    # Of accruing rules: None is the wallet's own delay; `expire_after_days` counts only where `has_own_expiry`.
    activate_after_days: int | None = None
    has_own_expiry: bool = False
    expire_after_days: int | None = None
    cost: Mapping[str, int] = field(default_factory=dict)  # Units by wallet; such a rule has to be asked for.
    limit: Limit | None = None
    on_return: OnReturn = OnReturn.TAKE_BACK
    messages: tuple[Message, ...] = ()
    receipt: tuple[Block, ...] = ()
