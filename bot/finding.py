"""Which source an address belongs to, and what is there: an author, a thread, or several feeds to choose from.

Asks sources in order, and only as far as one answers. Does not follow anybody (`follow`), and knows no source by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from bot.errors import FeedGone, ParseError, SettingsError, SeveralFeeds, SourceError, SourceRefused
from bot.model import Author, Feed, Located, Resolved
from bot.protocols import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A source that may know an address, the address as that source is asked for it, and what it says of it."""

    source: Source
    address: str
    located: Located


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds. The order of `sources` is that in which they are asked."""

    sources: Mapping[str, Source]

    def candidates(self, address: str, source: str = "") -> tuple[Candidate, ...]:
        """The sources that may know an address, those that are sure first, without asking them; only `source` if that
        is given, by itself or before the address (`bluesky:name.example`). Raises `SettingsError` if there are none.
        """
        address = address.strip()
        kind, _, rest = address.partition(":")
        if kind in self.sources and source in ("", kind):
            source = kind
        elif source and source not in self.sources:
            raise SettingsError(f'there is no source "{source}"; there are {", ".join(self.sources)}')
        spellings = (address, rest) if source and kind == source else (address,)
        found = sorted(self._asked(spellings, source), key=lambda one: not one.located.sure)
        if not found:
            raise SettingsError(_unknown(address, source))
        return tuple(found)

    def _asked(self, spellings: Iterable[str], only: str) -> Iterator[Candidate]:
        for kind, source in self.sources.items():
            for spelling in spellings if only in ("", kind) else ():
                located = source.locate(spelling) if spelling else None
                if located is not None:
                    yield Candidate(source=source, address=spelling, located=located)
                    break

    def first(self, address: str, source: str = "") -> Candidate | None:
        """The source that an address belongs to before all others; None if there is none."""
        try:
            return self.candidates(address, source)[0]
        except SettingsError:
            return None

    def thread_key(self, address: str) -> str:
        """The id of the thread that an address names; the address itself where it names none."""
        try:
            found = self.candidates(address)
        except SettingsError:
            return address.strip()
        return next((one.located.thread_key for one in found if one.located.thread_key), address.strip())

    def feed_of(self, candidate: Candidate) -> Feed | None:
        """The feed of an author whom the address tells all about; None if a site must be asked first."""
        located = candidate.located
        if not (located.sure and located.feed_id and located.handle):
            return None
        plain = f"@{located.handle}"
        before_all = self.first(plain)
        ours = before_all is not None and before_all.located.feed_id == located.feed_id
        address = plain if ours else f"{located.source}:{located.handle}"
        author = Author(handle=located.handle)
        return Feed(id=located.feed_id, source=located.source, address=address, author=author)

    async def resolve(self, address: str, source: str = "") -> Resolved:
        """Look an address up: the first source that has something there. Raises `SettingsError`, `SourceError`.

        Where one has nothing, or lets nobody in, the next is asked; but not while the first one only fails for now:
        what it would have said is not known.
        """
        failures: list[tuple[str, SourceError]] = []
        for one in self.candidates(address, source):
            try:
                return await one.source.resolve(one.address)
            except SeveralFeeds:
                raise
            except SourceError as error:
                failures.append((one.source.kind, error))
                if not isinstance(error, FeedGone | SourceRefused | ParseError):
                    break
        raise _joined(failures)


def _joined(failures: list[tuple[str, SourceError]]) -> SourceError:
    """What several sources said, as one error: of the kind that says most about what helps."""
    if len(failures) == 1:
        return failures[0][1]
    reasons = "; ".join(f"{kind}: {error.reason}" for kind, error in failures)
    # What one of them refused, another kind of address may bring.
    refused = any(isinstance(error, SourceRefused) for _, error in failures)
    return SourceRefused("", reasons) if refused else SourceError("", reasons)


def _unknown(address: str, source: str) -> str:
    where = f" at {source}" if source else ""
    return (
        f'"{address}" names no author{where}: give @name (X), name.bsky.social, @name@host (Mastodon), the URL of a'
        " profile, of a feed, of a page that has one, or of one of their threads"
    )


def matching(feeds: Iterable[Feed], finder: Finder, address: str) -> Feed | None:
    """The followed author that an address (or an author's id or name) names, without the network."""
    feeds = tuple(feeds)
    wanted = address.strip().casefold().rstrip("/")
    for feed in feeds:
        names = (feed.id, feed.address, feed.author.name, feed.url, feed.author.url)
        if wanted in {name.casefold().rstrip("/") for name in names if name}:
            return feed
    try:
        found = finder.candidates(address)
    except SettingsError:
        return None
    for one in found:
        for feed in feeds:
            if _is_of(feed, one.located):
                return feed
    return None


def _is_of(feed: Feed, located: Located) -> bool:
    if feed.id == located.feed_id:
        return True
    handle = located.handle.casefold()
    return bool(handle) and feed.source == located.source and feed.author.handle.casefold() == handle


def same_author(feeds: Iterable[Feed], resolved: Resolved) -> Feed | None:
    """The followed feed of the author who was found, perhaps under another name: by the author's lasting key."""
    feed = resolved.feed
    there = (one for one in feeds if one.source == feed.source and one.author.key and one.author.key == feed.author.key)
    return next(there, None)


# -- on its way between a command and a running bot ---------------------------------------------------------


def written(resolved: Resolved) -> str:
    """What was found, as text."""
    return json.dumps(asdict(replace(resolved, cursor=dict(resolved.cursor))), ensure_ascii=False)


def read(text: str) -> Resolved:
    """What `written` wrote. Raises `ValueError`."""
    try:
        found = json.loads(text)
        feed = found["feed"]
        return Resolved(feed=Feed(**{**feed, "author": Author(**feed["author"])}), cursor=found["cursor"])
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("is nothing that was found") from error
