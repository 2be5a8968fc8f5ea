"""The processes that answer: uvicorn in this process, or several under uvicorn's supervisor.

uvloop and httptools by name, no access log (each request has its own line), no server header. On SIGTERM or SIGINT
nothing new is accepted, what is in progress finishes within `GRACE_SECONDS`, the exit code is 0.

Each worker listens at a socket of its own, over which the kernel spreads the connections (`spread`). On one socket for
all, whoever is awake takes what comes: of 64 tills that connected at once, 64 were with one of two workers and none
with the other; with a socket each, about 32. The supervisor holds them too, so a worker that is replaced in order loses
no connection; one that died is put aside until its successor listens, and tills find the others. All workers listen at
INTERNAL_PORT where it is set: what it answers is the same from each.
"""

import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pickle import UnpicklingError

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from app import processors
from app.api.connections import INTERNAL_CONNECTIONS_MAX, ConnectionLimits, LimitedConfig, LimitedProtocol
from app.compiled_core import chosen_core
from app.config import CannotStart, Settings
from app.engines.child import end_with_parent
from app.telemetry import configure_logging
from app.telemetry.metrics import forget_process, share_metrics

# What a request in progress may take until it is cut off: longer than any deadline inside.
GRACE_SECONDS = 10
# Tills keep a connection between customers.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048  # Connections that wait to be taken: a chain's tills after an interruption, a second's worth.

# A worker has these beside its connections: engines, logs, the loop's own; and the internal port's.
OTHER_DESCRIPTORS = 128 + INTERNAL_CONNECTIONS_MAX

# Names the supervisor to its workers.
_SUPERVISOR = "KOPILKA_SUPERVISOR"


def spread(port: socket.socket, workers: int) -> list[socket.socket]:
    """The listening sockets of as many workers in the place of `port`, which listens. Where the kernel doesn't spread
    connections over sockets of one address, it is the same one for all.

    A stranger still can't take the address: only who asks to share it, as the same user, may.
    """
    if workers == 1 or sys.platform != "linux":
        return [port] * workers
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    ports = []
    for _ in range(workers):
        ports.append(one := socket.socket(port.family, port.type, port.proto))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(port.getsockname())
        one.listen(BACKLOG)
    port.close()  # After the others listen: nobody else could have come between.
    return ports


def answer(
    settings: Settings,
    ports: Sequence[socket.socket],
    *,
    internal: socket.socket | None = None,
    ready: Callable[[], None],
) -> int:
    """Answers on the listening sockets, one a worker, until SIGTERM or SIGINT; calls `ready` once, when requests are
    answered.

    internal: INTERNAL_PORT's.

    The exit code: 0 after a stop, 1 when the application can't start.
    """
    config = _config(settings)
    shared = [] if internal is None else [internal]
    if settings.workers == 1:
        return _answer_here(config, [*ports, *shared], ready=ready)
    os.environ[_SUPERVISOR] = str(os.getpid())
    try:
        share_metrics(settings.metrics_path)
    except OSError as error:
        raise CannotStart(f"METRICS_DIR {settings.metrics_path} cannot be written: {error.strerror}") from None
    supervisor = _Supervisor(
        config,
        ports,
        shared=shared,
        each_on=processors.for_each(settings.workers) if settings.pin_workers else [],
        ready=ready,
    )
    supervisor.run()
    return 1 if supervisor.failed else 0


def _config(settings: Settings) -> LimitedConfig:
    config = LimitedConfig(
        "app.workers:application",
        factory=True,
        loop="uvloop",
        http=LimitedProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
        headers=[("strict-transport-security", f"max-age={settings.hsts_seconds}")] if settings.hsts_seconds else [],
    )
    config.limits = ConnectionLimits(
        connections_max=room_for(settings.connections_max),
        internal_port=settings.internal_port,
        head_bytes_max=settings.head_bytes_max,
        headers_max=settings.headers_max,
        head_seconds_max=settings.head_seconds_max,
        body_seconds_max=settings.body_seconds_max,
    )
    return config


