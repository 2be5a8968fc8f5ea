-- People who sign in: with a password and codes of ours, or by a provider that knows them by a subject.
create table people (
    id text primary key check (id ~ '^p_[0-9a-f]{12}$'),
    role text not null check (role in ('marketer', 'analyst', 'support', 'admin')),
    login text unique check (login <> ''),
    issuer text,
    subject text,
    created_at timestamptz not null default clock_timestamp(),
    disabled_at timestamptz,
    signed_in_at timestamptz,
    password text,
    code_secret bytea,
    code_step bigint not null default 0,
    invitation bytea unique check (octet_length(invitation) = 32),
    invited_until timestamptz,
    unique (issuer, subject),
    check ((login is null) = (issuer is not null) and (issuer is null) = (subject is null)),
    check ((password is null) = (code_secret is null)),
    check ((invitation is null) = (invited_until is null)),
    check (login is not null or (password is null and invitation is null))
)
--;
comment on column people.password is 'argon2id of a local account; null: none is set yet, or the provider asks for one'
--;
comment on column people.code_secret is 'the secret of the one-time codes (RFC 6238), AES-256-GCM with a key of the keyring'
--;
comment on column people.code_step is 'the time step of the last code that was used: none is good twice'
--;
comment on column people.invitation is 'SHA-256 of the token by which a password is set, once'
--;
-- Who somebody is, and the role of a local account, stay as they were made, now and without a password; one is set by using
-- up an invitation, and who is disabled comes back by a new one alone. Whoever has the right to write: an invitation is what
-- the log tells of.
create function refuse_other_person() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.password is not null or new.disabled_at is not null
            or new.created_at not between clock_timestamp() - interval '1 minute' and clock_timestamp() then
            raise exception 'person % is not made now', new.id using errcode = 'insufficient_privilege';
        end if;
    elsif (new.id, new.login, new.issuer, new.subject, new.created_at)
            is distinct from (old.id, old.login, old.issuer, old.subject, old.created_at)
        or (new.login is not null and new.role <> old.role)
        or (new.password is not null and new.password is distinct from old.password
            and (old.password is not null or old.invitation is null or new.invitation is not null))
        or (new.password is not distinct from old.password
            and (new.code_secret is distinct from old.code_secret or new.code_step < old.code_step))
        or (old.disabled_at is not null and new.disabled_at is distinct from old.disabled_at
            and (new.disabled_at is not null or new.password is not null or new.invitation is null)) then
        raise exception 'person % is changed by an invitation only', old.id using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$
--;
create trigger people_change_little before insert or update on people for each row execute function refuse_other_person()
--;
-- Opaque tokens of 256 random bits; only their SHA-256 stands here. A session that has ended is gone.
create table sessions (
    digest bytea primary key check (octet_length(digest) = 32),
    person text not null references people,
    created_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
)
--;
comment on column sessions.seen_at is 'to the minute'
--;
create index sessions_person on sessions (person)
--;
create index sessions_expires_at on sessions (expires_at)
--;
-- Tries to sign in, since the first of a while. Of accounts and addresses only digests stand here, also of those that nobody has.
create table sign_in_tries (
    subject bytea primary key check (octet_length(subject) = 32),
    tries integer not null check (tries > 0),
    began_at timestamptz not null
)
--;
create index sign_in_tries_began_at on sign_in_tries (began_at)
--;
-- Who has made a key has seen it, and can use it.
alter table keys add column made_by text check (made_by <> '')
--;
comment on column keys.made_by is 'the person who made it, or the key that it comes from; null: the command line'
--;
create function hand_of(caller text) returns text language sql stable as
    'select coalesce((select made_by from keys where id = caller), caller)'
--;
-- The words of the table say that another id decides; it must be another person's, too.
create function refuse_own_decision() returns trigger language plpgsql as $$
begin
    if old.decided_by is null and hand_of(new.decided_by) = hand_of(old.asked_by) then
        raise exception 'adjustment % is decided by who has asked for it', old.id using errcode = 'check_violation';
    end if;
    return new;
end
$$
--;
create trigger adjustments_by_another_hand before update on adjustments for each row execute function refuse_own_decision()
--;
do $$
begin
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant select, insert on people to loyalty_app;
        grant update (role, disabled_at, signed_in_at, password, code_secret, code_step, invitation, invited_until) on people to loyalty_app;
        grant select, insert, update, delete on sessions, sign_in_tries to loyalty_app;
    end if;
end
$$
