"""From a program and a basket to a decision.

compiled     a program made ready once: `when` (conditions, leaves, traits) and `on` (selection) as closures; its forms
             in forms, index: which rules a basket can touch at all
evaluate     a basket goes in, a decision comes out; standing: how counters, codes and luck stand
needs        what of the program's shared state a decision will look at, before it is locked; most_taken: what it may
             take from a customer at most
facts        what tests look at, prepared once a basket (birthdays too); failures: what a test says when it fails
vouchers     coupon codes: which can be used, what became of each
hints        what to add to reach more; hinting: which rules may hint; giving: a reward as the document writes it
bill         the basket while it is decided: what each line has left
phases       how rules act on lines, and discounts; accruals: units; pieces: gifts and codes; lottery: draws
stacking     the six ways that a lane's rules combine
limits       what limits and caps leave, and what is taken from counters; costs: rewards that are paid with units
picking      what a rule is about, in exact numbers; units: single units for `on.units`; bundle: sets
rewards      what each `give` wants; spreading: one total over lines, nothing lost
given        what a till without connection gave and took: facts
redemption   how much points may pay, and paying it; prices: what is paid, as a fiscal receipt wants it
"""
