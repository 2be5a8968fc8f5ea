"""The processes that answer: uvicorn in this process, or several under uvicorn's supervisor.

uvloop and httptools by name, no access log (each request has its own line), no server header. On SIGTERM or SIGINT
nothing new is accepted, what is in progress finishes within `GRACE_SECONDS`, the exit code is 0.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from app.config import CannotStart, Settings
from app.engines.child import end_with_parent
from app.telemetry import configure_logging
from app.telemetry.metrics import forget_process, share_metrics

# What a request in progress may take until it is cut off: longer than any deadline inside.
GRACE_SECONDS = 10
# Tills keep a connection between customers.
KEEP_ALIVE_SECONDS = 75

# Names the supervisor to its workers.
_SUPERVISOR = "KOPILKA_SUPERVISOR"


def answer(settings: Settings, port: socket.socket, *, ready: Callable[[], None]) -> int:
    """Answers on the listening socket until SIGTERM or SIGINT; calls `ready` once, when requests are answered.

    The exit code: 0 after a stop, 1 when the application can't start.
    """
    config = uvicorn.Config(
        "app.workers:application",
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    if settings.workers == 1:
        return _answer_here(config, port, ready=ready)
    os.environ[_SUPERVISOR] = str(os.getpid())
    try:
        share_metrics(settings.metrics_path)
    except OSError as error:
        raise CannotStart(f"METRICS_DIR {settings.metrics_path} cannot be written: {error.strerror}") from None
    supervisor = _Supervisor(config, port, ready=ready)
    supervisor.run()
    return 1 if supervisor.failed else 0


def application() -> object:
    """The application of one process; a worker ends with its supervisor."""
    if supervisor := os.environ.get(_SUPERVISOR):
        _end_with_supervisor(int(supervisor))
    try:
        settings = Settings.read()
        configure_logging(form=settings.log_format, level=settings.log_level)
        from app.main import create_app

        return create_app()
    except CannotStart as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - the line for whoever started it
    except Exception:  # noqa: BLE001 - uvicorn would start a worker that can't work again and again
        structlog.get_logger("app").exception("application_failed")
    sys.exit(STARTUP_FAILURE)


def _answer_here(config: uvicorn.Config, port: socket.socket, *, ready: Callable[[], None]) -> int:
    server = _Server(config, ready=ready)
    try:
        server.run(sockets=[port])
    except SystemExit as stop:
        return 1 if stop.code == STARTUP_FAILURE else 0
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, *, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


class _Supervisor(Multiprocess):
    """Says when all workers answer, keeps the metrics' gauges to the living, and tells a failed start from a stop."""

    def __init__(self, config: uvicorn.Config, port: socket.socket, *, ready: Callable[[], None]) -> None:
        super().__init__(config, [port])
        self._ready = ready
        self._has_answered = False
        self.failed = False

    def init_processes(self) -> None:
        super().init_processes()
        for process in self.processes:
            while not process.wait_until_ready(0.2):
                self.handle_signals()
                if self.should_exit.is_set() or not process.process.is_alive():
                    return
        self._has_answered = True
        self._ready()

    def keep_subprocess_alive(self) -> None:
        if self.should_exit.is_set():  # by a signal
            return
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        if self.should_exit.is_set() and self._has_answered:
            self._start_again()
        self.failed = self.should_exit.is_set()
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                forget_process(pid)

    def _start_again(self) -> None:
        """What a worker needs was there and is away now, the database most likely: the others go on meanwhile."""
        self.should_exit.clear()
        for place, process in enumerate(self.processes):
            if process.exitcode == STARTUP_FAILURE:
                structlog.get_logger("app").warning("worker_starts_again", pid=process.pid)
                self.processes[place] = Process(self.config, self.sockets)
                self.processes[place].start()

    def terminate_all(self) -> None:
        for port in self.sockets:
            port.close()  # Else new connections would wait here until the last worker has ended.
        super().terminate_all()


def _end_with_supervisor(supervisor: int) -> None:
    """Stops this worker when its supervisor is gone: a killed one can't tell it, and it would keep the port."""
    if not end_with_parent(supervisor, signal.SIGTERM):
        sys.exit(1)
    if sys.platform != "linux":
        threading.Thread(target=_watch_supervisor, args=(supervisor,), daemon=True).start()


def _watch_supervisor(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)
