"""Where the engines' files and sockets are, and whose they are.

In DATA_DIR: the cluster, logs, the lock of its owner, the addresses of what runs. Sockets can't be there: the path of a
Unix socket holds 107 bytes at most. They are in /tmp/kopilka-ID, where ID is random and kept in DATA_DIR, so that
nobody can guess the name and take it first; one that isn't ours is never used.

PostgreSQL refuses to run as root. Root therefore starts the engines as the account that owns the cluster, at first
`nobody`; nothing outside DATA_DIR and the socket directory changes hands or modes.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from app.config import CannotStart

SOCKETS_PARENT = Path("/tmp")  # noqa: S108 - short on every system; the name is random, the owner checked


class EngineFailed(CannotStart):
    """An embedded engine can't be had; the line says why and, where there is one, the way out."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account that engines run as instead of root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """The paths inside one DATA_DIR."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        return self.data_dir / "engines.lock"

    @property
    def record(self) -> Path:
        return self.data_dir / "engines.json"

    @property
    def cluster(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def programs(self) -> Path:
        return self.data_dir / "programs"

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def instance(self) -> Path:
        return self.data_dir / "instance"


def prepare_data_dir(data_dir: Path) -> None:
    """Makes DATA_DIR, private to us, and checks that it can be written; `EngineFailed` otherwise."""
    probe = data_dir / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        # Root's may be passed through (not listed): the engines' account has its directories in there.
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        raise EngineFailed(f"DATA_DIR {data_dir} cannot be written: {error.strerror}") from None


def engine_account(cluster: Path) -> Account | None:
    """Who runs the engines: None for ourselves; for root the owner of the cluster there is, or else nobody."""
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EngineFailed(f"DATA_DIR {cluster.parent} belongs to another user: choose another with DATA_DIR")
        return None
    if owner is not None and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    for name in ("nobody", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise EngineFailed("there is no account nobody to run PostgreSQL as: start as an ordinary user")


def owned_directory(path: Path, account: Account | None) -> None:
    """Makes `path` (mode 0700) if there is none and gives it to the engines' account."""
    path.mkdir(mode=0o700, parents=False, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def sockets_directory(places: Places, account: Account | None) -> Path:
    """A short private directory for the engines' sockets, the same at every start while it exists or is free.

    The caller owns the engines of this DATA_DIR, and none of them runs.
    """
    run_dir = SOCKETS_PARENT / f"kopilka-{_instance(places, fresh=False)}"
    while not _is_ours(run_dir):
        run_dir = SOCKETS_PARENT / f"kopilka-{_instance(places, fresh=True)}"
    sockets = run_dir / "sockets"
    shutil.rmtree(sockets, ignore_errors=True)  # What a killed engine has left, lock files with its process id too.
    owned_directory(sockets, account)
    return sockets


def remove_sockets(sockets: Path) -> None:
    """Takes the directory of `sockets_directory` away again."""
    shutil.rmtree(sockets.parent, ignore_errors=True)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may pass through every parent of `path` and read it (execute it, if it is a program)."""
    if account is None:
        return True
    try:
        needs = 0o5 if path.is_dir() or os.access(path, os.X_OK) else 0o4
        return _grants(path.stat(), needs, account) and all(
            _grants(parent.stat(), 0o1, account) for parent in path.resolve().parents
        )
    except OSError:
        return False


def can_pass_closed_parents() -> bool:
    """Whether an engine can work in a directory that its account can't walk to (see `Postgres`)."""
    return sys.platform == "linux" and Path("/proc/self/cwd").exists()


def _grants(status: os.stat_result, needs: int, account: Account) -> bool:
    if status.st_uid == account.uid:
        granted = status.st_mode >> 6
    elif status.st_gid == account.gid:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & needs == needs


def _is_ours(run_dir: Path) -> bool:
    """Makes the directory, or says whether the one there is a directory of ours that nobody else can write."""
    with contextlib.suppress(FileExistsError):
        run_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
    status = run_dir.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _instance(places: Places, *, fresh: bool) -> str:
    """The random name of this DATA_DIR's sockets; only its owner asks, so nobody else writes at the same time."""
    if not fresh and places.instance.exists() and (kept := places.instance.read_text().strip()).isalnum():
        return kept
    made = secrets.token_hex(8)
    places.instance.write_text(made + "\n")
    return made
