"""One batch to one channel: claim, compose, send, settle.

Calls things in order. Does not decide what a failure means for the queue (`schedule`), how a notice reads
(`compose`) or when the next send may start (that is the runner's lane, by `schedule.next_start`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal

from bot import schedule
from bot.compose import alert_title
from bot.composing import Composer
from bot.errors import ChannelError, ChannelRejected, DeliveryInDoubt, StoreError
from bot.model import Batch, ChannelState, Delivery, Item, Subscription
from bot.policy import Policy
from bot.protocols import Channel, Clock, Store
from bot.routing import Router, held_until

log = logging.getLogger(__name__)

Outcome = Literal["sent", "pending", "unknown", "dead"]

SETTLE_WITHIN = 2.0
"""Seconds that saving an outcome may still take while the program is being stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """What one send came to; `error` is in words, "" when the channel took the message."""

    batch: Batch
    outcome: Outcome
    started: float
    """When the send began, on the monotonic clock."""
    error: str = ""


class Unsendable(ChannelError):
    """A message of several that this program cannot make: what is wrong with one must not hold up the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What is kept of a message that a channel took: its title, and the channel's own id of it."""

    title: str
    receipt: str


class _Watch:
    """When a send began: the gap of its channel counts from there, however long the message took to be made."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.started = monotonic()

    def start(self) -> None:
        self.started = self._monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Sends what the outbox holds. `router` says how each channel wants to be told, and when it is to be quiet."""

    store: Store
    channels: Mapping[str, Channel]
    router: Router
    zone: tzinfo
    clock: Clock
    monotonic: Callable[[], float]
    chance: Callable[[], float]
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a batch is claimed: a look that has just read its rows must not write them again as waiting."""
    redact: Callable[[str], str] = str
    """Blots secrets out of a channel's reasons before they are stored: one of somebody else's may quote them."""
    _composer: Composer = field(default_factory=Composer)
    _ready: set[str] = field(default_factory=set)
    _unsaved: dict[str, tuple[tuple[Delivery, ...], ChannelState]] = field(default_factory=dict)
    _ears: dict[int, list[Dispatched]] = field(default_factory=dict)

    @contextmanager
    def heard(self) -> Iterator[list[Dispatched]]:
        """A list that takes up every send that ends while the block lasts, whoever asked for it."""
        sends: list[Dispatched] = []
        self._ears[id(sends)] = sends
        try:
            yield sends
        finally:
            del self._ears[id(sends)]

    def succeed(self, before: Dispatcher) -> None:
        """Take over the outcomes that the one before could not save."""
        self._unsaved.update(before._unsaved)

    def owes(self, name: str) -> bool:
        """Whether an outcome of that channel could not be saved yet."""
        return name in self._unsaved

    async def save(self) -> None:
        """Save every outcome that could not be saved when it came. Raises `StoreError`."""
        for name in tuple(self._unsaved):
            await self._save(name)

    async def dispatch(self, name: str) -> Dispatched | None:
        """Send the next due batch of a channel; None if nothing is due or the channel waits.

        A failure to send is settled and returned, not raised. Raises `StoreError`.
        """
        await self._save(name)
        state = await self.store.channel(name)
        now = self.clock()
        if state.next_try_at is not None and now < state.next_try_at:
            return None
        claimed = await self._claim(name, state, now)
        if claimed is None:
            return None
        batch, policies = claimed
        watch = _Watch(self.monotonic)
        done = await self._send(self.channels[name], batch, policies, state, watch)
        outcome = await self._settle(batch, done, state)
        error = done.reason if isinstance(done, ChannelError) else ""
        dispatched = Dispatched(batch=batch, outcome=outcome, started=watch.started, error=error)
        _log(dispatched)
        for sends in self._ears.values():
            sends.append(dispatched)
        return dispatched

    async def _claim(self, name: str, state: ChannelState, now: datetime) -> tuple[Batch, Sequence[Policy]] | None:
        """The next due batch that may go now, and how each of its items is told.

        What comes due in quiet hours (a further try, say, or after the settings changed) is put off to their end.
        """
        while (batch := await self._claimed(name, now)) is not None:
            policies = await self._policies(batch, now)
            ends = [end for policy in policies if (end := held_until(policy, now)) is not None]
            if not ends:
                return batch, policies
            self._unsaved[name] = schedule.put_off(batch, max(ends)), state
            await self._save(name)
        return None

    async def _claimed(self, name: str, now: datetime) -> Batch | None:
        async with self.deciding:
            return await self.store.claim(name, now)

    async def _policies(self, batch: Batch, now: datetime) -> list[Policy]:
        starts = [await self.store.poll_input(feed.id) for feed in batch.feeds]
        subscriptions = {start.feed.id: start.subscriptions for start in starts if start is not None}
        return [self._policy(item, subscriptions, now) for item in batch.items]

    def _policy(self, item: Item, subscriptions: Mapping[str, Sequence[Subscription]], now: datetime) -> Policy:
        if item.entry is None:
            return self.router.own(item.delivery.channel)
        return self.router.policy(item.delivery, item.entry, subscriptions.get(item.entry.feed_id, ()), now)

    async def send(
        self,
        channel: Channel,
        batch: Batch,
        policies: Sequence[Policy] = (),
        *,
        begins: Callable[[], None] = lambda: None,
    ) -> Sent:
        """Send a batch past the outbox, as `test` and `unroll` do. `begins` is called when the message is made and
        goes out. Raises `ChannelError`.
        """
        if channel.name not in self._ready:
            await channel.check()
            self._ready.add(channel.name)
        told_by = policies or [self.router.own(channel.name)] * len(batch.items)
        own = self.router.policies.channels.get(channel.name)
        zone = own.zone if own else self.zone
        message = await self._composer.composed(batch, channel.limits, zone, told_by)
        begins()
        return Sent(title=message.title, receipt=await channel.send(message))

    async def _send(
        self, channel: Channel, batch: Batch, policies: Sequence[Policy], before: ChannelState, watch: _Watch
    ) -> Sent | ChannelError:
        try:
            return await self.send(channel, batch, policies, begins=watch.start)
        except ChannelError as error:
            error.reason = self.redact(error.reason)
            return error
        except asyncio.CancelledError:
            # We are told to stop in mid-send: what was begun may arrive, and the outbox must say so.
            doubt = DeliveryInDoubt(channel.name, "stopped while sending")
            # If even that fails, the row stays `sending`, which the next start takes for the same.
            with suppress(TimeoutError, StoreError):
                await asyncio.wait_for(asyncio.shield(self._settle(batch, doubt, before)), SETTLE_WITHIN)
            raise
        except Exception as error:  # a thread that cannot be composed must not block what is behind it
            log.exception("delivery %s to %s: this program failed", batch.id, channel.name)
            if len(batch.items) > 1:
                return Unsendable(channel.name, f"{type(error).__name__} in this program; each is sent by itself")
            return ChannelRejected(channel.name, f"{type(error).__name__} in this program, see the log")

    async def _settle(self, batch: Batch, done: Sent | ChannelError, before: ChannelState) -> Outcome:
        now = self.clock()
        if isinstance(done, Sent):
            deliveries, state = schedule.after_sent(batch, now, title=done.title, receipt=done.receipt)
        elif isinstance(done, Unsendable):
            deliveries, state = schedule.apart(batch, done, now), before
        else:
            deliveries, state = schedule.after_error(batch, done, before, now, jitter=self.chance())
        outcome = deliveries[0].state
        if outcome == "sending":
            raise StoreError(f"delivery {deliveries[0].id} was settled without an outcome")
        self._unsaved[batch.channel] = deliveries, state
        await self._save(batch.channel)
        return outcome

    async def _save(self, name: str) -> None:
        """Save what became of the last send, also if the store failed at the first try: the disk was full, say."""
        if name in self._unsaved:
            await self.store.settle(*self._unsaved[name])
            del self._unsaved[name]


def _log(done: Dispatched) -> None:
    keys = ", ".join(entry.key for entry in done.batch.entries) or alert_title(done.batch.alerts)
    attempt = max((d.attempts for d in done.batch.deliveries), default=0)
    whose = ", ".join(feed.address for feed in done.batch.feeds) or "alert"
    text = f"delivery {done.batch.id} to {done.batch.channel} ({whose}: {keys}), attempt {attempt}"
    if done.error:
        log.warning("%s: %s: %s", text, done.outcome, done.error)
    else:
        log.info("%s: %s", text, done.outcome)
