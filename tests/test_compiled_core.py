"""The compiled core: found only where it is made of the very sources, and then it decides as the Python does.

One build without optimisation serves all tests here; it takes a quarter of a minute. On a machine without a C compiler
there is none to compare, and the tests see that the command says so.
"""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import compiled_core
from app.compile_core import CannotCompile, check_imports
from app.compiled_core import BUILDS, LIBRARY, MANIFEST, ROOT, Core, compiled_sources, key_of, use_build
from app.config import CONTAINER_SECRETS, BadSetting, Settings
from tests.core_forms import Case
from tests.domain.test_against_model import NOON, visits
from tests.model import crowded, dense, standings, strategies

PROGRAMS = 200  # Of each of three kinds, with a dozen deals or two each: some 10,000 decisions.
ONCE = settings(
    max_examples=PROGRAMS,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NO_COMPILER = "the core was not compiled, and runs as Python: there is no C compiler"
SAY = "from app.compiled_core import chosen_core; core = chosen_core(); print(core.form, core.because, sep='|')"
START_A_WORKER = """
import app.main, app.workers
app.main.create_app = lambda settings: None
app.workers.application()
"""


def run(root: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A Python process on the sources of `root`, with the tests of this tree."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COMPILED_CORE": "auto", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def form_and_reason(root: Path, **environment: str) -> list[str]:
    return run(root, "-c", SAY, **environment).stdout.strip().split("|")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that a test may change them."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "app", root / "app", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="module")
def built(tree: Path) -> bool:
    """Whether the copy's core could be compiled, for want of a C compiler alone."""
    (tree / BUILDS / "of-older-sources").mkdir(parents=True)
    done = run(tree, "-m", "app.compile_core", "--root", str(tree), "--optimise", "0")
    if done.returncode == 0:
        assert [path.name for path in (tree / BUILDS).iterdir()] == [key_of(tree)]
        return True
    assert NO_COMPILER in done.stderr, done.stderr[-2000:]
    return False


def test_without_a_compiler_the_command_says_so(tree: Path) -> None:
    done = run(tree, "-m", "app.compile_core", "--root", str(tree), CC="no-such-compiler -pthread")
    assert done.returncode == 1
    assert done.stderr == f"{NO_COMPILER} (no-such-compiler) on this machine\n"


def test_the_build_runs_while_the_sources_are_those_it_was_made_of(tree: Path, built: bool) -> None:
    if not built:
        assert form_and_reason(tree)[0] == "pure"
        return
    assert form_and_reason(tree) == ["compiled", f"build {key_of(tree)} is made of these sources"]
    assert form_and_reason(tree, COMPILED_CORE="off") == ["pure", "COMPILED_CORE is off"]
    source = tree / "app" / "domain" / "decision.py"  # Not compiled itself: what is compiled knows its types.
    content = source.read_bytes()
    try:
        source.write_bytes(content + b"\n")
        assert form_and_reason(tree) == ["pure", "the sources or the interpreter have changed since it was compiled"]
    finally:
        source.write_bytes(content)
    assert form_and_reason(tree)[0] == "compiled"


def test_a_worker_logs_which_form_runs_and_why(tree: Path, built: bool) -> None:
    said = run(tree, "-c", START_A_WORKER)
    line = next(json.loads(line) for line in (said.stdout + said.stderr).splitlines() if '"core"' in line)
    assert [line["form"], line["because"]] == form_and_reason(tree)
    assert line["form"] == ("compiled" if built else "pure")


def test_a_build_that_is_there_is_not_made_again(tree: Path, built: bool) -> None:
    done = run(tree, "-m", "app.compile_core", "--root", str(tree), CC="no-such-compiler")
    assert (done.returncode == 0) is built
    assert ("the core is compiled already" in done.stderr) is built


def test_both_forms_decide_the_same(tree: Path, built: bool, tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    cases.write_bytes(pickle.dumps(random_cases()))
    told = {}
    for setting in ["off", "required"] if built else ["off"]:
        results = tmp_path / setting
        done = run(tree, "-m", "tests.core_forms", str(cases), str(results), COMPILED_CORE=setting)
        assert done.returncode == 0, done.stderr[-2000:]
        told[setting] = json.loads(results.read_bytes())
    assert told["off"][0] == "pure"
    assert sum(text.startswith("Decision(") for text in told["off"]) > 5_000
    if built:
        assert told["required"][0] == "compiled"
        for pure, compiled in zip(told["off"][1:], told["required"][1:], strict=True):
            assert compiled == pure


def random_cases() -> list[Case]:
    cases: list[Case] = []

    @ONCE
    @given(st.data())
    def whole(data: st.DataObject) -> None:
        """The whole language."""
        program, at = data.draw(strategies.programs()), data.draw(strategies.moments())
        visit = data.draw(visits(at))
        baskets = [data.draw(strategies.baskets()) for _ in range(3)]
        customers = [data.draw(strategies.customers(program, at=at)) for _ in range(2)]
        asked = [{}, data.draw(strategies.redeem_requests(program))]
        cases.append(Case(program, [(b, c, visit, r, None, None) for b in baskets for c in customers for r in asked]))

    @ONCE
    @given(st.data())
    def meeting(data: st.DataObject) -> None:
        """Where rules meet: lanes, units, rooms."""
        program, visit = data.draw(crowded.programs()), data.draw(visits(NOON))
        baskets = [data.draw(crowded.baskets()) for _ in range(3)]
        customers = [data.draw(crowded.customers()) for _ in range(2)]
        asked = [{}, data.draw(strategies.redeem_requests(program))]
        cases.append(Case(program, [(b, c, visit, r, None, None) for b in baskets for c in customers for r in asked]))

    @ONCE
    @given(st.data())
    def short(data: st.DataObject) -> None:
        """Limits, costs, sets, pieces, draws, coupons, acts."""
        program, visit = data.draw(dense.programs()), data.draw(dense.visits())
        baskets = [data.draw(dense.baskets()) for _ in range(3)]
        customers = [data.draw(dense.customers()) for _ in range(2)]
        worlds = [data.draw(standings.worlds(program)) for _ in range(2)]
        asked = data.draw(dense.wishes(program))
        acts = [None, data.draw(st.sampled_from(dense.EVENTS))]
        cases.append(
            Case(
                program, [(b, c, visit, asked, w, a) for b in baskets for c in customers for w in worlds for a in acts]
            )
        )

    whole()
    meeting()
    short()
    return cases


def test_a_key_names_every_byte_of_the_domain(tmp_path: Path) -> None:
    domain = tmp_path / "app" / "domain"
    domain.mkdir(parents=True)
    keys = {key_of(tmp_path)}
    for name, content in [("a.py", "x = 1"), ("a.py", "x = 2"), ("b.py", ""), ("b.py", "x = 2")]:
        (domain / name).write_text(content)
        keys.add(key_of(tmp_path))
    (domain / "b.py").rename(domain / "c.py")
    assert len(keys | {key_of(tmp_path)}) == 6


def test_what_was_imported_stays_as_it_is(tmp_path: Path) -> None:
    manifest = {"modules": {LIBRARY: "library.so", "app.compiled_core": "module.so"}}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    assert use_build(tmp_path) == Core("pure", "app.compiled_core was imported before")


def test_a_build_that_cannot_be_loaded_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"modules": {LIBRARY: "library.so"}}))
    (tmp_path / "library.so").write_text("no machine code")
    core = use_build(tmp_path)
    assert core.form == "pure"
    assert core.because.startswith("the build can't be loaded: ")
    with pytest.raises(CannotCompile, match="a compiled module can't be imported"):
        check_imports(ROOT, tmp_path)


