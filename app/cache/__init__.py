"""Hot customers for quotes, look-ups and balances; never believed for a redemption, and never missed when gone.

snapshots  Redis: signed values that an older one never replaces, short time-outs, a breaker
codec      a snapshot as bytes
absent     a service without Redis: every look is a miss
"""
