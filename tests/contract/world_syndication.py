"""The world of `syndication`: a blog on loopback with forty articles, read as a feed, in pages."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from bot.http import Http, Response
from bot.sources.syndication import Syndication
from tests.servers.feeds import feed_site
from tests.sites import Clock


class Elsewhere:
    """An `Http` that asks another site for what is asked: a feed's address says where its site is."""

    def __init__(self, http: Http, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def get(self, url: str, **more: Any) -> Response:
        return await self._http.get(self._base_url + "/" + url.split("/", 3)[3], **more)


class SyndicationWorld:
    """Joined with `World` in the suite."""

    http: Http
    clock: Clock
    lists_whole = True
    expands = False
    not_ours = ("", "mailto:me@example.org", "two words", "@ann", "@ann@example.org", "ann", "https://x.com/ann")

    def reader(self, base_url: str) -> Syndication:
        http: Any = Elsewhere(self.http, base_url) if base_url else self.http
        return Syndication(http, clock=self.clock)

    async def start(self) -> None:
        self.stack = AsyncExitStack()
        self.site = await self.stack.enter_async_context(feed_site())
        self.blog = self.site.blog("petra", articles=40)
        self.site.blog("silent")
        self.author = f"{self.site.url}/petra/feed.xml"
        self.same_author = (
            f" {self.author}# ",
            f"<{self.author}/>",
            f"syndication:{self.author}",
            f"FEED:{self.author}",
            f"syndication:{self.author.removeprefix('http://')}",
        )
        self.silent_author = f"{self.site.url}/silent/feed.xml"
        self.unknown_author = f"{self.site.url}/nobody/feed.xml"

    async def stop(self) -> None:
        await self.stack.aclose()
        await self.http.close()

    def publish(self) -> str:
        self.blog.add(60, "New.")
        return "tag:blog,60"
