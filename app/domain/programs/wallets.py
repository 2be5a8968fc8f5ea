"""Wallets, and how their units pay for a basket."""

from collections.abc import Mapping, Sequence
from functools import partial

from app.domain.amounts import AMOUNT_MAX, MICRO
from app.domain.program import Convert, Debt, ExpireRound, Redemption, Wallet
from app.domain.programs.names import Names, note_repeated_texts
from app.domain.programs.reader import Cursor, Fields, Shape
from app.domain.programs.show import enumerate_names
from app.domain.programs.values import (
    DAYS_MAX,
    amount,
    factor,
    identifier,
    integer,
    known,
    listed,
    one_of,
    or_null,
)

RESERVED = frozenset({"rewards"})  # `redeem` names wallets, and beside them `rewards`.
WALLETS_MAX = 50  # Each is a balance on every customer's row.

_WALLET = Shape("a wallet", ("value", "activate_after_days", "expire_after_days", "expire_round", "debt", "convert"))
_CONVERT = Shape("convert", ("every", "into", "units"))
_REDEMPTION = Shape("redemption", ("wallets", "max_share", "min_units", "min_paid", "step", "strength"))
STRENGTHS = ("phone", "card", "code")
_STRENGTH = Shape("strength", (*STRENGTHS, "id"))


def read_wallets(names: Names, at: Cursor) -> dict[str, Wallet]:
    """`{id: wallet}`, at least one; the first is the default one."""
    members = at.members("an object of wallets by id")
    if not at.value:
        raise at.wrong("too_short", "at least one wallet")
    if len(members) > WALLETS_MAX:
        at.note("too_long", f"Expected at most {WALLETS_MAX} wallets, found {len(members)}.")
    wallets = {}
    for key, place in members[:WALLETS_MAX]:
        Cursor(key, place.pointer, place.notes).read(identifier)
        if key in RESERVED:
            place.note("not_allowed_here", f"{key} is a word of redemptions: a wallet needs another id.")
        wallets[key] = place.read(partial(_wallet, names, key))
    _note_circles(members)
    return wallets


def _wallet(names: Names, key: str, at: Cursor) -> Wallet:
    fields = Fields(at, _WALLET)
    return Wallet(
        id=key,
        value=fields.get("value", amount, 1),
        activate_after_days=fields.get("activate_after_days", integer(0, DAYS_MAX), 0),
        expire_after_days=fields.get("expire_after_days", or_null(integer(1, DAYS_MAX)), None),
        debt=fields.get("debt", one_of(Debt), Debt.ALLOW),
        expire_round=fields.get("expire_round", one_of(ExpireRound), ExpireRound.NONE),
        convert=fields.get("convert", or_null(partial(_convert, names)), None),
    )


def _convert(names: Names, at: Cursor) -> Convert:
    fields, units = Fields(at, _CONVERT), integer(1, AMOUNT_MAX)
    return Convert(
        every=fields.need("every", units),
        into=fields.need("into", known(identifier, names.wallets, "wallet")),
        units=fields.need("units", units),
    )


def _note_circles(members: Sequence[tuple[str, Cursor]]) -> None:
    """Note each wallet whose units would come back to it: a posting would convert them round and round."""
    into: dict[str, str] = {}
    for key, place in members:
        convert = place.value.get("convert") if isinstance(place.value, dict) else None
        target = convert.get("into") if isinstance(convert, dict) else None
        if not isinstance(target, str):
            continue
        way = [key, target]
        while way[-1] in into and way[-1] != key:
            way.append(into[way[-1]])
        if way[-1] == key:
            at = place.child("convert", convert).child("into", target)
            at.note("circle", f"Expected a wallet whose units don't come back here, found {enumerate_names(way)}.")
        else:
            into[key] = target


def read_redemption(names: Names, at: Cursor) -> Redemption:
    """How units pay; without a list of its own redemption takes from the program's first wallet."""
    fields, wallets = Fields(at, _REDEMPTION), names.wallets
    # An empty list is how a program says that nothing can be redeemed on a basket.
    named = fields.get("wallets", listed(known(identifier, wallets, "wallet"), at_least=0, at_most=WALLETS_MAX), None)
    note_repeated_texts(fields.place("wallets"))
    return Redemption(
        wallets=(wallets or ())[:1] if named is None else named,
        max_share=fields.get("max_share", factor('a share from 0 to 1 such as "0.30"', low=0, high=1), MICRO),
        min_units=fields.get("min_units", amount, 0),
        min_paid=fields.get("min_paid", amount, 0),
        step=fields.get("step", integer(1, AMOUNT_MAX), 1),
        strength=fields.get("strength", _strength, {}),
    )


def _strength(at: Cursor) -> Mapping[str, int | None]:
    """Units a purchase by how the customer was identified; null or a missing key is no limit. A missing `id` stays
    missing: it counts as `card` then.
    """
    if at.value is None:
        return {}
    fields = Fields(at, _STRENGTH)
    named = STRENGTHS if "id" not in fields.names() else (*STRENGTHS, "id")
    return {name: fields.get(name, or_null(amount), None) for name in named}
