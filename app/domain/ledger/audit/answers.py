"""What the till was told of a purchase: the stored answer against lines, totals and balances as they were posted."""

