"""`[poll] requests_per_day` is kept whoever asks: the bot, and the commands that ask a site by themselves."""

from __future__ import annotations

import pytest

from bot.demo.site import samples
from bot.stores.tiny import TinyStore
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


async def test_no_hundredth_of_the_day_is_lost_by_asking_once(thread, home):
    """What a command has written down and not sent is given back when it ends."""
    path = home / "settings.toml"
    path.write_text(path.read_text().replace("requests_per_day = 2", "requests_per_day = 1000"))
    for _ in range(2):
        await keepcurrent("unroll", thread, cwd=home)
    store = await TinyStore.open(home / "data", read_only=True)
    rows = await store.spent()
    await store.close()

    assert [row.total for row in rows] == [2]


async def test_a_page_that_cannot_be_counted_is_not_asked_for(thread, home, site):
    """Somebody holds the store and takes no orders: in words, and nothing is sent. The settings are looked at all the
    same, and what is wrong with a channel is said beside it.
    """
    path = home / "settings.toml"
    path.write_text(path.read_text() + '[channels.wrong]\nurl = "nonsense://x"\n')
    store = await TinyStore.open(home / "data")
    site.requests.clear()
    unrolled = await keepcurrent("unroll", thread, cwd=home)
    checked = await keepcurrent("check", cwd=home)
    await store.close()

    assert site.requests == []
    assert (unrolled.code, "not asked, since that could not be counted" in unrolled.err) == (1, True)
    assert checked.code == 1
    assert "source threadreader: " in checked.out + checked.err
    assert "wrong" in checked.out + checked.err
