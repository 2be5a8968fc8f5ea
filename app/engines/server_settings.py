"""What the embedded PostgreSQL runs with: durable first, then sized for a machine that it shares with the service.

Not set here: `wal_compression`, which costs processor time and saves disk (and the wheel's server has no lz4).
"""

from collections.abc import Mapping

# Versions that brought what is used where it is there.
BUILTIN_LOCALE_SINCE = 17
_TRANSACTION_TIMEOUT_SINCE = 17

# The last resort against a transaction that nobody ends (a connection cut off right after it sent a statement): far
# above any migration or report. The service's own sessions set a few seconds.
_TRANSACTION_SECONDS_MAX = "1h"

DURABLE_AND_SMALL: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # An answered purchase is on disk.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # A small server beside the service on one machine: a working set of some million customers' hot rows.
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "8MB",
    # Short statements by the thousand: compiling them never pays.
    "jit": "off",
    # Solid-state disks.
    "random_page_cost": "1.1",
    # Checkpoints far apart and spread out: each makes full page images of everything touched after it.
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "max_wal_size": "2GB",
    # Files of the log are used again, after quiet nights too: one that is made anew is filled with zeros while every
    # commit waits, 60 to 80 ms each two thousand purchases here. At half of the capacity the slowest hundredth of
    # purchases then took 64 and 80 ms, and with files that are there 20 to 31 (two and four runs, a busy machine).
    "min_wal_size": "2GB",
    "wal_buffers": "16MB",
    # Locks of clients that are gone.
    "client_connection_check_interval": "1s",
    "idle_in_transaction_session_timeout": "60s",
    # Lines without values: a refused row's text can hold what a customer is called.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "track_io_timing": "on",
}


def of_version(major: int) -> dict[str, str]:
    """Settings that only newer servers know."""
    return {"transaction_timeout": _TRANSACTION_SECONDS_MAX} if major >= _TRANSACTION_TIMEOUT_SINCE else {}
