"""Bluesky: authors and the threads they make by answering themselves, read from its public API without a login.

Asks only; JSON becomes values in the modules beside this one. An author is their DID: handles change and may become
somebody else's. Does not see that an author goes on under a post of long ago which was no thread yet: the server leaves
an answer out of the feed unless all that it hangs on is on the same page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.errors import FeedGone, ParseError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http
from bot.model import Author, Cursor, Entry, Feed, Fetched, Located, NotModified, Resolved
from bot.sources.bluesky_addresses import KIND, did_of, feed_id_of, is_did, is_rkey, locate, profile_url
from bot.sources.bluesky_api import Api
from bot.sources.bluesky_bookmark import Bookmark, hash_of, unexplained
from bot.sources.bluesky_pages import Page
from bot.sources.bluesky_posts import Seen
from bot.sources.chains import Chain, Wanted, chain, chains, entry_of, is_wanted, shortest
from bot.sources.json_answers import time_of

MOST_PAGES: Final = 5
"""Pages read in one look."""
MOST_ASKED: Final = 10
"""Threads asked for in one look, because a border of pages may have cut them."""


class Bluesky:
    """A `Source` that is also a `Pager` and an `Expander`."""

    kind = KIND
    takes = "name.bsky.social, another name.example, a DID, or the URL of a profile or a post"

    def __init__(
        self,
        http: Http,
        *,
        clock: Callable[[], datetime],
        base_url: str = "https://public.api.bsky.app",
        posts: Wanted = "threads",
        min_posts: int = 2,
    ) -> None:
        self._api = Api(http, base_url)
        self._clock = clock
        self._posts: Wanted = posts
        self._min_posts = min_posts

    def locate(self, address: str) -> Located | None:
        """Say which author or thread `address` names, without asking. Whose a handle is, only the network knows."""
        return locate(address)

    async def resolve(self, address: str) -> Resolved:
        """Look an author up by handle or DID."""
        located = self.locate(address)
        if located is None:
            raise ParseError("", f"{address[:200]} is no author and no thread that Bluesky could have")
        author = await self._found(located)
        author = replace(author, handle=author.handle or author.key)
        feed = Feed(id=feed_id_of(author.key), source=KIND, address=author.key, author=author, url=author.url)
        return Resolved(feed=feed)

    async def _found(self, located: Located) -> Author:
        """Who it is that an address names."""
        did = did_of(located.feed_id)
        author = await self._api.profile(located.feed_id, did or located.handle)
        if did and author.key != did:
            raise WrongAuthor(located.feed_id, f"Bluesky answers with {author.key} where {did} was asked for")
        if not did and author.handle != located.handle:
            raise WrongAuthor(
                "", f"@{located.handle} leads to @{author.handle or author.key}: follow that, if it is meant"
            )
        return author

    async def check(self) -> None:
        """Ask for what any server knows; that it does not is an answer too."""
        try:
            await self._api.ask("", "com.atproto.identity.resolveHandle", {"handle": "bsky.app"})
        except FeedGone:
            return

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """Read the author's newest posts, down to what the cursor knows; see what among them is a thread."""
        did, before = _did_of(feed), Bookmark.read(cursor)
        first = await self._api.page(feed.id, did)
        is_same = hash_of(first) == before.page
        if is_same and not before.left:
            return NotModified(cursor=before.cursor())
        pages = [first] if is_same else await self._down_to(feed.id, did, before, first)
        author = await self._author(feed, pages)
        threads, left = await self._ask_for(feed.id, author, self._candidates(before, pages))
        bookmark = before.after(pages, self._clock()).leaves(left)
        is_closed = is_same or (before.is_met(pages) and not before.is_first)
        below = "" if is_closed else _token(pages[-1].below, _reaches(pages))
        entries = self._entries(feed.id, author, [seen for page in pages for seen in page.posts], threads)
        if not entries and not below and not before.is_first:
            # Single posts only: the threads that are known are further down, and nothing is to be told of them.
            return NotModified(cursor=bookmark.cursor())
        return Fetched(
            entries=entries,
            cursor=bookmark.cursor(),
            older=below,
            author=author,
            reaches=_reaches(pages) or (self._clock() if below else None),
            shortest=shortest(self._posts, self._min_posts),
        )

    async def older(self, feed: Feed, token: str) -> Fetched:
        """Read the page below `token`: the place that was reached, and the server's own cursor for what is below it."""
        did = _did_of(feed)
        border, _, below = token.partition(" ")
        pages = [await self._api.page(feed.id, did, below)]
        while not pages[-1].items and pages[-1].below and len(pages) < MOST_PAGES:
            pages.append(await self._api.page(feed.id, did, pages[-1].below))
        posts = [seen for page in pages for seen in page.posts]
        author = _known(feed, pages)
        threads, _ = await self._ask_for(feed.id, author, self._cut(posts))
        entries = self._entries(feed.id, author, posts, threads)
        return Fetched(entries=entries, cursor={}, older=_below(pages, below, time_of(border)), reaches=_reaches(pages))

    async def expand(self, entry: Entry) -> Entry:
        """Read one thread whole. Of a post inside of one, the thread that it belongs to."""
        did = did_of(entry.feed_id) or entry.author.key
        located = None if is_did(did) else self.locate(entry.url)
        if located is not None:  # a page's address may say whose it is by the handle alone
            did = did_of(located.feed_id) or (await self._found(located)).key
            entry = replace(entry, feed_id=entry.feed_id or feed_id_of(did))
        if not is_did(did) or not is_rkey(entry.key):
            raise ParseError(entry.feed_id, f"{entry.key[:100]} is no post of an author of Bluesky")
        found, tree = await self._api.thread(entry.feed_id, did, entry.key)
        aliases = entry.aliases
        if tree.root.said.parent and is_rkey(tree.root.root):
            whole, above = await self._api.thread(entry.feed_id, did, tree.root.root)
            if entry.key in {one.id for one in whole}:
                found, tree, aliases = whole, above, (*aliases, entry.key)
        _require_author(entry, tree.root.author)
        author = replace(tree.root.author, handle=tree.root.author.handle or entry.author.handle or did)
        made = entry_of(found, feed_id=entry.feed_id, author=author, whole=True)
        return replace(made, aliases=tuple(dict.fromkeys(one for one in aliases if one != made.key)))

    # -- what is a thread -------------------------------------------------------------------------

    def _entries(
        self, feed_id: str, author: Author, posts: Sequence[Seen], threads: Iterable[Entry]
    ) -> tuple[Entry, ...]:
        """The threads among these posts in their order, then those that were asked for."""
        found = [one for one in chains(seen.said for seen in posts) if self._is_wanted(one)]
        listed = [entry_of(one, feed_id=feed_id, author=author, whole=False) for one in found]
        return tuple({entry.key: entry for entry in (*listed, *threads)}.values())

    def _is_wanted(self, found: Chain) -> bool:
        return is_wanted(found, self._posts, self._min_posts)

    def _candidates(self, before: Bookmark, pages: Sequence[Page]) -> list[str]:
        """Posts to ask for: what is left from before, and what a border between the pages may have cut.

        Not of the first page: an answer stands above what it answers, and above the first page there is nothing.
        """
        since = before.since
        if since is None:
            return []
        deeper = [seen for page in pages[1:] for seen in page.posts if seen.placed is None or seen.placed >= since]
        return list(dict.fromkeys((*before.left, *self._cut(deeper))))

    def _cut(self, posts: Sequence[Seen]) -> list[str]:
        said = [seen.said for seen in posts]
        return [id_ for id_ in unexplained(posts) if not self._is_wanted(chain(id_, said))]

    # -- asking -----------------------------------------------------------------------------------

    async def _down_to(self, feed_id: str, did: str, before: Bookmark, first: Page) -> list[Page]:
        """Pages from the first on, until all that is new is on them, or there are too many."""
        pages = [first]
        while pages[-1].below and len(pages) < MOST_PAGES and not before.is_met(pages):
            page = await self._api.page(feed_id, did, pages[-1].below)
            if page.below in {one.below for one in pages}:
                page = replace(page, below="")
            pages.append(page)
        return pages

    async def _author(self, feed: Feed, pages: Sequence[Page]) -> Author:
        """Who the author is now. Where no page shows anything of theirs, their profile has to be there."""
        if any(page.author for page in pages):
            return _known(feed, pages)
        author = await self._api.profile(feed.id, _did_of(feed))
        if author.key != _did_of(feed):
            raise WrongAuthor(feed.id, f"Bluesky answers with {author.key} where {_did_of(feed)} was asked for")
        return replace(author, handle=author.handle or feed.author.handle)

    async def _ask_for(self, feed_id: str, author: Author, ids: Sequence[str]) -> tuple[list[Entry], list[str]]:
        """Threads that begin with these posts, where there are any, and the posts that are still to be asked for."""
        entries: list[Entry] = []
        for at, id_ in enumerate(ids[:MOST_ASKED]):
            try:
                found, _ = await self._api.thread(feed_id, author.key, id_)
            except TemporarySourceError:
                return entries, list(ids[at:])
            except (FeedGone, SourceRefused, ParseError):
                continue  # the post is gone or not to be read, and others are
            if self._is_wanted(found):
                entries.append(entry_of(found, feed_id=feed_id, author=author, whole=True))
        return entries, list(ids[MOST_ASKED:])


