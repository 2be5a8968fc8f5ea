"""Whether each bug can still be planted, in a child of its own: what it changes must be there; exit code 1 if one can't
be.
"""

import os
import sys
import traceback

from tests.chaos.plants import all_plants, sow


def main() -> int:
    failed = []
    for name, plant in all_plants().items():
        for command in sorted(plant.commands):
            child = os.fork()
            if not child:
                os._exit(_sow(name, command))
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
                failed.append(f"{name} ({command})")
    if failed:
        print("can't be planted:", ", ".join(failed), file=sys.stderr)  # noqa: T201 - said to whoever runs it
    return 1 if failed else 0


def _sow(name: str, command: str) -> int:
    try:
        sow(name, command=command)
    except Exception:  # noqa: BLE001 - whatever it is, the bug isn't planted
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
