"""What a test needs of the machine: without it the test is skipped with a reason; in CI, where all is, it fails."""

from __future__ import annotations

import os
import shutil

import pytest


def missing(what: str, mend: str) -> None:
    """Skip this test, or fail it where nothing may be skipped (`CI=true`, or `TEST_SKIPS_NOTHING`, as .ci/run sets)."""
    reason = f"{what} is not here: {mend}"
    if os.environ.get("CI") == "true" or os.environ.get("TEST_SKIPS_NOTHING"):
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if found is None:
        missing(name, f"apt-get install {package}")
    return str(found)
