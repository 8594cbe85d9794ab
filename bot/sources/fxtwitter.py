"""FxTwitter: authors of X, read through FxTwitter's API (version 2), which needs no account.

Finds threads in the author's timeline, which X groups into conversations. Does not read answers (`fxtwitter_pages`) nor
decide what a thread is (`fxtwitter_threads`); never asks for more than 5 pages and 5 conversations in one look.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http, Response
from bot.model import Author, Cursor, Entry, Feed, Fetched, Located, NotModified, Resolved
from bot.sources import x_addresses
from bot.sources.chains import Wanted, shortest
from bot.sources.fxtwitter_addresses import KIND, feed_id_of, locate, named
from bot.sources.fxtwitter_bookmark import Bookmark
from bot.sources.fxtwitter_pages import (
    Page,
    Profile,
    Row,
    Thread,
    is_handle,
    not_found,
    read_page,
    read_profile,
    read_thread,
    read_writer,
    wrong_author,
)
from bot.sources.fxtwitter_threads import Rules, Told, entry_in, is_thread, threads_in, told_in

PER_PAGE: Final = 20
"""What X gives in one piece, whatever is asked for."""
MOST_PAGES: Final = 5
MOST_UNCLEAR: Final = 5
"""How many conversations are read in one look to find out whether a post is of a thread."""
MOST_PIECES: Final = 20
"""How many conversations one thread is put together from."""
LONG: Final = 15
"""A thread of so many posts is asked for once more, from its last post on: X sends conversations in pieces."""
_X_ITSELF: Final = "id:783214"


class FxTwitter:
    """A `Source` that is also a `Pager` and an `Expander`."""

    kind = KIND
    takes = "@name, or the URL of a profile or a post at x.com"

    def __init__(
        self,
        http: Http,
        *,
        clock: Callable[[], datetime],
        base_url: str = "https://api.fxtwitter.com",
        posts: Wanted = "threads",
        min_posts: int = 2,
    ) -> None:
        self._http = http
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._posts: Wanted = posts
        self._min_posts = min_posts

    def locate(self, address: str) -> Located | None:
        """Say which author or post `address` names, without asking."""
        return locate(address, self._base_url)

    async def resolve(self, address: str) -> Resolved:
        """Look an author up, by name, by number, or by a post of theirs."""
        found = named(address, self._base_url)
        if found is None:
            raise ParseError("", f"{address} is no author and no post of X")
        profile = await self._looked_up(found)
        author = profile.author
        if profile.is_protected:
            raise _protected(feed_id_of(author.handle), author)
        address = f"{KIND}:{author.handle}"
        feed = Feed(id=feed_id_of(author.handle), source=KIND, address=address, author=author, url=author.url)
        return Resolved(feed=feed)

    async def check(self) -> None:
        """Ask for a profile; that there is none is an answer too."""
        try:
            await self._profile("", _X_ITSELF)
        except FeedGone:
            return

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """Read the author's newest posts, down to where the last look began."""
        now, bookmark = self._clock(), Bookmark.read(cursor)
        try:
            page = await self._timeline(feed, since=bookmark.since(now))
        except FeedGone as gone:
            return await self._without_posts(feed, bookmark, now, gone)
        if page is not None and not page.rows:
            return await self._without_posts(feed, bookmark, now, None)
        return await self._read(feed, bookmark, page, now)

    async def older(self, feed: Feed, token: str) -> Fetched:
        """Read the page below `token`: the time of the last post above it, and the API's own cursor."""
        above, _, cursor = token.partition(" ")
        page = await self._timeline(feed, cursor=cursor)
        if page is None or page.author is None:
            return Fetched(entries=(), cursor={})
        rules = self._rules(feed, page.author)
        found = threads_in(page.rows, rules)
        cleared = await self._cleared(found.unclear, rules)
        reaches = _reaches(page.rows, rules.author.key)
        goes_down = reaches is None or not above.isdigit() or _ms(reaches) < int(above)
        return Fetched(
            entries=_merged(found.entries, cleared.entries),
            cursor={},
            older=_token(page, reaches, above) if goes_down and page.below != cursor else "",
            reaches=reaches,
        )

    async def expand(self, entry: Entry) -> Entry:
        """Read one thread whole, in as many pieces as X sends it in."""
        thread = await self._thread(entry.feed_id, entry.key)
        author = thread.focal.author
        if not _is_by(author, entry.author):
            raise wrong_author(entry.feed_id, entry.author, author)
        told = await self._put_together(entry, thread)
        rules = Rules(feed_id=entry.feed_id, author=author, posts=self._posts, min_posts=self._min_posts)
        found = entry_in(told, rules, entry.key)
        return replace(found, aliases=tuple(dict.fromkeys((*entry.aliases, *found.aliases))))

    # -- a look -----------------------------------------------------------------------------------

    async def _read(self, feed: Feed, bookmark: Bookmark, page: Page | None, now: datetime) -> Fetched | NotModified:
        """The threads of a first page and of what is below it; `page` is None where nothing is newer."""
        author = (page.author if page else None) or feed.author
        rules = self._rules(feed, author)
        rows = list(page.rows) if page else []
        reaches = _reaches(rows, author.key) or now
        is_first = bookmark.newest is None
        if page:
            bookmark = bookmark.read_at(now, _newest(rows, author.key), _reaches(rows, author.key), page.below)
        if not is_first:
            bookmark, more = await self._down(feed, author.key, bookmark, rows)
            rows += more
        found = threads_in(rows, rules)
        if is_first:  # what is there before us is not looked into
            bookmark, cleared = bookmark.clear(found.unclear, ()), Cleared()
        else:
            cleared = await self._cleared(bookmark.still_unclear(found.unclear), rules)
            bookmark = bookmark.clear(cleared.settled, cleared.left)
        entries = _merged(found.entries, cleared.entries)
        if not (entries or is_first):
            # A page of single posts is no news; the flow takes a listing without threads for a broken one.
            return NotModified(cursor=bookmark.cursor())
        below = bookmark.gap or (page.below if page and is_first else "")
        return Fetched(
            entries=entries,
            cursor=bookmark.cursor(),
            older=f"{_ms(reaches)} {below}" if below else "",
            author=page.author if page else None,
            reaches=reaches,
            shortest=shortest(self._posts, self._min_posts),
        )

    async def _down(self, feed: Feed, key: str, bookmark: Bookmark, rows: Sequence[Row]) -> tuple[Bookmark, list[Row]]:
        """Read on below `rows` until what was seen before is met; what cannot be read now is left for the next look."""
        more: list[Row] = []
        for _ in range(MOST_PAGES - 1):
            bookmark = bookmark.met(_reaches(rows, key))
            if not bookmark.gap:
                break
            try:
                page = await self._timeline(feed, cursor=bookmark.gap)
            except SourceError:
                # The cursor may be too old for X: the next look starts from the top, and comes down as far again.
                return bookmark.back_to_floor(), more
            rows = page.rows if page else ()
            more += rows
            bookmark = bookmark.at(page.below if page else "")
        return bookmark.met(_reaches(rows, key)), more

    async def _cleared(self, unclear: Sequence[str], rules: Rules) -> Cleared:
        """Read the conversations of posts that may be of a thread, a few at a time."""
        entries, settled = list[Entry](), list[str]()
        left = tuple(unclear)
        for key in unclear[:MOST_UNCLEAR]:
            left = left[1:]
            try:
                entries += await self._thread_of(key.partition(".")[0], rules)
            except FeedGone:
                pass
            except SourceError:
                left = (*left, key)
                break
            settled.append(key)
        return Cleared(entries=tuple(entries), settled=tuple(settled), left=left)

    async def _thread_of(self, key: str, rules: Rules) -> list[Entry]:
        """The thread that a post of the author is of, if it is of one that is wanted."""
        thread = await self._thread(rules.feed_id, key)
        if thread.focal.author.key != rules.author.key:
            return []
        told = await self._put_together(Entry(feed_id=rules.feed_id, key=key, url="", author=rules.author), thread)
        return [entry_in(told, rules, told.chain[0].id)] if is_thread(told, rules) else []

    async def _without_posts(self, feed: Feed, bookmark: Bookmark, now: datetime, gone: FeedGone | None) -> Fetched:
        """Find out why the author shows nothing: the API says 404 of one who is gone and of one who is silent."""
        try:
            profile = await self._profile(feed.id, _asked_as(feed.author))
        except FeedGone as error:
            raise await self._who_instead(feed, error) from gone
        if feed.author.key and profile.author.key != feed.author.key:
            raise wrong_author(feed.id, feed.author, profile.author)
        if profile.is_protected:
            raise _protected(feed.id, profile.author)
        if bookmark.saw_posts:
            raise TemporarySourceError(feed.id, "the service shows none of the author's posts, though there were some")
        bookmark = bookmark.read_at(now, None, now, "")
        return Fetched(entries=(), cursor=bookmark.cursor(), author=profile.author, reaches=now)

    async def _who_instead(self, feed: Feed, gone: FeedGone) -> SourceError:
        """The author's id is gone; their name may be somebody else's by now."""
        if not feed.author.key:
            return gone
        try:
            profile = await self._profile(feed.id, feed.author.handle)
        except SourceError:
            return gone
        other = profile.author
        return gone if other.key == feed.author.key else wrong_author(feed.id, feed.author, other)

    # -- a thread ---------------------------------------------------------------------------------

    async def _put_together(self, entry: Entry, thread: Thread) -> Told:
        """The thread around a post, from more conversations where the first shows that there is more."""
        threads, asked = [thread], {entry.key}
        told = told_in(threads, entry.key)
        if not told.chain:
            raise ParseError(entry.feed_id, f"the post {entry.key} is not the author's own")
        while len(threads) < MOST_PIECES:
            key = _next_piece(told, entry, asked)
            if not key:
                break
            asked.add(key)
            try:
                threads.append(await self._thread(entry.feed_id, key))
            except FeedGone:  # deleted meanwhile: the rest is as whole as it will be
                continue
            told = told_in(threads, entry.key)
        return told

    # -- asking -----------------------------------------------------------------------------------

    async def _looked_up(self, found: x_addresses.Named) -> Profile:
        try:
            if found.user or found.handle:
                return await self._by_name(found)
        except FeedGone:
            if not found.post:
                raise
        writer = read_writer(await self._get(f"2/status/{found.post}", ""), "", found.post)
        return await self._profile(feed_id_of(writer.handle), f"id:{writer.key}")

    async def _by_name(self, found: x_addresses.Named) -> Profile:
        feed_id = feed_id_of(found.handle) if found.handle else ""
        profile = await self._profile(feed_id, f"id:{found.user}" if found.user else found.handle)
        matches = profile.author.key == found.user if found.user else is_handle(profile.author, found.handle)
        if not matches:
            raise WrongAuthor(feed_id, f"the service answers with @{profile.author.handle} instead")
        return profile

    async def _profile(self, feed_id: str, name: str) -> Profile:
        return read_profile(await self._get(f"2/profile/{name}", feed_id), feed_id)

    async def _thread(self, feed_id: str, key: str) -> Thread:
        if not x_addresses.id_in(key):
            raise ParseError(feed_id, "a thread of X has a number")
        return read_thread(await self._get(f"2/thread/{key}", feed_id), feed_id, key)

    async def _timeline(self, feed: Feed, *, cursor: str = "", since: int | None = None) -> Page | None:
        """A page of the author's posts; None where none is newer than `since`."""
        query = {"count": str(PER_PAGE), "groupthreads": "1"}
        query |= {"cursor": cursor} if cursor else {}
        query |= {"since": str(since)} if since is not None and not cursor else {}
        path = f"2/profile/{_asked_as(feed.author)}/statuses?{urlencode(query)}"
        answer = await self._ask(path, feed.id, {404, 204} if "since" in query else {404})
        return read_page(_body(answer, feed.id), feed.id, feed.author) if answer.status != 204 else None

    async def _get(self, path: str, feed_id: str) -> bytes:
        return _body(await self._ask(path, feed_id, {404}), feed_id)

    async def _ask(self, path: str, feed_id: str, answers: Container[int]) -> Response:
        headers = {"Accept": "application/json"}
        return await self._http.get(f"{self._base_url}/{path}", feed_id=feed_id, headers=headers, answers=answers)

    def _rules(self, feed: Feed, author: Author) -> Rules:
        return Rules(feed_id=feed.id, author=author, posts=self._posts, min_posts=self._min_posts)