def room_for(connections: int) -> int:
    """How many of so many connections this process and its children may hold: the system's limit of open files is
    raised as far as an ordinary user may. Beyond it no connection would be refused in order.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # macOS allows less than it says.
        allowed = soft
    return max(1, min(connections, allowed - OTHER_DESCRIPTORS))


def application() -> object:
    """The application of one process; a worker ends with its supervisor."""
    if supervisor := os.environ.get(_SUPERVISOR):
        _end_with_supervisor(int(supervisor))
    try:
        settings = Settings.read()
        configure_logging(form=settings.log_format, level=settings.log_level)
        core = chosen_core()
        structlog.get_logger("app").info("core", form=core.form, because=core.because)
        from app.main import create_app

        return create_app(settings)
    except CannotStart as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - the line for whoever started it
    except Exception:  # noqa: BLE001 - uvicorn would start a worker that can't work again and again
        structlog.get_logger("app").exception("application_failed")
    sys.exit(STARTUP_FAILURE)


def _answer_here(config: uvicorn.Config, ports: list[socket.socket], *, ready: Callable[[], None]) -> int:
    server = _Server(config, ready=ready)
    try:
        server.run(sockets=ports)
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
    """Gives each worker its socket, says when all answer, keeps the metrics' gauges to the living, and tells a failed
    start from a stop.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ports: Sequence[socket.socket],
        *,
        shared: Sequence[socket.socket],
        each_on: Sequence[int],
        ready: Callable[[], None],
    ) -> None:
        """`shared`: all workers listen there. `each_on`: the processor of each, where they stay on one."""
        super().__init__(config, list(ports))
        self._shared = shared
        self._processors = each_on
        processors.tell_children(each_on)
        self._ready = ready
        self._has_answered = False
        self.failed = False

    def init_processes(self) -> None:
        self.processes += [self._started(place) for place in range(self.processes_num)]
        for process in self.processes:
            while not process.wait_until_ready(0.2):
                self.handle_signals()
                if self.should_exit.is_set() or not process.process.is_alive():
                    return
        self._has_answered = True
        self._ready()

    def keep_subprocess_alive(self) -> None:
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():  # by a signal
                return
            if is_well(process, seconds=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            _forget(process)
            if process.exitcode == STARTUP_FAILURE:
                if not self._has_answered:
                    self.failed = True
                    self.should_exit.set()
                    return
                # What a worker needs was there and is away now, the database most likely: the others go on meanwhile.
                structlog.get_logger("app").warning("worker_starts_again", pid=process.pid)
            self._put_aside(self.sockets[place])
            self.processes[place] = self._started(place)

    def restart_all(self) -> None:
        for place, before in enumerate(self.processes):
            after = self._started(place)
            if not after.wait_until_ready(self.config.timeout_worker_healthcheck, self.should_exit):
                after.kill()
                after.join()
                return
            before.terminate()
            before.join()
            _forget(before)
            self.processes[place] = after

    def handle_ttin(self) -> None:
        """How many workers there are is a setting."""

    def handle_ttou(self) -> None:
        """Likewise."""

    def _started(self, place: int) -> Process:
        process = Process(self.config, [self.sockets[place], *self._shared])
        process.start()
        if self._processors and process.pid is not None:
            processors.keep_on(process.pid, self._processors[place])
        return process

    def _put_aside(self, port: socket.socket) -> None:
        """Nobody takes connections there until the next worker listens: the kernel gives them to the others."""
        if self.sockets.count(port) == 1:
            put_aside(port)

    def terminate_all(self) -> None:
        for port in (*self.sockets, *self._shared):
            port.close()  # Else new connections would wait here until the last worker has ended.
        super().terminate_all()


def is_well(process: Process, *, seconds: float) -> bool:
    """Whether a worker answers within so many seconds.

    Unlike uvicorn's question this one is over as soon as the worker is. Asked while it dies nobody answers, and tills
    would wait at its socket for all those seconds, since it isn't put aside before.
    """
    try:
        process.parent_conn.send(b"ping")
        happened = wait([process.parent_conn, process.process.sentinel], seconds)
        if process.process.sentinel in happened or not happened:
            return False
        process.parent_conn.recv()
    except (OSError, EOFError, UnpicklingError):
        return False
    return True


def put_aside(port: socket.socket) -> None:
    """Make a socket listen no more, so that it may listen again.

    Not twice: shut down while it doesn't listen, the kernel would give every later connection an end from its start.
    """
    if port.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        port.shutdown(socket.SHUT_RDWR)


def _forget(process: Process) -> None:
    if process.pid is not None:
        forget_process(process.pid)


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
