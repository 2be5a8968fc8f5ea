"""PostgreSQL: statements as constants, each in the transaction it is handed; the schema itself is in migrations/.

engine        connections: safe servers only, transactions, the driver's errors in our words
ledger        the few statements of a round; round_writes: its write phase, as arrays
customers     writes outside the rounds: customers, drafts, programs
reads         statements that each stand alone and read what is committed
keys          keys of tills and people, by their SHA-256
housekeeping  what the background jobs ask for
audit         the whole ledger as one snapshot, for `verify`; audit_strays: rows that belong to nothing
migrate       the schema to head, or how far it is from there
"""
