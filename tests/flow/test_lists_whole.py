"""A source that lists its threads whole, as feeds do: edits are seen in the listing, no page is asked for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.model import Fetched
from bot.policy import Policies, Policy
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeSource, World


class Blog(FakeSource):
    """Lists each thread whole."""

    lists_whole = True

    async def fetch(self, feed, cursor):
        page = await super().fetch(feed, {})
        entries = [await self.whole(entry) for entry in page.entries]
        assert isinstance(page, Fetched)
        return replace(page, entries=tuple(entries), older="")

    async def whole(self, entry):
        requests = list(self.site.requests)
        whole = await FakeSource.expand(self, entry)
        self.site.requests[:] = requests
        return whole

    async def expand(self, entry):
        raise AssertionError("nobody asks for a page")


@pytest.fixture
async def world():
    made = World(store=MemoryStore(), policies=Policies(default=Policy(summary="full")))
    made.source = Blog(made.site)
    made.build()
    made.site.publish("old", START - timedelta(days=2), posts=1)
    await made.follow("@ann")
    made.site.publish("new", START + timedelta(minutes=30), posts=1)
    await made.round()
    return made


async def test_a_new_entry_is_told_and_asked_for_by_no_page(world):
    """Also not a week later."""
    for _ in range(30):
        await world.round(hours=8)

    assert world.arrived() == ["new"]
    assert set(world.site.requests) == {"list"}


async def test_an_edit_is_told_once(world):
    """After it has been quiet, with the old words and the new."""
    world.site.threads["new"].edited[0] = "other words than before"
    for _ in range(6):
        await world.round(hours=1)
    new, edit = world.channels[0].inbox

    assert (new.event, edit.event) == ("new", "grown")
    assert "other words" in edit.text
    assert "post 0 of new" in edit.text


async def test_an_edit_that_is_taken_back_at_once_is_nothing(world):
    world.site.threads["new"].edited[0] = "other words than before"
    await world.once.round(["fake:ann"])
    world.site.threads["new"].edited.clear()
    world.clock.advance(minutes=5)
    await world.once.round(["fake:ann"])
    await world.round(hours=2)

    assert [message.event for message in world.channels[0].inbox] == ["new"]


async def test_an_edit_of_what_was_there_before_us_is_nothing(world):
    """Nobody was told of it, and it is not kept."""
    world.site.threads["old"].edited[0] = "other words than before"
    for _ in range(4):
        await world.round(hours=1)

    assert [message.event for message in world.channels[0].inbox] == ["new"]


async def test_what_slides_off_is_not_gone(world):
    """A feed shows its newest few."""
    for n in range(5):
        world.site.publish(f"more{n}", START + timedelta(hours=2, minutes=n), posts=1)
    for _ in range(8):
        await world.round(hours=5)

    assert {message.event for message in world.channels[0].inbox} <= {"new", None}
