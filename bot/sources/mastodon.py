"""Mastodon, and whatever else speaks its API: authors at any host, read without a login.

Lists an author's own statuses and joins them to threads. Does not read JSON (`mastodon_posts`) nor HTML
(`mastodon_text`), never logs in, follows no boosts, and asks the author's own server only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.errors import FeedEnded, FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http
from bot.model import Author, Cursor, Entry, Feed, Fetched, Located, NotModified, Resolved
from bot.sources.chains import Chain, Wanted, chains, entry_of, is_wanted, shortest
from bot.sources.mastodon_addresses import KIND, Place, is_id, locate, of_feed, origin_of, origin_of_url, place_of
from bot.sources.mastodon_api import Api, Page, Server, no_api
from bot.sources.mastodon_bookmark import Bookmark, Token, hanging_below
from bot.sources.mastodon_posts import Profile, Toot
from bot.sources.mastodon_threads import going_on, thread_under, top_of
from bot.text import one_line, shorten

MAX_PAGES: Final = 5
"""So many pages are read in one look, to meet what the last one saw."""
MOST_PAGES: Final = 20
"""So many, where they hold nothing that could be a thread: below an empty listing nobody looks."""
MAX_PLACED: Final = 3
"""For so many posts the thread that they go on with is looked for in one look.

