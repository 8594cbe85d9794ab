"""Asks a server that speaks Mastodon's API, without a login; gives what it answers as values.

Decides nothing about authors and threads. What is no answer of that API is raised as the `SourceError` that it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, quote, urlencode

from bot.errors import FeedEnded, FeedGone, ParseError, SourceRefused
from bot.http import Http, Response, is_challenge
from bot.sources.json_answers import instead_of_json, read_json
from bot.sources.mastodon_addresses import Place, is_id, origin_of_url
from bot.sources.mastodon_posts import Profile, Toot, read_profile, read_toot, read_toots
from bot.text import one_line, shorten

PAGE: Final = 40
"""The most that Mastodon gives at once."""
_LONGEST_PAGE: Final = 2 * PAGE
"""More is not read of a page that is longer than was asked for; the next one begins there."""
_LONGEST_CONTEXT: Final = 10_000
_REFUSALS: Final = (401, 403, 422)
"""Mastodon says 401, 403 or (older) 422 where only members may read."""
_ALMOST_FULL: Final = 50
_FULL: Final = 60
"""So many descendants Mastodon shows without a login; of those, hidden ones are then left out."""
_NEXT = re.compile(r"<([^<>]{1,2000})>\s{0,9};[^<>,]{0,200}?\brel=\"?next\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where an author is asked: the server's origin, the author's address and id, and for which feed."""

    origin: str
    feed_id: str
    place: Place
    key: str = ""

    @property
    def host(self) -> str:
        """The server's name."""
        return self.origin.partition("://")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Statuses of an author, the newest first. `below`: the id to ask for what is older, "" at the end."""

    toots: tuple[Toot, ...]
    headers: Mapping[str, str]
    below: str = ""

    @property
    def reaches(self) -> datetime | None:
        """The time of the oldest."""
        return min((toot.said.at for toot in self.toots if toot.said.at is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What stands above and under a status. `cut`: there may be more than was shown."""

    above: tuple[Toot, ...]
    under: tuple[Toot, ...]
    cut: bool


