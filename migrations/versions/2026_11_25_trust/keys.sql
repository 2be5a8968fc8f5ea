-- What a key demands besides itself. The table has a row a key, some thousands at most, so looking them over takes no time.
alter table keys
    add column signed_by bytea check (octet_length(signed_by) = 32),
    add column certificate_sha256 bytea check (octet_length(certificate_sha256) = 32)
--;
comment on column keys.signed_by is 'an Ed25519 public key: writes with this key must be signed by it; null: they need not be'
--;
comment on column keys.certificate_sha256 is 'the client certificate that a trusted proxy must have seen with this key; null: any or none'
--;
comment on column keys.last_used_at is 'to the minute, and a minute late; null: never'
--;
comment on column keys.revoked_at is 'null: the key is live; of a terminal at most two are'
