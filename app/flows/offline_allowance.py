"""Look-ups, with what a till without connection may take from the customer from then on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.allowances import Allowance, allowed_units
from app.domain.identifiers import Identifier
from app.domain.program import Program
from app.flows.identity import identified_by, is_by_id
from app.flows.ledger_port import Patron
from app.flows.ports import Clock, Programs, Vault, fresh_ids
from app.flows.profiles import profile_of
from app.flows.read_customer import ReadCustomer
from app.flows.results import CustomerProfile, OfflineAllowance


class AllowanceKeys(Protocol):
    """Signs allowances so that whoever has the public key can read them."""

    def sign(self, allowance: Allowance) -> str:
        """A token that names nobody but the customer's id."""
        ...

    def read(self, token: str) -> Allowance | None:
        """None: this service has not signed it. Whether it is over isn't looked at."""
        ...

    def public(self) -> Sequence[Mapping[str, str]]:
        """The public keys as JWKs (RFC 7517)."""
        ...


@dataclass(frozen=True, slots=True)
class AllowanceTerms:
    """At most so many units, for so long; 0 units: none are given."""

    units_max: int
    valid_for: timedelta


class LookUpCustomer:
    def __init__(
        self,
        customers: ReadCustomer,
        *,
        programs: Programs,
        vault: Vault,
        clock: Clock,
        keys: AllowanceKeys,
        terms: AllowanceTerms,
    ) -> None:
        self._customers = customers
        self._programs = programs
        self._vault = vault
        self._clock = clock
        self._keys = keys
        self._terms = terms

    async def look_up(self, customer: Identifier, *, by_code: bool = False) -> CustomerProfile:
        """by_code: as `identified_by` says. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        patron, version = await self._customers.named(customer)
        compiled = await self._programs.current()
        now = self._clock.now()
        profile = profile_of(patron, compiled, self._vault, version=version, now=now)
        if compiled is None or not self._terms.units_max or patron.is_blocked or patron.is_frozen:
            return profile
        program = compiled.program
        strength = program.redemption.strength_of(
            identified_by(customer, by_code=by_code),
            is_confirmed=False,
            is_gift_card=patron.is_gift_card,
            is_by_id=is_by_id(customer, by_code=by_code),
        )
        return replace(profile, offline_allowance=self._grant(program, patron, strength, now=now))

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return self._keys.public()

    def _grant(
        self, program: Program, patron: Patron, strength: int | None, *, now: datetime
    ) -> OfflineAllowance | None:
        """In the first wallet that pays for baskets and has enough; None where none has."""
        for wallet in program.redemption.wallets:
            if not program.wallets[wallet].value:
                continue
            available = patron.book.purse(wallet).available
            units = allowed_units(program, available=available, strength=strength, most=self._terms.units_max)
            if units:
                since = now.replace(microsecond=0)  # A token's times are whole seconds.
                until = since + self._terms.valid_for
                allowance = Allowance(next(fresh_ids()), patron.book.customer_id, wallet, units, since, until)
                return OfflineAllowance(wallet, units, until, self._keys.sign(allowance))
        return None
