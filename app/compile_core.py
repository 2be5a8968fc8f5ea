"""`python -m app.compile_core`: the core compiled by mypyc and the C compiler, where `app.compiled_core` looks for it.

Half a minute of a processor and 500 MB of memory, most of it the C compiler's. A build appears whole, under its key and
after all of its modules could be imported, or not at all; those that no longer fit are removed once it is there. Needs
the development's packages and a C compiler with Python's headers; the service needs neither.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.compiled_core import BUILDS, LIBRARY, MANIFEST, ROOT, SETTING, compiled_sources, key_of

GROUP = LIBRARY.removesuffix("__mypyc")  # mypyc appends it.


class CannotCompile(Exception):
    """Why there is no build; `str()` is one line."""


def main() -> None:
    """Ends the process with 0, or 1 and a line."""
    parser = argparse.ArgumentParser(prog="python -m app.compile_core", description="Compile the pure core.")
    parser.add_argument("--root", type=Path, default=ROOT, help="the directory that `app` is in; default this one")
    parser.add_argument("--optimise", default="3", choices=["0", "1", "2", "3"], help="what the C compiler does; 3")
    given = parser.parse_args()
    try:
        compile_core(given.root.absolute(), optimise=given.optimise)
    except CannotCompile as error:
        say(f"the core was not compiled, and runs as Python: {error}")
        sys.exit(1)


def say(line: str) -> None:
    """A line for whoever waits."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks


def compile_core(root: Path, *, optimise: str) -> None:
    """Build into `root`/build/compiled what its sources need; nothing, where that is there.

    Raises:
        CannotCompile: a tool is missing, or one of them refuses the sources.
    """
    builds = root / BUILDS
    build = builds / key_of(root)
    if (build / MANIFEST).exists():
        say(f"the core is compiled already: {build}")
        return
    _check_compiler()
    builds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=builds) as making:
        began = time.monotonic()
        sources = list(compiled_sources(root))
        say(f"compiling {len(sources)} modules of the core")
        made = Path(making, "made")
        _compile(root, sources, made, optimise=optimise)
        check_imports(root, made)
        if key_of(root) != build.name:
            raise CannotCompile("the sources were changed meanwhile: compile again")
        with contextlib.suppress(OSError):  # Somebody else has made the same meanwhile: it is as good.
            made.rename(build)
    for old in builds.iterdir():
        if old != build and not old.name.startswith("."):
            shutil.rmtree(old)
    say(f"the core is compiled: {build} ({time.monotonic() - began:.0f} s)")


def _check_compiler() -> None:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise CannotCompile(f"there is no C compiler ({compiler}) on this machine")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise CannotCompile("this Python has no headers (Python.h): its development package brings them")


def _compile(root: Path, sources: Sequence[str], made: Path, *, optimise: str) -> None:
    """Leave the modules and their manifest in `made`, and what they were made by beside it."""
    try:
        import setuptools
        from mypy.version import __version__ as mypy_version
        from mypyc.build import mypycify
    except ImportError as error:
        raise CannotCompile(f"{error.name} is not installed: make setup") from None

    with contextlib.chdir(root), contextlib.redirect_stdout(sys.stderr):
        try:
            extensions = mypycify(
                ["--config-file=", "--strict", *sources],
                only_compile_paths=sources,
                opt_level=optimise,
                debug_level="0",
                target_dir=str(made.with_name("c")),
                group_name=GROUP,
            )
            command: Any = setuptools.Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
            command.build_lib, command.build_temp = str(made), str(made.with_name("objects"))
            command.parallel = os.cpu_count()
            command.ensure_finalized()
            command.run()
        except SystemExit:
            raise CannotCompile("mypyc refuses a module; it has said why above") from None
        except Exception as error:  # The C compiler's error has a class that depends on the version of setuptools.
            raise CannotCompile(f"{type(error).__name__}: {error}") from error
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    files = sorted(file.relative_to(made).as_posix() for file in made.rglob(f"*{suffix}"))
    modules = {file.removesuffix(suffix).replace("/", "."): file for file in files}
    manifest = {"modules": modules, "mypy": mypy_version, "optimise": optimise}
    (made / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


# What mypyc compiles without a word may still fail as it is imported.
_IMPORTS = """
import importlib, pathlib, sys
from app.compiled_core import use_build
core = use_build(pathlib.Path(sys.argv[1]))
if core.form != "compiled":
    sys.exit(core.because)
for name in sys.argv[2:]:
    assert importlib.import_module(name).__file__.startswith(sys.argv[1]), name
"""


def check_imports(root: Path, made: Path) -> None:
    """Raises `CannotCompile` where one of them fails; in a process of its own, since it may crash."""
    names = [name for name in json.loads((made / MANIFEST).read_bytes())["modules"] if name != LIBRARY]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, str(made), *names],
        cwd=root,
        env={**os.environ, SETTING: "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        say(done.stderr.rstrip())
        raise CannotCompile("a compiled module can't be imported")


if __name__ == "__main__":
    main()
