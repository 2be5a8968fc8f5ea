"""A service without a cache: every look is a miss."""
# ruff: noqa: ARG002 - a port's arguments, which mean nothing here

from collections.abc import Sequence
from uuid import UUID

from app.flows.ledger_port import Patron
from app.flows.ports import Seen


class NoSnapshots:
    """The port `Snapshots`, always empty."""

    async def close(self) -> None:
        return None

    async def put(self, patrons: Sequence[Patron]) -> None:
        return None

    async def get(self, customer_id: UUID) -> Seen:
        return Seen(None, "")

    async def fill(self, patron: Patron, *, mark: str) -> None:
        return None

    async def forget(self, customer_ids: Sequence[UUID]) -> None:
        return None

    async def find(self, digest: bytes) -> tuple[UUID | None, Seen]:
        return None, Seen(None, "")

    async def put_owner(self, digest: bytes, customer_id: UUID, *, mark: str) -> None:
        return None

    async def drop(self, digests: Sequence[bytes]) -> None:
        return None

    async def is_well(self) -> bool:
        return False