class Api:
    """Asks."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def lookup(self, server: Server) -> tuple[str, Profile]:
        """The account of that name, and the origin that answered: a host may send us on to another."""
        query = urlencode({"acct": server.place.user})
        answer = await self._get(server, f"accounts/lookup?{query}", also=(404,))
        raw = _read(server, answer)
        if answer.status == 404:
            raise FeedGone(server.feed_id, f"{server.host} has no account @{server.place.user}")
        profile = read_profile(raw)
        if profile is None or profile.username.casefold() != server.place.user.casefold():
            raise no_api(server)
        return origin_of_url(answer.url) or server.origin, profile

    async def account(self, server: Server) -> Profile:
        """The account of the author's id."""
        profile = read_profile(_read(server, await self._get(server, f"accounts/{quote(server.key)}")))
        if profile is None:
            raise no_api(server)
        return profile

    async def newest(self, server: Server, headers: Mapping[str, str]) -> Page | None:
        """The first page of the author's statuses; None for "not modified"."""
        answer = await self._statuses(server, {}, headers)
        return None if answer.status == 304 and headers else _page(server, answer)

    async def below(self, server: Server, below: str) -> Page:
        """The page of what is older than the status `below`."""
        return _page(server, await self._statuses(server, {"max_id": below}, {}))

    async def after(self, server: Server, id_: str) -> tuple[Toot, ...]:
        """What the author wrote next after a status, the newest first."""
        return _page(server, await self._statuses(server, {"min_id": id_}, {})).toots

    async def status(self, server: Server, id_: str) -> Toot:
        """One status. Raises `FeedGone` for one that is not there any more."""
        toot = read_toot(await self._of_status(server, id_), by=server.key, origin=server.origin)
        if toot is None:
            raise no_api(server)
        return toot

    async def context(self, server: Server, id_: str) -> Context:
        """What stands above and under a status."""
        raw = await self._of_status(server, f"{id_}/context")
        above, under = (raw.get("ancestors"), raw.get("descendants")) if isinstance(raw, dict) else (None, None)
        if not isinstance(above, list) or not isinstance(under, list):
            raise no_api(server)
        return Context(
            above=read_toots(above[:_LONGEST_CONTEXT], by=server.key, origin=server.origin),
            under=read_toots(under[:_LONGEST_CONTEXT], by=server.key, origin=server.origin),
            cut=_ALMOST_FULL <= len(under) <= _FULL,
        )

    async def webfinger(self, server: Server) -> str:
        """The origin of the server that the account is at; "" if its host does not say."""
        query = urlencode({"resource": f"acct:{server.place.handle}"})
        url = f"{server.origin}/.well-known/webfinger?{query}"
        try:
            answer = await self._http.get(url, feed_id=server.feed_id, headers={"Accept": "application/jrd+json"})
            raw = read_json(answer.body)
        except (SourceRefused, FeedGone, ParseError, ValueError):
            return ""
        links = raw.get("links") if isinstance(raw, dict) else None
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("rel") == "self" and isinstance(link.get("href"), str):
                return origin_of_url(link["href"])
        return ""

    async def _statuses(self, server: Server, more: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        query = urlencode({"exclude_reblogs": "true", "limit": PAGE, **more})
        return await self._get(server, f"accounts/{quote(server.key)}/statuses?{query}", headers)

    async def _of_status(self, server: Server, path: str) -> object:
        try:
            return _read(server, await self._get(server, f"statuses/{path}"))
        except FeedEnded as error:  # of the status; its author goes on
            raise FeedGone(server.feed_id, error.reason) from error

    async def _get(
        self, server: Server, path: str, headers: Mapping[str, str] | None = None, also: tuple[int, ...] = ()
    ) -> Response:
        answer = await self._http.get(
            f"{server.origin}/api/v1/{path}",
            feed_id=server.feed_id,
            headers={"Accept": "application/json", **(headers or {})},
            answers=(*_REFUSALS, *also),
        )
        if answer.status in _REFUSALS:
            raise _refusal(server, answer)
        return answer


def no_api(server: Server) -> ParseError:
    """The answer is none of Mastodon's API."""
    return ParseError(server.feed_id, f"{server.host} does not speak Mastodon's API")


def _refusal(server: Server, answer: Response) -> SourceRefused:
    if is_challenge(answer.body) or answer.headers.get("cf-mitigated") == "challenge":
        return SourceRefused(server.feed_id, f"{server.host} wants a browser to pass its challenge ({answer.status})")
    return SourceRefused(server.feed_id, f"{server.host} shows nothing without a login ({answer.status})")


def _read(server: Server, answer: Response) -> object:
    """The JSON of an answer. Raises for a page, and for an error that comes as an answer."""
    if answer.status == 304:
        raise ParseError(server.feed_id, "the server says that nothing changed, though we did not say since when")
    try:
        raw = read_json(answer.body)
    except ValueError as error:
        if instead_of_json(answer.body) != "unknown":
            raise _refusal(server, answer) from error
        raise no_api(server) from error
    if answer.status < 300 and isinstance(raw, dict) and isinstance(raw.get("error"), str):
        said = shorten(one_line(raw["error"][:1000]), 200)
        raise SourceRefused(server.feed_id, f"{server.host} answers with an error: {said}")
    return raw


def _page(server: Server, answer: Response) -> Page:
    raw = _read(server, answer)
    if not isinstance(raw, list):
        raise no_api(server)
    toots = read_toots(raw[:_LONGEST_PAGE], by=server.key, origin=server.origin)
    if raw and not toots:
        raise ParseError(server.feed_id, f"nothing that {server.host} lists is a post as we know them")
    links = answer.headers.get("Link", "") if len(raw) <= _LONGEST_PAGE else ""
    return Page(toots=toots, headers=answer.headers, below=_below(links, toots))


def _below(links: str, toots: Sequence[Toot]) -> str:
    """The id to page on from: that in the server's `next`, whose address is not asked, wherever it leads.

    Without any link (a proxy took them), or with one that has no id, the oldest post's own.
    """
    found = _NEXT.search(links[:8000])
    if links and found is None:
        return ""
    ids = parse_qs(found[1].partition("?")[2]).get("max_id", []) if found else []
    return next(filter(is_id, ids), toots[-1].id if toots else "")
