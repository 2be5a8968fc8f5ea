"""Stored answers that have to tell of a person - a card's number, a masked name - under the customer's own key.

An answer is kept for its idempotency key, long after the customer may have been erased. So members that tell of the
person are sealed in what is stored, and put back in what goes out: the first answer, a repeated one and
`GET /v1/requests/{key}` are the same bytes until the customer is erased; then these members are null, lists empty.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import orjson

from app.flows.ledger_port import Patron, Sealed
from app.flows.ports import Vault
from app.flows.read_customer import ReadCustomer
from app.flows.requests import Answer

CARD_MEMBERS = ("number", "type")
CUSTOMER_MEMBERS = ("phone", "cards", "external_id", "name", "tags", "consents", "referrer")
_BEGINNING = b'{"sealed":'


class SealedAnswers:
    def __init__(self, vault: Vault, *, customers: ReadCustomer) -> None:
        self._vault = vault
        self._customers = customers

    def stored(self, body: bytes, patron: Patron, *, members: Sequence[str]) -> bytes:
        """What to store of a body that has these members, and may have others."""
        wrapped_key, customer_id = patron.profile.wrapped_key, patron.book.customer_id
        if wrapped_key is None:
            raise ValueError(f"customer {customer_id} has no key, and so nothing to be told")
        document = orjson.loads(body)
        secret = orjson.dumps({name: document[name] for name in members})
        sealed = self._vault.seal_secret(customer_id, secret, wrapped_key=wrapped_key)
        blank: dict[str, list[str] | None] = {
            name: [] if isinstance(document[name], list) else None for name in members
        }
        # In their places: what is put back there is the body again, byte for byte.
        return orjson.dumps({"sealed": b64encode(sealed).decode(), "of": str(customer_id), **document, **blank})

    async def opened(self, answer: Answer) -> Answer:
        """As it goes out; answers without sealed members are what they are."""
        return replace(answer, body=await self.opened_body(answer.body))

    async def opened_body(self, body: bytes) -> bytes:
        if not body.startswith(_BEGINNING):
            return body
        document = orjson.loads(body)
        sealed, customer_id = b64decode(document.pop("sealed")), UUID(document.pop("of"))
        patron, _ = await self._customers.patron(customer_id)
        secret = self._vault.open_secret(customer_id, Sealed(patron.profile.wrapped_key, sealed))
        return orjson.dumps(document if secret is None else {**document, **orjson.loads(secret)})
