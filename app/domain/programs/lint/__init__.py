"""The lint: what is right by the language and still doubtful, each with a pointer, a severity and a sentence.

`check_program` is the only door. findings (what is said, and where) > ways, contradictions (how conditions come true) >
references, possibility, rivals, scheme, loops (one kind of doubt each) > worth, bounds, exposure, shares (the
worst-case share of a basket; figures: exact rationals as text).

Nothing here refuses a draft. What it calls impossible is so by its checks, which are many and not all; a bound is never
below what can happen.
"""

from app.domain.programs.lint.check import check_program
from app.domain.programs.lint.findings import Finding, Severity

__all__ = ["Finding", "Severity", "check_program"]
