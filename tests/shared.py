"""Finds recorded payloads, which are not part of this repository; a test that needs one is skipped without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared(path: str) -> Path:
    """A file of the folder that `TEST_SHARED` names, or that lies beside the repository as `shared`."""
    folder = os.environ.get("TEST_SHARED")
    root = Path(folder) if folder else Path(__file__).resolve().parents[2] / "shared"
    found = root / path
    if not found.exists():
        pytest.skip(f"recorded payloads are not here: set TEST_SHARED (looked for {path})")
    return found
