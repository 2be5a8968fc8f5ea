"""From the document of a program (CONTRACT, section 4) to its typed form, or to everything that is wrong with it.

`read_program` is the only door. Inside: `reader` (a cursor that collects mistakes), `values`, `bounds` (values and
pairs of them), `names` (what elements of a list say of one another), `show` (what was found, in a sentence), and one
module a part of the document. What is right in itself may still be unwise; that is for `lint` to say.

Codes of faults: `required`, `unknown_field`, `not_allowed_here`, `wrong_type`, `wrong_form`, `out_of_range`,
`not_one_of`, `too_short`, `too_long`, `too_deep`, `bad_characters`, `duplicate`, `unknown_reference`, `wrong_order`,
`exactly_one`, `circle`, `too_many_faults`.
"""

from app.domain.programs.read import read_program
from app.domain.programs.reader import ProgramInvalid

__all__ = ["ProgramInvalid", "read_program"]
