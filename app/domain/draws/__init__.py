"""Random rewards that a customer can check.

luck.py (a ticket from the day's secret and the receipt) > algorithms.py (ticket and state to chance and prize) >
records.py (what is stored of a draw, and the slip that outlives a whole return) > checking.py (records recomputed),
continuity.py (states that follow from one another) > prize_draws.py (winners out of a frozen list of entrants),
prize_draw_checking.py (the same recomputed).
"""
