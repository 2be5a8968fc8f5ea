"""Everything that the lint looks for, in one go."""

from collections.abc import Collection
from datetime import datetime

from app.domain.program import Program
from app.domain.programs.lint.findings import Finding, Notes
from app.domain.programs.lint.loops import check_loops
from app.domain.programs.lint.possibility import check_possibility
from app.domain.programs.lint.references import check_references
from app.domain.programs.lint.rivals import check_rivals
from app.domain.programs.lint.scheme import check_scheme
from app.domain.programs.lint.shares import check_share


def check_program(
    program: Program, document: object, *, now: datetime, segments: Collection[str], pools: Collection[str]
) -> tuple[Finding, ...]:
    """What is doubtful in a program that reads without a fault.

    Args:
        program: what `read_program` made of the document.
        document: the JSON itself, which says what was written and what is a default.
        now: the database's clock, with a zone.
        segments: ids of the segments that there are.
        pools: ids of the pools of coupons that there are.
    """
    notes = Notes()
    check_references(program, notes, segments=segments, pools=pools)
    rules = check_possibility(program, notes, now=now)
    check_rivals(program, rules, notes)
    check_scheme(program, rules, notes, has_lanes=isinstance(document, dict) and "lanes" in document)
    check_loops(program, rules, notes)
    check_share(program, rules, notes)
    return tuple(notes.findings)
