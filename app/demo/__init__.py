"""A demo that a till could use tonight: a program, a shop with two terminals, an online store, customers and keys.

Made once in a DATA_DIR; the keys' plain text is kept there, readable by its owner alone, so that later starts can show
a call that works.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from importlib import resources
from pathlib import Path

import orjson

from app.config import CannotStart, Settings
from app.deed_log import command_deed, note_command
from app.domain.identifiers import Identifier, card, phone
from app.domain.key_text import KeyEnv, may_be_key
from app.domain.rejections import Rejected, Rejection
from app.flows.ports_audit_log import Deed
from app.flows.ports_keys import TooManyKeys
from app.flows.requests import Answer, Caller, RegisterRequest, Role, Write
from app.flows.service import Service
from app.keyring import Keyring
from app.storage.keys import create_key, is_live_key
from app.wiring import open_service

# Of two first starts at once one writes a part of the demo; the other repeats until it is there, for 10 s at most.
TRIES_MAX = 50
PAUSE_SECONDS = 0.2

_MAKER = Caller(key_id="demo", role=Role.ADMIN)
_KEYS = {  # By name in the file: role, shops, terminal.
    "till_key": ("pos", ["S1"], "T1"),
    "second_till_key": ("pos", ["S1"], "T2"),
    "shop_key": ("shop", ["ONLINE"], "WEB"),
    "marketer_key": ("marketer", [], None),
    "support_key": ("support", [], None),
    "admin_key": ("admin", [], None),
}
# Numbers of a range that was never given out to anybody; Cyrillic on purpose.
_CUSTOMERS = (
    ("+79001234567", "DEMO-0001", "Анна Смирнова", date(1990, 5, 17)),
    ("+79001234568", "DEMO-0002", "Boris Petrov", date(1984, 2, 29)),
    ("+79001234569", "DEMO-0003", "Мария", None),
)


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """What one needs to try the service: the demo till's key, and a customer's phone."""

    till_key: str
    phone: str


async def ensure_demo(app_url: str, keyring: Keyring, settings: Settings, *, say: Callable[[str], None]) -> DemoFacts:
    """Make the demo where it is missing; what is there stays as it is."""
    async with open_service(settings, keyring, database_url=app_url, redis_url=None) as service:
        if await _publish(service, settings.demo_program):
            say(f"published the demo program ({settings.demo_program})")
        for place in range(len(_CUSTOMERS)):
            await _register(service, place, region=settings.phone_region)
    keys = await _keys(app_url, settings.data_dir / "demo.json", env=settings.key_env, say=say)
    return DemoFacts(till_key=keys["till_key"], phone=_CUSTOMERS[0][0])


def document_of(name: str) -> bytes:
    """A ready program's JSON text, by its name in the setting DEMO_PROGRAM."""
    here = resources.files(__name__)
    return (here / "program.json" if name == "shop" else here / "programs" / f"{name}.json").read_bytes()


async def _publish(service: Service, name: str) -> bool:
    """Whether there was no program, and now there is."""
    try:
        await service.program()
    except Rejected as rejected:
        if rejected.rejection is not Rejection.NOT_FOUND:
            raise
    else:
        return False
    raw = document_of(name)
    await _written(lambda: service.put_draft(_write("demo/draft", raw), orjson.loads(raw), raw))
    await _written(lambda: service.publish(_write("demo/publish", raw)))
    return True


async def _register(service: Service, place: int, *, region: str) -> None:
    number, plastic, name, birthday = _CUSTOMERS[place]
    identifiers: tuple[Identifier, ...] = (phone(number, region=region), card(plastic))
    request = RegisterRequest(
        identifiers=identifiers,
        name=name,
        birthday=birthday,
        email=None,
        tags=("demo",),
        consents=(),
        referrer=None,
    )
    await _written(lambda: service.register(_write(f"demo/customer/{place}", orjson.dumps(asdict(request))), request))


async def _written(write: Callable[[], Awaitable[Answer]]) -> None:
    """Write once, whoever else is writing the same; a "no" that stays is raised."""
    for _ in range(TRIES_MAX - 1):
        try:
            await write()
        except Rejected as rejected:
            if not rejected.rejection.is_retryable:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
    await write()


def _write(key: str, body: bytes) -> Write:
    return Write(caller=_MAKER, key=key, fingerprint=sha256(body).digest()[:16], request_id=key)


async def _keys(app_url: str, path: Path, *, env: KeyEnv, say: Callable[[str], None]) -> dict[str, str]:
    """The demo's keys by name; those that this database doesn't know are made anew."""
    stored = _stored(path)
    fresh = dict(stored)
    deeds: list[Deed] = []
    for name, (role, shops, terminal) in _KEYS.items():
        is_good = name in stored and may_be_key(stored[name], env=env) and await is_live_key(app_url, stored[name])
        if is_good:
            continue
        try:
            made = await create_key(app_url, role=role, shops=shops, terminal=terminal, env=env)
        except TooManyKeys as error:
            raise CannotStart(f"the demo's {name} can't be made: {error}") from None
        fresh[name] = made.key
        deeds.append(command_deed("create_key", object=f"keys/{made.id}", details={"role": role}))
    if deeds:
        await note_command(app_url, *deeds)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(fresh, option=orjson.OPT_INDENT_2))
        aside.replace(path)
        say(f"made the demo's keys ({path})")
    return fresh


def _stored(path: Path) -> dict[str, str]:
    return orjson.loads(path.read_bytes()) if path.exists() else {}
