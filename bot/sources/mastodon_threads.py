"""A thread read post by post: up to its first, and down beyond what one answer shows.

Without a login Mastodon shows 40 posts above a post, 60 under it, 20 deep; a thread goes on from its own last post.
Does not decide whether a chain of posts is a thread that is wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from bot.sources.chains import Chain, Said, chain
from bot.sources.mastodon_api import Api, Server
from bot.sources.mastodon_posts import Toot

MAX_ROUNDS: Final = 20
MAX_CLIMBS: Final = 10
MAX_AFTER: Final = 5
Known = dict[str, Toot]


async def top_of(api: Api, server: Server, toot: Toot) -> tuple[Toot, Known]:
    """The first of the author's own posts that lead down to this one, and what was read on the way."""
    known = {toot.id: toot}
    for _ in range(MAX_CLIMBS):
        top = _highest(toot, known)
        if not top.goes_on or top.said.parent in known:
            break
        context = await api.context(server, top.id)
        known = {one.id: one for one in (*context.above, *context.under)} | known
        if top.said.parent not in known:  # what it answers is not shown
            break
    return _highest(toot, known), known


async def thread_under(api: Api, server: Server, top: Toot, known: Known) -> Chain:
    """The author's own posts that hang on `top`."""
    asked = {top.id}
    context = await api.context(server, top.id)
    known = {one.id: one for one in context.under} | known
    if context.cut:
        known = await _written_after(api, server, top) | known
    found = _chain(top, known)
    for _ in range(MAX_ROUNDS):
        following = _open_end(found, known, asked)
        if following is None:
            break
        asked.add(following.id)
        context = await api.context(server, following.id)
        known = {one.id: one for one in context.under} | known
        found = _chain(top, known)
    return found


async def _written_after(api: Api, server: Server, top: Toot) -> Known:
    """What the author wrote next: dozens of answers of others may have left no room in the context for it."""
    known: Known = {}
    newest = top.id
    for _ in range(MAX_AFTER):
        toots = await api.after(server, newest)
        if not toots or toots[0].id in (newest, *known):
            break
        newest = toots[0].id
        known |= {one.id: one for one in toots}
    return known


def _chain(top: Toot, known: Known) -> Chain:
    return chain(top.id, (toot.said for toot in known.values()))


def _open_end(found: Chain, known: Known, asked: Collection[str]) -> Said | None:
    """The last end of a chain that has more answers than were shown."""
    answers = Counter(toot.said.parent for toot in known.values())
    inner = {toot.said.parent for toot in known.values() if toot.said.own}
    ends = (one for one in reversed(found) if one.id not in inner and one.id not in asked)
    return next((one for one in ends if known[one.id].replies > answers[one.id]), None)


def going_on(toots: Sequence[Toot], new: Iterable[Toot]) -> Iterator[Toot]:
    """Of each new post that goes on with something further down than the page: the last post on the page towards it."""
    by_id = {toot.id: toot for toot in toots}
    for toot in new:
        top = _highest(toot, by_id)
        if top.goes_on and top.said.parent not in by_id:
            yield top


def _highest(toot: Toot, known: Mapping[str, Toot]) -> Toot:
    """The first own post that leads down to this one, as far as is known; posts in a circle lead nowhere."""
    top = toot
    for _ in known:
        above = known.get(top.said.parent) if top.goes_on else None
        if above is None or not above.said.own:
            break
        top = above
    return top
