"""The textbook: `POST /v1/accrue` as a competent team builds it in a week from the tutorials of FastAPI and SQLAlchemy.

A FastAPI route, pydantic models for what comes in and goes out, an ORM session of SQLAlchemy on asyncpg, one
transaction a purchase, `SELECT ... FOR UPDATE` of the customer, uvicorn with uvloop and httptools, as many workers as
ours. Nothing is slow on purpose: statements are prepared and cached, inserts of one table go together, every look-up
has its index, two workers share twenty connections (other sizes were not measured), the program is made ready once, and
it is our own core that decides (`evaluate`). What we have found out by measurement it doesn't have, since no tutorial
has it: rules as machine code, a socket for each worker, the garbage collector's thresholds. What it takes was looked at
(`loadtest.sampling`): half is the ORM, most of it the flush, a quarter FastAPI's layers.

What is done in the one transaction: API key, idempotency key, customer by phone, card or id (locked), open lots where
points are redeemed, the decision, then purchase, lines, entries, lots, event, the customer's balances, counters, tier,
and the answer under its key.

It leaves out what our service does besides, so it is flattered: personal data is in the clear, no hash chain, no
metrics, no request log, no cache to keep, no limits of look-ups; lots that expire or become active by time, debts,
wallets that convert, caps and budgets over customers, coupons of a pool, draws, holds, returns, quotes' promises, a
program that changes under way, the database gone for a while, texts for cashier and customer.

    models.py    what comes in and goes out        tables.py   what is kept
    purchase.py  a basket to rows                  service.py  the route and its transaction
    serving.py   makes the database, fills it, runs the service beside ours
"""

from loadtest.textbook.serving import serve

__all__ = ["serve"]
