"""Bluesky's world for the contract suite: an AppView on loopback with authors and threads."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bot.http import Http
from bot.sources.bluesky import Bluesky
from tests.servers.bluesky import AppView, appview
from tests.sites import Clock


class BlueskyWorld:
    """What `World` asks for, but for the base class, which the suite adds."""

    locates = False
    author = "@polarpetra.bsky.social"
    silent_author = "@silent.example.com"
    unknown_author = "@nobody.bsky.social"
    not_ours = (
        *("", "https://example.org/some/page", "mailto:me@example.org", "two words", "@alone", "a@example.org"),
        *("https://staging.bsky.app/profile/a.bsky.social", "https://deer.social/profile/a.bsky.social"),
        *("https://bsky.app/profile/a.bsky.social/feed/x", "https://bsky.app/settings", "did:key:zQ3sh"),
    )
    many = 240
    """So many that they do not fit on one page, and that borders of pages cut some of them."""
    clock: Clock
    http: Http
    site: AppView

    def reader(self, base_url: str) -> Bluesky:
        return Bluesky(self.http, clock=self.clock, base_url=base_url or "https://public.api.bsky.app")

    async def start(self) -> None:
        self._open = AsyncExitStack()
        self.site = await self._open.enter_async_context(appview())
        self.did = self.site.join("polarpetra.bsky.social")
        loud = self.site.join("loudvoice.bsky.social")
        self.site.join("silent.example.com")
        self.same_author = (
            "polarpetra.bsky.social",
            "@PolarPetra.bsky.social",
            "\u202a@polarpetra.bsky.social\u202c",
            "https://bsky.app/profile/PolarPetra.bsky.social",
            "bsky.app/profile/polarpetra.bsky.social/?utm_source=x",
            "https://www.bsky.app/profile/polarpetra.bsky.social/post/3m00000000000",
            "https://polarpetra.bsky.social/",
            f"https://bsky.app/profile/{self.did}",
            f"https://bsky.app/profile/{self.did}/rss",
            f"at://{self.did}/app.bsky.feed.post/3m00000000000",
            "at://polarpetra.bsky.social",
            self.did,
            f"bluesky:{self.did}",
            "bluesky:polarpetra.bsky.social",
        )
        for n in range(self.many):
            uris = self.site.thread(self.did, f"Ice, part {n}.", "It melts.")
            self.site.say(loud, "Sure?", uris[0])
            self.site.say(self.did, "Yes.", self.site.say(loud, "Really?", uris[1]))
        self.site.thread(loud, "Me.", "And me.")
        self.source = self.reader(self.site.url)

    async def stop(self) -> None:
        await self._open.aclose()
        await self.http.close()

    def publish(self) -> str:
        return self.site.thread(self.did, "New.", "And more.")[0].rpartition("/")[2]
