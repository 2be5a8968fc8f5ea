"""The app's short-lived codes: making a customer's secret, and finding the customer by a code.

Reading by a code (a look-up, a quote) leaves it as it is; the first write uses it up, for its receipt: that receipt may
come again with it for some minutes, as calls do, and no other. A code that was used, and any older one, names nobody.

A secret is shown in the answer that made it and nowhere again, like a key (`app.flows.keep_keys`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.one_time_codes import (
    APP_TRIES_MAX,
    APP_TRIES_WITHIN,
    NUMBERS,
    SECRET_BYTES,
    matching_step,
    number_of,
    read_app_code,
)
from app.flows import refusals
from app.flows.once import Once
from app.flows.ports import Clock, Vault
from app.flows.ports_confirmation import AppCodeStore, AppCodeTx
from app.flows.requests import Answer, Proof, PurchaseRequest, Write


@dataclass(frozen=True, slots=True, repr=False)
class AppAccess:
    """What an app needs to show codes; `number` and `secret` are None where they must not be seen."""

    customer: UUID
    number: str | None
    secret: bytes | None


class AppCodeAnswers(Protocol):
    def __call__(self, access: AppAccess) -> bytes: ...


class AppCodes:
    """Customers by codes."""

    def __init__(self, store: AppCodeStore, *, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    async def reader(self, request: PurchaseRequest) -> PurchaseRequest:
        """A quote's request with whom its code names. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        if request.customer is None or request.customer.kind is not IdentifierKind.CODE:
            return request
        customer = await self.customer(request.customer, receipt=None)
        return replace(request, customer=customer, proof=Proof(by_code=True))

    async def named(self, customer: Identifier) -> tuple[Identifier, bool]:
        """Whom a reference names, to be read, and whether it was a code. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        if customer.kind is not IdentifierKind.CODE:
            return customer, False
        return await self.customer(customer, receipt=None), True

    async def customer(self, code: Identifier | None, *, receipt: UUID | None) -> Identifier:
        """The id of whose app shows this code now; `receipt` (its claim) uses it up.

        Raises:
            Rejected: `customer_not_found`, whatever is wrong with it.
        """
        shown = read_app_code(code.value) if code is not None else None
        if shown is None:
            raise refusals.no_customer()
        number = self._vault.digest(Identifier(IdentifierKind.CODE, shown.number))
        found = await self._store.take_app_try(number, tries=APP_TRIES_MAX, within=APP_TRIES_WITHIN)
        secret = None if found is None else self._vault.open_secret(found.customer, found.seal)
        if found is None or secret is None:
            raise refusals.no_customer()
        used = found.used_step if receipt is not None and receipt == found.used_receipt else None
        step = matching_step(secret, shown.digits, at=self._clock.now(), used=used)
        if step is None or not await self._store.use_app_step(number, step=step, receipt=receipt):
            raise refusals.no_customer()
        return Identifier(IdentifierKind.ID, str(found.customer))


class KeepAppCodes:
    """Makes secrets. `luck` as in `ConfirmRedemptions`, `random` makes so many bytes."""

    def __init__(
        self,
        once: Once[AppCodeTx],
        *,
        vault: Vault,
        answer: AppCodeAnswers,
        luck: Callable[[int], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._once = once
        self._vault = vault
        self._answer = answer
        self._luck = luck
        self._random = random

    async def make(self, write: Write, customer: UUID) -> Answer:
        """A number and a secret, 201; those before are worth nothing then. Raises `Rejected(CUSTOMER_NOT_FOUND)`."""
        shown = b""

        async def act(tx: AppCodeTx) -> Answer:
            nonlocal shown
            wrapped_key = await tx.wrapped_key(customer)
            if wrapped_key is None:
                raise refusals.no_customer()
            number, secret = number_of(self._luck(NUMBERS)), self._random(SECRET_BYTES)
            await tx.put_app_code(
                customer,
                number=self._vault.digest(Identifier(IdentifierKind.CODE, number)),
                sealed=self._vault.seal_secret(customer, secret, wrapped_key=wrapped_key),
            )
            shown = self._answer(AppAccess(customer, number, secret))
            return Answer(201, self._answer(AppAccess(customer, None, None)))

        answer = await self._once.run(write, act)
        return answer if answer.is_replayed else Answer(answer.status, shown)
