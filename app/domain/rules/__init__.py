"""From a program and a basket to a decision.

compiled     a program made ready once: its `when`s (conditions, leaves) and `on`s (selection) as closures, by phase
evaluate     a basket goes in, a decision comes out
facts        what tests look at, prepared once a basket (birthdays too); failures: what a test says when it fails
bill         the basket while it is decided: what each line has left
phases       discounts and accruals, lane after lane; stacking: the six ways that a lane's rules combine
picking      what a rule is about, in exact numbers; units: single units for `on.units`
rewards      what each `give` wants; spreading: one total over lines, nothing lost
redemption   how much points may pay, and paying it; prices: what is paid, as a fiscal receipt wants it
"""
