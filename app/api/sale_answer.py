"""The answer of `quote`, `accrue` and `GET /v1/purchases/{id}`, member by member in the contract's order."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.api.sentences import sentence
from app.domain.amounts import quantity
from app.domain.decision import Effect, LineDecision, Part, RedeemTerms, Verdict
from app.domain.ledger.balances import WalletBalance
from app.domain.rules.prices import split_price
from app.flows.results import Balances, PurchaseRecord, Sale

_UNKNOWN_COUPON = "There is no such coupon."
_UNKNOWN_COUPON_RUSSIAN = "Такого купона нет."


def balance_of(balance: WalletBalance) -> dict[str, object]:
    return {"available": balance.available, "pending": balance.pending, "held": balance.held}


def balances_document(balances: Balances) -> dict[str, object]:
    return {wallet: balance_of(balance) for wallet, balance in balances.items()}


def sale_document(sale: Sale) -> dict[str, object]:
    """JSON-ready; ids and instants are left to the serialiser."""
    decision = sale.decision
    customer = sale.customer
    document: dict[str, object] = {
        "id": sale.id,
        "tx_id": sale.id,
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
            "accrued": {wallet: decision.accrued.get(wallet, 0) for wallet in sale.wallets},
        },
        "lines": [_line(line, sale.qty_milli[line.id]) for line in decision.lines],
        "redeem": {"wallets": {wallet: _terms(terms) for wallet, terms in decision.redeem_terms.items()}},
        "effects": [_effect(effect) for effect in decision.effects],
        "coupons": [_unknown_coupon(code, is_russian=sale.is_russian) for code in sale.coupons],
        "surprise": {"possible": False},
        "draws": [],
        "balances": balances_document(sale.balances),
        "messages": [],
        "quote": sale.quote,
        "valid_until": sale.valid_until,
    }
    if sale.explain:
        document["explain"] = explained(map(_verdict, decision.verdicts), is_russian=sale.is_russian)
    return document


def record_document(record: PurchaseRecord, *, explain: bool, is_russian: bool) -> dict[str, object]:
    """A stored purchase: the answer of that day, with what has become of it since."""
    document: dict[str, object] = orjson.loads(record.answer)
    document.pop("explain", None)
    document["state"] = record.state
    document["returned"] = {line: quantity(milli) for line, milli in record.returned_milli.items()}
    if explain:
        document["explain"] = explained(orjson.loads(record.verdicts), is_russian=is_russian)
    return document


def explained(verdicts: Iterable[Mapping[str, Any]], *, is_russian: bool) -> list[dict[str, object]]:
    """Verdicts (`rule`, `verdict`, `because`, `need`, `have`) with their sentences."""
    return [
        {
            "rule": each["rule"],
            "verdict": each["verdict"],
            "because": each["because"],
            "need": each["need"],
            "have": each["have"],
            "text": sentence(
                verdict=each["verdict"],
                because=each["because"],
                need=each["need"],
                have=each["have"],
                is_russian=is_russian,
            ),
        }
        for each in verdicts
    ]


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "rule": verdict.rule,
        "verdict": verdict.verdict,
        "because": verdict.because,
        "need": verdict.need,
        "have": verdict.have,
    }


def _line(line: LineDecision, qty_milli: int) -> dict[str, object]:
    paid = line.paid
    return {
        "id": line.id,
        "gross": line.gross,
        "discount": line.discount,
        "redeemed": line.redeemed,
        "paid": paid,
        "accrued": line.accrued,
        "prices": [
            {"qty": quantity(pair.qty_milli), "price": pair.price}
            if pair.amount is None
            else {"qty": quantity(pair.qty_milli), "price": pair.price, "amount": pair.amount}
            for pair in split_price(paid=paid, qty_milli=qty_milli)
        ],
        "parts": [_part(part) for part in line.parts],
    }


def _part(part: Part) -> dict[str, object]:
    if part.wallet is None:
        return {"rule": part.rule, "kind": part.kind, "amount": part.amount}
    return {"rule": part.rule, "kind": part.kind, "wallet": part.wallet, "units": part.units}


def _effect(effect: Effect) -> dict[str, object]:
    document: dict[str, object] = {"rule": effect.rule, "kind": effect.kind}
    if effect.wallet is None:
        document["amount"] = effect.given
    else:
        document["wallet"] = effect.wallet
    document["wanted"] = effect.wanted
    document["given"] = effect.given
    document["limited_by"] = effect.limited_by
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


def _unknown_coupon(code: str, *, is_russian: bool) -> dict[str, object]:
    because = _UNKNOWN_COUPON_RUSSIAN if is_russian else _UNKNOWN_COUPON
    return {"code": code, "verdict": "unknown", "rule": None, "because": because}
