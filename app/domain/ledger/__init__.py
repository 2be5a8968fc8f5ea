"""Where value sits and how it moves.

chart.py (accounts, kinds of transaction) > postings.py (balanced entries) > lots.py (points that expire together) >
books.py (one customer's books while a round holds them) > plans.py, returns.py (a decision becomes one posting) >
chain.py (the hash over each posting).
"""
