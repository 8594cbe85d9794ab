"""Which threads' pictures are to be kept after looks at them, and that they are.

Calls things in order. Does not fetch (`media`), and does not hold up the looks or the notices: whoever runs it does so
beside them, or after them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.media import MediaKeeper
from bot.policy import Policies
from bot.poll import Polled
from bot.protocols import Store
from bot.relook import Relooked


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Keeps the pictures of those threads whose authors' policies say so."""

    store: Store
    keeper: MediaKeeper
    policies: Policies

    async def keep(self, looks: Iterable[Polled], again: Iterable[Relooked]) -> None:
        """Fetch what is missing of the threads that these looks found or saw again. Raises `StoreError`."""
        new = ((look.feed_id, entry.key) for look in looks for entry in look.new)
        seen = ((look.known.feed_id, look.known.key) for look in again if look.known.version)
        for feed_id, key in dict.fromkeys((*new, *seen)):
            await self._keep(feed_id, key)

    async def _keep(self, feed_id: str, key: str) -> None:
        start = await self.store.poll_input(feed_id)
        if start is None or not self.policies.keeps_media(feed_id, start.subscriptions):
            return
        entry = await self.store.content(feed_id, key)
        if entry is not None:
            await self.keeper.keep(entry)
