-- One-time codes that were sent. Tries are counted here and nowhere else: whoever may empty the cache wins none.
create table challenges (
    id uuid primary key,
    customer_id uuid not null,
    scope text not null,
    subject bytea not null check (octet_length(subject) = 32),
    code bytea not null check (octet_length(code) = 16),
    tries_left smallint not null check (tries_left >= 0),
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null check (expires_at > made_at),
    taken jsonb check (taken ?& array['program', 'units'])
)
--;
create index challenges_customer on challenges (customer_id, made_at)
--;
create index challenges_scope on challenges (scope, made_at)
--;
create index challenges_made_at on challenges (made_at)
--;
comment on table challenges is 'A redemption or a new card that its customer is asked to confirm; kept for a day, for the limits.'
--;
comment on column challenges.scope is 'who asked: a shop and a terminal, or a person'
--;
comment on column challenges.subject is 'SHA-256 of what is confirmed: customer, receipt, basket, what is redeemed; or customer and card'
--;
comment on column challenges.taken is 'what the customer was told of a purchase: {program: version, units: {wallet: units}}'
--;
comment on column challenges.code is 'a keyed hash; the digits are stored nowhere'
--;
-- Tries never come back, and what is confirmed never changes, whoever has the right to write.
create function refuse_more_tries() returns trigger language plpgsql as $$
begin
    if new.tries_left > old.tries_left or to_jsonb(new) - 'tries_left' <> to_jsonb(old) - 'tries_left' then
        raise exception 'of challenge % only the tries change, and only fall', old.id using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$
--;
create trigger challenges_only_fall before update on challenges for each row execute function refuse_more_tries()
--;
-- The app's codes: a number, and a secret sealed under the customer's own key; who is erased loses both.
create table app_codes (
    customer_id uuid primary key,
    number bytea not null unique check (octet_length(number) = 32),
    sealed bytea not null,
    made_at timestamptz not null default clock_timestamp(),
    used_step bigint not null default 0,
    used_receipt uuid,
    tries smallint not null default 0 check (tries >= 0),
    tries_since timestamptz not null default clock_timestamp()
)
--;
comment on table app_codes is 'What the app''s short-lived codes (RFC 6238) are checked against; one row a customer.'
--;
comment on column app_codes.number is 'a keyed hash of the number that begins the customer''s codes'
--;
comment on column app_codes.used_step is 'the time step of the last code that a write used; older ones are refused'
--;
comment on column app_codes.used_receipt is 'the receipt that used it, and may once more'
--;
do $$
begin
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant select, insert, update, delete on challenges, app_codes to loyalty_app;
    end if;
end
$$
