"""`[poll] requests_per_day` is kept whoever asks: the bot, and the commands that ask a site by themselves."""

from __future__ import annotations

import pytest

from bot.demo.site import samples
from tests.command import keepcurrent, running
from tests.service import write_settings

THREAD = samples().threads[0]
CHANNEL = '[channels.me]\nkind = "console"'


@pytest.fixture
def thread(home, site):
    """A thread's address, where two requests a day are allowed."""
    path = write_settings(home, site.base_url, CHANNEL)
    path.write_text(path.read_text().replace("[poll]", "[poll]\nrequests_per_day = 2"))
    return f"{site.base_url}/thread/{THREAD.key}.html"


async def test_what_unroll_asks_counts(thread, home):
    """The third time the page is not asked for, and it is said why."""
    results = [await keepcurrent("unroll", thread, cwd=home) for _ in range(3)]

    assert [one.code for one in results] == [0, 0, 1]
    assert "its requests of the day are used up ([poll] requests_per_day), until 20" in results[2].err


async def test_what_check_asks_counts(thread, home):
    """Two checks leave nothing to unroll a thread with."""
    checks = [await keepcurrent("check", cwd=home) for _ in range(2)]
    result = await keepcurrent("unroll", thread, cwd=home)

    assert [one.code for one in checks] == [0, 0]
    assert (result.code, "used up" in result.err) == (1, True)


async def test_a_running_bot_counts_for_others(thread, home):
    """It is asked before each request, and keeps the same books."""
    async with running("run", cwd=home, until="running: 0 authors"):
        results = [await keepcurrent("unroll", thread, cwd=home) for _ in range(3)]
    alone = await keepcurrent("unroll", thread, cwd=home)

    assert [one.code for one in results] == [0, 0, 1]
    assert (alone.code, "used up" in alone.err) == (1, True)
