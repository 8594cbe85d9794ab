"""What every `Source` keeps, whatever it reads. A new source adds a `World` and a line in `WORLDS`."""

import json
from abc import ABC, abstractmethod
from datetime import timedelta

import pytest

from bot.demo.site import UnrollSite
from bot.errors import FeedGone, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http
from bot.model import Author, Entry, Fetched, NotModified
from bot.protocols import Pager, Source
from bot.sources.threadreader import ThreadReader
from tests import pages
from tests.contract.world_bluesky import BlueskyWorld as BlueskyPlace
from tests.contract.world_fxtwitter import FxTwitterWorld as FxTwitterPlace
from tests.contract.world_mastodon import MastodonWorld as MastodonPlace
from tests.contract.world_syndication import SyndicationWorld as SyndicationPlace
from tests.sites import Clock, answer, site


class World(ABC):
    """A served place with an author who has forty threads, one who has none, and a source that reads it."""

    author = "@PolarPetra"
    same_author: tuple[str, ...] = ()
    silent_author = "@silent"
    unknown_author = "@nobody"
    not_ours: tuple[str, ...] = ("", "https://example.org/some/page", "mailto:me@example.org", "two words")
    many = 40
    lists_whole = False
    """Whether a listing shows the threads whole."""
    says_nothing_new = False
    """Whether 204 is how the service says that nothing is newer than what the cursor knows."""
    expands = True
    """Whether threads have pages of their own."""
    locates = True
    """Whether `locate` gives the id of the feed; else only `resolve` can."""

    def __init__(self, clock: Clock) -> None:
        self.http = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=clock)
        self.clock = clock
        self.source = self.reader("")

    @abstractmethod
    def reader(self, base_url: str) -> Source:
        """A source that reads the site at `base_url`."""

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    @abstractmethod
    def publish(self) -> str:
        """Add a new thread of the author; give its key."""


class ThreadReaderWorld(World):
    same_author = ("polarpetra", "https://x.com/POLARPETRA", "https://threadreaderapp.com/user/PolarPetra?utm_source=x")

    def reader(self, base_url: str) -> ThreadReader:
        return ThreadReader(self.http, clock=self.clock, base_url=base_url or "https://threadreaderapp.com")

    async def start(self) -> None:
        silent = pages.SampleAuthor(handle="silent", name="Silent")
        threads = [pages.thread(n) for n in range(self.many)]
        self.site = UnrollSite(threads=threads, authors=[pages.PETRA, pages.LOUD, silent])
        self.site.publish(pages.thread(50, author=pages.LOUD))
        await self.site.start()
        self.source = self.reader(self.site.base_url)

    async def stop(self) -> None:
        await self.site.stop()
        await self.http.close()

    def publish(self) -> str:
        made = pages.thread(60, "New.", "And more.")
        self.site.publish(made)
        return made.key


class MastodonWorld(MastodonPlace, World):
    pass


class FxTwitterWorld(FxTwitterPlace, World):
    pass


class SyndicationWorld(SyndicationPlace, World):
    pass


class BlueskyWorld(BlueskyPlace, World):
    pass


WORLDS = [ThreadReaderWorld, FxTwitterWorld, BlueskyWorld, MastodonWorld, SyndicationWorld]


@pytest.fixture(params=WORLDS, ids=lambda world: world.__name__)
async def world(request):
    made = request.param(Clock())
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=[one for one in WORLDS if one.expands], ids=lambda world: world.__name__)
async def paged_world(request):
    """A world whose threads have pages of their own."""
    made = request.param(Clock())
    await made.start()
    yield made
    await made.stop()


async def followed(world):
    """The author's feed and its first look."""
    resolved = await world.source.resolve(world.author)
    return resolved.feed, await world.source.fetch(resolved.feed, resolved.cursor)


async def feed_id(world, address):
    """The id of the feed that an address names, by `locate` alone where the source can say it."""
    located = world.source.locate(address)
    assert bool(located.feed_id) or not world.locates
    return located.feed_id or (await world.source.resolve(address)).feed.id


async def test_same_feed(world):
    """However an author is spelled, `locate` gives one feed id, without asking; or `resolve` does."""
    ids = {await feed_id(world, one) for one in (world.author, *world.same_author)}

    assert len(ids) == 1
    assert ids.pop().startswith(f"{world.source.kind}:")


def test_not_ours(world):
    """What is no address of the source is left to others."""
    assert [world.source.locate(one) for one in world.not_ours] == [None] * len(world.not_ours)


async def test_resolve(world):
    """A resolved feed carries the id that `locate` gives, its kind, and an address that leads to it again."""
    feed = (await world.source.resolve(world.author)).feed

    assert feed.id == await feed_id(world, world.author) == await feed_id(world, feed.address)
    assert feed.source == world.source.kind
    assert feed.url.startswith("http")
    assert feed.author.label


async def test_entries(world):
    """Threads of a listing have what the rest counts on: string keys, UTC times, whole addresses, the feed's id."""
    feed, fetched = await followed(world)

    for entry in fetched.entries:
        assert (entry.feed_id, type(entry.key), entry.whole) == (feed.id, str, world.lists_whole)
        assert entry.published.utcoffset() == timedelta(0)
        assert entry.url.startswith("http")
        assert entry.title
    assert len({entry.key for entry in fetched.entries}) == len(fetched.entries) > 0


