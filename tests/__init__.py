"""Tests mirror `app/`; `model` is an independent account of what the contract says.

Tests run the core as Python, whatever is compiled, unless they are told: `COMPILED_CORE=required make test` runs all of
them on the compiled core.
"""

import os

os.environ.setdefault("COMPILED_CORE", "off")  # Before anything imports `app`, which looks at it.
