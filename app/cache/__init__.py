"""Hot customers for quotes, look-ups and balances; never believed for a redemption, and never missed when gone.

snapshots  what is kept in Redis: signed values that an older one never replaces
guard      Redis as it may be, slow, full, lying or gone: short time-outs, a breaker, what it missed
scripts    what Redis runs on the values
line       a connection that is kept for that
codec      a snapshot as bytes
absent     a service without Redis: every look is a miss
"""
