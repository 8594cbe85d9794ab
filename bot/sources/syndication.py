"""Feeds: RSS, Atom and JSON Feed, of any site; those of Nitter, a mirror of X, as the threads of one author.

Asks, and finds the feed that a web page points to. Does not parse (`feeds`), and knows no site but by its feed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from yarl import URL

from bot import conditional
from bot.errors import (
    FeedEnded,
    FeedGone,
    HostHeld,
    ParseError,
    SeveralFeeds,
    SourceError,
    SourceRefused,
    TemporarySourceError,
)
from bot.http import Http, Response, error_of, is_challenge
from bot.model import Author, Choice, Cursor, Feed, Fetched, Located, NotModified, Resolved
from bot.sources import feeds, html
from bot.sources import syndication_pages as pages
from bot.sources import syndication_reading as reading
from bot.sources.chains import Wanted
from bot.sources.feeds import Document, NotAFeed
from bot.sources.syndication_addresses import (
    KIND,
    address_of,
    feed_id_of,
    has_scheme,
    has_secret,
    locate,
    parsed,
    web_url,
)
from bot.sources.syndication_cursor import REMEMBERED, Bookmark
from bot.sources.syndication_paging import Below, below
from bot.sources.syndication_times import Calm
from bot.threads import Threads

GAP_PAGES: Final = 5
"""So many pages further down a look goes by itself, to where the look before was."""
_LARGE: Final = 200_000
"""Bytes: what is larger is read in a thread, 20 to 80 ms and more."""
_READERS: Final = 2
_READ_WITHIN: Final = 30.0
_ACCEPT: Final = (
    "application/atom+xml, application/feed+json, application/rss+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, "
    "application/json;q=0.7, text/html;q=0.6, */*;q=0.5"
)


_FINISHED: Final = "the feed says that it is finished"

_T = TypeVar("_T")


class Syndication:
    """A `Source` that is also a `Pager`, and lists its entries whole.

    `posts`, `min_posts`: which posts of a mirrored author are told of; of a blog, every entry is.
    """

    kind = KIND
    takes = "the URL of a feed, or of a page that names one"
    lists_whole = True

    def __init__(
        self, http: Http, *, clock: Callable[[], datetime], posts: Wanted = "threads", min_posts: int = 2
    ) -> None:
        self._http = http
        self._clock = clock
        self._posts = posts
        self._min_posts = min_posts
        self._threads = Threads("feeds", most=_READERS)
        self._turn = asyncio.Semaphore(_READERS)

    def locate(self, address: str) -> Located | None:
        """Say whether an address may be a feed's, without asking."""
        return locate(address)

    async def check(self) -> None:
        """There is no site that all feeds have in common."""

    async def resolve(self, address: str) -> Resolved:
        """Find the feed at an address: it is one, or a page that names one; else where feeds often are.

        Raises `SeveralFeeds` where the page names several that differ in more than their format.
        """
        url = parsed(address)
        if url is None:
            raise ParseError("", f"{address[:200]} is no web address")
        feed_id = feed_id_of(url)
        if has_secret(url):
            raise ParseError(feed_id, "an address with a name or password in it is not followed: every list shows it")
        url, answer = await self._reached(url, feed_id, is_told=has_scheme(address))
        try:
            return self._resolved(url, answer, await self._document(answer, feed_id))
        except NoFeed as nothing:
            return await self._linked(feed_id, answer, nothing)

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """Read the feed; where it does not reach back to the look before, the pages below it as well."""
        now, bookmark, url = self._clock(), Bookmark.read(cursor), _url_of(feed)
        answer = await self._ask(url, feed.id, conditional.request_headers(bookmark.validators_at(url, now)))
        fresh, moved_to = conditional.fresh_until(answer.headers, now), _moved(answer, url)
        if answer.status == 304:
            return NotModified(cursor=bookmark.cursor(), moved_to=moved_to, not_before=bookmark.calm.until(fresh, now))
        document = await self._document(answer, feed.id)
        asked = self._asked(feed, answer.url, now, bookmark)
        first = await self._read(asked, [document])
        headers = answer.headers if _is_sure(document, is_same=first.digest == bookmark.digest) else {}
        after = _after(bookmark, document, first).read_at(url, now, headers)
        not_before = after.calm.until(fresh, now)
        if after.digest == bookmark.digest:
            if document.expired:
                raise FeedEnded(feed.id, _FINISHED)
            return NotModified(cursor=after.cursor(), moved_to=moved_to, not_before=not_before)
        documents, older = await self._back(feed, bookmark, document, _below(document, answer, first.author))
        found = first if len(documents) == 1 else await self._read(asked, documents)
        return Fetched(
            entries=found.entries,
            cursor=after.cursor(),
            older=older.token if older else "",
            author=found.author,
            reaches=found.reaches,
            ordered=found.ordered,
            moved_to=moved_to,
            not_before=not_before,
            shortest=found.shortest,
        )

    async def older(self, feed: Feed, token: str) -> Fetched:
        """Read the page that a token names."""
        page = Below.read(token)
        if page is None:
            raise ParseError(feed.id, "this is no page of a feed")
        try:
            document, following = await self._page(feed, page)
        except FeedGone:
            return Fetched(entries=(), cursor={})
        found = await self._read(self._asked(feed, page.url, self._clock()), [document])
        return Fetched(
            entries=found.entries,
            cursor={},
            older=following.token if following else "",
            author=found.author,
            ordered=found.ordered,
        )

    # -- asking -----------------------------------------------------------------------------------

    async def _ask(self, url: str, feed_id: str, headers: dict[str, str] | None = None) -> Response:
        answer = await self._http.get(
            url, feed_id=feed_id, headers={"Accept": _ACCEPT, **(headers or {})}, answers={401, 403}
        )
        if answer.status in (401, 403):
            raise _refusal(feed_id, answer)
        if answer.status == 304 and not headers:
            raise ParseError(feed_id, "the site says that nothing changed, though we did not say since when")
        return answer

    async def _back(
        self, feed: Feed, bookmark: Bookmark, document: Document, older: Below | None
    ) -> tuple[list[Document], Below | None]:
        """The pages down to what the look before has seen, and what is below them if that was not met.

        The first look reads one page: what is below it is asked for by a backfill only.
        """
        documents = [document]
        marks = set(reading.item_marks(document))
        if not bookmark.seen or not document.items:
            return documents, older
        while older is not None and not bookmark.meets(marks):
            if len(documents) > GAP_PAGES:
                return documents, older
            try:
                page, older = await self._page(feed, older)
            except FeedGone:
                return documents, None
            except SourceError:  # what was read so far counts; whoever has the token goes on there
                return documents, older
            documents.append(page)
            marks.update(reading.item_marks(page))
        return documents, None

    async def _page(self, feed: Feed, page: Below) -> tuple[Document, Below | None]:
        answer = await self._ask(page.url, feed.id)
        document = await self._document(answer, feed.id)
        return document, _below(document, answer, feed.author, page)

    # -- reading, off the event loop where it takes long --------------------------------------------

    def _asked(self, feed: Feed, url: str, now: datetime, bookmark: Bookmark | None = None) -> reading.Asked:
        before = bookmark or Bookmark()
        return reading.Asked(
            feed=feed,
            url=url,
            now=now,
            posts=self._posts,
            min_posts=self._min_posts,
            newest=before.newest,
            homes=before.homes,
        )

    async def _document(self, answer: Response, feed_id: str) -> Document:
        content_type = answer.headers.get("Content-Type", "")

        def parse() -> Document:
            return feeds.parse(answer.body, content_type=content_type, url=answer.url)

        try:
            return await self._apart(parse, len(answer.body), feed_id)
        except NotAFeed as error:
            said = str(error)
            raise await self._apart(lambda: _no_feed(feed_id, answer, said), len(answer.body), feed_id) from error

    async def _read(self, asked: reading.Asked, documents: Sequence[Document]) -> reading.Reading:
        size = sum(len(item.html) for document in documents for item in document.items)
        return await self._apart(lambda: reading.read(asked, documents), size, asked.feed.id)

    async def _apart(self, call: Callable[[], _T], size: int, feed_id: str) -> _T:
        """What `call` returns, or raises; a large one is called in a thread, so that no other author waits for it."""
        if size < _LARGE:
            return call()
        async with self._turn:
            if self._threads.full:
                raise TemporarySourceError(feed_id, "earlier feeds are still being read")
            job = self._threads.start(call)
            try:
                await job.wait(_READ_WITHIN)
            except TimeoutError:
                raise ParseError(feed_id, f"the feed could not be read within {_READ_WITHIN:g} s") from None
        if job.error is not None:
            raise job.error
        result: _T = job.result
        return result

    # -- resolving --------------------------------------------------------------------------------

    async def _reached(self, url: URL, feed_id: str, *, is_told: bool) -> tuple[URL, Response]:
        """What an address answers: by https, and by http where that was not said and nothing answers."""
        try:
            return url, await self._ask(str(url), feed_id)
        except TemporarySourceError as error:
            if is_told or isinstance(error, HostHeld) or error.not_before is not None:
                raise
            plain = URL("http" + str(url).removeprefix("https"))
            try:
                return plain, await self._ask(str(plain), feed_id)
            except TemporarySourceError:
                raise error from None

    def _resolved(self, url: URL, answer: Response, document: Document) -> Resolved:
        """The feed that was found at `url`."""
        feed_id = feed_id_of(url)
        if document.expired:
            raise FeedEnded(feed_id, _FINISHED)
        feed = Feed(id=feed_id, source=KIND, address=address_of(url), author=Author(handle=""))
        author = reading.author_of(document, self._asked(feed, str(url), self._clock()))
        return Resolved(feed=replace(feed, author=author, url=_moved(answer, str(url)) or str(url)))

    async def _linked(self, feed_id: str, answer: Response, nothing: NoFeed) -> Resolved:
        """The feed that a web page names."""
        page = URL(answer.url)
        try:
            links = await self._apart(lambda: pages.links_of(answer.body, page), len(answer.body), feed_id)
        except html.TooHeavy as error:
            raise nothing from error
        found = pages.choices_of(links)
        if len(found) > 1:
            choices = tuple(Choice(address=f"{KIND}:{group[0].url}", title=group[0].title) for group in found)
            raise SeveralFeeds(feed_id, f"{page.host} has {len(found)} feeds", choices)
        if found:
            return await self._named(feed_id, page, [link.url for link in found[0]])
        for url in pages.guesses(page):
            try:
                return await self._there(feed_id, url)
            except (FeedGone, NoFeed):
                continue
        raise ParseError(feed_id, f"{page.host} names no feed there; give the address of the feed itself")

    async def _named(self, feed_id: str, page: URL, urls: Sequence[URL]) -> Resolved:
        """The first of a feed's formats that is there. Raises what the first one said where none is."""
        said: SourceError | None = None
        for url in urls:
            try:
                resolved = await self._there(feed_id, url)
            except (FeedGone, NoFeed, SourceRefused) as error:
                said = said or type(error)(feed_id, f"{page.host} names the feed {url}, but {error.reason}")
                continue
            others = (feed_id_of(one) for one in urls)
            return replace(resolved, same=tuple(one for one in others if one != resolved.feed.id))
        raise said or ParseError(feed_id, f"{page.host} names no feed there")

    async def _there(self, feed_id: str, url: URL) -> Resolved:
        there = await self._ask(str(url), feed_id)
        return self._resolved(url, there, await self._document(there, feed_id))


