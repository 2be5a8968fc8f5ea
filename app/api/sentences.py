"""Why a rule did or did not apply, what limited it, what became of a coupon or a draw: sentences in English or Russian.

Verdicts are stored as words with what was needed and what there was; the sentence is made when it is read.
"""

from collections.abc import Mapping
from typing import Final

from app.api.speech import Speech
from app.api.telling import CONDITIONS, condition_name, had, needed
from app.domain.coupons import CouponWord
from app.domain.decision import Outcome
from app.domain.program import Kind, Rule
from app.domain.rules.vouchers import WITHHELD

CAP = "cap:"  # How a limit by a cap begins; the cap's id follows.

# Why a rule was skipped: English, Russian.
_SKIPPED: Final[Mapping[str, tuple[str, str]]] = {
    "enabled": ("The rule is switched off.", "Правило выключено."),
    "customer": ("The purchase has no customer.", "Покупка без покупателя."),
    "on": (
        "No line of the basket is one that the rule is about.",
        "В корзине нет позиций, к которым относится правило.",
    ),
    "gives_nothing": ("The rule would give nothing on this basket.", "На этой корзине правило ничего не даёт."),
    "cost": (
        "The rule costs {need} and has to be asked for.",
        "Правило действует за {need}, и его нужно попросить.",
    ),
    "offline": (
        "The receipt was made without connection: its discounts are those that the till gave.",
        "Чек пробит без связи: скидки — те, что дала касса.",
    ),
    "from": (
        "The rule begins at {need}; the purchase is of {have}.",
        "Правило начинает действовать {need}; время покупки {have}.",
    ),
    "until": (
        "The rule ended at {need}; the purchase is of {have}.",
        "Правило перестало действовать {need}; время покупки {have}.",
    ),
    "tier": (
        "The customer's tier must be one of {need}; it is {have}.",
        "Нужен один из уровней {need}; у покупателя {have}.",
    ),
    "segment": (
        "The customer must be in one of the segments {need}; the customer's are {have}.",
        "Нужен один из сегментов {need}; у покупателя {have}.",
    ),
    "tag": (
        "The customer must have one of the tags {need}; the customer's are {have}.",
        "Нужна одна из меток {need}; у покупателя {have}.",
    ),
    "channel": (
        "The channel must be one of {need}; it is {have}.",
        "Нужен один из каналов {need}; сейчас {have}.",
    ),
    "shop": ("The shop must be one of {need}; it is {have}.", "Нужен один из магазинов {need}; это {have}."),
    "partner": (
        "The shop must be of one of the partners {need}; its partner is {have}.",
        "Нужен магазин одного из партнёров {need}; партнёр этого: {have}.",
    ),
    "card_type": (
        "The card must be of one of the types {need}; it is of {have}.",
        "Нужна карта одного из видов {need}; вид этой: {have}.",
    ),
    "basket_total": (
        "The basket's total must be {need}; it is {have}.",
        "Нужна сумма корзины {need}; сейчас {have}.",
    ),
    "basket_has": (
        "Certain lines of the basket must come to this: {need}; they come to this: {have}.",
        "Определённые позиции корзины должны составить: {need}; сейчас: {have}.",
    ),
    "payment": (
        "Paid must be by {need}; by that method it is {have}.",
        "Нужна оплата {need}; этим способом оплачено {have}.",
    ),
    "weekday": (
        "The day of the week must be one of {need}; it is {have}.",
        "Нужен один из дней недели {need}; сегодня {have}.",
    ),
    "hours": ("The time must be within {need}; it is {have}.", "Нужно время в пределах {need}; сейчас {have}."),
    "date": ("The date must be within {need}; it is {have}.", "Нужна дата в пределах {need}; сегодня {have}."),
    "birthday": (
        "The day must be near the birthday ({need}); it is {have}.",
        "Нужен день около дня рождения ({need}); сейчас {have}.",
    ),
    "purchase_number": (
        "The number of the purchase must be {need}; it is {have}.",
        "Нужен номер покупки {need}; сейчас {have}.",
    ),
    "days_since_last": (
        "The days since the last purchase must be {need}; they are {have}.",
        "С последней покупки должно пройти дней: {need}; прошло {have}.",
    ),
    "coupon": (
        "One of the coupons {need} must be shown; shown is {have}.",
        "Нужен один из купонов {need}; показано: {have}.",
    ),
    "identified_by": (
        "The customer must be identified by one of {need}; it was by {have}.",
        "Покупатель должен быть назван одним из способов {need}; назван: {have}.",
    ),
    "event": ("The rule is for the events {need}; this is {have}.", "Правило для событий {need}; сейчас {have}."),
    "draw": (
        "The draw is made when the purchase is committed.",
        "Розыгрыш проводится, когда покупка проведена.",
    ),
    "any": ("None of these holds: {need}; there is {have}.", "Не выполнено ни одно из условий: {need}; есть {have}."),
    "not": ("The rule is not for {need}.", "Правило не действует при условии: {need}."),
}
_LOST = (
    "Ticket {have} did not win; the chance was {need}.",
    "Билет {have} не выиграл; вероятность была {need}.",
)
_PLAIN = ("It needs {need}; there is {have}.", "Нужно {need}; есть {have}.")

