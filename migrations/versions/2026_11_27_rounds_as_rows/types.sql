-- What a round writes, each list of rows as one parameter of one statement. The tables' own row types would do, but a column
-- that a later release adds to a table would then break the rounds of the release before. So these are never altered either:
-- a release that needs other columns makes a type of another name, and the one after it drops this one.
create type new_book as (
    id uuid, revision bigint, version bigint, balances jsonb, tier text, paid bigint, purchases bigint, units bigint,
    last_purchase_at timestamptz, due_at timestamptz, head bytea, updated_at timestamptz, memory jsonb, holds integer
)
--;
create type new_claim as (digest uuid, kind "char", fingerprint uuid, answer_id uuid)
--;
create type new_tx as (
    customer_id uuid, version bigint, tx_id uuid, kind text, idempotency_key text, shop text, terminal text, receipt text,
    parent_tx uuid, program integer, at timestamptz, created_at timestamptz, hash bytea, reason text
)
--;
create type new_entry as (
    customer_id uuid, tx_id uuid, seq integer, account text, wallet text, amount bigint, lot_id uuid, rule text
)
--;
create type new_lot as (
    customer_id uuid, lot_id uuid, wallet text, tx_id uuid, remaining bigint, active_at timestamptz,
    expires_at timestamptz, is_pending boolean, held bigint
)
--;
create type new_answer as (id uuid, status smallint, body bytea)
--;
create type new_tier as (customer_id uuid, version bigint, path jsonb)
--;
create type new_purchase as (
    id uuid, customer_id uuid, shop text, terminal text, program integer, at timestamptz, answer bytea, basket bytea,
    verdicts bytea, lines jsonb, uses jsonb, draws jsonb, day date, spent jsonb
)
--;
do $$
begin
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant usage on type new_book, new_claim, new_tx, new_entry, new_lot, new_answer, new_tier, new_purchase to loyalty_app;
    end if;
end
$$
