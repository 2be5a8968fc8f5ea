"""Log lines: structlog for ours, the same line for what libraries log, all on standard error.

Standard output is left to commands' answers. Lines carry ids, codes and numbers, never what a customer is called or
reached by. The text of an exception may quote the request or a row that a constraint refused: only its type, its
SQLSTATE and the lines of code it passed are logged, and its text where the operating system wrote it.
"""

import logging
import sys
import time
import traceback
import types
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from app.telemetry.request_lines import RequestLines

# Of the request that this task works for; set by the HTTP edge, read by every line logged on the way.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# Where requests' lines go once logging is set up in its JSON form.
_lines: RequestLines | None = None

# How many lines of code an exception shows, from the one that raised it outwards.
FRAMES_MAX = 20

# Loggers of libraries that would repeat each request or tell what nobody asked for.
_QUIET_LOGGERS = {
    "uvicorn.access": logging.CRITICAL,
    "uvicorn.error": logging.WARNING,
    "asyncio": logging.WARNING,
    "httpx": logging.WARNING,
    "alembic": logging.WARNING,
}


def configure_logging(*, form: Literal["json", "console"], level: str) -> None:
    """Sets up structlog and the standard library's logging for this process; a second call replaces the first."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _add_time,
        _add_request_id,
        _tell_exception,
    ]
    structlog.configure(
        processors=[*shared, _renderer(form)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if form == "json"
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _shorten, _text(form)],
        )
    )
    global _lines  # noqa: PLW0603 - as structlog's own settings, one a process
    _lines = RequestLines(sys.stderr.buffer) if form == "json" and threshold <= logging.INFO else None
    logging.raiseExceptions = False  # else a line that can't be written is printed with all it holds
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name, least in _QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(max(least, threshold))


def log_request(log: FilteringBoundLogger, facts: dict[str, object], *, request_id: str) -> None:
    """One request's line: `facts` are ids and figures, in the order in which they are written.

    log: writes it where lines are for people, or a test listens.
    """
    if _lines is not None and isinstance(structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer):
        _lines.say(facts, request_id=request_id)
    else:
        log.info("request", **facts)


def told_exception(error: BaseException) -> dict[str, object]:
    """What may be logged of an exception: types from the outermost cause inwards, SQLSTATE, lines of code."""
    told: dict[str, object] = {"type": type(error).__qualname__}
    if isinstance(sqlstate := getattr(error, "sqlstate", None), str):
        told["sqlstate"] = sqlstate
    if isinstance(error, OSError):
        told["text"] = error.strerror or str(error)
    told["at"] = [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ][-FRAMES_MAX:]
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if inner is not None:
        told["caused_by"] = told_exception(inner)
    if isinstance(error, BaseExceptionGroup):
        told["of"] = [told_exception(one) for one in error.exceptions]
    return told


class Thinned:
    """Lines of which a fault could write thousands a second: one a kind and second is enough.

    Those left out are counted in the next line of their kind (`left_out`). Kinds come from closed sets.
    """

    SECONDS = 1.0

    def __init__(self, log: FilteringBoundLogger, *, ticks: Callable[[], float]) -> None:
        self._log = log
        self._ticks = ticks
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # When last, and how many were left out since.

    def warning(self, event: str, *, error: str, **facts: object) -> None:
        self._say(self._log.warning, event, error, facts)

    def error(self, event: str, *, error: str, **facts: object) -> None:
        self._say(self._log.error, event, error, facts)

    def _say(self, say: Callable[..., object], event: str, error: str, facts: Mapping[str, object]) -> None:
        now, kind = self._ticks(), (event, error)
        said_at, left_out = self._said.get(kind, (float("-inf"), 0))
        if now - said_at < self.SECONDS:
            self._said[kind] = (said_at, left_out + 1)
            return
        self._said[kind] = (now, 0)
        if left_out:
            facts = {**facts, "left_out": left_out}
        say(event, error=error, **facts)


def _renderer(form: Literal["json", "console"]) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(serializer=_dumps)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _text(form: Literal["json", "console"]) -> Processor:
    """As `_renderer`, for the standard library's handlers, which write text."""
    if form == "console":
        return _renderer(form)

    def render(_: WrappedLogger, __: str, event: EventDict) -> str:
        return _dumps(event).decode()

    return render


def _dumps(event: object, **_: object) -> bytes:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)


def _add_time(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["time"] = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    return event


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if (current := request_id.get()) is not None:
        event.setdefault("request_id", current)
    return event


def _tell_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = told_exception(error)
    event.pop("stack_info", None)
    return event


def _shorten(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Of a library's message the first line only: asyncio puts the text of exceptions into the next ones.

    uvicorn and Starlette send a failed start as a printed traceback: of that the last line of code and the type.
    """
    first, _, rest = str(event["event"]).partition("\n")
    event["event"] = first
    if first.startswith("Traceback"):
        lines = rest.strip().splitlines() or [""]
        places = [line.strip() for line in lines if line.startswith("  File ")]
        event["error"] = {"type": lines[-1].partition(":")[0], "at": places[-FRAMES_MAX:]}
    event.pop("color_message", None)  # uvicorn sends each message a second time with terminal colours
    return event


def log_last_exception(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    """For `sys.excepthook`: what ends the process is one log line too."""
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("app").critical("process_failed", exc_info=error.with_traceback(trace))
