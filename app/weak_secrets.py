"""Secrets that anybody would try first, or that lie open: refused at a start, or said in a line.

Secrets come from files and the environment only. A password counts where its server is reached over a network; embedded
engines and those of this machine, by a socket or a loopback address, are guarded by the machine. What is refused: a
password of the database or the cache that is the user's name, one of the usual ones, or short, wherever the driver
takes it from (the address, PGPASSWORD, a file of passwords); a file of secrets that others may write (whoever writes
it, chooses the keys). What is said and let be: a file that others may read, since a cluster's mounts are often so and
only its own user lives there; a cache without password, since nothing read back from it is believed unsigned (it can be
emptied, and be listened to). Keys of the file are judged where it is read (keyring.py).
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from app.config import BadSetting, Settings
from app.this_machine import is_here

PASSWORD_LENGTH_MIN = 12
USUAL = frozenset(
    {
        "administrator", "change-me-now", "changemeplease", "kopilkakopilka", "letmeinletmein", "loyalty_app",
        "loyaltyloyalty", "mysecretpassword", "password1234", "password12345", "passwordpassword", "postgrespassword",
        "postgrespostgres", "qwertyuiop12", "secretpassword", "supersecretpassword", "yourpasswordhere", "123456789012",
    }
)  # fmt: skip


_ESCAPED = re.compile(r"\\(.)")
_PASS_FIELD = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)")


@dataclass(frozen=True, slots=True)
class Address:
    """What of an address decides."""

    hosts: tuple[str, ...]
    user: str
    password: str | None
    passfile: str | None = None

    @property
    def is_of_this_machine(self) -> bool:
        return all(not host or host.startswith("/") or is_here(host) for host in self.hosts)


def check_secrets(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Before anything is started. Raises `BadSetting`, whose line names the setting and never shows the secret."""
    for name, url in (("DATABASE_URL", settings.database_url), ("DATABASE_OWNER_URL", settings.database_owner_url)):
        if url is not None:
            for place, address in _as_the_driver_reads(name, url):
                _refuse_weak(place, address)
    if settings.redis_url is not None and (cache := read_address(settings.redis_url)).password:
        _refuse_weak("setting REDIS_URL", cache)
    for line in _open_secrets(settings):
        say(line)


def read_address(url: str) -> Address:
    """Of PostgreSQL or Redis; options count as well (`?host=/run/postgresql`), and several hosts do too."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    credentials, _, servers = parts.netloc.rpartition("@")
    user, colon, password = credentials.partition(":")
    named = options.get("host", [servers])[-1] if parts.scheme != "unix" else ""
    return Address(
        hosts=tuple(_without_port(host) for host in named.split(",")),
        user=unquote(options.get("user", [user])[-1]),
        password=unquote(options["password"][-1]) if "password" in options else unquote(password) if colon else None,
        passfile=options["passfile"][-1] if "passfile" in options else None,
    )


def _as_the_driver_reads(name: str, url: str) -> Iterator[tuple[str, Address]]:
    """The address with each password that may be tried, and where it stands: what an address leaves out, PostgreSQL's
    clients take from the environment, and then from a file.
    """
    address = read_address(url)
    if address.hosts == ("",):
        address = replace(address, hosts=tuple(os.environ.get("PGHOST", "").split(",")))
    address = replace(address, user=address.user or os.environ.get("PGUSER", ""))
    if address.password is not None:
        yield f"setting {name}", address
    elif "PGPASSWORD" in os.environ:
        yield "PGPASSWORD", replace(address, password=os.environ["PGPASSWORD"])
    else:
        path = Path(address.passfile or os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
        for password in _passwords_of(path, address):
            yield f"the file of passwords {path}", replace(address, password=password)


def _passwords_of(path: Path, address: Address) -> Iterator[str]:
    """Of the rows `host:port:database:user:password` that may be meant: any port and database will do."""
    try:
        rows = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for row in rows:
        host, _, _, user, password, *_ = [
            *(_ESCAPED.sub(r"\1", field) for field in _PASS_FIELD.findall(row)),
            *[""] * 5,
        ]
        if host in {"*", *address.hosts} and user in {"*", address.user} and not row.startswith("#"):
            yield password


def _refuse_weak(place: str, address: Address) -> None:
    if (fault := _fault_of(address)) is not None:
        raise BadSetting(f"{place} holds a password that {fault}: choose a long random one")


def _fault_of(address: Address) -> str | None:
    """None where there is no password in it: a certificate may be what lets us in."""
    if address.is_of_this_machine or address.password is None:
        return None
    password = address.password.lower()
    if password == address.user.lower():
        return "is the user's name"
    if password in USUAL or len(set(password)) < PASSWORD_LENGTH_MIN // 2:
        return "anybody would try first"
    return f"has fewer than {PASSWORD_LENGTH_MIN} characters" if len(password) < PASSWORD_LENGTH_MIN else None


def _open_secrets(settings: Settings) -> Iterator[str]:
    """A line for each; raises `BadSetting` where others could have written the file."""
    path = settings.secrets_path
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = 0  # Made by this start, or told of by whoever reads it.
    if mode & stat.S_IWOTH or (mode & stat.S_IWGRP and path.stat().st_gid not in {0, os.getegid()}):
        raise BadSetting(
            f"setting SECRETS_FILE {path} may be written by others: chmod 600 it, and make sure of its keys"
        )
    if mode & stat.S_IROTH:
        yield f"warning: SECRETS_FILE {path} may be read by everybody on this machine (chmod 600 is enough)"
    if settings.redis_url is not None:
        cache = read_address(settings.redis_url)
        if not cache.is_of_this_machine and not cache.password:
            yield "warning: REDIS_URL names no password: whoever reaches that server can read and empty the cache"


def _without_port(server: str) -> str:
    if server.startswith("["):
        return server[1:].partition("]")[0]
    return unquote(server) if server.startswith("/") else unquote(server.partition(":")[0])
