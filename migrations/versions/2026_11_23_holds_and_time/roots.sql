-- The day's heads of all chains that went on, folded into one root over the day before's. Days are the program's local ones, written out.
create table ledger_roots (
    day date primary key,
    zone text not null,
    begins_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > begins_at),
    heads bigint not null check (heads >= 0),
    tree bytea not null check (octet_length(tree) = 32),
    previous bytea not null unique check (octet_length(previous) = 32),
    root bytea not null check (octet_length(root) = 32),
    closed_at timestamptz not null default clock_timestamp()
)
--;
-- The root is known when its heads are written: whether it is there is looked at when both are.
create table ledger_heads (
    day date not null references ledger_roots (day) deferrable initially deferred,
    place bigint not null check (place >= 0),
    customer_id uuid not null,
    tx_id uuid not null,
    version bigint not null,
    hash bytea not null check (octet_length(hash) = 32),
    primary key (day, place),
    unique (day, customer_id, tx_id)
)
--;
create trigger ledger_roots_append_only before update or delete or truncate on ledger_roots for each statement execute function refuse_change()
--;
create trigger ledger_heads_append_only before update or delete or truncate on ledger_heads for each statement execute function refuse_change()
--;
-- Postings of a day are found by their time; written in that order, they need no more than this.
create index txs_created on txs using brin (created_at) with (pages_per_range = 32, autosummarize = on)
