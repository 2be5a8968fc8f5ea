"""How things stand beside basket and customer, and what a decision then takes: the same for purchases and for other
acts.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from app.domain.counters import Scope
from app.domain.coupons import CouponWord, normal_code
from app.domain.decision import Decision
from app.domain.draws.luck import Luck, commitment_of
from app.domain.ledger.returns import Uses, UseState
from app.domain.program import OnReturn, Program
from app.domain.rules.standing import Standing
from app.flows.ledger_port import Patron, Shared
from app.flows.ports import Vault
from app.flows.requests import Receipt
from app.flows.shared_use import SharedUse


def codes_of(coupons: Iterable[str]) -> tuple[str, ...]:
    """Codes as they are stored, each once, in the order of locks."""
    return tuple(sorted({normal_code(code) for code in coupons}))


def program_day(program: Program, now: datetime) -> date:
    """The local day of the database's clock."""
    return now.astimezone(program.timezone).date()


def luck_of(receipt: Receipt, *, day: date, vault: Vault) -> Luck:
    """The receipt's luck, the same whatever the retries."""
    secret = vault.draw_secret(day.isoformat())
    return Luck(
        secret=secret,
        day=day,
        shop=receipt.shop,
        terminal=receipt.terminal,
        number=receipt.number,
        shift=receipt.shift,
    )


def standing_of(patron: Patron | None, shared: Shared, *, now: datetime, luck: Luck | None) -> Standing:
    """luck: None for a quote, which draws nothing."""
    if patron is None:
        return Standing(now=now, program=shared.counts, coupons=shared.coupons, codes=shared.codes, luck=luck)
    memory = patron.book.memory
    return Standing(
        now=now,
        customer=memory.counts,
        program=shared.counts,
        coupons=shared.coupons,
        codes=shared.codes,
        slips=memory.slips,
        luck=luck,
    )


def shared_use_of(decision: Decision, shared: Shared, *, customer: UUID | None, luck: Luck | None) -> SharedUse:
    """What a decision takes from the program's state. Days of slips that were taken over were noted when they were
    drawn first.
    """
    drew_today = luck is not None and any(record.slip_of is None for record in decision.draws)
    return SharedUse(
        counts=tuple((use.name, use.period, use.amount) for use in decision.uses if use.scope is Scope.PROGRAM),
        coupons=dict.fromkeys(_used_codes(decision, shared), 1),
        given={} if customer is None else dict.fromkeys(given_codes(decision), customer),
        commitments={luck.day: commitment_of(luck.secret)} if luck is not None and drew_today else {},
    )


def uses_of(decision: Decision, shared: Shared, program: Program) -> Uses:
    """What a return gives back of it; of codes given out those whose rule takes them back."""
    if not (decision.uses or decision.coupons or decision.effects or decision.draws):
        return Uses()
    return Uses(
        counts=[
            UseState(use.scope, use.name, use.period, use.amount, use.back, dict(use.by_line)) for use in decision.uses
        ],
        coupons=tuple(_used_codes(decision, shared)),
        codes=returnable_codes(decision, program),
    )


def _used_codes(decision: Decision, shared: Shared) -> list[str]:
    """Stored codes that a rule used; a code that only a rule names isn't counted."""
    if not shared.coupons:
        return []
    applied = {normal_code(each.code) for each in decision.coupons if each.word is CouponWord.APPLIED}
    return sorted(code for code in applied if code in shared.coupons)


def given_codes(decision: Decision) -> list[str]:
    """By rewards and by draws."""
    return [code for _, codes in _codes_by_rule(decision) for code in codes]


def returnable_codes(decision: Decision, program: Program) -> tuple[str, ...]:
    """Codes given out that a whole return takes back."""
    return tuple(
        dict.fromkeys(
            code
            for rule, codes in _codes_by_rule(decision)
            if program.rules_by_id[rule].on_return is OnReturn.TAKE_BACK
            for code in codes
        )
    )


def _codes_by_rule(decision: Decision) -> list[tuple[str, tuple[str, ...]]]:
    rewarded = [(effect.rule, effect.codes) for effect in decision.effects if effect.codes]
    return rewarded + [(record.rule, (record.code,)) for record in decision.draws if record.code is not None]
