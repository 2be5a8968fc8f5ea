"""A database taken to one migration, there or back."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

from app.storage import migrate

VERSIONS = Path(migrate.__file__).resolve().parents[2] / "migrations" / "versions"


async def migrated(url: str, *, to: str, back: bool = False) -> None:
    """Returns when the schema at the address is that of the migration."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["url"] = url
    await asyncio.to_thread(command.downgrade if back else command.upgrade, config, to)
