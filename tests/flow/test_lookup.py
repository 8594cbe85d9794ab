"""A known thread by any of its names, in the store alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.commands.listing import outbox_rows
from bot.lookup import known_thread
from bot.model import Changes, Delivery, FeedState, Known
from bot.settings import Settings
from bot.stores.memory import MemoryStore
from tests.fakes import START, World


@pytest.fixture
async def store() -> MemoryStore:
    """Two authors; what the second writes is known by addresses, as what is read of feeds is."""
    world = World(store=MemoryStore())
    world.site.publish("t", START - timedelta(days=1), author="ann")
    await world.follow("@ann", backfill=1)
    await world.follow("@bob")
    post = Known(
        feed_id="fake:bob",
        key="tag:bob,1",
        url="https://Bob.example/posts/1/",
        aliases=("bob.example/old/1/",),
        state="baseline",
        first_seen=START,
    )
    await world.store.commit(Changes(feed_id="fake:bob", state=FeedState(feed_id="fake:bob"), known=(post,)))
    return world.store


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("t", "t"),
        ("t.1", "t"),  # a post of it
        ("https://fake.example/thread/t", "t"),
        ("tag:bob,1", "tag:bob,1"),
        ("https://bob.example/posts/1", "tag:bob,1"),
        ("http://BOB.example/posts/1/#more", "tag:bob,1"),
        ("bob.example/posts/1", "tag:bob,1"),
        ("https://bob.example/old/1", "tag:bob,1"),
    ],
)
async def test_a_thread_is_found_by_any_of_its_names(store, name, key):
    found = await known_thread(store, name)

    assert found is not None
    assert found[1].key == key


@pytest.mark.parametrize("name", ["", "/", "u", "https://bob.example/", "https://bob.example/POSTS/1", "https://"])
async def test_what_names_none(store, name):
    """Letters count in a path; a site's own address is no thread."""
    assert await known_thread(store, name) is None


async def test_the_first_name_counts(store):
    """Whatever the others would be."""
    found = await known_thread(store, "https://bob.example/posts/1", "t")

    assert found is not None
    assert found[1].key == "tag:bob,1"


async def test_the_outbox_says_that_a_notice_waits_for_its_thread(store, tmp_path):
    """Its time is the latest one, not the earliest."""
    row = Delivery(id="d", batch="d", feed_id="fake:ann", entry_key="1", channel="me", created_at=START, due_at=START)
    known = Known(feed_id="fake:ann", key="1", url="", state="waiting", first_seen=START)
    await store.commit(Changes(feed_id="fake:ann", known=(known,), deliveries=(row,)))
    channels = {"me": {"url": "json://127.0.0.1:1"}}
    settings = Settings.model_validate({"data_dir": tmp_path, "channels": channels})

    shown = await outbox_rows(store, settings)

    assert shown[-1].error == "waits for its thread to be finished, or read; no longer than that"
