do $$
begin
    if not exists (select from pg_roles where rolname = 'loyalty_app') then
        return;
    end if;
    grant select, insert on holds to loyalty_app;
    -- What a hold has set aside is never changed: it ends, once, and the decision that it no longer needs is dropped.
    grant update (state, resolved_tx, decision, basket) on holds to loyalty_app;
    grant select, insert, update on audit_findings, audit_passes to loyalty_app;
    grant select, insert on tier_changes, ledger_roots, ledger_heads to loyalty_app;
    grant select, update (last) on feed to loyalty_app;
    grant update (position) on events to loyalty_app;
    grant select, insert, update, delete on pgqueuer, pgqueuer_log, pgqueuer_schedules, pgqueuer_statistics to loyalty_app;
    grant usage, select on sequence pgqueuer_id_seq, pgqueuer_log_id_seq, pgqueuer_schedules_id_seq, pgqueuer_statistics_id_seq to loyalty_app;
    grant select, insert, update, delete on duties to loyalty_app;
end
$$
