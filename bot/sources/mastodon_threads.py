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
    cut = context.cut
    for _ in range(MAX_ROUNDS):
        found = chain(top.id, (toot.said for toot in known.values()))
        following = unread(found, known, asked, cut=cut)
        if not following:
            break
        asked.add(following[-1].id)
        context = await api.context(server, following[-1].id)
        known = {one.id: one for one in context.under} | known
        cut = cut or context.cut
    return chain(top.id, (toot.said for toot in known.values()))


def unread(found: Chain, known: Mapping[str, Toot], asked: Collection[str], *, cut: bool) -> list[Said]:
    """The posts of a chain that may have more under them: its ends, and all where an answer was `cut`."""
    answers = Counter(toot.said.parent for toot in known.values())
    inner = {toot.said.parent for toot in known.values() if toot.said.own}
    return [
        one
        for one in found
        if one.id not in asked and (cut or one.id not in inner) and known[one.id].replies > answers[one.id]
    ]


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
