"""What a held basket has taken besides units, and what becomes of it.

The end of a hold gives back everything, also what a return would leave with the customer (`on_return: keep`): nothing
was given yet. So a hold keeps its uses and draws as if nothing stayed; a capture puts the program's word back.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.counters import Back
from app.domain.decision import Decision
from app.domain.draws.records import DrawRecord
from app.domain.ledger.purchase_states import Uses
from app.domain.program import Program
from app.flows.ledger_port import Shared
from app.flows.standings import given_codes, returnable_codes, uses_of

# Counters of draws' algorithms tell what luck has done: a slip takes the draw over with them.
_OF_LUCK = ("bag/", "pity/", "balanced/")


def held_uses(decision: Decision, shared: Shared, program: Program) -> Uses:
    """All of it comes back, and all codes that were set aside."""
    uses = uses_of(decision, shared, program)
    for use in uses.counts:
        if use.back is Back.NEVER and not use.name.startswith(_OF_LUCK):
            use.back = Back.WHOLE
    uses.codes = tuple(dict.fromkeys(given_codes(decision)))
    return uses


def held_draws(draws: Sequence[DrawRecord]) -> tuple[DrawRecord, ...]:
    """No prize has been given: the next draw of a released one's slip gives it."""
    return tuple(replace(draw, keeps=False) for draw in draws)


def capture_uses(uses: Uses, decision: Decision, program: Program) -> None:
    """From here on returns leave what the program leaves: of a counter that a kept prize and others share, its part."""
    kept = {(use.scope, use.name) for use in decision.uses if use.back is Back.NEVER}
    for use in uses.counts:
        if use.back is Back.WHOLE and (use.scope, use.name) in kept:
            use.back = Back.NEVER
    uses.codes = returnable_codes(decision, program)
