"""From the document of a program (CONTRACT, section 4) to its typed form, or to everything that is wrong with it.

`read_program` is the only door. Inside: `reader` (a cursor that collects mistakes), `values` (single values), and one
module a part of the document. What a later version of the language brings is refused as `not_supported_yet`, what no
version knows as `unknown_field`.

Codes of faults: `required`, `unknown_field`, `not_supported_yet`, `not_allowed_here`, `wrong_type`, `wrong_form`,
`out_of_range`, `not_one_of`, `too_short`, `too_long`, `too_deep`, `bad_characters`, `duplicate`, `unknown_reference`,
`wrong_order`, `exactly_one`, `too_many_faults`.
"""

from app.domain.programs.read import read_program
from app.domain.programs.reader import ProgramInvalid

__all__ = ["ProgramInvalid", "read_program"]
