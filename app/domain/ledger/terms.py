"""When points become active and when they expire: by the terms of the rule that gave them, else of their wallet.

Days are local calendar days of the program's zone and run from the time of the deal: the same time by the clock on the
wall so many days later, whatever changes of the clock lie between. A wallet's `expire_round` then moves the end to the
end of its local day or month, which is the next local midnight (where a clock change leaves it out, the instant of the
change).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.domain.program import ExpireRound, Program, Rule, Wallet

_ENDS_CACHED = 1_024  # Purchases that name no time are of their round's one instant: few ends at once, 200 bytes each.


class LotTerms(NamedTuple):
    """`expire_after_days` None: never."""

    activate_after_days: int
    expire_after_days: int | None
    expire_round: ExpireRound


def wallet_terms(wallet: Wallet) -> LotTerms:
    return LotTerms(wallet.activate_after_days, wallet.expire_after_days, wallet.expire_round)


def rule_terms(rule: Rule, wallet: Wallet) -> LotTerms:
    """The rule's own delays where it has any; how the end is rounded is the wallet's."""
    activate, expire = rule.activate_after_days, rule.expire_after_days
    return LotTerms(
        wallet.activate_after_days if activate is None else activate,
        expire if rule.has_own_expiry else wallet.expire_after_days,
        wallet.expire_round,
    )


def terms_of(program: Program, rule_id: str, wallet: str) -> LotTerms:
    """Terms of what one rule gives in a wallet; a rule that the program doesn't have gives by the wallet's."""
    known: LotTerms | None = program.known_terms.get((rule_id, wallet))
    if known is not None:
        return known
    rule = program.rules_by_id.get(rule_id)
    if rule is None:
        return wallet_terms(program.wallets[wallet])
    terms = program.known_terms[rule_id, wallet] = rule_terms(rule, program.wallets[wallet])
    return terms


def dates_of(terms: LotTerms, *, now: datetime, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
    """When points become active and when they expire.

    Points that are active at once are so even where the till's clock runs a little ahead of the database's.
    """
    activate, expire, rounded = terms
    active_at = days_later(at, activate, zone) if activate else min(at, now)
    return active_at, None if expire is None else _expiry(at.astimezone(UTC), expire, rounded, zone)


@lru_cache(maxsize=_ENDS_CACHED)
def _expiry(at: datetime, days: int, rounded: ExpireRound, zone: ZoneInfo) -> datetime:
    """`at` is in UTC, where equal keys are one instant: of two local times that look alike one may be an hour later."""
    end = days_later(at, days, zone)
    return end if rounded is ExpireRound.NONE else _end_of(end.astimezone(zone).date(), rounded, zone)


def days_later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time so many local days later, in UTC.

    A time that a clock change leaves out is told by the clock before the change, so it comes that much later (a whole
    day where one is left out); of a time that comes twice the first is meant.
    """
    # Without its zone the sum is of the wall's clock, and forgets which of two equal times `at` was.
    wall = at.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _end_of(day: date, rounded: ExpireRound, zone: ZoneInfo) -> datetime:
    if rounded is ExpireRound.MONTH:
        after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    else:
        after = day + timedelta(days=1)
    return midnight(after, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
