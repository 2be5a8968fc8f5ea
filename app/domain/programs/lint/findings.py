"""One finding, and where in the document it points."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.domain.program import (
    All,
    AnyOf,
    BasketHas,
    BasketTotal,
    Birthday,
    CardTypeIs,
    ChannelIs,
    CouponIs,
    DateSpan,
    DaysSinceLast,
    EventIs,
    Hours,
    IdentifiedByIs,
    Not,
    PaidBy,
    PartnerIs,
    PurchaseNumber,
    Rule,
    SegmentIs,
    ShopIs,
    TagIs,
    TierIs,
    Weekday,
    When,
)


class Severity(StrEnum):
    """`error`: it can't do what it says; `warning`: it may well not do what was meant; `info`: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """Where (RFC 6901 pointer), how bad, which, and a sentence."""

    pointer: str
    severity: Severity
    code: str
    message: str


@dataclass(slots=True)
class Notes:
    """The findings so far."""

    findings: list[Finding] = field(default_factory=list)

    def error(self, pointer: str, code: str, message: str) -> None:
        self.findings.append(Finding(pointer, Severity.ERROR, code, message))

    def warn(self, pointer: str, code: str, message: str) -> None:
        self.findings.append(Finding(pointer, Severity.WARNING, code, message))

    def inform(self, pointer: str, code: str, message: str) -> None:
        self.findings.append(Finding(pointer, Severity.INFO, code, message))


def place_of(rule: Rule, *members: str | int) -> str:
    """The pointer of a rule, or of a member inside it; none of our members needs escaping."""
    return "/".join(["", "rules", str(rule.order), *map(str, members)])


def token(key: str) -> str:
    """A free key as a step of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class Placed:
    """One test of a rule: where, and whether it has to be true (an even number of `not` around it)."""

    pointer: str
    test: When
    positive: bool


def tests_of(rule: Rule) -> Iterator[Placed]:
    """The single tests of a rule's conditions, groups left out."""
    if rule.when is not None:
        yield from _tests(rule.when, place_of(rule, "when"), positive=True)


def _tests(when: When, pointer: str, *, positive: bool) -> Iterator[Placed]:
    match when:
        case All(tests) | AnyOf(tests):
            name = word_of(when)
            for number, test in enumerate(tests):
                yield from _tests(test, f"{pointer}/{name}/{number}", positive=positive)
        case Not(test):
            yield from _tests(test, f"{pointer}/not", positive=not positive)
        case _:
            yield Placed(f"{pointer}/{word_of(when)}", when, positive)


def word_of(when: When) -> str:
    """What the document calls a test."""
    return _WORDS[type(when)]


_WORDS: Final[Mapping[type[When], str]] = {
    All: "all",
    AnyOf: "any",
    Not: "not",
    TierIs: "tier",
    ChannelIs: "channel",
    ShopIs: "shop",
    BasketTotal: "basket_total",
    BasketHas: "basket_has",
    Weekday: "weekday",
    Hours: "hours",
    DateSpan: "date",
    Birthday: "birthday",
    PurchaseNumber: "purchase_number",
    DaysSinceLast: "days_since_last",
    PaidBy: "payment",
    SegmentIs: "segment",
    TagIs: "tag",
    PartnerIs: "partner",
    CardTypeIs: "card_type",
    CouponIs: "coupon",
    IdentifiedByIs: "identified_by",
    EventIs: "event",
}
