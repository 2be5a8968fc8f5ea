"""What the commands share: a line for people, the settings, engines that are ready."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.config import Settings
from app.engines import Addresses, engines_for
from app.telemetry import configure_logging, log_last_exception
from app.weak_secrets import check_secrets


def tell(line: str) -> None:
    """A line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks


def read_settings(**overrides: object) -> Settings:
    """The settings, and logging set up by them."""
    settings = Settings.read(**overrides)
    configure_logging(form=settings.log_format, level=settings.log_level)
    sys.excepthook = log_last_exception
    return settings


@contextmanager
def ready_database(settings: Settings, *, cache: bool = False) -> Iterator[Addresses]:
    """Engines for a short command, with a schema it can work on."""
    from app.schema import prepare_schema

    check_secrets(settings, say=tell)
    with engines_for(settings, say=tell, cache=cache) as addresses:
        prepare_schema(addresses, say=tell)
        yield addresses
