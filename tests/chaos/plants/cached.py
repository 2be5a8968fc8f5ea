"""Bugs about the cache: believed, and told too early."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.cache import scripts
from app.cache.line import LuaScript
from app.cache.snapshots import RedisSnapshots
from app.domain.identifiers import IdentifierKind, TxId
from app.domain.ledger.books import Book
from app.domain.ledger.chart import TxKind
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.offline import spend_or_owe
from app.domain.ledger.plans import Chained, plan_redeem
from app.domain.ledger.postings import Origin
from app.domain.ledger.recording import record
from app.domain.program import Program
from app.flows import move_points
from app.flows.ledger_port import Patron
from app.flows.move_points import MovePoints
from app.flows.post_round import Round
from app.flows.requests import Answer, RedeemRequest, Write
from app.flows.rounds import Rounds
from tests.chaos.plants import plant, replaced


@plant(
    "redemption-by-the-cache",
    faults=["valkey emptied", "cache slow"],
    emphasis="redemptions",
    caught_by=["every prefix is above its floor"],
    commands=["serve"],
)
def redemption_by_the_cache() -> None:
    """Points for a gift are granted when the cached balance has them, and then taken from whatever is there.

    The look at the locked books would have refused, then the lots (nobody takes more than they hold), then the
    constraint on a customer's balances, whose floor is 0. All three are passed: what is missing becomes a debt.
    """
    granted: set[str] = set()
    redeem = MovePoints.redeem

    async def redeem_by_cache(self: MovePoints, write: Write, request: RedeemRequest) -> Answer:
        if request.customer.kind is IdentifierKind.ID:
            seen = (await self._rounds._snapshots.get(UUID(request.customer.value))).patron
            if seen is not None and seen.book.purse(request.wallet).available >= request.points:
                granted.add(write.key)
        return await redeem(self, write, request)

    def plan(book: Book, program: Program, moment: Moment, *, wallet: str, units: int, origin: Origin) -> Chained:
        if origin.idempotency_key not in granted:
            return plan_redeem(book, program, moment, wallet=wallet, units=units, origin=origin)
        moves, tx_id = Moves(book), TxId(moment.new_id())
        spend_or_owe(moves, wallet, units)
        return record(book, moves, moment, program=program, kind=TxKind.REDEEM, tx_id=tx_id, origin=origin)

    MovePoints.redeem = redeem_by_cache  # type: ignore[method-assign]
    setattr(move_points, "plan_redeem", plan)  # noqa: B010 - mypy knows no such attribute of a module


_IF_NOT_OLDER = "elseif (there[1] or there[2]) and (not there[1] or tonumber(there[1]) <= tonumber(ARGV[2 * i])) then"


@plant(
    "cache-before-commit",
    faults=["commits delayed", "commits never arrive", "commits delayed"],
    emphasis="reads",
    caught_by=["nobody is told before the commit", "nobody sees what isn't committed", "nobody's view goes back"],
    commands=["serve"],
    is_locked=True,
)
def cache_before_commit() -> None:
    """The cache is told of new balances as soon as they are written, before the commit, whatever it has already.

    A commit that fails leaves what never was; the revisions in the cache, which only tell older from newer, would not
    have refused that. That a redemption never believes the cache keeps it from costing points.
    """
    scripts.PUT = LuaScript(replaced(scripts.PUT.text, _IF_NOT_OLDER, "else"))
    told: list[Any] = []
    begin, write, put = Rounds.__init__, Round.write, RedisSnapshots.put

    def begin_told(self: Rounds, *args: Any, **words: Any) -> None:
        begin(self, *args, **words)
        told.append(self._snapshots)

    async def write_and_put(self: Round) -> None:
        await write(self)
        await put(told[-1], self.changes.patrons)

    async def nothing_after(self: RedisSnapshots, patrons: Sequence[Patron]) -> None:
        """It was told before."""

    Rounds.__init__ = begin_told  # type: ignore[method-assign]
    Round.write = write_and_put  # type: ignore[method-assign]
    RedisSnapshots.put = nothing_after  # type: ignore[method-assign]
