"""Processes beside the service for work that must not slow the tills: started and forgotten, reaped when they end."""

import os
import subprocess
import sys
import threading
from uuid import UUID


class Beside:
    """Starts our own commands against one database. What they have to say, they write there."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    def start_backtest(self, backtest_id: UUID) -> None:
        self._start("backtest", "--id", str(backtest_id))

    def _start(self, *arguments: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DATABASE_URL": self._database_url},
            start_new_session=True,  # Ctrl-C at the service's terminal isn't for it: it ends by its row.
        )
        # Somebody has to wait for it, or it stays in the table of processes as long as the service runs.
        threading.Thread(target=process.wait, name="beside", daemon=True).start()
