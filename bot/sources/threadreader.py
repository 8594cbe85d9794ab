"""Thread Reader: authors of X whose threads somebody had unrolled there.

Finds an author's threads on `/user/NAME` and, where that page wants a login, under "More from" on any thread page of
theirs. Does not parse (`threadreader_pages`), does not unroll anything, never sends what would change the site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from bot import conditional
from bot.errors import FeedEnded, FeedGone, ParseError, SourceRefused
from bot.http import Http, Response
from bot.model import Author, Cursor, Entry, Feed, Fetched, Json, Located, NotModified, Resolved
from bot.sources import stored
from bot.sources.threadreader_addresses import KIND, feed_id_of, locate
from bot.sources.threadreader_pages import (
    Asked,
    Listing,
    ThreadPage,
    is_cut,
    marks_of,
    parse_listing,
    parse_thread,
    thread_url,
    user_url,
)

TRY_AGAIN: Final = timedelta(hours=6)
"""How long a refused author page is not asked for while a thread page stands in."""
_WAYS: Final = 3
"""How many thread ids are kept as second ways in: threads vanish."""
_KEY = re.compile(r"[0-9]{1,19}")
_LOGIN_PATH = re.compile(r"/(?:login|log_in|signin|sign_in|auth|account|session)\b")
_HINT: Final = "give the URL of any thread of theirs instead (keepcurrent follow https://…/thread/ID.html)"


class ThreadReader:
    """A `Source` that is also a `Pager`, a `Skimmer` and an `Expander`."""

    kind = KIND
    appears_late = True
    takes = "@name, the URL of a profile at x.com, or of a thread"

    def __init__(
        self, http: Http, *, clock: Callable[[], datetime], base_url: str = "https://threadreaderapp.com"
    ) -> None:
        self._http = http
        self._clock = clock
        self._base_url = base_url.rstrip("/")

    def locate(self, address: str) -> Located | None:
        """Say which author or thread `address` names, without asking."""
        return locate(address, self._base_url)

    async def resolve(self, address: str) -> Resolved:
        """Look an author up, under the name that the page spells, or the author of a thread."""
        located = self.locate(address)
        if located is None:
            raise ParseError("", f"{address} is no author and no thread that Thread Reader could have")
        if located.handle:
            return await self._resolve_author(located)
        page = await self._thread("", Author(handle=""), located.thread_key)
        author = page.entry.author
        if not author.handle:
            raise ParseError("", f"the page of thread {located.thread_key} does not say who wrote it")
        return self._resolved(feed_id_of(author.handle), author, [located.thread_key])

    async def check(self) -> None:
        """Ask for the start page; that there is none is an answer too."""
        with suppress(FeedGone):
            await self._http.get(f"{self._base_url}/", feed_id="")

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """Read the author's newest threads; from a thread page while the author page is refused."""
        return await self._read(feed, cursor, skim=False)

    async def skim(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """The same without posts, as far as the author page shows them."""
        return await self._read(feed, cursor, skim=True)

    async def _read(self, feed: Feed, cursor: Cursor, *, skim: bool) -> Fetched | NotModified:
        now = self._clock()
        bookmark = Bookmark.read(cursor)
        if bookmark.is_refused(now):
            stand_in = await self._stand_in(feed, bookmark)
            if stand_in is not None:
                return stand_in
        try:
            return await self._newest(feed, bookmark, now, skim=skim)
        except FeedEnded as gone:
            # No word of the author: whoever has a thread of theirs unrolled brings the page back.
            raise FeedGone(feed.id, gone.reason) from gone
        except SourceRefused as refusal:
            stand_in = await self._stand_in(feed, bookmark.refused(now))
            if stand_in is None:
                raise SourceRefused(feed.id, f"{refusal.reason}; {_HINT}") from refusal
            return stand_in

    async def older(self, feed: Feed, token: str) -> Fetched:
        """Read the page below `token`: a time, the smallest of the page before, or `<TIME`, for what is older still.

        `before=` counts in whole seconds, so what was written in the border's second is asked for once more: of two
        threads of one second the other may stand below.
        """
        border, is_above = int(token.removeprefix("<")), token.startswith("<")
        url = f"{user_url(self._base_url, feed.author.handle)}?ajax=true&before={border if is_above else border + 1}"
        page = self._listing(await self._http.get(url, feed_id=feed.id), feed.id, feed.author, deeper=True)
        return Fetched(entries=page.entries, cursor={}, older=_below(page.older, border, is_above=is_above))

    async def expand(self, entry: Entry) -> Entry:
        """Read one thread whole."""
        page = await self._thread(entry.feed_id, entry.author, entry.key)
        aliases = dict.fromkeys((*entry.aliases, *page.entry.aliases))
        return replace(page.entry, aliases=tuple(aliases))

    # -- asking -----------------------------------------------------------------------------------

    async def _newest(self, feed: Feed, bookmark: Bookmark, now: datetime, *, skim: bool) -> Fetched | NotModified:
        headers = conditional.request_headers(bookmark.validators_at(now))
        url = user_url(self._base_url, feed.author.handle)
        answer = await self._http.get(url, feed_id=feed.id, headers=headers, at_once=True)
        if answer.status == 304 and headers:
            return NotModified(cursor=bookmark.allowed().cursor())
        marks = marks_of(answer.body)
        if bookmark.shows(marks, now):
            return NotModified(cursor=bookmark.allowed().read_again(answer.headers).cursor())
        await self._http.alone()
        page = self._listing(answer, feed.id, feed.author, skim=skim)
        # Half a page with the whole one's ETag would be answered 304 from then on, and the other half never be read.
        bookmark = bookmark.allowed().read_at(now, {} if is_cut(answer.body) else answer.headers, marks)
        bookmark = bookmark.seen(entry.key for entry in page.entries)
        return Fetched(entries=page.entries, cursor=bookmark.cursor(), older=page.older, author=page.author)

    async def _stand_in(self, feed: Feed, bookmark: Bookmark) -> Fetched | None:
        """What a known thread's page shows of the author; None if no known thread is left."""
        for key in bookmark.threads:
            try:
                page = await self._thread(feed.id, feed.author, key)
            except FeedGone:
                bookmark = bookmark.without(key)
                continue
            entries = (page.entry, *page.more)
            cursor = bookmark.seen(entry.key for entry in entries).cursor()
            return Fetched(
                entries=entries,
                cursor=cursor,
                author=page.entry.author,
                partial=True,
                # The page's own thread may be years older than the newest ones that stand under it.
                reaches=min((one.published for one in page.more if one.published), default=page.entry.published),
            )
        return None

    async def _thread(self, feed_id: str, author: Author, key: str) -> ThreadPage:
        answer = await self._http.get(thread_url(self._base_url, key), feed_id=feed_id)
        self._expect_page(answer, feed_id)
        page = parse_thread(answer.body, Asked(feed_id=feed_id, author=author, base_url=self._base_url), key)
        moved = re.search(r"/thread/(\d{1,19})", answer.url)
        if moved and moved[1] != key:
            aliases = dict.fromkeys((*page.entry.aliases, moved[1]))
            return replace(page, entry=replace(page.entry, aliases=tuple(aliases)))
        return page

    def _listing(
        self, answer: Response, feed_id: str, author: Author, *, deeper: bool = False, skim: bool = False
    ) -> Listing:
        self._expect_page(answer, feed_id)
        asked = Asked(feed_id=feed_id, author=author, base_url=self._base_url)
        return parse_listing(answer.body, asked, deeper=deeper, skim=skim)

    @staticmethod
    def _expect_page(answer: Response, feed_id: str) -> None:
        """Raise if the answer cannot be the page: it is a 304 that nobody asked for, or redirects led to a login."""
        if answer.status == 304:
            raise ParseError(feed_id, "the site says that nothing changed, though we did not say since when")
        path = urlsplit(answer.url).path
        if _LOGIN_PATH.search(path) and not re.search(r"/(?:user|thread)/", path):
            raise SourceRefused(feed_id, "the site sends us to its login page")

    # -- resolving --------------------------------------------------------------------------------

    async def _resolve_author(self, located: Located) -> Resolved:
        wanted = Author(handle=located.handle)
        try:
            answer = await self._http.get(user_url(self._base_url, located.handle), feed_id=located.feed_id)
            page = self._listing(answer, located.feed_id, wanted)
        except SourceRefused as refusal:
            return await self._resolve_refused(located, wanted, refusal)
        return self._resolved(located.feed_id, page.author, (located.thread_key, *(one.key for one in page.entries)))

    async def _resolve_refused(self, located: Located, wanted: Author, refusal: SourceRefused) -> Resolved:
        """The author page is refused, but the address may have named a post, perhaps of a thread that is unrolled."""
        hint = SourceRefused(located.feed_id, f"{refusal.reason}; {_HINT}")
        if not located.thread_key:
            raise hint from refusal
        try:
            page = await self._thread(located.feed_id, wanted, located.thread_key)
        except FeedGone:
            raise hint from refusal
        return self._resolved(located.feed_id, page.entry.author, [located.thread_key])

    def _resolved(self, feed_id: str, author: Author, ways: Iterable[str]) -> Resolved:
        address = f"@{author.handle}"
        url = user_url(self._base_url, author.handle)
        feed = Feed(id=feed_id, source=KIND, address=address, author=author, url=url)
        return Resolved(feed=feed, cursor=Bookmark().seen(ways).cursor())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """What is in the cursor.

    `validators` and `marks` (see `marks_of`) of the author page, and since when they are the same; the newest `threads`
    known (a way in if the author page is refused), and when the author page was last refused.
    """

    validators: Mapping[str, Json] | None = None
    marks: str = ""
    since: datetime | None = None
    threads: tuple[str, ...] = ()
    refused_at: datetime | None = None

    @classmethod
    def read(cls, cursor: Cursor) -> Bookmark:
        """Read a stored cursor; what is not understood counts as absent."""
        validators = cursor.get("validators")
        return cls(
            validators=validators if isinstance(validators, dict) else None,
            marks=stored.text_in(cursor.get("marks")),
            since=stored.time_in(cursor.get("since")),
            threads=stored.texts_in(cursor.get("threads"), _is_key),
            refused_at=stored.time_in(cursor.get("refused_at")),
        )

    def cursor(self) -> Cursor:
        """As JSON, without what is empty."""
        values: dict[str, Json] = {
            "validators": dict(self.validators or {}),
            "marks": self.marks,
            "since": self.since.isoformat() if self.since and (self.validators or self.marks) else "",
            "threads": list(self.threads),
            "refused_at": self.refused_at.isoformat() if self.refused_at else "",
        }
        return stored.filled(values)

    def validators_at(self, now: datetime) -> Mapping[str, Json]:
        """The validators, unless they are so old that the site may be answering 304 for ever."""
        fresh = conditional.may_be_sent(self.since, now)
        return self.validators or {} if fresh else {}

    def shows(self, marks: str, now: datetime) -> bool:
        """Whether a page with these marks was read already, and not so long ago that it is read again in any case."""
        return bool(marks) and marks == self.marks and conditional.may_be_sent(self.since, now)

    def is_refused(self, now: datetime) -> bool:
        """Whether the author page was refused so lately that it is not asked again."""
        # A time ahead is a clock that was wrong.
        return bool(self.threads) and self.refused_at is not None and timedelta(0) <= now - self.refused_at < TRY_AGAIN

    def refused(self, now: datetime) -> Bookmark:
        """The author page was refused: what was read from it is no base for a conditional request."""
        return replace(self, refused_at=now, validators=None, marks="", since=None)

    def allowed(self) -> Bookmark:
        """The author page answered."""
        return replace(self, refused_at=None)

    def read_at(self, now: datetime, headers: Mapping[str, str], marks: str) -> Bookmark:
        """The author page was read whole, with these headers."""
        return replace(self, validators=conditional.validators(headers), marks=marks, since=now)

    def read_again(self, headers: Mapping[str, str]) -> Bookmark:
        """The author page came once more. An ETag that is new while the cards are the same is that of a token in the
        page: it is not sent, and not written down anew at each look.
        """
        return self if conditional.validators(headers) == self.validators else replace(self, validators=None)

    def seen(self, keys: Iterable[str]) -> Bookmark:
        """The newest of what was known and of `keys` are the ways in."""
        known = dict.fromkeys((*self.threads, *(key for key in keys if _is_key(key))))
        return replace(self, threads=tuple(sorted(known, key=int, reverse=True)[:_WAYS]))

    def without(self, key: str) -> Bookmark:
        """A thread's page is gone."""
        return replace(self, threads=tuple(one for one in self.threads if one != key))


def _is_key(value: str) -> bool:
    return _KEY.fullmatch(value) is not None


def _below(smallest: str, border: int, *, is_above: bool) -> str:
    """The token of the page below one whose smallest time this is; "" at the end.

    Three scrapers agree on `before=`; a site that stopped honouring it would otherwise be paged for ever.
    """
    if smallest and int(smallest) < border:
        return smallest
    return f"<{border}" if smallest == str(border) and not is_above else ""
