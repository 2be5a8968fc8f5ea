"""Which form of the pure core runs: its Python, or the same modules compiled to machine code by mypyc.

`make compile` (`app.compile_core`) builds the compiled form into a directory of its own, `build/compiled/KEY`; nothing
compiled ever lies beside a source, where it would shadow the edited file. KEY is a hash over the sources of the whole
domain and the interpreter's binary interface, so a build serves exactly the sources and the Python it was made of: one
byte of difference, and the Python runs. The same decisions come out of both; tests/test_compiled_core.py holds them to
it. Measured: deciding a basket of the benchmark, five lines and 20 rules, takes 25 µs of 83 compiled; between all else
that settling a purchase does (tests/flows/bench_settle.py) 36 of 91, and settling it 160 of 210. The ledger compiled
too would win 10 more and double what compiling takes, so it stays Python.

The choice falls once a process, before anything has imported the domain (`app/__init__.py`), and needs nothing but the
standard library. `COMPILED_CORE` says `auto` (compiled where there is a build), `off`, or `required`, which
`app.config` refuses where the core can't run compiled. What was chosen, and why, is logged at the start of each worker
and stands in `kopilka_build_info`.
"""

import json
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent
BUILDS = Path("build", "compiled")  # Under the root.
MANIFEST = "manifest.json"
LIBRARY = "kopilka_core__mypyc"  # What the compiled modules have in common: all their code.
SETTING = "COMPILED_CORE"
SECRETS = Path("/run/secrets")  # `app.config` reads settings there too.
# Values stay Python: serialisers, pickles and subclasses know a dataclass as it is, and from Python compiled attributes
# are slower to read. What the rules make by the dozen for themselves has an `__init__` of its own, since that of a
# dataclass is interpreted also where the class is compiled; and it holds lists, which machine code goes through without
# asking what they are. A constant that is `Final` is no look-up there.
COMPILED = ("app/domain/amounts.py", "app/domain/rules/[!_]*.py")


@dataclass(frozen=True, slots=True)
class Core:
    """What was chosen; `because` says why it isn't the other one."""

    form: Literal["compiled", "pure"]
    because: str


class CoreFinder:
    """Finds the compiled modules, by name, before the path is searched for their sources."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        file = self._files.get(name)
        return None if file is None else spec_from_file_location(name, file)


@cache
def chosen_core() -> Core:
    """The form that this process runs. The first call chooses it: what was imported before stays as it is."""
    if wanted() == "off":
        return Core("pure", f"{SETTING} is off")
    builds = ROOT / BUILDS
    if not builds.is_dir():
        return Core("pure", "it was never compiled")
    return use_build(builds / key_of(ROOT))


def use_build(build: Path) -> Core:
    """Have the modules of a build found from now on, if it is there and can be loaded."""
    try:
        modules = dict(json.loads((build / MANIFEST).read_bytes())["modules"])
        library = build / modules.pop(LIBRARY)
    except OSError:
        return Core("pure", "the sources or the interpreter have changed since it was compiled")
    except (ValueError, KeyError, TypeError):
        return Core("pure", f"the manifest of {build.name} is damaged: compile again")
    if known := sorted(name for name in modules if name in sys.modules):
        return Core("pure", f"{known[0]} was imported before")
    files = {name: build / file for name, file in modules.items()}
    try:
        _load_library(library)
    except ImportError as error:
        return Core("pure", f"the build can't be loaded: {error}")
    sys.meta_path.insert(0, CoreFinder(files))
    return Core("compiled", f"build {build.name} is made of these sources")


def key_of(root: Path) -> str:
    """Names a build: the domain's sources, all of them, since types and constants of modules that stay Python are in
    the machine code too; and the interpreter's binary interface.
    """
    digest = sha256(f"{sysconfig.get_config_var('EXT_SUFFIX')}\n".encode())
    for file in sorted((root / "app" / "domain").rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:24]


def compiled_sources(root: Path) -> Iterator[str]:
    """The sources that are compiled, as paths under the root, in order."""
    for pattern in COMPILED:
        yield from sorted(file.relative_to(root).as_posix() for file in root.glob(pattern))


def _load_library(file: Path) -> None:
    """Here and not by the first module that needs it, so that what can't be loaded is known before it matters."""
    spec = spec_from_file_location(LIBRARY, file, loader=ExtensionFileLoader(LIBRARY, str(file)))
    if spec is None or spec.loader is None:
        raise ImportError(f"no extension module: {file}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[LIBRARY] = module


def wanted() -> str:
    """The setting, which can't wait for `app.config`: that imports the domain. A bad one is refused there."""
    try:
        told = os.environ.get(SETTING) or (SECRETS / SETTING).read_text() or "auto"
    except OSError:
        told = "auto"
    return told.strip().lower()
