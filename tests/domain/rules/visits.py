"""A shop, its customer and a basket, and what a compiled condition says of one visit."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from app.domain.basket import Basket, Channel, ClosedTo, Line, Visit
from app.domain.customer import CustomerFacts
from app.domain.program import (
    Base,
    Combine,
    Give,
    GiveAmount,
    Kind,
    Lane,
    Measure,
    Program,
    Redemption,
    Rule,
    Tier,
    Wallet,
    When,
)
from app.domain.rules.conditions import Failure, compile_when
from app.domain.rules.facts import Facts
from app.domain.rules.standing import Standing
from app.domain.rules.vouchers import public_names_of

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # A Saturday; 15:00 in Moscow.
ANNA = CustomerFacts("anna", tier="gold", purchases=4, birthday=date(1990, 11, 24))
LINES = (
    Line("1", qty_milli=2_000, price=12_900, sku="4601", category="drinks/coffee"),
    Line("2", qty_milli=345, price=10_000, sku="77", category="drinks", closed_to=frozenset(ClosedTo)),
    Line("3", qty_milli=1_000, price=500, sku="88"),
)  # 25,800 + 3,450 + 500 = 29,750

BASKET = Basket(LINES)


def program(timezone: str = "Europe/Moscow", *, rules: tuple[Rule, ...] = ()) -> Program:
    return Program(
        currency="RUB",
        timezone=ZoneInfo(timezone),
        wallets={"points": Wallet("points")},
        redemption=Redemption(("points",)),
        accrual_base=Base.PAID,
        tiers=(Tier("silver", 0), Tier("gold", 1)),
        tier_measure=Measure.PAID,
        lanes=(Lane("only", Combine.ALL),),
        rules=rules,
    )


def rule(when: When | None, *, name: str = "r1", give: Give = GiveAmount(1)) -> Rule:  # noqa: B008 - immutable
    """A discount with these conditions."""
    return Rule(name, Kind.DISCOUNT, "only", priority=0, order=0, give=give, when=when)


def failure(
    when: When,
    *,
    at: datetime = NOON,
    timezone: str = "Europe/Moscow",
    customer: CustomerFacts | None = ANNA,
    basket: Basket = BASKET,
    visit: Visit | None = None,
    standing: Standing | None = None,
) -> Failure | None:
    """What the compiled test says of one visit, in a program whose only rule has these conditions."""
    scheme = program(timezone, rules=(rule(when),))
    facts = Facts(
        scheme,
        basket,
        customer,
        visit or Visit(at, Channel.POS, "S1"),
        standing=standing,
        public_codes=public_names_of(scheme),
    )
    return compile_when(when, scheme)(facts)


def local(zone: str, wall: str, fold: int = 0) -> datetime:
    """A wall-clock time, sent as UTC, as tills may."""
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
