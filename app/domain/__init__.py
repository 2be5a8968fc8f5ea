"""The core: values and decisions, without I/O, clock, luck or await.

program      what a program, wallet, tier, lane, rule and reward are; programs/ makes one from its document
basket       the sale at the till; customer, what rules may know of the person; identifiers, how they are found;
             card_numbers, how cards are numbered
rules/       `evaluate`: a basket goes in, a decision comes out
counters     what limits, caps, stocks and draws have used so far; coupons: what can be said of a code
allowances   what a till without connection may take from a customer
abuse/       budgets of guesses, rates, a customer's day, what is unusual at a till
draws/       tickets, the algorithms, prize draws, and how each is checked
backtest/    a draft tried on past baskets: what it would have given
decision     all that the program says to a basket: totals, lines, effects, verdicts
ledger/      a decision becomes one balanced posting
one_time_codes  codes that confirm a redemption, and those that an app shows
key_text     a key as a word: its form, and the check that tells a typo
log_chain    the hash over each row of the audit log
amounts      integer arithmetic: rounding by name, remainders by rule
rejections   every "no" that the business expects, in order of precedence
"""
