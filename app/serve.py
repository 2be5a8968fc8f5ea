"""The HTTP service as a process or several: port, engines, schema, demo, workers, jobs, and a clean stop.

In this order, so that what can't work is said before anything is started: take the port, run or find the engines,
bring or check the schema, open the secrets, listen, start the jobs, answer. A stop goes the other way: no new
connections, requests in progress finish, then the jobs, then the engines.
"""

import asyncio
import contextlib
import errno
import os
import shlex
import socket
import time

import orjson

from app.config import CannotStart, Settings
from app.demo import DemoFacts, ensure_demo
from app.engines import Addresses, engines_for
from app.jobs_process import jobs_beside
from app.keyring import Keyring, open_keyring
from app.schema import check_durability, prepare_schema
from app.stopping import stopped_by_signal
from app.weak_secrets import check_secrets
from app.workers import BACKLOG, answer, spread

# A service that was killed has its port closed by the kernel at once, its workers within a tick of their loop.
PORT_SECONDS_MAX = 1.0


def serve_until_stopped(settings: Settings, *, with_jobs: bool, with_demo: bool) -> int:
    """Serves until SIGTERM or SIGINT; the process's exit code. Raises `CannotStart`."""
    check_secrets(settings, say=say)
    with contextlib.ExitStack() as taken:
        from_now_on_gently = taken.enter_context(stopped_by_signal())
        port = taken.enter_context(contextlib.closing(take_port(settings)))
        settings = settings.model_copy(update={"port": port.getsockname()[1]})
        internal = None
        if settings.internal_port is not None:
            internal = taken.enter_context(contextlib.closing(take_port(_inside(settings), prefix="INTERNAL_")))
        with engines_for(settings, say=say, lasting=True) as addresses:
            prepare_schema(addresses, say=say)
            check_durability(addresses, allow_unsafe=settings.allow_unsafe_database)
            keyring = open_keyring(settings.secrets_path, data_dir=settings.data_dir)
            facts = _demo(settings, addresses, keyring, wanted=with_demo)
            _tell_children(settings, addresses)
            ports = _listen(port, settings)
            if internal is not None:
                internal.listen(BACKLOG)
            with jobs_beside(say=say) if with_jobs else contextlib.nullcontext():
                from_now_on_gently()
                return answer(settings, ports, internal=internal, ready=lambda: _say_ready(settings, facts))


def say(line: str) -> None:
    """A line for whoever watches."""
    print(line, flush=True)  # noqa: T201 - the command line speaks


def take_port(settings: Settings, *, prefix: str = "") -> socket.socket:
    """A bound socket that doesn't listen yet: nobody connects to a service that isn't ready.

    prefix: what stands before PORT and HOST in the settings' names.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise CannotStart(f"setting {prefix}HOST {settings.host} is not an address of this machine") from None
    give_up = time.monotonic() + PORT_SECONDS_MAX
    while True:
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(address)
        except OSError as error:
            taken.close()
            if time.monotonic() > give_up:
                raise _no_port(settings, error, prefix=prefix) from None
            time.sleep(0.1)
        else:
            return taken


def _inside(settings: Settings) -> Settings:
    """The settings as they would be of a service at INTERNAL_PORT."""
    return settings.model_copy(update={"host": settings.internal_host, "port": settings.internal_port})


def _listen(port: socket.socket, settings: Settings) -> list[socket.socket]:
    """The workers' sockets. Another service may have listened since the port was taken."""
    try:
        port.listen(BACKLOG)
        return spread(port, settings.workers)
    except OSError as error:
        raise _no_port(settings, error) from None


def _no_port(settings: Settings, error: OSError, *, prefix: str = "") -> CannotStart:
    if error.errno == errno.EADDRINUSE:
        another = f"{prefix}PORT" if prefix else "PORT or --port"
        return CannotStart(f"port {settings.port} on {settings.host} is in use: choose another with {another}")
    return CannotStart(f"port {settings.port} on {settings.host} cannot be listened on: {error.strerror}")


def _demo(settings: Settings, addresses: Addresses, keyring: Keyring, *, wanted: bool) -> DemoFacts | None:
    """The demo's facts if there is one, made on the first start where wanted; never in a database that was named."""
    if not addresses.embedded:
        if wanted:
            say("a named database gets no demo data by itself (python -m app demo makes it)")
        return None
    if not wanted and not (settings.data_dir / "demo.json").exists():
        return None
    return asyncio.run(ensure_demo(addresses.database_url, keyring, settings, say=say))


def _tell_children(settings: Settings, addresses: Addresses) -> None:
    """Workers and jobs read their settings from the environment, as every process of ours."""
    told = {
        "DATABASE_URL": addresses.database_url,
        "DATABASE_OWNER_URL": addresses.owner_url,
        "REDIS_URL": addresses.redis_url or "",
        "HOST": settings.host,
        "PORT": str(settings.port),
        "WORKERS": str(settings.workers),
        "DATA_DIR": str(settings.data_dir),
        "SECRETS_FILE": str(settings.secrets_path),
    }
    os.environ.update(told)


def _say_ready(settings: Settings, facts: DemoFacts | None) -> None:
    """The last lines of a start: the address, the documents' address, a call that works."""
    base = base_url(settings)
    say(f"Kopilka answers on {base}")
    say(f"documentation:  {base if settings.internal_port is None else base_url(_inside(settings))}/docs")
    if facts is not None:
        say("price a basket for the demo customer:")
        say(quote_call(facts, base=base))


def base_url(settings: Settings) -> str:
    """Where a client on this machine finds the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def quote_call(facts: DemoFacts, *, base: str) -> str:
    """A curl line that prices a basket for the demo customer at the demo till."""
    basket = {
        "lines": [{"id": "1", "sku": "4601", "name": "Coffee", "category": "drinks/coffee", "qty": 2, "price": 12900}]
    }
    body = orjson.dumps({"customer": {"phone": facts.phone}, "basket": basket}).decode()
    words = ["curl", "-s", f"{base}/v1/quote", "-H", f"Authorization: Bearer {facts.till_key}"]
    return shlex.join([*words, "-H", "Content-Type: application/json", "-d", body])
