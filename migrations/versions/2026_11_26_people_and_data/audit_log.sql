-- Rows that no process of ours writes are refused, whoever may insert: they would stand in the way of those who read. Rows that are there already
-- are looked at by `verify` only.
alter table audit_log add constraint audit_log_form check (
    instance ~ '^[0-9a-z]{1,32}$' and seq < 9007199254740992
    and at >= '2000-01-01 00:00+00' and at < '2200-01-01 00:00+00'
    and greatest(length(actor), length(action), length(object), length(ip), length(request_id)) <= 200
    and actor || action || object || ip || request_id !~ '[[:cntrl:]]'
    and octet_length(details::text) <= 65536
    and not jsonb_path_exists(details, 'strict $.* ? (@.type() == "object" || @.type() == "array" || @.type() == "null"
        || (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991 || @.floor() != @)))')
) not valid
--;
-- A key is made live and now, and then is used and revoked; nothing else of it changes, whoever has the right to write.
create function refuse_other_key() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.revoked_at is not null or new.last_used_at is not null
            or new.created_at not between clock_timestamp() - interval '1 minute' and clock_timestamp() then
            raise exception 'key % is not made now', new.id using errcode = 'insufficient_privilege';
        end if;
    elsif old.revoked_at is distinct from new.revoked_at and old.revoked_at is not null
        or to_jsonb(new) - '{last_used_at,revoked_at}'::text[] <> to_jsonb(old) - '{last_used_at,revoked_at}'::text[] then
        raise exception 'key % is never changed and never comes back: make another', old.id using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$
--;
create trigger keys_change_little before insert or update on keys for each row execute function refuse_other_key()
