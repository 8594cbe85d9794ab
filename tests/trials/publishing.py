"""Threads that appear on a small unroll site while a trial runs, each a second younger than the one before."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.demo.site import SampleAuthor, SamplePost, SampleThread, UnrollSite, snowflake


class Press:
    """Publishes on one site. `published` has the threads in order, without the baseline."""

    def __init__(
        self, site: UnrollSite, authors: Sequence[SampleAuthor], chance: random.Random, *, start: datetime | None = None
    ) -> None:
        self.site = site
        self.authors = authors
        self.published: list[SampleThread] = []
        self._chance = chance
        self._start = start or datetime.now(UTC) - timedelta(hours=2)

    @property
    def keys(self) -> list[str]:
        return [thread.key for thread in self.published]

    def baseline(self, each: int = 2) -> None:
        """Threads that were there before."""
        for number, author in enumerate([*self.authors] * each):
            written = self._start - timedelta(days=1, minutes=number)
            post = SamplePost(id=snowflake(written, number), text=f"There before: {number}")
            self.site.publish(SampleThread(author=author, posts=(post,)))

    def publish(self, written: datetime | None = None) -> SampleThread:
        """Unroll a thread of one of the authors."""
        number = len(self.published) + 1
        written = written or self._start + timedelta(seconds=number)
        posts = tuple(
            SamplePost(id=snowflake(written, place), text=f"Post {place} of thread {number} & more")
            for place in range(1, self._chance.randint(1, 4) + 1)
        )
        thread = SampleThread(author=self._chance.choice(self.authors), posts=posts)
        self.published.append(thread)
        self.site.publish(thread)
        return thread
