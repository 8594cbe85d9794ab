"""requirements.lock is what pyproject.toml asks for, and pip can hold every file of it to its hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = {
    (requirement := Requirement(line.rstrip("\\ "))).name: requirement
    for line in LOCK.splitlines()
    if re.match(r"[a-z]", line)
}


def test_every_dependency_is_locked_within_its_range():
    """What a person installs from the lock is what the project says it works with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(text) for text in project["dependencies"]]
    outside = [r.name for r in asked if not r.specifier.contains(_version(LOCKED[r.name]))]

    assert outside == []


def test_every_locked_version_is_exact_and_hashed():
    """`pip install --require-hashes` would refuse the rest."""
    hashed = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", LOCK, re.MULTILINE)

    assert hashed == list(LOCKED)


def _version(requirement: Requirement) -> str:
    (exact,) = requirement.specifier
    return exact.version
