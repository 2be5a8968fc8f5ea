"""An independent model of the service, derived from the contract alone; nothing in here imports `app`.

Pricing: `arithmetic` rounding and spreading · `facts` conditions and selections · `candidates` what one rule would
give · `limits` limits and caps · `lanes` how rules combine · `rewards` pieces and costs · `redemption` what points
may pay · `coupons` what is said of codes · `tickets` luck, chances, prizes · `lottery` what becomes of a draw ·
`world` how things stand beside basket and customer · `pricing` a basket's decision.

Books: `lots`, `accounts` what is remembered · `wallets` lots, debts, sets that convert · `tiers` their windows ·
`giving_back` counters, codes, slips · `books` purchases, acts, returns · `holds` value set aside · `play` a sequence of
operations.

Input: `strategies` conditions, selections, lanes, wallets · `crowded` rules that meet · `dense` everything that can be
used up, `standings` and nearly is · `sequences` of operations · `busy` points that come and go · `set_aside` what holds
hold · `whole` stories with everything · `corners` stories that chance seldom tells · `examples` how many.

Clear over fast: exact fractions, plain dicts, brute force. Where the contract leaves a choice, the module that takes it
says so.
"""
