"""The database's failures as refusals, in one place: 503, which may be repeated with the same key."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from app.flows import refusals
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone

P = ParamSpec("P")
T = TypeVar("T")


def answering(ask: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """`ask`, which raises `Rejected` where it would raise what happened to the database."""

    async def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await ask(*args, **kwargs)
        except DatabaseGone:
            raise refusals.unavailable() from None
        except (DatabaseBusy, Conflict):
            raise refusals.busy("The database is busy.") from None

    return asked
