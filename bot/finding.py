"""Which source an address belongs to, and what is there: an author, a thread, or several feeds to choose from.

Asks sources in order, and only as far as one answers. Does not follow anybody (`follow`), and knows no source by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from bot.errors import FeedGone, NotFound, ParseError, SettingsError, SeveralFeeds, SourceError, SourceRefused
from bot.model import Author, Feed, Located, Resolved
from bot.protocols import SaysWhatItTakes, Source


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
            raise SettingsError(_unknown(address, self.sources.get(source)))
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
        """The id of the thread that an address names, "" where it names none."""
        try:
            found = self.candidates(address)
        except SettingsError:
            return ""
        return next((one.located.thread_key for one in found if one.located.thread_key), "")

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


def _unknown(address: str, source: Source | None) -> str:
    if source is not None:
        takes = source.takes if isinstance(source, SaysWhatItTakes) else ""
        return f'"{address}" names no author at {source.kind}{f": give {takes}" if takes else ""}'
    return (
        f'"{address}" names no author: give @name (X), name.bsky.social, @name@host (Mastodon), the URL of a'
        " profile, of a feed, of a page that has one, or of one of their threads"
    )


# -- who of those that are followed --------------------------------------------------------------------------


def matching(feeds: Iterable[Feed], address: str, finder: Finder | None = None) -> Feed | None:
    """The followed author that an address (or an author's id, handle or name) names, without the network.

    Raises `NotFound` where it names several persons alike. Without a `finder` handles go as far as they are spelled.
    """
    found = matches(feeds, address, finder)
    if len({feed.person or feed.id for feed in found}) > 1:
        names = [feed.address for feed in found]
        names = names if len(set(names)) == len(names) else [feed.id for feed in found]
        raise NotFound(f"{address} may be any of {', '.join(names)}: give one of these")
    return found[0] if found else None


def matches(feeds: Iterable[Feed], address: str, finder: Finder | None = None) -> tuple[Feed, ...]:
    """The followed authors that an address may name. What nobody else can choose counts before what others can: a
    display name is the author's own to choose, and so comes last; an address on the profile does not count at all.
    """
    wanted = _plain(address)
    tiers = _tiers(tuple(feeds), address, wanted, finder) if wanted else iter(())
    return next(filter(None, (tuple(dict.fromkeys(tier)) for tier in tiers)), ())


def _tiers(feeds: Sequence[Feed], address: str, wanted: str, finder: Finder | None) -> Iterator[Iterable[Feed]]:
    yield (feed for feed in feeds if wanted in (_plain(feed.id), _plain(feed.address)))
    yield (feed for feed in feeds if wanted == _plain(feed.url))
    yield _located(feeds, address, finder)
    # With a finder, whose page an address is, is the sources' to say.
    handle = _handle_in(wanted) if finder is None or "/" not in wanted else ""
    yield (feed for feed in feeds if handle and handle == feed.author.handle.casefold())
    yield (feed for feed in feeds if wanted == _plain(feed.author.name))


def _plain(address: str) -> str:
    return address.strip().casefold().rstrip("/")


def _located(feeds: Iterable[Feed], address: str, finder: Finder | None) -> Iterator[Feed]:
    """Whom an address means to the sources."""
    try:
        found = finder.candidates(address) if finder is not None else ()
    except SettingsError:
        return iter(())
    return (feed for one in found for feed in feeds if _is_of(feed, one.located))


def _is_of(feed: Feed, located: Located) -> bool:
    if feed.id == located.feed_id:
        return True
    handle = located.handle.casefold()
    return bool(handle) and feed.source == located.source and feed.author.handle.casefold() == handle


def _handle_in(wanted: str) -> str:
    """The handle that is typed, or that stands at the end of a profile's address."""
    place, _, last = wanted.removeprefix("https://").removeprefix("http://").rpartition("/")
    if place and last.startswith("@") and "@" not in last[1:]:
        return f"{last[1:]}@{place.partition('/')[0]}"
    return last.removeprefix("@")


def problems_of(address: str, error: SourceError | SettingsError) -> tuple[str, ...]:
    """Why nobody was found at an address."""
    return error.problems if isinstance(error, SettingsError) else (told(address, error.reason),)


def told(address: str, reason: str) -> str:
    """What went wrong at an address, without the host twice: `dead.example: its name cannot be found`."""
    host, colon, rest = reason.partition(": ")
    return f"{address}: {rest if colon and '.' in host and host.casefold() in address.casefold() else reason}"


def same_author(feeds: Iterable[Feed], resolved: Resolved) -> Feed | None:
    """The followed feed of the author who was found: under another name, by the author's lasting key; or in another
    format, where a page names the same feed in several.
    """
    feeds, feed = tuple(feeds), resolved.feed
    keyed = (one for one in feeds if one.source == feed.source and one.author.key)
    by_key = (one for one in keyed if one.author.key == feed.author.key)
    by_id = (one for id_ in (feed.id, *resolved.same) for one in feeds if one.id == id_)
    return next(by_key, None) or (next(by_id, None) if resolved.same else None)


# -- on its way between a command and a running bot ---------------------------------------------------------


def written(resolved: Resolved) -> str:
    """What was found, as text."""
    return json.dumps(asdict(replace(resolved, cursor=dict(resolved.cursor))), ensure_ascii=False)


def read(text: str) -> Resolved:
    """What `written` wrote. Raises `ValueError`."""
    try:
        found = json.loads(text)
        feed = found["feed"]
        feed = Feed(**{**feed, "author": Author(**feed["author"])})
        return Resolved(feed=feed, cursor=found["cursor"], same=tuple(found.get("same", ())))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("is nothing that was found") from error
