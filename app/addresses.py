"""Database addresses: `postgresql://user:password@host:port/database?…`, as every PostgreSQL client takes it, also for
Unix sockets (`postgresql://user@/database?host=/directory`). A leaf: it imports nothing of ours.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SCHEMES = frozenset({"postgresql", "postgres"})


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


def without_password(url: str) -> str:
    """The address as it may be shown: its password replaced by ***."""
    parts = urlsplit(url)
    credentials, at, server = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    netloc = f"{user}{':***' if colon else ''}{at}{server}"
    options = [(name, "***" if "pass" in name else value) for name, value in parse_qsl(parts.query)]
    shown = urlunsplit((parts.scheme, netloc or "-", parts.path, urlencode(options, safe="/*"), ""))
    return shown if netloc else shown.replace("://-", "://", 1)
