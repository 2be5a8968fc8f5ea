-- One check a statement, so a round of postings pays for it once.
create function refuse_unbalanced_entries() returns trigger language plpgsql as $$
declare
    bad uuid;
begin
    select tx_id into bad from fresh group by tx_id, wallet having sum(amount) <> 0 limit 1;
    if found then
        raise exception 'entries of transaction % do not sum to 0', bad using errcode = 'check_violation';
    end if;
    return null;
end
$$
--;
-- Statement triggers fire for the table that a statement names: partitions have them too (partitions.sql).
create trigger entries_balanced after insert on entries
    referencing new table as fresh for each statement execute function refuse_unbalanced_entries()
--;
-- The second wall behind the role's rights: also whoever owns the tables doesn't change history by accident.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$
--;
create trigger entries_append_only before update or delete or truncate on entries for each statement execute function refuse_change()
--;
create trigger txs_append_only before update or delete or truncate on txs for each statement execute function refuse_change()
