"""`python -m loadtest.textbook`: answers on a free port, printed when all workers answer; set by the environment."""

import os
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

from loadtest.textbook.service import WORKERS


class _Workers(Multiprocess):
    """Says the port when all answer."""

    def init_processes(self) -> None:
        super().init_processes()
        for process in self.processes:
            while not process.wait_until_ready(0.2):
                self.handle_signals()
                if self.should_exit.is_set() or not process.process.is_alive():
                    return
        _say(self.sockets[0])


class _Worker(uvicorn.Server):
    """Likewise, alone."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            _say(sockets[0])


def _say(port: socket.socket) -> None:
    print(port.getsockname()[1], flush=True)


def main() -> None:
    port = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        "loadtest.textbook.service:app",
        loop="uvloop",
        http="httptools",
        ws="none",
        workers=int(os.environ[WORKERS]),
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    if config.workers == 1:
        _Worker(config).run(sockets=[port])
    else:
        _Workers(config, [port]).run()


if __name__ == "__main__":
    main()
