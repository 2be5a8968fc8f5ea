"""Starting and ending server processes: through child.py, so that none outlives the thread that started it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from app.engines.places import Account, EngineFailed

_CHILD = Path(__file__).with_name("child.py")

# The engines' whole environment: no locale, time zone or library path of whoever happened to start the service.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

# A log is moved aside at a start once it is longer; engines log little (warnings and worse).
LOG_BYTES_MAX = 10_000_000


def child_command(program: Sequence[str], *, directory: Path, account: Account | None, death_signal: int) -> list[str]:
    """The command that runs `program` in `directory` as `account`; it gets the signal when the calling thread ends."""
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    fixed = (str(os.getpid()), str(int(death_signal)), str(uid), str(gid), str(directory))
    return [sys.executable, "-I", "-S", str(_CHILD), *fixed, *program]


def spawn(
    program: Sequence[str], *, directory: Path, account: Account | None, death_signal: int, log: Path
) -> subprocess.Popen[bytes]:
    """A server in a session of its own (Ctrl-C at the terminal isn't for it), its output appended to `log`."""
    command = child_command(program, directory=directory, account=account, death_signal=death_signal)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".old"))
    with log.open("ab", buffering=0) as output:
        log.chmod(0o600)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_ENVIRONMENT,
            start_new_session=True,
        )


def run_to_end(program: Sequence[str], *, directory: Path, account: Account | None, text: str = "") -> None:
    """Runs a tool of the engine with `text` on its standard input; `EngineFailed` with its last line if it fails."""
    command = child_command(program, directory=directory, account=account, death_signal=signal.SIGKILL)
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False, env=_ENVIRONMENT)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise EngineFailed(f"{Path(program[0]).name} failed: {said[-1]}")


def end(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Sends each signal in turn until the process has ended, giving it the seconds that follow the signal."""
    for step, seconds in steps:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(step)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return


def end_stranger(pid: int, steps: Sequence[tuple[signal.Signals, float]]) -> bool:
    """As `end`, for a process that isn't our child; whether it is gone."""
    for step, seconds in steps:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, step)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not is_alive(pid):
                return True
            time.sleep(0.02)
    return not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this id that hasn't ended; a zombie has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return True


def command_line(pid: int) -> str:
    """The command line of a process and, on Linux, its working directory; empty when it can't be known."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return f"{words} {Path(f'/proc/{pid}/cwd').readlink()}"
    if Path("/proc/self/cmdline").exists():
        return ""
    command = ["/bin/ps", "-p", str(pid), "-o", "command="]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def last_complaint(log: Path, *, since: int) -> str:
    """The last line of the log after byte `since` that tells a failure, or the last line at all."""
    with log.open("rb") as file:
        file.seek(since)
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror", "Fatal"))]
    return (complaints or lines or ["it said nothing"])[-1].strip()
