"""`explain`: every rule of a program in the document's order, with its verdict and a sentence.

A decision tells of the rules that the basket's lines, codes or event touched; all others were skipped since nothing of
theirs was there. Words are what is stored; sentences are made here, in the language of whoever reads.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from app.api.sentences import limited_text, verdict_text
from app.api.speech import Speech
from app.domain.decision import Outcome, Verdict
from app.domain.program import Program, Rule


def explained(verdicts: Iterable[Verdict], scheme: Program, speech: Speech) -> list[dict[str, object]]:
    by_rule = {verdict.rule: verdict for verdict in verdicts}
    return [_explained(rule, by_rule.get(rule.id) or _untouched(rule), speech) for rule in scheme.rules]


def verdicts_of(stored: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    """Verdicts as they are stored: `rule`, `verdict`, `because`, `need`, `have`."""
    return [
        Verdict(each["rule"], Outcome(each["verdict"]), each["because"], each["need"], each["have"]) for each in stored
    ]


def limit_text(
    *,
    limited_by: str,
    wanted: int,
    given: int,
    wallet: str | None,
    is_pieces: bool,
    speech: Speech,
) -> str:
    """What limited an effect: of units of `wallet`, of pieces, or of money."""

    def told(amount: int) -> str:
        if wallet is not None:
            return f"{amount} {wallet}"
        return speech.pieces(amount) if is_pieces else speech.money(amount)

    return limited_text(limited_by=limited_by, wanted=told(wanted), given=told(given), speech=speech)


def _untouched(rule: Rule) -> Verdict:
    if not rule.enabled:
        return Verdict(rule.id, Outcome.SKIPPED, "enabled", True, False)
    return Verdict(rule.id, Outcome.SKIPPED, "on")


def _explained(rule: Rule, verdict: Verdict, speech: Speech) -> dict[str, object]:
    return {
        "rule": rule.id,
        "verdict": verdict.verdict,
        "because": verdict.because,
        "need": verdict.need,
        "have": verdict.have,
        "text": verdict_text(
            verdict=verdict.verdict,
            because=verdict.because,
            need=verdict.need,
            have=verdict.have,
            speech=speech,
            rule=rule,
        ),
    }
