"""Messages and receipt blocks from a program's templates.

A template is told only where all that it names is there: one with `{coupon}` where a code was given out (never in a
quote), one with `{balance}` where there is a customer. So no text ever has a hole in it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from app.api.speech import Speech
from app.domain.decision import Effect
from app.domain.draws.records import DrawRecord
from app.domain.program import Block, Kind, Program, Rule

Values = Mapping[str, str | None]  # None: there is no such thing here.

_PLACEHOLDER: Final = re.compile(r"{(\w+)}")


def fill(template: str | None, values: Values) -> str | None:
    """A template with its placeholders filled; None where it names what isn't there."""
    if template is None:
        return None
    if any(values.get(name) is None for name in _PLACEHOLDER.findall(template)):
        return None
    return _PLACEHOLDER.sub(lambda found: values[found[1]] or "", template)


def effect_values(
    effect: Effect, rule: Rule, *, scheme: Program, balances: Mapping[str, int], with_codes: bool, speech: Speech
) -> Values:
    """What a rule's templates may name of its effect. `balances` are available units by wallet, after the posting.

    `amount` is money: the discount, or what the units are worth.
    """
    wallet = effect.wallet
    if wallet is not None:
        amount = effect.given * scheme.wallets[wallet].value
    else:
        amount = effect.given if rule.kind is Kind.DISCOUNT else 0
    is_money = rule.kind is Kind.DISCOUNT
    return {
        **_of_rule(rule, wallet, scheme=scheme, balances=balances, speech=speech),
        "given": speech.money(effect.given) if is_money else str(effect.given),
        "wanted": speech.money(effect.wanted) if is_money else str(effect.wanted),
        "units": str(effect.given) if wallet is not None else None,
        "amount": None if wallet is None and not is_money else speech.money(amount),
        "gift": effect.gift,
        "coupon": (", ".join(effect.codes) or None) if with_codes else None,
    }


def draw_values(
    record: DrawRecord, rule: Rule, *, scheme: Program, balances: Mapping[str, int], speech: Speech
) -> Values:
    """What a rule's templates may name of its draw."""
    wallet = record.wallet
    pieces = None if record.prize is None else str(record.units if wallet is not None else 1)
    return {
        **_of_rule(rule, wallet, scheme=scheme, balances=balances, speech=speech),
        "given": pieces,
        "wanted": pieces,
        "units": None if wallet is None else str(record.units),
        "amount": None if wallet is None else speech.money(record.units * scheme.wallets[wallet].value),
        "gift": record.gift,
        "coupon": record.code,
        "prize": record.prize,
        "ticket": record.ticket,
        "day": record.day.isoformat(),
    }


def _of_rule(
    rule: Rule, wallet: str | None, *, scheme: Program, balances: Mapping[str, int], speech: Speech
) -> dict[str, str | None]:
    balance = balances.get(wallet or scheme.default_wallet)
    return {
        "title": title_of(rule, speech),
        "rule": rule.id,
        "wallet": wallet,
        "balance": None if balance is None else str(balance),
    }


def title_of(rule: Rule, speech: Speech) -> str:
    """What a rule is called; its id where it has no title."""
    return speech.text_of(rule.title) or rule.id


def messages_of(rule: Rule, values: Values, speech: Speech) -> list[dict[str, object]]:
    told = ((message.to, fill(speech.text_of(message.text), values)) for message in rule.messages)
    return [{"to": to, "text": text} for to, text in told if text is not None]


def blocks_of(blocks: Iterable[Block], values: Values, speech: Speech) -> list[dict[str, object]]:
    """Blocks ready to print."""
    documents = (_block(block, values, speech) for block in blocks)
    return [document for document in documents if document is not None]


def proof_of(record: DrawRecord, speech: Speech) -> dict[str, object]:
    """What a customer needs to check a draw after its day, beside the receipt's own shop, terminal and number."""
    day = record.day.isoformat()
    return {
        "type": "text",
        "text": speech.say(
            f"Draw {day}, {record.rule}, ticket {record.ticket}",
            f"Розыгрыш {day}, {record.rule}, билет {record.ticket}",
        ),
        "align": "left",
    }


def _block(block: Block, values: Values, speech: Speech) -> dict[str, object] | None:
    if block.type == "divider":
        return {"type": "divider"}
    text = fill(speech.text_of(block.text), values)
    if text is None:
        return None
    match block.type:
        case "row":
            right = fill(speech.text_of(block.right), values)
            return None if right is None else {"type": "row", "left": text, "right": right}
        case "code":
            return {"type": "code", "format": block.format, "text": text}
        case _:
            return {"type": "text", "text": text, "align": block.align}
