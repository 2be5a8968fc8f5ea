"""A draw's record recomputed from the rule, the day's secret and the receipt: everything in it that doesn't follow.

What is checked of one record: the ticket, the state's form, the chance, the prize by luck, and that what was given is
that prize, or was held back by something that the rule has. `app.domain.draws.continuity` checks that states follow
from one another.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.domain.draws.algorithms import cost_of, draw, state_before
from app.domain.draws.luck import Luck, Ticket
from app.domain.draws.records import DrawRecord
from app.domain.program import Algorithm, GiveDraw, Limit, OnReturn, Prize, Program, Rule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEX_DIGITS = 16


class Disagreement(NamedTuple):
    """`check` names what disagrees: rule, algorithm, slip, ticket, day, state, chance, prize, because, keeps, given,
    cost, continuity.
    """

    check: str
    expected: str
    found: str


def recheck(
    record: DrawRecord, *, program: Program, luck: Luck, original: DrawRecord | None = None
) -> list[Disagreement]:
    """Everything that a record should not say.

    Args:
        program: the version by which the purchase was decided.
        luck: of the purchase's own receipt, with the secret of `record.day`.
        original: the draw whose slip was taken over (`record.slip_of`), of the same rule; None where there is none.
    """
    rule = next((rule for rule in program.rules if rule.id == record.rule), None)
    if rule is None or not isinstance(rule.give, GiveDraw):
        return [Disagreement("rule", "a rule that draws", record.rule)]
    terms = rule.give
    if record.algorithm is not terms.algorithm:
        return [Disagreement("algorithm", terms.algorithm, record.algorithm)]
    ticket = _ticket(record)
    if ticket is None:
        return [Disagreement("ticket", "hexadecimal digits", f"{record.ticket} {record.choice}")]
    value = program.wallets[rule.wallet or program.default_wallet].value
    return [
        *(_own_slip(record, rule, program, luck) if record.slip_of is None else _taken_over(record, original)),
        *_drawn(record, rule, ticket, wallet_value=value),
        *_given(record, rule, terms, program, wallet_value=value),
    ]


def _ticket(record: DrawRecord) -> Ticket | None:
    texts = (record.ticket, record.choice)
    if any(len(text) != _HEX_DIGITS or set(text) - set("0123456789abcdef") for text in texts):
        return None
    return Ticket.parse(record.ticket, record.choice)


def _own_slip(record: DrawRecord, rule: Rule, program: Program, luck: Luck) -> Iterator[Disagreement]:
    """The ticket is the receipt's own, and the state is one that the rule's algorithm looks at."""
    own = luck.ticket(record.rule)
    if (own.hex, own.choice_hex) != (record.ticket, record.choice):
        yield Disagreement("ticket", f"{own.hex} {own.choice_hex}", f"{record.ticket} {record.choice}")
    if record.day != luck.day:
        yield Disagreement("day", luck.day.isoformat(), record.day.isoformat())
    names = sorted(state_before(rule, customer={}, program={}, now=_EPOCH))
    if sorted(record.state) != names or min(record.state.values(), default=0) < 0:
        yield Disagreement("state", " ".join(names) or "nothing", _state_text(record))
    elif record.algorithm is Algorithm.PACED:
        seen = (_EPOCH + timedelta(microseconds=record.state["at"])).astimezone(program.timezone).date()
        if seen != record.day:
            yield Disagreement("state", f"at on {record.day}", f"at on {seen}")


def _taken_over(record: DrawRecord, original: DrawRecord | None) -> Iterator[Disagreement]:
    """All luck is the earlier draw's."""
    if original is None:
        yield Disagreement("slip", f"a draw of {record.slip_of}", "none")
        return
    ours, theirs = ((each.day.isoformat(), each.ticket, each.choice, _state_text(each)) for each in (record, original))
    if ours != theirs:
        yield Disagreement("slip", " ".join(theirs), " ".join(ours))


