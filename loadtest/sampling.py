"""A command of the service that looks at itself: `python -m loadtest.sampling OUT serve ...`.

A timer of processor time (ITIMER_PROF) interrupts the process; whoever runs then is noted, with the processor time
since the last look as the sample's weight. Idling costs nothing and counts for nothing; what looking itself costs is
taken out and told apart. Nothing is traced, so nothing is slower for being called often: a few hundred looks a second
of 3 µs each.

The interpreter hands a signal over between two steps of Python only. What was spent in C is therefore seen just after
it: in its caller, where the place in the code says which call that was; before a function's first step it was the
caller's. Time in the loop's C (sockets) that is followed by no fresh call counts for the coroutine that it woke.
Compiled modules have no frames: their functions are known by the call that went into them.

SIGUSR1 begins a window, SIGUSR2 writes it to the next file `OUT.1`, `OUT.2` … as JSON.
"""

from __future__ import annotations

import dis
import gc
import json
import linecache
import os
import re
import signal
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

INTERVAL_SECONDS = 0.001  # Where the kernel's ticks are longer, it is a tick.
DEPTH_MAX = 120
_CALLED = re.compile(r"([A-Za-z_][\w.]*)\(")
_HERE = __name__

Place = tuple[str, str]  # module, function


class Sampler:
    """Looks, and what they saw."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._files = 0
        self._clear()

    def start(self) -> None:
        gc.callbacks.append(self._collecting)
        signal.signal(signal.SIGPROF, self._look)
        signal.signal(signal.SIGUSR1, lambda *_: self._begin())
        signal.signal(signal.SIGUSR2, lambda *_: self._write())
        for number in (signal.SIGPROF, signal.SIGUSR1, signal.SIGUSR2):
            signal.siginterrupt(number, False)

    def _clear(self) -> None:
        self._stacks: Counter[tuple[Any, ...]] = Counter()
        self._looks = self._looking_ns = 0
        self._garbage_ns = self._garbage_since_look_ns = self._collecting_from_ns = 0
        self._collections = [0, 0, 0]
        self._began_ns = self._last_ns = time.process_time_ns()

    def _begin(self) -> None:
        self._clear()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        now = time.process_time_ns()
        if phase == "start":
            self._collecting_from_ns = now
        elif self._collecting_from_ns:
            took = now - self._collecting_from_ns
            self._garbage_ns += took
            self._garbage_since_look_ns += took
            self._collections[info["generation"]] += 1

    def _look(self, _: int, frame: FrameType | None) -> None:
        now = time.process_time_ns()
        weight = max(0, now - self._last_ns - self._garbage_since_look_ns)
        self._stacks[_stack(frame)] += weight
        self._looks += 1
        self._garbage_since_look_ns = 0
        self._last_ns = time.process_time_ns()
        self._looking_ns += self._last_ns - now

    def _write(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # Together: making the document leaves garbage too, which is none of the window's.
        total_ns = time.process_time_ns() - self._began_ns - self._looking_ns
        garbage_ns, collections = self._garbage_ns, list(self._collections)
        self._files += 1
        stacks: Counter[tuple[Place, ...]] = Counter()
        statements: Counter[str] = Counter()
        for (lasti, owner, query, ending, *codes), weight in self._stacks.items():
            stacks[tuple(_places(codes, lasti, owner))] += weight
            if query or ending:
                statements[ending or _name_of_statement(query)] += weight
        document = {
            "total_ns": total_ns,
            "looks": self._looks,
            "looking_ns": self._looking_ns,
            "garbage_ns": garbage_ns,
            "collections": collections,
            "statements": dict(statements),
            "stacks": [[weight, *map(list, stack)] for stack, weight in stacks.items()],
        }
        aside = self._out.with_suffix(".new")
        aside.write_text(json.dumps(document))
        aside.replace(f"{self._out}.{self._files}")


def _stack(frame: FrameType | None) -> tuple[Any, ...]:
    """Where the innermost frame is, whose method it is if it was made at run time (dataclasses), the driver's statement
    and the end of a transaction under way, codes from the innermost to the outermost."""
    while frame is not None and (
        frame.f_globals.get("__name__") == _HERE or frame.f_lasti <= _first_step(frame.f_code)
    ):
        frame = frame.f_back  # Nothing of it has run: what took the time was its caller.
    lasti = frame.f_lasti if frame is not None else -1
    owner = _owner_of(frame) if frame is not None and frame.f_code.co_filename == "<string>" else None
    codes: list[CodeType] = []
    query = ending = ""
    while frame is not None and len(codes) < DEPTH_MAX:
        code = frame.f_code
        codes.append(code)
        if code.co_name in _DRIVERS and "asyncpg" in code.co_filename:
            if code.co_name in _ENDINGS:
                ending = code.co_name
            else:
                query = frame.f_locals.get("query", query) or query
        frame = frame.f_back
    return (lasti, owner, query, ending, *codes)


def _owner_of(frame: FrameType) -> type | None:
    """The class whose method was made at run time: a dataclass, or a named tuple with its function of the class."""
    maker = frame.f_locals.get("_cls")
    if isinstance(maker, type):
        return maker
    return type(frame.f_locals["self"]) if "self" in frame.f_locals else None


_ENDINGS = frozenset({"start", "commit", "rollback", "acquire", "release"})
_DRIVERS = _ENDINGS | {"fetch", "fetchrow", "fetchval", "execute", "executemany"}


@cache
def _first_step(code: CodeType) -> int:
    """The offset of the step with which a function begins."""
    return next((step.offset for step in dis.get_instructions(code) if step.opname == "RESUME"), -1)


@cache
def _module_of(code: CodeType) -> str:
    """By file: a code object doesn't know its module."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == code.co_filename and name != "__main__":
            return name
    return code.co_filename


