"""One channel of eight fails, then is well again: the real program, channels and protocols, on a clock put forward.

A few of the cases of `tests.trials.channels`, which tries them all and measures what the others wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outages import Case, attempt, scene
from tests.servers.receiver import slack_here


@pytest.fixture(autouse=True)
def slack() -> Iterator[None]:
    """Slack's plugin finds loopback."""
    with slack_here():
        yield


@pytest.mark.parametrize(
    "case",
    [
        Case("keep and drop", "mail"),
        Case("keep and drop", "matrix"),
        Case("429", "slack"),
        Case("refuse", "json"),
    ],
    ids=str,
)
async def test_a_dead_channel_loses_and_repeats_nothing(case: Case, tmp_path: Path) -> None:
    """State and reason are right, a Retry-After is kept over a restart, the backlog arrives in order, and once."""
    outcome = await attempt(case, tmp_path / "data", samples=0, hurried=True)

    assert outcome.wrong == ()
    assert (outcome.lost, outcome.repeated, outcome.disordered) == (0, 0, 0)


async def test_a_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    """Seven have the next threads while the eighth still waits for an answer to the first."""
    async with scene("json", tmp_path / "data", hurried=True) as made_scene:
        await made_scene.faulty.misbehave("hang")
        for _ in range(3):
            await made_scene.tell_others()
        states = [row.state for row in await made_scene.rows()]
        await made_scene.faulty.shut()

    assert states == ["sending", "pending", "pending"]