def _drawn(record: DrawRecord, rule: Rule, ticket: Ticket, *, wallet_value: int) -> Iterator[Disagreement]:
    """Chance and prize by luck follow from ticket and state."""
    drawn = draw(rule, ticket, record.state, wallet_value=wallet_value)
    if (record.numerator, record.denominator) != (drawn.numerator, drawn.denominator):
        expected = f"{drawn.numerator}/{drawn.denominator}"
        yield Disagreement("chance", expected, f"{record.numerator}/{record.denominator}")
    drew = drawn.prize.id if drawn.prize is not None else None
    if record.drew != drew:
        yield Disagreement("prize", drew or "nothing", record.drew or "nothing")
    elif drawn.because is not None and record.because not in (drawn.because, "kept"):
        yield Disagreement("because", drawn.because, record.because or "nothing")
    elif drawn.because is None and record.because == "share":
        yield Disagreement("because", "a prize within the share", "share")


def _given(
    record: DrawRecord, rule: Rule, terms: GiveDraw, program: Program, *, wallet_value: int
) -> Iterator[Disagreement]:
    """What luck drew was given, as the rule has it, unless something that the rule has stood in the way."""
    if record.keeps != (rule.on_return is OnReturn.KEEP):
        yield Disagreement("keeps", str(rule.on_return is OnReturn.KEEP), str(record.keeps))
    if record.prize is None:
        if record.units or record.gift is not None or record.code is not None or record.cost:
            yield Disagreement("given", "nothing", _given_text(record))
        if not _may_say(record, rule, terms, program):
            yield Disagreement("because", "what may hold this prize back", record.because or "nothing")
        return
    if record.prize != record.drew or record.because is not None:
        yield Disagreement("given", record.drew or "nothing", f"{record.prize} {record.because or ''}".rstrip())
        return
    prize = next((prize for prize in terms.prizes if prize.id == record.prize), None)
    if prize is None:
        yield Disagreement("given", "a prize of the rule", record.prize)
        return
    wallet = rule.wallet or program.default_wallet
    if not _is_of(record, prize, wallet=wallet, is_capped=any(cap.wallet == wallet for cap in program.caps)):
        yield Disagreement("given", _prize_text(prize, wallet), _given_text(record))
    cost = record.units * max(wallet_value, 1) or cost_of(prize, base=0, wallet_value=wallet_value)
    if record.cost != cost:
        yield Disagreement("cost", str(cost), str(record.cost))


def _is_of(record: DrawRecord, prize: Prize, *, wallet: str, is_capped: bool) -> bool:
    """Whether what was given is that prize; a cap may have cut its units."""
    if prize.gift is not None or prize.coupon is not None:
        facts = (record.gift, record.pool, record.units, record.wallet)
        return facts == (prize.gift, prize.coupon, 0, None) and (record.code is None) == (prize.coupon is None)
    if record.wallet != wallet or record.units <= 0 or (record.gift, record.pool, record.code) != (None, None, None):
        return False
    if prize.units is None:  # A share of the basket, which the purchase's lines tell.
        return True
    return record.units == prize.units or (is_capped and record.units < prize.units)


def _may_say(record: DrawRecord, rule: Rule, terms: GiveDraw, program: Program) -> bool:
    """Whether a prize may be held back for this reason; no reason is right where luck drew nothing."""
    prize = next((prize for prize in terms.prizes if prize.id == record.drew), None)
    because = record.because
    if prize is None or because is None:
        return prize is None and because is None
    limit = rule.limit or Limit()
    if because.startswith("cap:"):
        return any(because == f"cap:{cap.id}" for cap in program.caps)
    return {
        "share": terms.algorithm is Algorithm.BALANCED,
        "kept": record.slip_of is not None,
        "gives_nothing": prize.rate is not None,
        "stock": prize.stock is not None,
        "pool": prize.coupon is not None,
        "receipt": limit.receipt is not None,
        "customer": limit.customer_max is not None,
        "budget": limit.budget is not None,
        "customer_uses": limit.customer_uses is not None,
        "uses": limit.uses is not None,
    }.get(because, False)


def _state_text(record: DrawRecord) -> str:
    return " ".join(f"{name}={number}" for name, number in sorted(record.state.items())) or "nothing"


def _given_text(record: DrawRecord) -> str:
    parts = (f"{record.units} {record.wallet}" if record.units else None, record.gift, record.pool, record.code)
    return " ".join(part for part in parts if part) or "nothing"


def _prize_text(prize: Prize, wallet: str) -> str:
    if prize.units is not None:
        return f"{prize.units} {wallet}"
    return prize.gift or prize.coupon or f"units of {wallet}"
