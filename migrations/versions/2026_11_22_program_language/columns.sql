-- What the customer's row remembers besides balances: counters, slips of draws, the windows that tiers look through.
alter table customers
    add column memory jsonb not null default '{}',
    add column is_gift_card boolean not null default false
--;
alter table profiles
    add column segments text[] not null default '{}',
    -- By the hexadecimal digest of the number; blocked cards and cards without a type are not in it.
    add column card_types jsonb not null default '{}'
--;
alter table identifiers add column card_type text
--;
alter table keys add column partner text
--;
-- What returns give back of counters and codes; what was drawn; the local day on which tiers counted the purchase.
alter table purchases
    add column uses jsonb,
    add column draws jsonb,
    add column day date
