"""PostgreSQL: statements as constants, each in the transaction it is handed; the schema itself is in migrations/.

engine        connections: safe servers only, transactions, the driver's errors in our words
ledger        the few statements of a round; round_writes: its write phase; round_rows: rows read
holds         holds as rounds and readers need them; holds_over: what they keep of others when they are over
tiers         what tiers were; feed: events and their places; roots: days closed, and what proofs are made of
shared        budgets, stocks, coupons, free codes, days of draws; taken_back: what a purchase keeps for its returns
customers     writes outside the rounds: customers, drafts, programs; cards, coupons, segments, prize_draws: theirs
bulk_load     customers by COPY, with their opening balances
backtests     how far each back-test is, and the past baskets it reads; draws: what a check of draws reads
reads         statements that each stand alone and read what is committed; hot_reads: those that many ask for at once
offline       which version of the program was in force when
consents      what was agreed to; erasures: what is destroyed, and the record of it; exports: all of one customer
rewraps       customers' keys under another master key
keys          keys made, listed, revoked by commands; key_rounds: their rows, by SHA-256, and who calls
people        who signs in, their sessions, and their tries
audit_log     who did what: rows appended in chains; adjustments: those that a second person decides
challenges    codes that were sent, and what the app's are checked against
budgets       misses of look-ups; alerts: what looks like abuse, and what watching the tills reads and keeps
housekeeping  what the background jobs ask for; timetable: their schedules; queue: when each last ended well
audit         the whole ledger as one snapshot, for `verify`; audit_strays: rows that belong to nothing; audit_roots:
              the daily roots; audit_deeds: the audit log's chains; self_audit: slices of it, and what was found
migrate       the schema to head, or how far it is from there
"""