# What cut an effect, a prize, or all that a rule wanted; said after a colon.
_LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "min_price": ("the lines are at their lowest prices", "цены позиций уже минимальные"),
    "best_line": ("other rules of the lane gave more on some lines", "на части позиций другие правила дали больше"),
    "sum": ("the lane's rules had the rest", "остальное заняли правила той же группы"),
    "receipt": ("more isn't given on one receipt", "больше на один чек не даётся"),
    "customer": ("more isn't given to one customer in this period", "больше одному покупателю за период не даётся"),
    "customer_uses": (
        "the customer has used the rule as often as this period allows",
        "покупатель уже использовал правило столько раз, сколько можно за период",
    ),
    "budget": ("the budget of the offer is used up", "бюджет акции исчерпан"),
    "uses": ("the offer has been used as often as it may be", "акция уже использована столько раз, сколько можно"),
    "pool": ("no more codes of the coupon are left", "кодов купона не осталось"),
    "pieces": ("more pieces aren't given on one receipt", "больше штук на один чек не даётся"),
    "stock": ("no more of it are left", "приз закончился"),
    "share": ("the share of surprises is used up for now", "доля сюрпризов пока исчерпана"),
    "kept": (
        "the prize of this ticket was kept when its purchase came back",
        "приз этого билета остался у покупателя при возврате покупки",
    ),
    "gives_nothing": ("it comes to nothing on this basket", "на этой корзине это ноль"),
}
_CAP = ("the cap {cap} is reached", "достигнут предел {cap}")
_SOME_LIMIT = ("a limit of the program ({word})", "ограничение программы ({word})")

_COUPONS: Final[Mapping[CouponWord, tuple[str, str]]] = {
    CouponWord.APPLIED: ("The coupon applied.", "Купон применён."),
    CouponWord.UNKNOWN: ("There is no such coupon.", "Такого купона нет."),
    CouponWord.NOT_STARTED: ("The coupon isn't valid yet.", "Купон ещё не действует."),
    CouponWord.EXPIRED: ("The coupon is no longer valid.", "Срок купона истёк."),
    CouponWord.USED_UP: ("The coupon has been used already.", "Купон уже использован."),
    CouponWord.WRONG_CUSTOMER: ("The coupon is another customer's.", "Купон принадлежит другому покупателю."),
    CouponWord.NOT_APPLICABLE: ("The coupon gives nothing on this basket.", "На этой корзине купон ничего не даёт."),
}
# Why a usable code has no rule, where it is not the rule's own verdict.
_COUPON_NOTES: Final[Mapping[str, tuple[str, str]]] = {
    "duplicate": ("it was sent before", "он уже назван в этой корзине"),
    "other_code": ("another code served for the same", "для того же уже принят другой код"),
}
_WITHHELD = (
    "The coupon was not looked at: too much that this till asked for isn't there.",
    "Купон не проверялся: касса слишком часто называла то, чего нет.",
)
KNOWN = frozenset({*_SKIPPED, *_LIMITS})  # The words that have a sentence of their own, besides caps.


