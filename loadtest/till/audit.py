"""The service's own self-audit, `verify`, run as a command with the same environment."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Audit:
    """What `verify` said, and its exit code: 0 clean, 1 findings."""

    code: int
    output: str

    @property
    def is_clean(self) -> bool:
        return self.code == 0


def run_verify() -> Audit:
    """Runs `verify` to its end; it reads the whole ledger, so no time limit is set."""
    command = [sys.executable, "-m", "app", "verify"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return Audit(code=done.returncode, output=done.stdout.decode(errors="replace").strip())
