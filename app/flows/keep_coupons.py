"""Making coupon codes and blocking them.

A pool's bounds stand from the call that made it; each of its codes carries them, so that a purchase reads one row. A
single code has bounds of its own, in a pool or not. A rule names codes and pools alike, and a code that only a rule
names is open to all: so the name of a pool is reserved among the codes, and whoever sends it has sent no code.
"""

from collections.abc import Callable
from uuid import UUID

from app.domain.coupons import normal_code
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows import refusals
from app.flows.identity import reference
from app.flows.once import Once
from app.flows.ports import Vault
from app.flows.ports_coupons import (
    CodeRequest,
    CouponAnswers,
    CouponsMade,
    CouponTx,
    CouponView,
    Draw,
    PoolRequest,
    Term,
    Terms,
)
from app.flows.requests import Answer, Write

# No 0 and O, no 1, I and L: a code is read aloud and typed by hand. 31 signs, so that the shortest random part has
# 31^8, some 8.5 × 10^11 values.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_LENGTH_MAX = 64  # As an id of the contract: what a till may send.
TRIES_MAX = 4  # Even with 10^9 codes of the shortest length a thousand new ones meet one or two old ones.
POOL_TERMS = Terms(uses_max=1)  # Of codes whose pool says nothing else.


class KeepCoupons:
    """`choose` picks one of a text's characters; whoever can't guess it can't guess a code."""

    def __init__(
        self, once: Once[CouponTx], *, vault: Vault, answers: CouponAnswers, choose: Callable[[str], str]
    ) -> None:
        self._once = once
        self._vault = vault
        self._answers = answers
        self._choose = choose

    async def make(self, write: Write, request: PoolRequest | CodeRequest) -> Answer:
        """The codes, 201.

        Raises:
            Rejected: `validation_error` for a code that is taken and a pool with other terms; `customer_not_found`.
        """
        by = write.caller.key_id

        async def act(tx: CouponTx) -> Answer:
            if isinstance(request, PoolRequest):
                made = await self._fill(tx, request, by=by)
            else:
                made = await self._make_one(tx, request, by=by)
            return Answer(201, self._answers.coupons_made(made))

        return await self._once.run(write, act)

    async def block(self, write: Write, code: str) -> Answer:
        """The code, blocked for good; blocking twice changes nothing. Raises `Rejected(NOT_FOUND)`."""

        async def act(tx: CouponTx) -> Answer:
            found = await tx.block(code)
            if found is None:
                raise refusals.no_coupon()
            coupon, now = found
            return Answer(200, self._answers.coupon(CouponView.of(coupon, now=now)))

        return await self._once.run(write, act)

    async def _fill(self, tx: CouponTx, request: PoolRequest, *, by: str) -> CouponsMade:
        terms = await _pool(tx, request.pool, request.terms, by=by)
        _check_terms(terms, request)
        codes = await self._draw(tx, request.draw, terms, count=request.count, pool=request.pool, customer=None, by=by)
        return CouponsMade(request.pool, tuple(codes), None, terms)

    async def _make_one(self, tx: CouponTx, request: CodeRequest, *, by: str) -> CouponsMade:
        customer = None
        if request.customer is not None:
            customer = await self._owner(tx, request)
        if request.pool is not None:
            await _pool(tx, request.pool, POOL_TERMS, by=by)
        if request.code is None:
            codes = await self._draw(
                tx, request.draw, request.terms, count=1, pool=request.pool, customer=customer, by=by
            )
            return CouponsMade(request.pool, tuple(codes), customer, request.terms)
        stored = await tx.insert_codes([request.code], request.terms, pool=request.pool, customer=customer, by=by)
        if not stored:
            raise _refuse("/code", "taken", "must be neither a code that there is already nor the name of a pool")
        return CouponsMade(request.pool, (request.code,), customer, request.terms)

    async def _owner(self, tx: CouponTx, request: CodeRequest) -> UUID:
        wanted = reference(request.customer, self._vault)
        known = await tx.read_known(
            claims=[],
            identifiers=[wanted] if isinstance(wanted, bytes) else [],
            customers=[wanted] if isinstance(wanted, UUID) else [],
        )
        if isinstance(wanted, UUID) and wanted in known.customers:
            return wanted
        if isinstance(wanted, bytes) and wanted in known.owners:
            return known.owners[wanted]
        raise refusals.no_customer()

    async def _draw(
        self, tx: CouponTx, draw: Draw, terms: Terms, *, count: int, pool: str | None, customer: UUID | None, by: str
    ) -> list[str]:
        """So many new codes, made up and stored."""
        codes: list[str] = []
        for _ in range(TRIES_MAX):
            fresh = list(dict.fromkeys(self._code(draw) for _ in range(count - len(codes))))
            stored = await tx.insert_codes(fresh, terms, pool=pool, customer=customer, by=by)
            codes += [code for code in fresh if code in stored]
            if len(codes) == count:
                return codes
        raise _refuse("/length", "exhausted", "must be longer: too few codes of this length are left")

    def _code(self, draw: Draw) -> str:
        return draw.prefix + "".join(self._choose(ALPHABET) for _ in range(draw.length))


async def _pool(tx: CouponTx, pool: str, terms: Terms, *, by: str) -> Terms:
    """The terms that the pool stands with; it is made where there is none."""
    stands = await tx.pool_terms(pool)
    if stands is None:
        if await tx.insert_pool(pool, terms, reserved=normal_code(pool), by=by):
            return terms
        stands = await tx.pool_terms(pool)  # Its maker may have been an instant earlier.
    if stands is None:
        raise _refuse("/pool", "taken", "must be neither a code nor another pool's name in other letters")
    return stands


def _check_terms(terms: Terms, request: PoolRequest) -> None:
    """A pool has the terms it was made with; who names others is told which."""
    asked = request.terms
    pairs = {
        Term.USES: (terms.uses_max, asked.uses_max),
        Term.USES_PER_CUSTOMER: (terms.per_customer, asked.per_customer),
        Term.FROM: (terms.start, asked.start),
        Term.UNTIL: (terms.end, asked.end),
    }
    faults = tuple(
        Fault(f"/{term}", "differs", "must be what the pool was made with")
        for term, (stands, wanted) in pairs.items()
        if term in request.sent and stands != wanted
    )
    if faults:
        raise Rejected(Rejection.VALIDATION_ERROR, "The pool was made with other terms.", faults)


def _refuse(pointer: str, code: str, message: str) -> Rejected:
    return Rejected(Rejection.VALIDATION_ERROR, "The codes can't be made.", (Fault(pointer, code, message),))
