"""The promise under kill -9: a dozen of the five hundred that `python -m tests.trials kills` makes."""

from __future__ import annotations

import pytest

from tests.trials import kills

# 12 starts of the real program, two at a time: nothing quicker shows what a dead process leaves behind.
POINTS = [kind for kind in kills.KINDS if kind != "random"]


@pytest.mark.timeout(300)
async def test_a_dozen_kills_lose_nothing_and_repeat_only_what_was_in_doubt(tmp_path):
    """Killed on reading, before and after each receiver's answer: every bar of the long trial is kept."""
    kinds = [*POINTS, *POINTS[:5]]
    figures = kills.figures(await kills.side_by_side(tmp_path, kinds, seed=7, by_hand=True), least=12)

    assert (figures.broken, figures.found) == ((), ())
    assert figures.counted["kills random"] == 0, "some process did not come to where it was to be killed"
    assert figures.counted["listed as unknown"] > 0
