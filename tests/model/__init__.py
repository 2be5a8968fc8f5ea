"""An independent model of the service, derived from the contract alone; nothing in here imports `app`.

`arithmetic` rounding and spreading · `facts` conditions and selections · `candidates` what one rule would give ·
`pricing` a basket's decision · `books` lots, balances, tiers and returns · `strategies` random input for both.
Clear over fast: exact fractions, plain dicts, brute force.
"""
