-- Where the event stands in the feed: given by one relay after the commit, so whoever reads on from a place misses nothing.
alter table events add column position bigint
--;
-- For readers, and for the relay: those that wait for a position are its end, and no other index looks as cheap to the planner.
create index events_feed on events (position, tx_id)
--;
create table feed (
    id integer primary key default 1 check (id = 1),
    last bigint not null default 0 check (last >= 0)
)
--;
insert into feed default values
