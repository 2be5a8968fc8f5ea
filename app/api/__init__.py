"""The edge: HTTP in, domain values to the flows, bytes out.

edge         the pipeline that every call passes: route, key, body, checks, handler, answer; exchange is what it
             carries, with routing, headers, query, body and replies for its steps
crowd        who is let in, and who is told at once that it would take too long
connections  what a connection may take before there is a request: bytes, seconds, how many there are
cors         pages of other origins that may call; ports_apart: a port of its own for what isn't public
docs_page    /docs: Swagger UI from here
calls        what an operation is, and one call of it
operations   the table of all operations, from purchases, customers, cards, events, coupons, segments, programs,
             backtests, draws, prize_draws, holds, feed, keys, ledger, ledger_findings, ops
deeds        what of a request the audit log is told; audit_log: how it is read; adjustments: a second person's say
erasure      what was agreed to, erasing, its records: erasure_schemas; export: a copy of everything for a customer
app_codes    what an app needs to show its customer's codes
guesses      which calls guess, so that they have a budget; alerts: what looks like abuse, for a human
offline      receipts made without connection, one by one, and the keys of allowances; offline_schemas: their shape
schemas      what callers send (pydantic, strict): sales; customer_schemas, coupon_schemas, hold_schemas,
             prize_draw_schemas, key_schemas; fields: single values; program_schema: also the JSON Schema of the
             document; load_schemas: rows of a file of customers
lines        lines of a basket: the usual ones straight to the domain's, others by their model
signatures   what a key may demand: signed writes; certificates: its client certificate, through a trusted proxy
proxies      which proxies are trusted, and so where a request comes from
identity     references to customers; receipts: shops and terminals; sale_requests: bodies to domain values
answers      the bytes of every answer; sale_answer, record_answer (a stored one), draw_answer, customer_answer,
             coupon_answers, hold_answers, masking beside it; backtest_page: a report for people
explaining   every rule with its verdict; sentences (words to texts), telling (needs and what there was), hint_texts
told         messages and blocks to print, from a program's templates; speech: language, money, quantities
sessions     people in and out; sessions_cookies: what a browser keeps and must say; sessions_schemas: their bodies;
             people: an admin's look at them
errors       every "no" to its status and problem document; faults: what is wrong with a request, by pointer
openapi      the table as an OpenAPI document; front_page is its description, answers_schema, sale_answers_schema
             and reward_answers_schema its answers
"""