class NoFeed(ParseError):
    """What was sent is a page, or anything else that is no feed."""


def _after(bookmark: Bookmark, document: Document, found: reading.Reading) -> Bookmark:
    marks = reading.item_marks(document)[:REMEMBERED]
    return replace(
        bookmark,
        digest=found.digest,
        seen=marks or bookmark.seen,
        newest=found.newest,
        calm=Calm.of(document),
    ).at(found.home)


def _is_sure(document: Document, *, is_same: bool) -> bool:
    """Whether the next look may be told that nothing changed since this one.

    Half a document with the whole one's ETag would be answered 304 from then on; what is finished is read again, to see
    that nothing came to it.
    """
    return not document.expired and (is_same or not document.ill_formed)


def _below(document: Document, answer: Response, author: Author, page: Below | None = None) -> Below | None:
    return below(document, answer.url, answer.headers, mirrored=bool(author.handle), page=page)


def _url_of(feed: Feed) -> str:
    """Where to ask: where the feed is now, else what its id says."""
    return feed.url or f"https://{feed.id.removeprefix(f'{KIND}:')}"


def _moved(answer: Response, url: str) -> str:
    """Where the feed is for good now, "" where it is still."""
    there = web_url(answer.moved_to) if answer.moved_to else None
    return "" if there is None or has_secret(there) or str(there) == url else str(there)


def _refusal(feed_id: str, answer: Response) -> SourceError:
    """A refusal, with what may help."""
    host = URL(answer.url).host or ""
    if b"RSS feed is disabled" in answer.body:
        return SourceRefused(feed_id, f"{host} has its feeds switched off ({answer.status}); another mirror may not")
    error = error_of(feed_id, host, answer)
    hint = "; Substack refuses machines of data centres, it answers at home" if _is_substack(host) else ""
    return SourceRefused(feed_id, f"{error.reason if error else host}{hint}")


def _is_substack(host: str) -> bool:
    return host == "substack.com" or host.endswith(".substack.com")


def _no_feed(feed_id: str, answer: Response, said: str) -> SourceError:
    """What was sent in the place of a feed."""
    host = URL(answer.url).host or ""
    if not answer.body.strip():
        return SourceRefused(feed_id, f"{host} sent an empty page, as some do to programs that they do not want")
    if is_challenge(answer.body):
        return SourceRefused(feed_id, f"{host} wants a browser to pass its challenge")
    try:
        if pages.asks_for_login(answer.body):
            return SourceRefused(feed_id, f"{host} wants a login")
    except html.TooHeavy:
        pass
    return NoFeed(feed_id, f"{host} sent no feed: {said}")