async def test_cursor_is_json(world):
    """A cursor survives being stored as JSON."""
    feed, fetched = await followed(world)
    stored = json.loads(json.dumps(fetched.cursor))

    assert stored == fetched.cursor
    assert isinstance(await world.source.fetch(feed, stored), NotModified)


async def test_new_thread_after_not_modified(world):
    """A thread published after a look that found nothing new is found by the next."""
    feed, fetched = await followed(world)
    nothing = await world.source.fetch(feed, fetched.cursor)
    key = world.publish()
    found = await world.source.fetch(feed, nothing.cursor)

    assert isinstance(found, Fetched)
    assert key in {entry.key for entry in found.entries}


async def test_no_state_of_its_own(world):
    """The same cursor gives the same answer again: nothing is kept between calls."""
    feed, first = await followed(world)
    again = await world.source.fetch(feed, {})

    assert again == first


async def test_silent_author(world):
    """An author's own page without threads is a listing without threads."""
    resolved = await world.source.resolve(world.silent_author)
    fetched = await world.source.fetch(resolved.feed, resolved.cursor)

    assert (fetched.entries, fetched.older) == ((), "")


async def test_unknown_author(world):
    """An author whom the site does not know is gone, not silent."""
    with pytest.raises(FeedGone):
        await world.source.resolve(world.unknown_author)


NOT_A_PAGE = {
    "empty": answer(body=b""),
    "blank": answer(body=b" \n"),
    "no content": answer("204 No Content"),
    "home": answer(body=pages.HOME),
    "notice": answer(body=pages.NOTICE),
    "parked": answer(body=pages.PARKED),
    "json": answer(body=b"[]"),
    "html stub": answer(body=b"<html></html>"),
}


@pytest.mark.parametrize("name", NOT_A_PAGE)
async def test_never_empty_by_mistake(world, name):
    """A page that is not the author's is an error that names the feed, never a listing without threads."""
    feed, fetched = await followed(world)
    cursors = ({},) if name == "no content" and world.says_nothing_new else ({}, fetched.cursor)
    async with site(NOT_A_PAGE[name]) as broken:
        for cursor in cursors:
            with pytest.raises(SourceError) as caught:
                await world.reader(broken.url).fetch(feed, cursor)
            assert caught.value.feed_id == feed.id


@pytest.mark.parametrize(
    "sent", [answer("401 No"), answer("403 No"), answer(body=pages.CHALLENGE), answer(body=pages.LOGIN)]
)
async def test_refused(world, sent):
    """A login or a challenge is a refusal, also with status 200."""
    feed, _ = await followed(world)
    async with site(sent) as broken:
        with pytest.raises(SourceRefused):
            await world.reader(broken.url).fetch(feed, {})


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_trouble(world, status):
    """Trouble of the site is temporary and carries the site's own Retry-After."""
    feed, fetched = await followed(world)
    async with site(answer(f"{status} No", Retry_After="120")) as broken:
        with pytest.raises(TemporarySourceError) as caught:
            await world.reader(broken.url).fetch(feed, fetched.cursor)

    assert caught.value.not_before == world.clock.now + timedelta(seconds=120)


async def test_deeper_pages(world):
    """Deeper pages bring every thread, those on a border perhaps twice, and come to an end."""
    if not isinstance(world.source, Pager):
        pytest.skip("has no deeper pages")
    feed, page = await followed(world)
    keys = [entry.key for entry in page.entries]
    while page.older:
        page = await world.source.older(feed, page.older)
        keys += [entry.key for entry in page.entries]

    assert len(set(keys)) == world.many
    assert (page.entries, page.older) == ((), "")


@pytest.mark.parametrize("sent", [answer("503 No"), answer(body=pages.CHALLENGE), answer(body=pages.PARKED)])
async def test_trouble_with_deeper_pages(world, sent):
    """Trouble on a deeper page is an error, not the end."""
    feed, page = await followed(world)
    async with site(sent) as broken:
        with pytest.raises(SourceError):
            await world.reader(broken.url).older(feed, page.older)


async def test_expand(paged_world):
    """A new thread is read whole, under the same key, from key and address alone."""
    feed, _ = await followed(paged_world)
    key = paged_world.publish()
    entry = await paged_world.source.expand(Entry(feed_id=feed.id, key=key, url="", author=Author(handle="")))

    assert (entry.key, entry.feed_id, entry.whole) == (key, feed.id, True)
    assert [post.text for post in entry.posts] == ["New.", "And more."]
    assert all(post.id for post in entry.posts)


async def test_expand_of_another_author(paged_world):
    """A thread that turns out to be somebody else's is not handed on."""
    feed, _ = await followed(paged_world)
    key = paged_world.publish()
    with pytest.raises(WrongAuthor):
        await paged_world.source.expand(Entry(feed_id=feed.id, key=key, url="", author=Author(handle="loudvoice")))


async def test_expand_gone(paged_world):
    """A thread that is not there is gone."""
    feed, _ = await followed(paged_world)
    with pytest.raises(FeedGone):
        await paged_world.source.expand(Entry(feed_id=feed.id, key="12345", url="", author=Author(handle="")))
