"""Mastodon's world for the contract suite: a server on loopback, and a way to put another site in its place."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from bot.http import Http, Response
from bot.sources.mastodon import Mastodon
from tests.servers.mastodon import Instance, instance
from tests.sites import Clock


class Rerouted:
    """An `Http` that asks at `to` what it is to ask at `origin`: the feed itself says where its author is asked."""

    def __init__(self, http: Http, origin: str, to: str) -> None:
        self._http = http
        self._origin = origin
        self._to = to

    async def get(self, url: str, **how: Any) -> Response:
        return await self._http.get(url.replace(self._origin, self._to, 1), **how)


class MastodonWorld:
    """What `World` asks for, but for the base class, which the suite adds."""

    lists_whole = True
    site: Instance
    not_ours = (
        "", "https://example.org/some/page", "mailto:me@example.org", "two words", "@alone", "https://example.org/@a.rss"
    )  # fmt: skip
    clock: Clock
    http: Http
    source: Any

    def reader(self, base_url: str) -> Mastodon:
        there = getattr(self, "site", None)
        http: Any = Rerouted(self.http, there.url, base_url) if base_url and there else self.http
        return Mastodon(http, clock=self.clock)

    async def start(self) -> None:
        self._open = AsyncExitStack()
        self.site = await self._open.enter_async_context(instance())
        for name in ("PolarPetra", "loudvoice", "silent"):
            self.site.join(name)
        host = self.site.host
        self.author = f"@PolarPetra@{host}"
        self.silent_author, self.unknown_author = f"@silent@{host}", f"@nobody@{host}"
        self.same_author = (
            f"polarpetra@{host}",
            f"acct:POLARPETRA@{host}",
            f"mastodon:polarpetra@{host}",
            f"http://{host}/@PolarPetra",
            f"https://{host}/@PolarPetra/",
            f"{host}/@polarpetra?utm_source=x",
            f"https://{host}/@PolarPetra/117020580518794573",
            f"https://{host}/users/PolarPetra/statuses/117020580518794573",
            f"https://elsewhere.example/@PolarPetra@{host}",
        )
        for n in range(self.many):
            self.site.thread("polarpetra", f"Ice, part {n}.", "It melts.")
        self.site.thread("loudvoice", "Me.", "And me.")

    async def stop(self) -> None:
        await self._open.aclose()
        await self.http.close()

    many = 40

    def publish(self) -> str:
        return self.site.thread("polarpetra", "New.", "And more.")[0]
