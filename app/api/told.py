"""What a program's templates say about one decision: messages, and blocks for the receipt."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.api.speech import Speech
from app.api.templates import blocks_of, draw_values, effect_values, messages_of, proof_of
from app.domain.decision import Decision
from app.domain.draws.records import DrawRecord
from app.domain.program import Kind, Program, Rule
from app.flows.results import Balances


@dataclass(slots=True)
class Told:
    """`rules` are by id: the program's, or none where the decision names none."""

    rules: Mapping[str, Rule]
    messages: list[dict[str, object]] = field(default_factory=list)
    blocks: list[dict[str, object]] = field(default_factory=list)


def told_of(decision: Decision, scheme: Program, *, balances: Balances, with_codes: bool, speech: Speech) -> Told:
    """Of each effect that gave something, in the order applied, then of each draw.

    A random reward is told of as the draw it is, not as an effect too. Only a draw with a prize is told by the rule's
    own texts, which congratulate; without one, and where the rule has no blocks, its proof is printed: whoever lost may
    check that too.
    """
    if not (decision.effects or decision.draws or decision.hints):
        return Told({})
    told = Told(scheme.rules_by_id)
    available = {wallet: balance.available for wallet, balance in balances.items()}
    for effect in decision.effects:
        rule = told.rules[effect.rule]
        if not effect.given or rule.kind is Kind.RANDOM_REWARD or not (rule.messages or rule.receipt):
            continue
        values = effect_values(effect, rule, scheme=scheme, balances=available, with_codes=with_codes, speech=speech)
        told.messages += messages_of(rule, values, speech)
        told.blocks += blocks_of(rule.receipt, values, speech)
    for record in decision.draws:
        _tell_draw(told, record, scheme=scheme, available=available, speech=speech)
    return told


def _tell_draw(
    told: Told, record: DrawRecord, *, scheme: Program, available: Mapping[str, int], speech: Speech
) -> None:
    rule = told.rules[record.rule]
    blocks: list[dict[str, object]] = []
    if record.prize is not None:
        values = draw_values(record, rule, scheme=scheme, balances=available, speech=speech)
        told.messages += messages_of(rule, values, speech)
        blocks = blocks_of(rule.receipt, values, speech)
    told.blocks += blocks or [proof_of(record, speech)]