def _body(answer: Response, feed_id: str) -> bytes:
    if answer.status == 404:
        raise not_found(answer.body, feed_id)
    if answer.status == 304:
        raise ParseError(feed_id, "the service says that nothing changed, though we did not say since when")
    return answer.body


def _asked_as(author: Author) -> str:
    """The number is asked for where it is known, so that an author who changes the name is followed on."""
    return f"id:{author.key}" if author.key else author.handle


def _is_by(found: Author, wanted: Author) -> bool:
    if wanted.key:
        return found.key == wanted.key
    return not wanted.handle or is_handle(found, wanted.handle)


def _protected(feed_id: str, author: Author) -> SourceRefused:
    return SourceRefused(feed_id, f"@{author.handle} shows posts only to followers whom they allow")


def _next_piece(told: Told, entry: Entry, asked: Container[str]) -> str:
    """The post around which more of the thread may stand, "" where it is all there."""
    first, last = told.chain[0], told.chain[-1]
    listed = entry.posts[-1].id if entry.posts else ""
    is_long = len(told.chain) >= LONG or len(told.chain) + told.missing < (entry.post_count or 0)
    wanted = (
        told.above if told.above_is_own else "",
        listed if listed not in told.ids else "",
        last.id if is_long and last is not first else "",
    )
    return next((key for key in wanted if x_addresses.id_in(key) and key not in asked), "")


def _merged(listed: Iterable[Entry], cleared: Iterable[Entry]) -> tuple[Entry, ...]:
    """Both, each thread once; one that was read whole is the better."""
    whole = {one.key: one for one in cleared}
    return (*(whole.pop(one.key, one) for one in listed), *whole.values())


def _reaches(rows: Iterable[Row], key: str) -> datetime | None:
    """How far down these rows show the author: to the last that is not a repost. None: they show nothing own.

    A row stands where its newest post belongs, so an old root does not count; nor does what is pinned to the top.
    """
    return next((at for row in reversed(tuple(rows)) if (at := row.at(key)) is not None), None)


def _newest(rows: Iterable[Row], key: str) -> datetime | None:
    return max((at for row in rows if (at := row.at(key)) is not None), default=None)


def _token(page: Page, reaches: datetime | None, above: str) -> str:
    return f"{_ms(reaches) if reaches else above} {page.below}" if page.below else ""


def _ms(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What conversations told: threads, the posts that need no second look, and those still to be looked at."""

    entries: tuple[Entry, ...] = ()
    settled: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