@pytest.mark.parametrize("manifest", ["", "{", "{}", "[]", '{"modules": {}}', '{"modules": {"' + LIBRARY + '": 1}}'])
def test_a_damaged_manifest_is_left_alone(tmp_path: Path, manifest: str) -> None:
    (tmp_path / MANIFEST).write_text(manifest)
    core = use_build(tmp_path)
    assert (core.form, core.because) == ("pure", f"the manifest of {tmp_path.name} is damaged: compile again")


def test_a_start_that_requires_the_compiled_core_says_why_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPILED_CORE", "required")
    monkeypatch.setattr("app.config.chosen_core", lambda: Core("pure", "it was never compiled"))
    with pytest.raises(BadSetting) as refusal:
        Settings.read()
    assert str(refusal.value) == (
        "setting COMPILED_CORE is required, but the core runs as Python: it was never compiled"
    )
    monkeypatch.setattr("app.config.chosen_core", lambda: Core("compiled", "build 1 is made of these sources"))
    assert Settings.read().compiled_core == "required"


def test_the_setting_is_read_where_all_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert compiled_core.SECRETS == CONTAINER_SECRETS
    monkeypatch.setattr(compiled_core, "SECRETS", tmp_path)
    monkeypatch.delenv("COMPILED_CORE", raising=False)
    assert compiled_core.wanted() == "auto"
    (tmp_path / "COMPILED_CORE").write_text("Off\n")
    assert compiled_core.wanted() == "off"
    monkeypatch.setenv("COMPILED_CORE", "required")
    assert compiled_core.wanted() == "required"


def test_the_hot_modules_are_compiled_and_packages_are_not() -> None:
    sources = list(compiled_sources(ROOT))
    assert {"app/domain/amounts.py", "app/domain/rules/evaluate.py"} <= set(sources)
    assert not any(source.endswith("__init__.py") for source in sources)
