"""Answers about a customer: profile, balance, history, lots."""

from app.api.masking import mask_card, mask_phone
from app.api.sale_answer import balance_of, balances_document
from app.domain.customer import mask_name
from app.flows.results import BalanceView, CustomerProfile, HistoryItem, Instant, LotView, TierView, WalletView


def profile_document(profile: CustomerProfile, *, is_masked: bool) -> dict[str, object]:
    """A customer; masked it holds no phone, card, external id, e-mail, birthday or full name."""
    document: dict[str, object] = {"id": profile.id, "version": profile.version}
    if is_masked:
        document["phone"] = None if profile.phone is None else mask_phone(profile.phone)
        document["cards"] = [mask_card(card) for card in profile.cards]
        document["external_id"] = None if profile.external_id is None else mask_card(profile.external_id)
        document["name"] = None if profile.name is None else mask_name(profile.name)
    else:
        document["phone"] = profile.phone
        document["cards"] = profile.cards
        document["external_id"] = profile.external_id
        document["name"] = profile.name
        document["birthday"] = profile.birthday
        document["email"] = profile.email
        document["segments"] = profile.segments
        document["frozen_since"] = profile.frozen_since
        document["erased_at"] = profile.erased_at
    return document | {
        "tags": profile.tags,
        "consents": profile.consents,
        "referrer": profile.referrer,
        "registered_at": profile.registered_at,
        "is_blocked": profile.is_blocked,
        "purchases": profile.purchases,
        "tier": profile.tier.id,
        "next_tier": _next_tier(profile.tier),
        "balances": balances_document(profile.balances),
    }


def lookup_document(profile: CustomerProfile) -> dict[str, object]:
    """A customer who was looked up: masked, with what may be taken without connection."""
    allowance = profile.offline_allowance
    return profile_document(profile, is_masked=True) | {
        "offline_allowance": None
        if allowance is None
        else {
            "wallet": allowance.wallet,
            "units": allowance.units,
            "until": allowance.until,
            "token": allowance.token,
        }
    }


def balance_document(view: BalanceView) -> dict[str, object]:
    document: dict[str, object] = {
        "version": view.version,
        "wallets": {wallet: _wallet(each) for wallet, each in view.wallets.items()},
        "source": view.source,
        "as_of": view.as_of,
    }
    if (then := view.then) is not None:
        document |= {"lots": [lot_document(lot) for lot in then.lots], "tier": then.tier, "program": then.program}
    return document


def history_document(item: HistoryItem) -> dict[str, object]:
    return {
        "tx_id": item.tx_id,
        "kind": item.kind,
        "version": item.version,
        "at": item.at,
        "created_at": item.created_at,
        "receipt": item.receipt,
        "purchase": item.purchase,
        "program": item.program,
        "reason": item.reason,
        "entries": [
            {
                "account": entry.account,
                "wallet": entry.wallet,
                "amount": entry.amount,
                "lot": entry.lot_id,
                "rule": entry.rule,
            }
            for entry in item.entries
        ],
    }


def lot_document(lot: LotView) -> dict[str, object]:
    return {
        "id": lot.id,
        "wallet": lot.wallet,
        "remaining": lot.remaining,
        "active_at": lot.active_at,
        "expires_at": lot.expires_at,
        "tx_id": lot.tx_id,
    }


def _wallet(view: WalletView) -> dict[str, object]:
    return {
        **balance_of(view.balance),
        "next_expiry": _instant(view.next_expiry),
        "next_activation": _instant(view.next_activation),
    }


def _instant(instant: Instant | None) -> dict[str, object] | None:
    return None if instant is None else {"points": instant.points, "at": instant.at}


def _next_tier(tier: TierView) -> dict[str, object] | None:
    """The way to the next tier: where it begins, how far the customer is, what is left."""
    if tier.next_id is None or tier.next_from is None:
        return None
    return {
        "id": tier.next_id,
        "from": tier.next_from,
        "measure": tier.measure,
        "left": max(tier.next_from - tier.measure, 0),
    }
