"""Pictures of a thread on their way from a real server into the archive: which are fetched, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bot.http import Http
from bot.media import MOST, TRIES, MediaKeeper
from bot.model import Author, Changes, Entry, Feed, Known, Media, Post, Subscription
from bot.stores.memory import MemoryStore
from tests.sites import Clock, answer, drip, site

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = "fake:ann"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
JPEG = b"\xff\xd8\xff" + b"photo"


def thread(*media: Media | str, key: str = "1") -> Entry:
    images = tuple(Media(kind="image", url=one) if isinstance(one, str) else one for one in media)
    posts = (Post(id="1", text="", media=images),)
    return Entry(feed_id=ANN, key=key, url="", author=Author(handle="ann"), posts=posts, whole=True)


async def kept(entry: Entry) -> MemoryStore:
    """A store that keeps this thread."""
    store = MemoryStore()
    feed = Feed(id=ANN, source="fake", address="@ann", author=Author(handle="ann"))
    await store.follow(feed, [Subscription(feed_id=ANN, channel="*", origin="follow")])
    known = Known(feed_id=ANN, key=entry.key, url="", state="announced", first_seen=NOW)
    await store.commit(Changes(feed_id=ANN, known=(known,), contents=(entry,)))
    return store


@asynccontextmanager
async def keeper(store: Any, *, patience: float = 20, **more: Any) -> AsyncIterator[MediaKeeper]:
    clock = Clock()
    settings = {"host_delay": 0.0, "allowed_hosts": ["127.0.0.1"], "clock": clock, "sleep": clock.sleep, **more}
    http = Http(user_agent="keepcurrent-test", **settings)
    try:
        yield MediaKeeper(store, http, max_media=1000, patience=patience)
    finally:
        await http.close()


async def test_pictures_are_kept_once() -> None:
    """Each is fetched once, by its real kind, whatever the site calls it; videos are not."""
    async with site(a=answer(body=PNG, Content_Type="text/html"), b=answer(body=JPEG)) as s:
        entry = thread(f"{s.url}/a", f"{s.url}/b", f"{s.url}/a", Media(kind="video", url=f"{s.url}/v"))
        store = await kept(entry)
        async with keeper(store) as keep:
            saved = [await keep.keep(entry), await keep.keep(entry)]

        assert saved == [2, 0]
        assert await store.media(ANN, "1") == {f"{s.url}/a": ("image/png", PNG), f"{s.url}/b": ("image/jpeg", JPEG)}
        assert s.paths == ["/a", "/b"]
        assert s.requests[0].headers["accept"].startswith("image/")


async def test_what_is_no_picture_or_too_large_is_not_kept() -> None:
    """A page, an SVG, and more bytes than allowed; the others are kept all the same."""
    svg = answer(body=b"<svg><script/></svg>", Content_Type="image/svg+xml")
    async with site(page=answer(body=b"<html>"), svg=svg, big=answer(body=PNG * 100), a=answer(body=PNG)) as s:
        entry = thread(*(f"{s.url}/{name}" for name in ("page", "svg", "big", "a")))
        store = await kept(entry)
        async with keeper(store) as keep:
            assert await keep.keep(entry) == 1

        assert list(await store.media(ANN, "1")) == [f"{s.url}/a"]


async def test_a_picture_that_fails_is_tried_at_the_next_look() -> None:
    """So often, and then no more."""
    async with site(gone=answer("404 Not Found")) as s:
        entry = thread(f"{s.url}/gone")
        async with keeper(await kept(entry)) as keep:
            saved = [await keep.keep(entry) for _ in range(TRIES + 3)]

        assert (sum(saved), len(s.requests)) == (0, TRIES)


async def test_a_picture_that_comes_later_is_kept() -> None:
    """A site's bad hour costs nothing but time."""
    async with site(a=answer("500 Oops")) as s:
        entry = thread(f"{s.url}/a")
        async with keeper(await kept(entry)) as keep:
            saved = [await keep.keep(entry)]
            s.answers["/a"] = answer(body=PNG)
            saved.append(await keep.keep(entry))

        assert saved == [0, 1]


async def test_a_host_that_asks_for_a_pause_is_left_alone() -> None:
    """Two refused feeds hold the host; a picture that was not asked for is no failed try."""
    refusal = answer("429 Slow down", Retry_After="600")
    async with site(a=refusal, b=refusal, c=answer(body=PNG)) as s:
        entry = thread(f"{s.url}/c")
        async with keeper(await kept(entry)) as keep:
            for name, feed_id in (("a", "fake:x"), ("b", "fake:y")):
                await keep.keep(thread(f"{s.url}/{name}"))
                keep._http._holds.refused(f"127.0.0.1:{s.port}", feed_id, keep._http._clock(), None)
            asked = len(s.requests)
            saved = await keep.keep(entry)

        assert (saved, len(s.requests) - asked, keep._failures.get(f"{s.url}/c")) == (0, 0, None)


async def test_private_hosts_and_odd_addresses_are_not_asked() -> None:
    """What a page names may lead nowhere that the settings do not name."""
    async with site(a=answer(body=PNG)) as s:
        entry = thread(f"{s.url}/a", "file:///etc/passwd", "javascript:alert(1)", "http://[", "//x/y", "")
        async with keeper(await kept(entry), allowed_hosts=[]) as keep:
            assert await keep.keep(entry) == 0

        assert s.requests == []


async def test_no_more_than_so_many_of_a_thread() -> None:
    """The first ones of a thread that shows hundreds."""
    async with site(answer(body=PNG)) as s:
        entry = thread(*(f"{s.url}/{n}" for n in range(MOST + 10)))
        async with keeper(await kept(entry)) as keep:
            assert await keep.keep(entry) == MOST


async def test_one_picture_at_a_time_of_a_host() -> None:
    """Also where the settings allow several connections, and several threads are read."""
    async def slow(_asked: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(answer(body=PNG))

    async with site(slow) as s:
        entry = thread(*(f"{s.url}/{n}" for n in range(3)))
        async with keeper(await kept(entry), per_host=4) as keep:
            await asyncio.gather(*(keep.keep(entry) for _ in range(3)))

        assert s.most_in_flight == 1


async def test_a_site_that_drips_ends() -> None:
    """The pictures of one thread have so long in all; what was kept until then is kept."""
    async with site(a=answer(body=PNG), drip=drip(b"x")) as s:
        entry = thread(f"{s.url}/a", f"{s.url}/drip", f"{s.url}/b")
        async with keeper(await kept(entry), patience=0.3) as keep:
            assert await keep.keep(entry) == 1

        assert s.paths == ["/a", "/drip"]


async def test_pictures_that_were_pruned_are_not_fetched_again() -> None:
    """What the archive's bounds took would only go again."""
    async with site(a=answer(body=PNG)) as s:
        entry = thread(f"{s.url}/a")
        store = await kept(entry)
        (known,) = await store.threads()
        store._save_threads([Known(**{**{name: getattr(known, name) for name in known.__slots__}, "copy": "bare"})])
        async with keeper(store) as keep:
            assert await keep.keep(entry) == 0

        assert s.requests == []
