"""Secrets that anybody would try first, or that lie open: refused at a start, or said in a line.

Secrets come from files and the environment only. A password counts where its server is reached over a network; embedded
engines and those of this machine, by a socket or a loopback address, are guarded by the machine. What is refused: a
database password that is the user's name, one of the usual ones, or short; a file of secrets that others may write
(whoever writes it, chooses the keys). What is said and let be: a file that others may read, since a cluster's mounts
are often so and only its own user lives there; a cache without password, since nothing read back from it is believed
unsigned (it can be emptied, and be listened to). Keys of the file are judged where it is read (keyring.py).
"""

import ipaddress
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from app.config import BadSetting, Settings

PASSWORD_LENGTH_MIN = 12
USUAL = frozenset(
    {
        "administrator", "change-me-now", "changemeplease", "kopilkakopilka", "letmeinletmein", "loyalty_app",
        "loyaltyloyalty", "mysecretpassword", "password1234", "password12345", "passwordpassword", "postgrespassword",
        "postgrespostgres", "qwertyuiop12", "secretpassword", "supersecretpassword", "yourpasswordhere", "123456789012",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """What of an address decides."""

    hosts: tuple[str, ...]
    user: str
    password: str | None

    @property
    def is_of_this_machine(self) -> bool:
        return all(not host or host.startswith("/") or _is_loopback(host) for host in self.hosts)


def check_secrets(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Before anything is started. Raises `BadSetting`, whose line names the setting and never shows the secret."""
    for name, url in (("DATABASE_URL", settings.database_url), ("DATABASE_OWNER_URL", settings.database_owner_url)):
        if url is not None and (fault := _fault_of(read_address(url))) is not None:
            raise BadSetting(f"setting {name} holds a password that {fault}: choose a long random one")
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
    )


def _fault_of(address: Address) -> str | None:
    """None where there is no password in it: a certificate, or a file of passwords, may be what lets us in."""
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


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(server: str) -> str:
    if server.startswith("["):
        return server[1:].partition("]")[0]
    return unquote(server) if server.startswith("/") else unquote(server.partition(":")[0])
