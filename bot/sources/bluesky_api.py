"""Asks a server that speaks Bluesky's API, without a login; gives what it answers as values.

Decides nothing about what is news. What is no answer of that API is raised as the `SourceError` that it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from bot.errors import FeedGone, ParseError
from bot.http import Http
from bot.model import Author, Json
from bot.sources.bluesky_addresses import uri_of
from bot.sources.bluesky_pages import Page, Tree, read_answer, read_page, read_profile, read_tree
from bot.sources.chains import Chain, chain

PAGE: Final = 100
"""The most that the server gives at once."""
DEPTH: Final = 200
"""How deep a thread is asked for at once. The server allows 1,000, but Python's JSON reader gives up at about 490
levels of answers (two of JSON each), and earlier inside a running program.
"""
MOST_PARTS: Final = 25
"""In so many requests at the most a thread is read: 5,000 posts."""
_TREE_BODY: Final = 16 * 1024 * 1024
"""A tree has everybody's answers in it."""


class Api:
    """Asks."""

    def __init__(self, http: Http, base_url: str) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")

    async def profile(self, feed_id: str, actor: str) -> Author:
        """Who an author is, by handle or DID."""
        return read_profile(feed_id, await self.ask(feed_id, "app.bsky.actor.getProfile", {"actor": actor}))

    async def page(self, feed_id: str, did: str, below: str = "") -> Page:
        """A page of what the author wrote and reposted: the newest, or the one that the server calls `below`."""
        params = {"actor": did, "limit": str(PAGE), "filter": "posts_and_author_threads", "includePins": "false"}
        try:
            raw = await self.ask(
                feed_id, "app.bsky.feed.getAuthorFeed", {**params, **({"cursor": below} if below else {})}
            )
        except FeedGone:
            # The feed says no more than "not found" of accounts that are suspended, or switched off by their owner.
            await self.profile(feed_id, did)
            raise
        return read_page(feed_id, raw, did)

    async def thread(self, feed_id: str, did: str, rkey: str) -> tuple[Chain, Tree]:
        """The thread that begins with this post, put together from as many trees as it takes, and the first of them."""
        tree = await self._tree(feed_id, did, rkey)
        posts, cut = {seen.id: seen.said for seen in tree.posts}, list(tree.cut)
        for _ in range(MOST_PARTS - 1):
            if not cut:
                break
            try:
                part = await self._tree(feed_id, did, cut.pop())
            except FeedGone:  # deleted between the two requests
                continue
            new = {seen.id: seen.said for seen in part.posts if seen.id not in posts}
            posts |= new
            cut += [id_ for id_ in part.cut if id_ in new]
        return chain(rkey, posts.values()), tree

    async def _tree(self, feed_id: str, did: str, rkey: str) -> Tree:
        params = {"uri": uri_of(did, rkey), "depth": str(DEPTH), "parentHeight": "0"}
        raw = await self.ask(feed_id, "app.bsky.feed.getPostThread", params, max_body=_TREE_BODY)
        tree = read_tree(feed_id, raw, did)
        if tree.root.id != rkey:
            raise ParseError(feed_id, "the thread that came is another than the one asked for")
        return tree

    async def ask(
        self, feed_id: str, method: str, params: Mapping[str, str], *, max_body: int | None = None
    ) -> dict[str, Json]:
        """Call a method. An error in the answer is raised as what it says."""
        answer = await self._http.get(
            f"{self._base_url}/xrpc/{method}?{urlencode(params)}",
            feed_id=feed_id,
            headers={"Accept": "application/json"},
            max_body=max_body,
            answers=(400, 404),
        )
        return read_answer(feed_id, answer)
