-- Where the event stands in the feed: given by one relay after the commit, so whoever reads on from a place misses nothing.
alter table events add column position bigint
--;
create index events_waiting on events (tx_id) where position is null
--;
create index events_position on events (position) where position is not null
--;
create table feed (
    id integer primary key default 1 check (id = 1),
    last bigint not null default 0 check (last >= 0)
)
--;
insert into feed default values
