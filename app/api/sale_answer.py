"""The answer of `quote`, `accrue` and `GET /v1/purchases/{id}`, member by member in the contract's order."""

from app.api.draw_answer import draw_document
from app.api.explaining import explained, limit_text
from app.api.hint_texts import hint_document
from app.api.sentences import coupon_text
from app.api.speech import Speech, speech_of
from app.api.told import told_of
from app.domain.amounts import quantity
from app.domain.coupons import CouponVerdict
from app.domain.decision import Effect, LineDecision, RedeemTerms
from app.domain.ledger.balances import WalletBalance
from app.domain.rules.prices import split_price
from app.flows.results import Balances, EventPosted, Sale

_QUOTED, _HELD = "quoted", "held"


def balance_of(balance: WalletBalance) -> dict[str, object]:
    return {"available": balance.available, "pending": balance.pending, "held": balance.held}


def balances_document(balances: Balances) -> dict[str, object]:
    return {wallet: balance_of(balance) for wallet, balance in balances.items()}


def sale_document(sale: Sale) -> dict[str, object]:
    """JSON-ready; ids and instants are left to the serialiser."""
    decision, customer = sale.decision, sale.customer
    speech = speech_of(sale.scheme.currency, is_russian=sale.is_russian)
    with_codes = sale.state not in {_QUOTED, _HELD}
    told = told_of(decision, sale.scheme, balances=sale.balances, with_codes=with_codes, speech=speech)
    document: dict[str, object] = {
        "id": sale.id,
        "tx_id": sale.tx_id or sale.id,
        "state": sale.state,
        "receipt": sale.receipt,
        "at": sale.at,
        "program": sale.program,
        "customer": None if customer is None else {"id": customer.id, "tier": customer.tier, "name": customer.name},
        "version": sale.version,
        "totals": {
            "gross": decision.gross,
            "discount": decision.discount,
            "redeemed": decision.redeemed,
            "paid": decision.paid,
            "redeemed_units": decision.redeemed_units,
            "accrued": {wallet: decision.accrued.get(wallet, 0) for wallet in sale.scheme.wallets},
        },
        "lines": [_line(line, sale.qty_milli[line.id]) for line in decision.lines],
        "redeem": {"wallets": {wallet: _terms(terms) for wallet, terms in decision.redeem_terms.items()}},
        "effects": [effect_document(effect, with_codes=with_codes, speech=speech) for effect in decision.effects],
        "coupons": [_coupon(coupon, speech) for coupon in decision.coupons],
        "surprise": {"possible": decision.surprise},
        "draws": [draw_document(record, speech) for record in decision.draws],
        "hints": [hint_document(hint, rule=told.rules.get(hint.rule), speech=speech) for hint in decision.hints],
        "balances": balances_document(sale.balances),
        "messages": told.messages,
        "print": told.blocks,
        "quote": sale.quote,
        "valid_until": sale.valid_until,
    }
    if sale.offline is not None:
        offline = sale.offline
        document["offline"] = {
            "debt": offline.debt,
            "over_allowance": offline.over_allowance,
            "frozen": offline.is_frozen,
        }
    if sale.expires_at is not None:
        document["expires_at"] = sale.expires_at
    if sale.explain:
        document["explain"] = explained(decision.verdicts, sale.scheme, speech)
    return document


def event_document(posted: EventPosted) -> dict[str, object]:
    """What another act than a purchase brought."""
    decision = posted.decision
    speech = speech_of(posted.scheme.currency, is_russian=posted.is_russian)
    told = told_of(decision, posted.scheme, balances=posted.balances, with_codes=True, speech=speech)
    document: dict[str, object] = {
        "id": posted.tx_id,
        "tx_id": posted.tx_id,
        "version": posted.version,
        "type": posted.type,
        "at": posted.at,
        "program": posted.program,
        "accrued": {wallet: decision.accrued.get(wallet, 0) for wallet in posted.scheme.wallets},
        "effects": [effect_document(effect, with_codes=True, speech=speech) for effect in decision.effects],
        "draws": [draw_document(record, speech) for record in decision.draws],
        "balances": balances_document(posted.balances),
        "messages": told.messages,
        "print": told.blocks,
    }
    if posted.explain:
        document["explain"] = explained(decision.verdicts, posted.scheme, speech)
    return document


def _line(line: LineDecision, qty_milli: int) -> dict[str, object]:
    """Loops, not comprehensions, each of which is a call: an answer has a dozen of them."""
    paid = line.paid
    prices: list[dict[str, object]] = []
    for qty, price, amount in split_price(paid=paid, qty_milli=qty_milli):
        pair: dict[str, object] = {"qty": quantity(qty), "price": price}
        if amount is not None:
            pair["amount"] = amount
        prices.append(pair)
    parts: list[dict[str, object]] = []
    for part in line.parts:
        if part.wallet is None:
            parts.append({"rule": part.rule, "kind": part.kind, "amount": part.amount})
        else:
            parts.append({"rule": part.rule, "kind": part.kind, "wallet": part.wallet, "units": part.units})
    return {
        "id": line.id,
        "gross": line.gross,
        "discount": line.discount,
        "redeemed": line.redeemed,
        "paid": paid,
        "accrued": line.accrued,
        "prices": prices,
        "parts": parts,
    }


def effect_document(effect: Effect, *, with_codes: bool, speech: Speech) -> dict[str, object]:
    """`with_codes`: codes that were given out are shown; a quote gives none."""
    document: dict[str, object] = {"rule": effect.rule, "kind": effect.kind}
    if effect.wallet is not None:
        document["wallet"] = effect.wallet
    elif effect.gift is not None:
        document["gift"] = effect.gift
    elif effect.coupon is not None:
        document["coupon"] = effect.coupon
        if with_codes:
            document["codes"] = effect.codes
    else:
        document["amount"] = effect.given
    document["wanted"] = effect.wanted
    document["given"] = effect.given
    document["limited_by"] = effect.limited_by
    if effect.limited_by is not None:
        document["limited_text"] = limit_text(
            limited_by=effect.limited_by,
            wanted=effect.wanted,
            given=effect.given,
            wallet=effect.wallet,
            is_pieces=effect.gift is not None or effect.coupon is not None,
            speech=speech,
        )
    if effect.cost:
        document["cost"] = effect.cost
    return document


def _terms(terms: RedeemTerms) -> dict[str, object]:
    told: dict[str, int] = dict(terms.terms)
    if terms.strength_units is not None:
        told["strength"] = terms.strength_units
    return {
        "max_units": terms.max_units,
        "max_money": terms.max_money,
        "bound_by": terms.bound_by,
        "terms": told,
    }


def _coupon(coupon: CouponVerdict, speech: Speech) -> dict[str, object]:
    """`reason` is the word behind the sentence, where the verdict doesn't say it already."""
    document: dict[str, object] = {
        "code": coupon.code,
        "verdict": coupon.word,
        "rule": coupon.rule,
        "because": coupon_text(coupon.word, coupon.because, speech),
    }
    if coupon.because not in {"", coupon.word}:
        document["reason"] = coupon.because
    return document
