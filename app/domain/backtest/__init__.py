"""A draft tried on past baskets, against what was really given.

past.py (a stored purchase as the rules saw it that day), endless.py (the draft without what only the whole program's
use can cut) > trial.py (one worker's part of the baskets decided again), noting.py (each added to the figures) >
sums.py (figures that add up over workers) > report.py (the figures as a document for people).
"""
