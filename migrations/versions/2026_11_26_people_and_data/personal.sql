-- A copy of everything has the codes that somebody was given; most codes of a pool are nobody's.
create index if not exists coupons_customer on coupons (customer_id, code) where customer_id is not null
--;
create index alerts_customer on alerts (customer_id, id) where customer_id is not null
--;
-- What customers agreed to and took back, as it was told: the newest of a purpose stands. No row is ever changed.
create table consents (
    customer_id uuid not null references customers (id),
    -- Ascending: their order is that in which they were told.
    id uuid not null,
    purpose text not null,
    given boolean not null,
    version text,
    channel text,
    text_hash text,
    -- When the customer said so, and when we were told, and by which key.
    at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    recorded_by text not null,
    primary key (customer_id, id)
)
--;
comment on table consents is 'What customers agreed to and withdrew. No personal data: who it was is known by the profile, until it is erased.'
--;
create trigger consents_append_only before update or delete or truncate on consents for each statement execute function refuse_change()
--;
-- Whose personal data was destroyed: what a regulator is shown. Who it was can't be told any more, also not from here.
create table erasures (
    customer_id uuid primary key references customers (id),
    erased_at timestamptz not null default clock_timestamp(),
    -- The key or person that did it, who wanted it, since when, and by which law.
    erased_by text not null,
    asked_by text not null check (asked_by in ('customer', 'representative', 'authority', 'operator')),
    asked_at timestamptz,
    ground text not null check (ground in ('gdpr_17', 'ru_152fz', 'other', 'unstated'))
)
--;
comment on table erasures is 'Customers whose personal data was destroyed (GDPR art. 17, Russian law 152-FZ art. 21). No personal data.'
--;
create index erasures_newest on erasures (erased_at, customer_id)
--;
create trigger erasures_append_only before update or delete or truncate on erasures for each statement execute function refuse_change()
--;
-- How far the purchases of who was erased are freed of what tells of the person; the record above never changes.
create table tidyings (
    customer_id uuid primary key references erasures (customer_id),
    -- Postings up to this one are done.
    version bigint not null default -1,
    tidied_at timestamptz
)
--;
comment on table tidyings is 'How far the stored purchases of erased customers are freed of tags, birthdays and masked names. No personal data.'
--;
create index tidyings_waiting on tidyings (customer_id) where tidied_at is null
--;
-- Why rules did or did not apply, without what the customer had of birthday, tags, segments and cards; sentences say it too. A group of tests
-- tells what each of its tests found.
create function verdicts_without_person(verdicts jsonb) returns jsonb language sql immutable strict as $$
    select coalesce(jsonb_agg(
        case
            when v ->> 'because' is null
                or v ->> 'because' <> all ('{birthday,tag,segment,card_type,all,any,not}') then v
            when v ? 'text' then v || '{"have": null, "text": ""}'
            else v || '{"have": null}'
        end order by place
    ), '[]')
    from jsonb_array_elements(verdicts) with ordinality each (v, place)
$$
--;
create function verdicts_without_person(verdicts bytea) returns bytea language sql immutable strict as $$
    select case when after = before then verdicts else convert_to(after::text, 'UTF8') end
    from (select convert_from(verdicts, 'UTF8')::jsonb) stored (before), verdicts_without_person(before) each (after)
$$
--;
create function answer_without_person(answer bytea) returns bytea language sql immutable strict as $$
    select case when after = before then answer else convert_to(after::text, 'UTF8') end
    from (select convert_from(answer, 'UTF8')::jsonb) stored (before),
        lateral (
            select case when jsonb_typeof(before -> 'explain') = 'array'
                then jsonb_set(before, '{explain}', verdicts_without_person(before -> 'explain')) else before end
        ) unexplained (then_),
        lateral (select jsonb_set(then_, '{customer,name}', 'null', false)) each (after)
$$
--;
create function basket_without_person(basket bytea) returns bytea language sql immutable strict as $$
    select case when after = before then basket else convert_to(after::text, 'UTF8') end
    from (select convert_from(basket, 'UTF8')::jsonb) stored (before),
        lateral (
            select jsonb_set(jsonb_set(jsonb_set(jsonb_set(before, '{facts,birthday_days}', 'null', false),
                '{facts,tags}', '[]', false), '{facts,segments}', '[]', false), '{visit,card_types}', '[]', false)
        ) each (after)
$$
--;
-- Stored purchases know what the rules saw of the customer. The application may not change what was decided; this takes what tells of the person
-- away, of who was erased and of nobody else, and leaves rows without it as they are. At most so many postings, the oldest first; says whether it is
-- through. A held basket is captured no more: what a capture needs goes whole.
create function forget_person(erased uuid, most integer) returns boolean language plpgsql security definer as $$
declare
    reached bigint;
    done timestamptz;
    ids uuid[];
begin
    select version, tidied_at into reached, done from tidyings where customer_id = erased for update;
    if not found then
        raise exception 'customer % was not erased', erased using errcode = 'insufficient_privilege';
    end if;
    if done is not null then
        return true;
    end if;
    select array_agg(t.tx_id), max(t.version) into ids, reached from (
        select tx_id, version from txs where customer_id = erased and version > reached order by version limit most
    ) t;
    if ids is null then
        update tidyings set tidied_at = clock_timestamp() where customer_id = erased;
        return true;
    end if;
    with after as materialized (
        select id, answer_without_person(answer) as answer, basket_without_person(basket) as basket,
            verdicts_without_person(verdicts) as verdicts
        from purchases where id = any (ids) and customer_id = erased
    )
    update purchases p set answer = a.answer, basket = a.basket, verdicts = a.verdicts from after a
    where p.id = any (ids) and p.id = a.id and p.customer_id = erased
        and (p.answer, p.basket, p.verdicts) is distinct from (a.answer, a.basket, a.verdicts);
    with after as materialized (
        select id, answer_without_person(answer) as answer, basket_without_person(basket) as basket,
            verdicts_without_person(verdicts) as verdicts
        from holds where id = any (ids) and customer_id = erased
    )
    update holds h set answer = a.answer, basket = a.basket, verdicts = a.verdicts, decision = null from after a
    where h.id = a.id and h.customer_id = erased
        and (h.answer, h.basket, h.verdicts, h.decision) is distinct from (a.answer, a.basket, a.verdicts, null);
    update acts set verdicts = verdicts_without_person(verdicts), data = '{}'
    where tx_id = any (ids) and customer_id = erased
        and (data <> '{}' or verdicts is distinct from verdicts_without_person(verdicts));
    with after as materialized (
        select id, answer_without_person(body) as body from answers where id = any (ids)
    )
    update answers b set body = a.body from after a
    where b.id = any (ids) and b.id = a.id and b.body is distinct from a.body;
    if cardinality(ids) < most then
        update tidyings set version = reached, tidied_at = clock_timestamp() where customer_id = erased;
        return true;
    end if;
    update tidyings set version = reached where customer_id = erased;
    return false;
end
$$
--;
do $$
begin
    execute format('alter function forget_person(uuid, integer) set search_path = %I, pg_temp', current_schema());
    revoke all on function forget_person(uuid, integer) from public;
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant select, insert on consents, erasures, tidyings to loyalty_app;
        grant execute on function forget_person(uuid, integer) to loyalty_app;
    end if;
end
$$
