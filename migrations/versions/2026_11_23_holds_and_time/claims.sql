-- `c`: the key of a call of many receipts, which is claimed before there is an answer. Rows that are there already have one of the others.
alter table claims
    drop constraint claims_kind_check,
    add constraint claims_kind_check check (kind in ('k', 'c', 'r', 'f')) not valid
