"""Prize draws: announced with a commitment, frozen when the time of entering is over, drawn once.

The secret is derived from the keyring and the announcement, so nothing is kept that could be looked at. Whoever
runs the service can know it, but once the commitment is public nobody can change it, and the list that it is used on is
made by all who buy. Winning is announced here; people hand the prize over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.draws.luck import commitment_of
from app.domain.draws.prize_draws import DrawState, DrawTerms, PrizeDraw, Winning, secret_name
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows.cursors import place_of, to_cursor
from app.flows.once import Once
from app.flows.ports import Vault
from app.flows.ports_draws import PrizeDrawReads, PrizeDrawTx
from app.flows.requests import Answer, Write
from app.flows.results import Page

# A round that began before the period ended may take as long to commit (a transaction's limit), and twice that is safe.
SETTLE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class PrizeDrawRequest:
    id: str
    terms: DrawTerms
    title: Mapping[str, str] = field(default_factory=dict)


class RunPrizeDraws:
    """`answer` gives a draw its bytes."""

    def __init__(
        self, once: Once[PrizeDrawTx], reads: PrizeDrawReads, *, vault: Vault, answer: Callable[[PrizeDraw], bytes]
    ) -> None:
        self._once = once
        self._reads = reads
        self._vault = vault
        self._answer = answer

    async def announce(self, write: Write, request: PrizeDrawRequest) -> Answer:
        """The draw, 201. Raises `Rejected(VALIDATION_ERROR)` for an id that is taken and a time that is over."""

        async def act(tx: PrizeDrawTx) -> Answer:
            now = await tx.now()
            if request.terms.end <= now:
                raise _refuse("/until", "range", "must be in the future: a list that is known can't be drawn from")
            draw = PrizeDraw(
                id=request.id,
                title=request.title,
                terms=request.terms,
                state=DrawState.ANNOUNCED,
                commitment=commitment_of(self._vault.draw_secret(secret_name(request.id, now))),
                created_at=now,
            )
            announced = await tx.announce(draw, by=write.caller.key_id)
            if announced is None:
                raise _refuse("/id", "taken", "must not be the id of another draw")
            return Answer(201, self._answer(announced))

        return await self._once.run(write, act)

    async def freeze(self, write: Write, draw_id: str) -> Answer:
        """The draw with its list. Raises `Rejected`: `not_found`; `draw_not_ready` before the time of entering is over
        and where the list is frozen already.
        """

        async def act(tx: PrizeDrawTx) -> Answer:
            draw = await _locked(tx, draw_id, DrawState.ANNOUNCED)
            ready_at = draw.terms.end + SETTLE
            if await tx.now() < ready_at:
                raise Rejected(Rejection.DRAW_NOT_READY, f"Entrants are known from {ready_at.isoformat()} on.")
            return Answer(200, self._answer(await tx.freeze(draw)))

        return await self._once.run(write, act)

    async def draw(self, write: Write, draw_id: str) -> Answer:
        """The draw with its winners. Raises `Rejected`: `not_found`; `draw_not_ready` unless the list is frozen."""

        async def act(tx: PrizeDrawTx) -> Answer:
            draw = await _locked(tx, draw_id, DrawState.FROZEN)
            secret = self._vault.draw_secret(secret_name(draw.id, draw.created_at))
            if commitment_of(secret) != draw.commitment or draw.list_hash is None:
                raise Rejected(
                    Rejection.DRAW_NOT_READY, "The service no longer has the secret that this draw has promised."
                )
            winning = Winning(draw.terms, secret=secret, list_hash=draw.list_hash)
            async for batch in tx.entries(draw.id):
                for purchase, customer in batch:
                    winning.add(purchase=purchase, customer=customer)
            drawn = await tx.draw(draw.id, secret=secret.hex(), winners=winning.winners())
            return Answer(200, self._answer(drawn))

        return await self._once.run(write, act)

    async def one(self, draw_id: str) -> PrizeDraw:
        """Raises `Rejected(NOT_FOUND)`."""
        draw = await self._reads.one(draw_id)
        if draw is None:
            raise no_prize_draw()
        return draw

    async def entrants(self, draw_id: str, *, limit: int, cursor: str | None) -> Page[str]:
        """Purchase ids of a frozen list, in its order. Raises `Rejected(NOT_FOUND)` before it is frozen."""
        after = 0 if cursor is None else place_of(cursor)
        if (await self.one(draw_id)).state is DrawState.ANNOUNCED:
            raise Rejected(Rejection.NOT_FOUND, "The list of entrants is not frozen yet.")
        rows = await self._reads.entrants(draw_id, after=after, limit=limit + 1)
        more = to_cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return Page(tuple(purchase for _, purchase in rows[:limit]), more)


def no_prize_draw() -> Rejected:
    return Rejected(Rejection.NOT_FOUND, "There is no such prize draw.")


async def _locked(tx: PrizeDrawTx, draw_id: str, state: DrawState) -> PrizeDraw:
    draw = await tx.lock_draw(draw_id)
    if draw is None:
        raise no_prize_draw()
    if draw.state is not state:
        raise Rejected(Rejection.DRAW_NOT_READY, f"The prize draw is {draw.state}, not {state}.")
    return draw


def _refuse(pointer: str, code: str, message: str) -> Rejected:
    return Rejected(Rejection.VALIDATION_ERROR, "The prize draw can't be announced.", (Fault(pointer, code, message),))
