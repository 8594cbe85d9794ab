"""A little of the fuzzing, always the same, in every run; `python -m tests.trials fuzz` does much of it."""

from __future__ import annotations

import pytest

from tests.hostile.fuzzing import Target, attempt, targets

EXAMPLES = 60
BOUND = 5.0
"""Seconds for one example, on a machine that does other things too."""


@pytest.mark.parametrize("target", list(targets()), ids=lambda target: target.name)
def test_it_holds(target: Target) -> None:
    """No exception but our own, nothing live, within its time."""
    tried = attempt(target, EXAMPLES)

    assert [*tried.crashes.values(), *tried.live.values()] == []
    assert tried.examples >= EXAMPLES // 2
    assert tried.slowest < BOUND
