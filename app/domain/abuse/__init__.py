"""What looks like somebody trying: guesses, haste, and tills that don't behave as they usually do.

Figures in, a verdict out: misses.py (how many guesses a terminal has left), rates.py (requests a key), velocity.py (a
customer's day), corrections.py (what one person may correct alone), tills.py (what one till's receipts and returns say
against what is usual there). Counting and keeping are the business of flows and storage.
"""