def verdict_text(
    *, verdict: str, because: str | None, need: object, have: object, speech: Speech, rule: Rule | None = None
) -> str:
    """One sentence about one rule; `rule` tells in what a limit is counted."""
    if verdict == Outcome.APPLIED:
        return speech.say("The rule applied.", "Правило применено.")
    if verdict == Outcome.OUTDONE:
        return speech.say(
            f"Another rule of its lane gave more or came first ({because}).",
            f"Другое правило той же группы дало больше или было раньше ({because}).",
        )
    if is_limit(because, need) and rule is not None and rule.kind is Kind.RANDOM_REWARD:
        reason = limit_reason(because or "", speech)
        return speech.say(f"The prize drawn isn't given: {reason}.", f"Выпавший приз не даётся: {reason}.")
    if is_limit(because, need):
        wanted = amount_text(need, speech, rule=rule)
        reason = limit_reason(because or "", speech)
        return speech.say(f"Nothing is left of {wanted}: {reason}.", f"Из {wanted} ничего не осталось: {reason}.")
    texts = _LOST if because == "draw" and need is not None else _SKIPPED.get(because or "", _PLAIN)
    return speech.say(*texts).format(need=needed(because, need, speech), have=had(because, need, have, speech))


def is_limit(because: str | None, need: object) -> bool:
    """Whether a verdict tells of a limit that left nothing; `customer` without a need is a customer who isn't there."""
    if because is None or because == "gives_nothing":
        return False
    return (because in _LIMITS and need is not None) or because.startswith(CAP)


def limit_reason(word: str, speech: Speech) -> str:
    """What a limit's word means, as the end of a sentence."""
    if word.startswith(CAP):
        return speech.say(*_CAP).format(cap=word.removeprefix(CAP))
    return speech.say(*_LIMITS.get(word, _SOME_LIMIT)).format(word=word)


def amount_text(amount: object, speech: Speech, *, rule: Rule | None) -> str:
    """So much of what a rule gives: money of a discount, units of a wallet, pieces."""
    if not isinstance(amount, int) or rule is None:
        return str(amount)
    match rule.kind:
        case Kind.DISCOUNT:
            return speech.money(amount)
        case Kind.BONUS | Kind.CASHBACK:
            return f"{amount} {rule.wallet}" if rule.wallet else str(amount)
        case Kind.REWARD:
            return speech.pieces(amount)
        case Kind.RANDOM_REWARD:  # Prizes of one rule are of several kinds.
            return str(amount)


def limited_text(*, limited_by: str, wanted: str, given: str, speech: Speech) -> str:
    """What cut an effect; `wanted` and `given` are told already."""
    reason = limit_reason(limited_by, speech)
    return speech.say(f"{given} of {wanted} given: {reason}.", f"Дано {given} из {wanted}: {reason}.")


def coupon_text(word: str, because: str, speech: Speech) -> str:
    """What became of a code; `because` is the word of what kept its rule back, where there is one."""
    if because == WITHHELD:
        return speech.say(*_WITHHELD)
    text = speech.say(*_COUPONS[CouponWord(word)])
    if because in _COUPON_NOTES:
        return f"{text.removesuffix('.')}: {speech.say(*_COUPON_NOTES[because])}."
    if because in CONDITIONS:
        depends = speech.say("it depends on this", "он зависит от условия")
        return f"{text.removesuffix('.')}; {depends}: {condition_name(because, speech)}."
    # `customer` may be a limit or a customer who isn't there: nothing is said rather than something wrong.
    if because.startswith(CAP) or (because in _LIMITS and because not in {"customer", "gives_nothing"}):
        return f"{text.removesuffix('.')}: {limit_reason(because, speech)}."
    return text


def draw_text(*, prize: str | None, drew: str | None, because: str | None, speech: Speech) -> str:
    """What a ticket brought."""
    if prize is not None:
        return speech.say(f"The ticket won: {prize}.", f"Билет выиграл: {prize}.")
    if drew is None and because is None:
        return speech.say("The ticket did not win.", "Билет не выиграл.")
    reason = limit_reason(because or "", speech)
    if drew is None:
        return speech.say(f"The ticket did not win: {reason}.", f"Билет не выиграл: {reason}.")
    return speech.say(
        f"The ticket drew {drew}, which isn't given: {reason}.", f"Билету выпало {drew}, но не даётся: {reason}."
    )
