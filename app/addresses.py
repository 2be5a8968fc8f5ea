"""Database addresses: one plain spelling outside, the spelling of each library inside.

Outside there is only `postgresql://user:password@host:port/database?…`, as every PostgreSQL client takes it, also for
Unix sockets (`postgresql://user@/database?host=/directory`). A leaf: it imports nothing of ours.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SCHEMES = frozenset({"postgresql", "postgres"})

# What SQLAlchemy hands on to asyncpg.connect by the same name; sslmode is `ssl` there. Anything else in an address
# (sslrootcert, options, application_name …) asyncpg understands in a DSN only.
_PASSED_BY_NAME = frozenset({"host", "port", "user", "password", "passfile"})


def plain_database_url(url: str) -> str:
    """The address as `postgresql://…`, checked; ValueError says what is wrong without repeating it."""
    parts = urlsplit(url)
    if "+" in parts.scheme and parts.scheme.partition("+")[0] in _SCHEMES:
        raise ValueError("must be a plain postgresql:// address, without a driver's name")
    if parts.scheme not in _SCHEMES:
        raise ValueError("must be an address that begins with postgresql://")
    if not parts.path.strip("/"):
        raise ValueError("must name a database, as in postgresql://user@host/database")
    return "postgresql" + url[len(parts.scheme) :]


def asyncpg_dsn(url: str) -> str:
    """What `asyncpg.connect(dsn)` takes: the plain address itself, with every option that libpq knows too."""
    return plain_database_url(url)


def sqlalchemy_url(url: str) -> str:
    """`postgresql+asyncpg://…` for SQLAlchemy.

    Raises ValueError for an option that can't be said in such an address; an engine with
    `async_creator=lambda: asyncpg.connect(asyncpg_dsn(url))` takes them all.
    """
    parts = urlsplit(plain_database_url(url))
    options: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "sslmode":
            options.append(("ssl", value))
        elif name in _PASSED_BY_NAME:
            options.append((name, value))
        else:
            raise ValueError(f"the option {name} of the database address isn't supported here")
    # urlunsplit drops the // of an address without a host, which a socket's has: put together by hand.
    query = f"?{urlencode(options, safe='/')}" if options else ""
    return f"postgresql+asyncpg://{parts.netloc}{parts.path}{query}"


def without_password(url: str) -> str:
    """The address as it may be shown: its password replaced by ***."""
    parts = urlsplit(url)
    credentials, at, server = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    netloc = f"{user}{':***' if colon else ''}{at}{server}"
    options = [(name, "***" if "pass" in name else value) for name, value in parse_qsl(parts.query)]
    shown = urlunsplit((parts.scheme, netloc or "-", parts.path, urlencode(options, safe="/*"), ""))
    return shown if netloc else shown.replace("://-", "://", 1)