Four known threads with more posts at once would pass for a site that counts otherwise now (`diff.RECOUNT`)."""


class Mastodon:
    """A `Source` that is also a `Pager` and an `Expander`."""

    kind = KIND
    takes = "@name@host, or the URL of a profile or a post"

    def __init__(
        self, http: Http, *, clock: Callable[[], datetime], posts: Wanted = "threads", min_posts: int = 2
    ) -> None:
        self._api = Api(http)
        self._clock = clock
        self._posts = posts
        self._min_posts = min_posts

    def locate(self, address: str) -> Located | None:
        """Say which author or thread `address` names, without asking."""
        return locate(address)

    async def resolve(self, address: str) -> Resolved:
        """Look an author up at the server that their host names; or the author of a status, at its server."""
        located = self.locate(address)
        if located is None:
            shown = shorten(one_line(address[:1000]), 200)
            raise ParseError("", f"{shown} is no account at a Mastodon server; one looks like @user@host")
        place = place_of(located.handle) or await self._writer(address, located.thread_key)
        server, profile = await self._find(place)
        _raise_if_moved(server, profile)
        author = _author(server, profile)
        feed = Feed(id=place.feed_id, source=KIND, address=f"@{author.handle}", author=author, url=author.url)
        return Resolved(feed=feed)

    async def check(self) -> None:
        """Ask nobody: every author may be at another host."""

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """Read the author's newest statuses, down to those that the last look saw."""
        now, bookmark = self._clock(), Bookmark.read(cursor)
        server, found = await self._server(feed)
        first = await self._newest(server, bookmark.headers_at(now), found)
        if first is None:
            return NotModified(cursor=bookmark.cursor())
        page = await self._down_to(server, first, bookmark)
        listed = tuple(self._listed(server, page.toots))
        older = _below(page) if bookmark.is_first or (listed and not bookmark.meets(page.toots)) else ""
        # An old thread would pass for the end of the news, so none is looked for while there is more below.
        placed, waiting = await self._place(server, bookmark, page.toots, most=0 if older else MAX_PLACED)
        after = bookmark.after(page.toots, listed, page.headers, now).waiting(waiting)
        entries = _once((*placed, *listed))
        is_news = bool(placed) or bool(listed and after.digest != bookmark.digest)
        if not (bookmark.is_first or older or is_news):
            # Nobody writes at an account that they have left: then silence is explained.
            _raise_if_moved(server, _profile(server, page.toots))
            return NotModified(cursor=after.cursor())
        author = _writer_of(server, page.toots, found)
        return Fetched(
            entries=entries,
            cursor=after.cursor(),
            older=older,
            author=author,
            reaches=page.reaches,
            shortest=shortest(self._posts, self._min_posts),
        )

    async def older(self, feed: Feed, token: str) -> Fetched:
        """Read the page below `token`."""
        border = Token.read(token)
        if border is None:
            raise ParseError(feed.id, "not a page that can be asked for")
        server, _ = await self._server(feed)
        page = await self._api.below(server, border.below)
        _raise_if_stranger(server, page.toots)
        entries = tuple(self._listed(server, page.toots, border.hanging))
        # A server that does not know `max_id` would be paged for ever.
        is_deeper = not (border.at and page.reaches and page.reaches > border.at)
        goes_on = page.toots and page.below != border.below and is_deeper
        below = _below(page, border.hanging) if goes_on else ""
        return Fetched(entries=entries, cursor={}, older=below, reaches=page.reaches)

    async def expand(self, entry: Entry) -> Entry:
        """Read one thread whole, from any of its posts."""
        server = _server_of(entry)
        if not is_id(entry.key):
            raise FeedGone(entry.feed_id, "no server has a post of that id")
        toot = await self._api.status(server, entry.key)
        _raise_if_other(entry, toot.profile, server)
        if not toot.said.own:
            raise ParseError(entry.feed_id, "a boost, or a post that not everybody may see, is no thread")
        server = replace(server, key=toot.profile.id)
        top, known = await top_of(self._api, server, toot)
        found = await thread_under(self._api, server, top, known)
        read = self._entry(server, found, toot.profile)
        aliases = dict.fromkeys((*entry.aliases, entry.key))
        return replace(read, aliases=tuple(one for one in aliases if one != read.key))

    # -- who it is ----------------------------------------------------------------------------------

    async def _find(self, place: Place) -> tuple[Server, Profile]:
        """The account and its server: the host itself, or where the host's webfinger sends us.

        An account @user@example.org may live at social.example.org.
        """
        server = Server(origin=origin_of(place.host), feed_id=place.feed_id, place=place)
        try:
            return await self._lookup(server)
        except (FeedGone, ParseError, SourceRefused):
            elsewhere = await self._api.webfinger(server)
            if elsewhere in ("", server.origin):
                raise
        return await self._lookup(replace(server, origin=elsewhere))

    async def _lookup(self, server: Server) -> tuple[Server, Profile]:
        origin, profile = await self._api.lookup(server)
        _raise_if_suspended(server, profile)
        return replace(server, origin=origin, key=profile.id), profile

    async def _writer(self, address: str, key: str) -> Place:
        """Who wrote the post that an address names without its author, as Pleroma's do."""
        origin = origin_of_url(address if "://" in address else f"https://{address}")
        server = Server(origin=origin, feed_id="", place=Place(user="", host=origin.partition("://")[2]))
        profile = (await self._api.status(server, key)).profile
        place = place_of(profile.acct if "@" in profile.acct else f"{profile.acct}@{server.host}")
        if place is None:
            raise no_api(server)
        return place

    async def _server(self, feed: Feed) -> tuple[Server, Profile | None]:
        """Where the feed's author is asked; and their account, if it had to be looked up because its id is not known.

        A feed that nobody resolved yet says nothing but the handle; after its first look the author's page tells where.
        """
        place = of_feed(feed.id)
        if place is None:
            raise ParseError(feed.id, "not an account at a Mastodon server")
        if not is_id(feed.author.key):
            server, profile = await self._find(place)
            _raise_if_moved(server, profile)
            return replace(server, feed_id=feed.id), profile
        origin = origin_of_url(feed.url) or origin_of_url(feed.author.url) or origin_of(place.host)
        return Server(origin=origin, feed_id=feed.id, place=place, key=feed.author.key), None

    async def _newest(self, server: Server, headers: Mapping[str, str], found: Profile | None) -> Page | None:
        """The first page, surely the author's; None for "not modified". `found`: their account, just looked up."""
        try:
            page = await self._api.newest(server, headers)
        except FeedEnded:
            raise
        except FeedGone as gone:
            if found is None:
                await self._raise_if_taken(server, gone)
            raise
        if page is not None and not page.toots and found is None:
            await self._confirm(server)
        if page is not None:
            _raise_if_stranger(server, page.toots)
        return page

    async def _raise_if_taken(self, server: Server, gone: FeedGone) -> None:
        """The id is not there any more: is the name somebody else's?"""
        _, profile = await self._find(server.place)
        if profile.id != server.key:
            raise _stranger(server, profile.id) from gone

    async def _confirm(self, server: Server) -> None:
        """Raise unless there is such an account: of a suspended one Mastodon lists nothing, with 200."""
        profile = await self._api.account(server)
        if profile.id != server.key:
            raise _stranger(server, profile.id)
        _raise_if_suspended(server, profile)
        _raise_if_moved(server, profile)

    # -- threads ------------------------------------------------------------------------------------

    async def _down_to(self, server: Server, page: Page, bookmark: Bookmark) -> Page:
        """The page, with those below it that the last look did not see, as one."""
        for read in range(1, MOST_PAGES):
            if bookmark.meets(page.toots) or not page.below or (read >= MAX_PAGES and self._may_list(page.toots)):
                break
            below = await self._api.below(server, page.below)
            seen = {toot.id for toot in page.toots}
            unseen = tuple(toot for toot in below.toots if toot.id not in seen)
            page = replace(page, toots=(*page.toots, *unseen), below=below.below if unseen else "")
        return page

    def _may_list(self, toots: Iterable[Toot]) -> bool:
        return self._posts == "all" or any(toot.goes_on for toot in toots)

    def _listed(
        self, server: Server, toots: Sequence[Toot], hanging: Mapping[str, int] | None = None
    ) -> Iterator[Entry]:
        """The threads that begin among these posts.

        Whole: what the author wrote later stands above, among these or counted in `hanging`.
        """
        by_id = {toot.id: toot for toot in toots}
        for found in chains(toot.said for toot in toots):
            above = sum((hanging or {}).get(one.id, 0) for one in found)
            if is_wanted(found, self._posts, self._min_posts - above):
                entry = self._entry(server, found, by_id[found[0].id].profile, whole=not above)
                yield replace(entry, post_count=len(found) + above)

    async def _place(
        self, server: Server, bookmark: Bookmark, toots: Sequence[Toot], *, most: int
    ) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """The earlier threads that new posts go on with; and the posts for which that is yet to be found."""
        tops = {} if bookmark.is_first else {toot.id: toot for toot in going_on(toots, bookmark.new(toots))}
        wanted = list(dict.fromkeys((*bookmark.unplaced, *tops)))
        placed: list[Entry] = []
        waiting = wanted[most:]
        for id_ in wanted[:most]:
            try:
                toot = tops.get(id_) or await self._api.status(server, id_)
                placed += await self._thread_of(server, toot)
            except TemporarySourceError:
                waiting.append(id_)
            except SourceError:  # deleted meanwhile, or not shown: nothing that can be told of
                continue
        return tuple(placed), tuple(waiting)

    async def _thread_of(self, server: Server, toot: Toot) -> list[Entry]:
        """The thread that this post belongs to; none if it belongs to a talk with others."""
        top, known = await top_of(self._api, server, toot)
        if top.said.parent or not top.said.own:
            return []
        found = await thread_under(self._api, server, top, known)
        return [self._entry(server, found, top.profile)] if is_wanted(found, self._posts, self._min_posts) else []

    @staticmethod
    def _entry(server: Server, found: Chain, profile: Profile, *, whole: bool = True) -> Entry:
        return entry_of(found, feed_id=server.feed_id, author=_author(server, profile), whole=whole)


