"""What the audit needs of a program's version: its wallets, and the terms of rules that have their own.

No whole program is kept: a ledger may know a thousand versions of five hundred rules each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import orjson

from app.domain.ledger.conversion import Conversion, conversions_of
from app.domain.ledger.terms import LotTerms, rule_terms, wallet_terms
from app.domain.program import Program, Rule, Wallet, Window
from app.domain.programs import ProgramInvalid, read_program


@dataclass(frozen=True, slots=True)
class Terms:
    """`conversions` are in the order in which a posting makes them."""

    default_wallet: str
    wallets: Mapping[str, Wallet]
    timezone: ZoneInfo
    window: Window
    rules: Mapping[str, Rule] = field(default_factory=dict)
    conversions: tuple[Conversion, ...] = ()

    def of_lot(self, wallet: Wallet, rule_id: str | None) -> LotTerms:
        """Of a lot that a rule has given, or (None) anything else."""
        rule = self.rules.get(rule_id) if rule_id is not None else None
        return wallet_terms(wallet) if rule is None else rule_terms(rule, wallet)


def terms_of(program: Program) -> Terms:
    return Terms(
        default_wallet=program.default_wallet,
        wallets=program.wallets,
        timezone=program.timezone,
        window=program.tier_window,
        rules={rule.id: rule for rule in program.rules if rule.has_own_expiry or rule.activate_after_days is not None},
        conversions=tuple(conversions_of(program.wallets)),
    )


def read_terms(document: str) -> Terms | None:
    """The terms of a stored document; None where this release can't read it (returns need it too)."""
    try:
        return terms_of(read_program(orjson.loads(document)))
    except (ProgramInvalid, orjson.JSONDecodeError):
        return None
