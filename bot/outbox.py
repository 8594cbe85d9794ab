"""The outbox as a person sees it: messages, each with the deliveries that go out together.

Pure. Does not read the store and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import NotFound
from bot.model import EVERY_CHANNEL, Delivery, DeliveryState, Subscription, message_key

UNSENT: tuple[DeliveryState, ...] = ("pending", "sending", "unknown", "dead")
WAITING: tuple[DeliveryState, ...] = ("pending", "unknown")
"""What is sent when its time has come."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the outbox: all deliveries that go out together."""

    deliveries: tuple[Delivery, ...]

    @property
    def first(self) -> Delivery:
        """The delivery that stands for all: they share channel, state and tries."""
        return self.deliveries[0]

    @property
    def names(self) -> frozenset[str]:
        """What it may be asked for by: its own id, those of its deliveries, and what a mail has as X-Keepcurrent-Id."""
        return frozenset((self.first.batch, message_key(self.deliveries), *(d.id for d in self.deliveries)))


def rows_of(deliveries: Iterable[Delivery]) -> list[Row]:
    """Deliveries by message, in order of creation."""
    batches: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        batches[delivery.batch, delivery.state].append(delivery)
    return [Row(tuple(batch)) for batch in batches.values()]


def stranded(
    waiting: Iterable[Delivery], subscriptions: Iterable[Subscription], channels: Iterable[str]
) -> tuple[str, ...]:
    """The channels that authors or waiting notices are meant for, but that are not among these."""
    wanted = {row.channel for row in waiting} | {wish.channel for wish in subscriptions} - {EVERY_CHANNEL}
    return tuple(sorted(wanted.difference(channels)))


def chosen(rows: Sequence[Row], ids: Iterable[str]) -> list[Row]:
    """The rows of these ids, of the message or of one delivery in it. Raises `NotFound` for an unknown one."""
    found = []
    for wanted in ids:
        matches = [row for row in rows if wanted in row.names]
        if not matches:
            raise NotFound(f"there is no delivery {wanted} in the outbox; `keepcurrent outbox list` lists them")
        found += matches
    return found
