"""What the embedded PostgreSQL runs with: durable first, then sized for a machine that it shares with the service.

Not set here: `wal_compression`, which costs processor time and saves disk (and the wheel's server has no lz4).
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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
    # A small server beside the service on one machine; its buffers are of a size with it (`of_memory`).
    "max_connections": "100",
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

BUFFERS_PART = 16
BUFFERS_MIN_MIB, BUFFERS_MAX_MIB = 128, 1024
_MIB = 1024 * 1024
# Where a container's kernel says what it may have, as Linux does it today and did before.
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")


def of_memory(mib: int) -> dict[str, str]:
    """Buffers by the memory there is: a sixteenth, since the disk's pages, the cache and the workers want theirs.

    With ten thousand of a million customers coming to the tills, 256 MB read 4.9 pages for each purchase and 1 GB 0.2:
    360 µs of PostgreSQL instead of 410 (medians of six runs each, in two sittings). With ten thousand in all nothing
    changed. More would stop the server later: it writes what it has there.
    """
    return {"shared_buffers": f"{min(max(mib // BUFFERS_PART, BUFFERS_MIN_MIB), BUFFERS_MAX_MIB)}MB"}


def memory_mib(*, limits: Path = Path("/sys/fs/cgroup")) -> int:
    """What there is for us: the machine's, or what our container may have of it."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in _LIMITS:
        with suppress(OSError, ValueError):  # There is none, or it says "max".
            there = min(there, int((limits / name).read_text()))
    return there // _MIB


def of_version(major: int) -> dict[str, str]:
    """Settings that only newer servers know."""
    return {"transaction_timeout": _TRANSACTION_SECONDS_MAX} if major >= _TRANSACTION_TIMEOUT_SINCE else {}
