"""Where value sits and how it moves.

chart.py (accounts, kinds of transaction) > postings.py (balanced entries) > lots.py (points that expire together),
moments.py, terms.py (when) > balances.py, memory.py, books.py (one customer's books while a round holds them) >
moves.py (the few moves), arrivals.py (a decision's units into lots), conversion.py (full sets) > recording.py (moves
are closed into a posting) > passing.py (what time brings), plans.py (a decision becomes one posting), quoting.py (what
it would leave), taking.py (what both take of a customer) > purchase_states.py, giving_back.py, freed.py, returns.py (a
stored purchase goes back), offline.py (what was taken without connection) > hold_states.py, releasing.py, capturing.py,
captures.py, holds.py (value set aside until a sale is final) > chain.py (the hash over each posting). tiers.py beside
them; audit/ checks it all.
"""
