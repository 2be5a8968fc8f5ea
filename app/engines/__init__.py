"""Embedded PostgreSQL and Valkey: real servers in DATA_DIR for a start with nothing configured.

child      becomes the server: drops root, dies with whoever started it
places     where files and sockets are, who owns them
programs   which server programs are used, and a copy where others can't reach them
postgres   one PostgreSQL cluster: make, start, stop, kill (its settings: server_settings)
valkey     one Valkey, likewise
pair       both of one DATA_DIR
keeper     one process owns the engines of a DATA_DIR; others find them, and take over when it ends
running    what a command uses: addresses of named servers, or of running engines
throwaway  both engines in a temporary directory, for tests and fault drills
"""

from app.engines.places import EngineFailed
from app.engines.postgres import Postgres
from app.engines.running import Addresses, engines_for, running_engines
from app.engines.throwaway import ThrowawayEngines, throwaway_engines
from app.engines.valkey import Valkey

__all__ = [
    "Addresses",
    "EngineFailed",
    "Postgres",
    "ThrowawayEngines",
    "Valkey",
    "engines_for",
    "running_engines",
    "throwaway_engines",
]
