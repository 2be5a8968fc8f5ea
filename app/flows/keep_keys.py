"""Making, rotating and revoking keys, and listing them.

A key's text is shown in the answer that made it and nowhere again: what is kept under the idempotency key, and so what
a repetition gets, has `null` in its place. Whoever lost that answer revokes the key by its id and makes another.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.cursors import text_of, to_text_cursor
from app.flows.once import Once
from app.flows.ports_keys import FreshKey, KeyReads, KeyTerms, KeyTx, KeyView, TooManyKeys
from app.flows.requests import Answer, Write
from app.flows.results import Page


class KeyAnswers(Protocol):
    """Gives keys their bytes; `text` is the key itself, None where it must not be seen."""

    def made(self, view: KeyView, *, text: str | None, replaces: str | None) -> bytes: ...

    def one(self, view: KeyView) -> bytes: ...


class KeepKeys:
    """`make` makes up a fresh key."""

    def __init__(
        self, once: Once[KeyTx], reads: KeyReads, *, make: Callable[[], FreshKey], answers: KeyAnswers
    ) -> None:
        self._once = once
        self._reads = reads
        self._make = make
        self._answers = answers

    async def create(self, write: Write, terms: KeyTerms) -> Answer:
        """The key, 201. Raises `Rejected(LIMIT_EXCEEDED)` where the terminal has two live ones."""

        async def like_this(_tx: KeyTx) -> KeyTerms:
            return terms

        return await self._make_key(write, like_this, replaces=None)

    async def rotate(self, write: Write, key_id: str) -> Answer:
        """A second key as the one with this id, 201; the first stays until it is revoked.

        Raises:
            Rejected: `not_found` where there is no such live key, `limit_exceeded` as `create`.
        """

        async def like_that(tx: KeyTx) -> KeyTerms:
            view = await tx.key(key_id)
            if view is None or view.revoked_at is not None:
                raise no_key()
            return view.terms

        return await self._make_key(write, like_that, replaces=key_id)

    async def revoke(self, write: Write, key_id: str) -> Answer:
        """The key, revoked now or before. Raises `Rejected(NOT_FOUND)`."""

        async def act(tx: KeyTx) -> Answer:
            view = await tx.revoke_key(key_id)
            if view is None:
                raise no_key()
            return Answer(200, self._answers.one(view))

        return await self._once.run(write, act)

    async def keys(self, *, limit: int, cursor: str | None) -> Page[KeyView]:
        """Live and revoked ones, the oldest first."""
        after = None if cursor is None else text_of(cursor)
        views = tuple(await self._reads.keys(after=after, limit=limit + 1))
        return Page(views[:limit], to_text_cursor(views[limit - 1].id) if len(views) > limit else None)

    async def _make_key(
        self, write: Write, terms_of: Callable[[KeyTx], Awaitable[KeyTerms]], *, replaces: str | None
    ) -> Answer:
        shown = b""

        async def act(tx: KeyTx) -> Answer:
            nonlocal shown
            terms, fresh = await terms_of(tx), self._make()
            try:
                view = await tx.insert_key(fresh, terms, made_by=write.caller.hand)
            except TooManyKeys as error:
                fault = Fault("/terminal", "too_many_keys", str(error))
                raise Rejected(Rejection.LIMIT_EXCEEDED, "The terminal has its two keys.", (fault,)) from None
            shown = self._answers.made(view, text=fresh.text, replaces=replaces)
            return Answer(201, self._answers.made(view, text=None, replaces=replaces))

        answer = await self._once.run(write, act)
        return answer if answer.is_replayed else Answer(answer.status, shown)


def no_key() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such key.")
