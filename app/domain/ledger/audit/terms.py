"""What the audit needs of a program's version: its wallets, and which of them is the default one."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.domain.program import Wallet
from app.domain.programs import ProgramInvalid, read_program


@dataclass(frozen=True, slots=True)
class Terms:
    default_wallet: str
    wallets: Mapping[str, Wallet]


def read_terms(document: str) -> Terms | None:
    """The terms of a stored document; None where this release can't read it (returns need it too)."""
    try:
        program = read_program(orjson.loads(document))
    except (ProgramInvalid, orjson.JSONDecodeError):
        return None
    return Terms(default_wallet=program.default_wallet, wallets=program.wallets)
