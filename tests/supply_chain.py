"""What the locked packages bring with them: known vulnerabilities, and licences. Run by `make check`.

    python -m tests.supply_chain vulnerabilities    exit 1 where one is known
    python -m tests.supply_chain licences           exit 1 where one isn't on the list, or none is told

pip-audit asks PyPI. Where it can't be asked, or its answer leaves packages out (mirrors have no such answers, and
pip-audit takes that for none known), this says NOT CHECKED and which, and goes on: a build without a network isn't a
build with a vulnerability, and isn't one without either.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

LOCK = Path(__file__).parent.parent / "requirements.txt"
AUDIT_SECONDS_MAX = 300
# Any of these lets a shop run, change and pass on the service. The Mozilla licence (certifi, a part of orjson) asks for
# the source of its own files if they are changed, which nobody here does.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
# How packages without an expression spell them: the field's first line, or the classifier's end.
SPELLED = {
    "Apache 2": "Apache-2.0", "Apache 2.0": "Apache-2.0", "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause", "ISC License": "ISC", "ISC License (ISCL)": "ISC", "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
# Words of pip-audit's last line when it could not ask.
_UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|ConnectionFailed|NameResolution|Max retries|ProxyError|SSLError"
    r"|HTTPError|ServiceError|timed out",
    re.IGNORECASE,
)


class Verdict(NamedTuple):
    code: int
    lines: list[str]


def vulnerabilities(run: Callable[[], tuple[str, str]]) -> Verdict:
    """`run` gives pip-audit's standard output (JSON) and standard error."""
    out, errors = run()
    try:
        found = json.loads(out)["dependencies"]
    except (ValueError, KeyError):
        last = (errors.strip().splitlines() or ["pip-audit said nothing"])[-1][:300]
        if _UNREACHABLE.search(last):
            return Verdict(0, [f"NOT CHECKED: known vulnerabilities; the database can't be asked: {last}"])
        return Verdict(1, [f"pip-audit failed: {last}"])
    bad = [package for package in found if package.get("vulns")]
    left_out = [package["name"] for package in found if "skip_reason" in package]
    lines = [_told(package) for package in bad]
    if left_out:
        lines.append(f"NOT CHECKED: known vulnerabilities of {len(left_out)} packages: {', '.join(left_out)}")
    lines.append(f"known vulnerabilities: {len(bad)} of {len(found) - len(left_out)} packages that were checked")
    return Verdict(1 if bad else 0, lines)


def licences(lock: str, licence_of: Callable[[str], str | None]) -> Verdict:
    """The list, each licence with its packages; those that aren't allowed come last."""
    by_licence: dict[str, list[str]] = {}
    for name in packages_here(lock):
        by_licence.setdefault(licence_of(name) or "none told", []).append(name)
    lines = [f"{licence}: {', '.join(names)}" for licence, names in sorted(by_licence.items()) if is_allowed(licence)]
    bad = [f"NOT ALLOWED: {told}: {', '.join(names)}" for told, names in by_licence.items() if not is_allowed(told)]
    return Verdict(1 if bad else 0, lines + bad)


def is_allowed(expression: str) -> bool:
    """Every licence that is named must be allowed, also those of which one may choose."""
    named = [word for word in re.split(r"[\s()]+", expression) if word and word not in {"AND", "OR"}]
    return bool(named) and all(word in ALLOWED for word in named)


def packages_here(lock: str) -> Iterable[str]:
    """Names of the locked packages, without those for other systems and Pythons."""
    for line in lock.splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement.name


def told_licence(name: str) -> str | None:
    """An SPDX expression; None where the package tells nothing that we know."""
    try:
        about = metadata(name).json
    except PackageNotFoundError:
        return None
    if expression := about.get("license_expression"):
        return str(expression)
    first = str(about.get("license", "")).strip().partition("\n")[0].partition("  ")[0]
    classifiers = [str(text) for text in about.get("classifier", ())]
    told = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License :: OSI Approved :: ")]
    known = [SPELLED.get(text, text) for text in ([first] if first else told)]
    return " AND ".join(known) or None


def _told(package: Mapping[str, Any]) -> str:
    known = ", ".join(
        f"{each['id']} (fixed in {', '.join(each['fix_versions']) or 'none'})" for each in package["vulns"]
    )
    return f"VULNERABLE: {package['name']} {package['version']}: {known}"


def _run_pip_audit() -> tuple[str, str]:
    words = [
        "--requirement",
        str(LOCK),
        "--require-hashes",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "--format",
        "json",
    ]
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pip_audit", *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=AUDIT_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        return "", f"timed out after {AUDIT_SECONDS_MAX} s"
    return ended.stdout, ended.stderr


def main(word: str) -> int:
    verdict = vulnerabilities(_run_pip_audit) if word == "vulnerabilities" else licences(LOCK.read_text(), told_licence)
    sys.stdout.write("\n".join(verdict.lines) + "\n")
    return verdict.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