def _author(server: Server, profile: Profile) -> Author:
    return profile.author(server.place.host, server.origin)


def _writer_of(server: Server, toots: Iterable[Toot], found: Profile | None) -> Author | None:
    profile = _profile(server, toots) or found
    return _author(server, profile) if profile is not None else None


def _profile(server: Server, toots: Iterable[Toot]) -> Profile | None:
    return next((toot.profile for toot in toots if toot.profile.id == server.key), None)


def _below(page: Page, hanging: Mapping[str, int] | None = None) -> str:
    """The token of what is below a page."""
    token = Token(below=page.below, at=page.reaches, hanging=hanging_below(page.toots, hanging or {}))
    return str(token) if page.below else ""


def _server_of(entry: Entry) -> Server:
    """Where a thread is read: at the server of its page, else at that of its author."""
    located = locate(entry.url) if entry.url else None
    place = of_feed(entry.feed_id) or (place_of(located.handle) if located else None)
    origin = (origin_of_url(entry.url) if located else "") or (origin_of(place.host) if place else "")
    if not origin:
        raise ParseError(entry.feed_id, "which server has this thread is not known")
    place = place or Place(user="", host=origin.partition("://")[2])
    return Server(origin=origin, feed_id=entry.feed_id, place=place)


def _raise_if_other(entry: Entry, profile: Profile, server: Server) -> None:
    wanted = entry.author
    spelled = (profile.username, profile.acct, f"{profile.username}@{server.place.host}")
    if wanted.key:
        is_same = wanted.key == profile.id
    else:
        is_same = wanted.handle.casefold() in ("", *(one.casefold() for one in spelled))
    if not is_same:
        raise WrongAuthor(entry.feed_id, f"the thread is by @{profile.acct}, not by @{wanted.handle}")


def _raise_if_stranger(server: Server, toots: Sequence[Toot]) -> None:
    if toots and _profile(server, toots) is None:
        raise _stranger(server, toots[0].profile.id)


def _stranger(server: Server, key: str) -> WrongAuthor:
    reason = f"@{server.place.handle} belongs to somebody else now (id {key} instead of {server.key})"
    return WrongAuthor(server.feed_id, reason)


def _raise_if_suspended(server: Server, profile: Profile) -> None:
    if profile.suspended:
        raise FeedGone(server.feed_id, f"@{server.place.handle} is suspended there")


def _raise_if_moved(server: Server, profile: Profile | None) -> None:
    if profile is not None and profile.moved:
        reason = f"@{server.place.handle} has moved to @{profile.moved}; follow that instead"
        raise SourceRefused(server.feed_id, reason)


def _once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each thread once, as it stands first."""
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(entry.key, entry)
    return tuple(found.values())
