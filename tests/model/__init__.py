"""An independent model of the service, derived from the contract alone; nothing in here imports `app`.

Pricing: `arithmetic` rounding and spreading · `facts` conditions and selections · `candidates` what one rule would give
· `lanes` how rules combine · `redemption` what points may pay · `pricing` a basket's decision. Books: `lots`,
`accounts` what is remembered · `wallets` lots and debts in time · `books` purchases, returns, tiers · `play` a sequence
of operations. Input: `strategies` the whole language · `sequences` of operations · `crowded` rules that meet · `busy`
points that come and go · `corners` stories that chance seldom tells · `examples` how many.

Clear over fast: exact fractions, plain dicts, brute force. Where the contract leaves a choice, the module that takes it
says so.
"""