def _did_of(feed: Feed) -> str:
    """Who is asked for. The id and the author's key are the same DID; where they are not, nobody is."""
    did = did_of(feed.id) or feed.author.key
    if not is_did(did):
        raise ParseError(feed.id, "the feed's id names no author of Bluesky")
    if feed.author.key and feed.author.key != did:
        raise WrongAuthor(feed.id, f"the feed is of {did}, and its author is {feed.author.key}")
    return did


def _known(feed: Feed, pages: Sequence[Page]) -> Author:
    """The author as the pages show them; a handle that is not proven to be theirs does not take the place of one."""
    did = _did_of(feed)
    author = next((page.author for page in pages if page.author), replace(feed.author, key=did))
    return replace(author, handle=author.handle or feed.author.handle or did, url=author.url or profile_url(did))


def _require_author(entry: Entry, author: Author) -> None:
    """Raise if the thread is not by whom it is said to be by."""
    wanted = entry.author
    if wanted.key and wanted.key != author.key:
        raise WrongAuthor(entry.feed_id, f"the thread belongs to {author.key}, not to {wanted.key}")
    named = {author.handle, author.key, ""}
    if not wanted.key and author.handle and wanted.handle.casefold() not in named:
        raise WrongAuthor(entry.feed_id, f"the thread belongs to @{author.handle}, not to @{wanted.handle}")


def _reaches(pages: Sequence[Page]) -> datetime | None:
    return next((page.reaches for page in reversed(pages) if page.reaches is not None), None)


def _token(below: str, reached: datetime | None) -> str:
    """What names the page below these: how far down they reach, and the server's cursor; "" where there is none."""
    return f"{reached.isoformat() if reached else ''} {below}" if below else ""


def _below(pages: Sequence[Page], asked: str, border: datetime | None) -> str:
    """The token of the page below; "" at the end, and where the server leads no deeper than before: in a circle."""
    reached, below = _reaches(pages), pages[-1].below
    is_circle = below == asked or (reached is not None and border is not None and reached >= border)
    return "" if is_circle else _token(below, reached or border)