def _places(codes: list[CodeType], lasti: int, owner: type | None) -> list[Place]:
    places = [(_module_of(code), getattr(code, "co_qualname", code.co_name)) for code in codes]
    if owner is not None:
        places[0] = (owner.__module__, f"{owner.__qualname__}.{codes[0].co_name}")
    elif codes and (called := _called(codes[0], lasti)):
        places.insert(0, called)
    return places


@cache
def _called(code: CodeType, lasti: int) -> Place | None:
    """The function without frames (C, or compiled) that the step calls, where its name tells which it is."""
    steps = {step.offset: step for step in dis.get_instructions(code)}
    step = steps.get(lasti)
    if step is None or "CALL" not in step.opname or step.positions is None or step.positions.lineno is None:
        return None
    text = linecache.getline(code.co_filename, step.positions.lineno).encode()[step.positions.col_offset or 0 :]
    named = _CALLED.match(text.decode(errors="ignore"))
    if named is None:
        return None
    first, *rest = named[1].split(".")
    found: Any = getattr(sys.modules.get(_module_of(code)), first, None)
    for name in rest:
        found = getattr(found, name, None)
    if found is None or isinstance(found, type | FunctionType):
        return None
    module = getattr(found, "__module__", None) or getattr(getattr(found, "__self__", None), "__name__", None)
    return (module, named[1].rpartition(".")[2]) if isinstance(module, str) else None


@cache
def _name_of_statement(query: str) -> str:
    """Statements are constants: `storage.ledger.TAKE`."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("app.storage."):
            for name, value in vars(module).items():
                if value is query and name.isupper():
                    return f"{module_name.removeprefix('app.')}.{name}"
    return " ".join(query.split())[:60]


def main() -> None:
    out = Path(sys.argv[1])
    Sampler(out).start()
    sys.argv[:2] = ["app"]
    os.environ["WORKERS"] = "1"  # Else others than this process would answer.
    from app.cli import main as command

    command()


if __name__ == "__main__":
    main()
