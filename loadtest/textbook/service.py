"""The textbook's application: one route, its dependencies, one transaction."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated

import orjson
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.domain.programs.read import read_program
from app.domain.rules.compiled import compile_program
from loadtest.textbook.models import CustomerIn, PurchaseIn, PurchaseOut
from loadtest.textbook.purchase import answer_of, book_accruals, count, decide, purchase_of, redeem
from loadtest.textbook.tables import ApiKey, Customer, Event, IdempotencyKey

# Over all workers: ten for each of two cores, as a team would begin. Other sizes were not measured.
CONNECTIONS_MAX = 20
URL, PROGRAM, WORKERS = "TEXTBOOK_URL", "TEXTBOOK_PROGRAM", "TEXTBOOK_WORKERS"  # In the environment.


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    connections = CONNECTIONS_MAX // int(os.environ[WORKERS])
    engine = create_async_engine(
        os.environ[URL],
        pool_size=connections,
        max_overflow=0,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.state.program = compile_program(read_program(orjson.loads(os.environ[PROGRAM])))
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan, title="Textbook", telemetry={"auto_configure": False})


async def session_of(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session_of)]


async def till_of(session: Session, authorization: Annotated[str, Header()] = "") -> ApiKey:
    scheme, _, key = authorization.partition(" ")
    till = await session.get(ApiKey, sha256(key.encode()).digest()) if scheme == "Bearer" else None
    if till is None or till.is_revoked:
        raise HTTPException(401, "This key is not known.")
    return till


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/v1/accrue", status_code=201, response_model=PurchaseOut)
async def accrue(
    body: PurchaseIn,
    request: Request,
    session: Session,
    till: Annotated[ApiKey, Depends(till_of)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
) -> Response:
    fingerprint = sha256(await request.body()).digest()
    if answered := await session.get(IdempotencyKey, (till.shop, till.terminal, idempotency_key)):
        if answered.fingerprint != fingerprint:
            raise HTTPException(422, "This key was used for another request.")
        return _json(answered.body, answered.status, {"Idempotent-Replayed": "true"})
    customer = await session.scalar(select(Customer).where(_is(body.customer)).with_for_update())
    if customer is None:
        raise HTTPException(404, "No such customer.")
    now = datetime.now(UTC)
    decision = decide(request.app.state.program, body, customer, till, now)
    purchase = purchase_of(body, decision, customer, till, now)
    await redeem(session, decision, purchase)
    book_accruals(request.app.state.program.program, decision, customer, purchase)
    count(request.app.state.program.program, decision, customer, now)
    purchase.event = Event(customer_id=customer.id, version=customer.version, kind="purchase")
    answer = answer_of(purchase, decision, customer).model_dump_json().encode()
    session.add(purchase)
    session.add(
        IdempotencyKey(
            shop=till.shop,
            terminal=till.terminal,
            key=idempotency_key,
            fingerprint=fingerprint,
            status=201,
            body=answer,
        )
    )
    try:
        await session.commit()
    except IntegrityError:
        raise HTTPException(409, "This key or this receipt was used a moment ago.") from None
    return _json(answer, 201)


def _json(body: bytes, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The same bytes now and whenever the key comes again."""
    return Response(body, status, headers, media_type="application/json")


def _is(named: CustomerIn) -> ColumnElement[bool]:
    if named.id is not None:
        return Customer.id == named.id
    return Customer.phone == named.phone if named.phone is not None else Customer.card == named.card
