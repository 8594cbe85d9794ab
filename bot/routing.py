"""Where an event of a thread goes, and when: the author's channels, by the policies of each.

Pure. Says why a channel does not want it. Does not know the outbox: what is queued there already is `looks`' and
`diff`'s concern.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from bot import filters, hours
from bot.facts import facts_of
from bot.model import EVERY_CHANNEL, Delivery, Entry, EventKind, Subscription
from bot.policy import Policies, Policy

GATHERED = timedelta(minutes=15)
"""For so long, events of one author beyond a burst are gathered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One channel that wants an event: not before `due`; with all others of the digest at `slot`, if there is one, or
    with those of the same kind that `of` names.
    """

    channel: str
    due: datetime
    slot: datetime | None = None
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Where an event goes, and which channels do not want it and why. `doubts`: what could not be judged."""

    routes: tuple[Route, ...] = ()
    filtered: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why which channel does not want it, as a thread remembers it."""
        return tuple(f"{channel}: {reason}" for channel, reason in self.filtered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Routes by the settings: `channels` are the names of all, in their order."""

    channels: Sequence[str]
    policies: Policies = field(default_factory=Policies)

    def route(
        self,
        event: EventKind,
        entry: Entry,
        subscriptions: Sequence[Subscription],
        now: datetime,
        *,
        only: Collection[str] | None = None,
        told: Collection[str] = (),
    ) -> Routing:
        """Where this goes; `only` these channels. By several policies for one channel, the first that lets it pass.

        Channels that were `told` of the thread are not asked again whether they want such a thread, only whether they
        want such an event.
        """
        routes: list[Route] = []
        filtered: list[tuple[str, str]] = []
        doubts: list[str] = []
        channels = [name for name in channels_of(subscriptions, self.channels) if only is None or name in only]
        asked = {name: self._asked(entry.feed_id, name, subscriptions, told) for name in channels}
        judge = _Judge([policy for policies in asked.values() for _, policy in policies], event, entry, now)
        for channel, policies in asked.items():
            verdicts = [judge(policy) for _, policy in policies]
            doubts += (f"{channel}: {verdict.doubt}" for verdict in verdicts if verdict.doubt)
            passing = [own for (own, _), verdict in zip(policies, verdicts, strict=True) if not verdict.reason]
            if passing:
                routes.append(_timed(channel, passing[0], event, now))
            else:
                filtered.append((channel, verdicts[0].reason))
        return Routing(routes=tuple(routes), filtered=tuple(filtered), doubts=tuple(doubts))

    def policy(self, delivery: Delivery, entry: Entry, subscriptions: Sequence[Subscription], now: datetime) -> Policy:
        """By which policy a delivery is told: the one that let it pass, or the first if none does any more."""
        policies = self._policies(entry.feed_id, delivery.channel, subscriptions)
        if len(policies) == 1:
            return policies[0]
        judge = _Judge(policies, delivery.event, entry, now)
        return next((policy for policy in policies if not judge(policy).reason), policies[0])

    def own(self, channel: str) -> Policy:
        """How a channel is told of what is no author's."""
        return self.policies.channels.get(channel, self.policies.default)

    def wants(self, channel: str, event: EventKind, feed_id: str, subscriptions: Sequence[Subscription]) -> bool:
        """Whether a channel is told of such events of this author's at all."""
        return any(event in policy.events for policy in self._policies(feed_id, channel, subscriptions))

    def settle(self, feed_id: str, subscriptions: Sequence[Subscription]) -> timedelta:
        """How long a thread of the author must be quiet before its growth is told: the longest that any wants."""
        channels = channels_of(subscriptions, self.channels)
        wanted = (p.settle for channel in channels for p in self._policies(feed_id, channel, subscriptions))
        return max(wanted, default=self.policies.default.settle)

    def _asked(
        self, feed_id: str, channel: str, subscriptions: Sequence[Subscription], told: Collection[str]
    ) -> list[tuple[Policy, Policy]]:
        """Each policy for a channel, with what it is asked as."""
        policies = self._policies(feed_id, channel, subscriptions)
        return [(policy, _open(policy) if channel in told else policy) for policy in policies]

    def _policies(self, feed_id: str, channel: str, subscriptions: Sequence[Subscription]) -> tuple[Policy, ...]:
        """Never none: what is queued for a channel that nobody asks for any more goes by the channel's own."""
        return self.policies.of(feed_id, channel, subscriptions) or (self.own(channel),)


def held_until(policy: Policy, now: datetime) -> datetime | None:
    """When the quiet hours end that it is in, None if it is in none."""
    return hours.released(policy.quiet_hours, policy.zone, now) if policy.quiet_hours else None


def channels_of(subscriptions: Iterable[Subscription], every: Sequence[str]) -> tuple[str, ...]:
    """The channels that some subscriptions lead to, each once; `every` are those of the settings, in their order.

    One that is named but not in the settings counts: what is queued for it can be seen, and sent when it is back.
    """
    named = dict.fromkeys(s.channel for s in subscriptions)
    known = [name for name in every if name in named or EVERY_CHANNEL in named]
    return tuple(dict.fromkeys((*known, *(name for name in named if name != EVERY_CHANNEL))))


def delivery_id(feed_id: str, key: str, channel: str, *event: str) -> str:
    """The id of the one delivery of an event to a channel; without `event`, of the first notice."""
    return hashed(feed_id, key, channel, *event)


def row_ids(feed_id: str, key: str, places: Iterable[str]) -> Iterator[str]:
    """The ids of the deliveries that a thread's books name."""
    return (delivery_id(feed_id, key, *place.split(" ")) for place in places)


def place_of(place: str) -> tuple[str, str]:
    """The channel and the event that a place in a thread's books names."""
    channel, _, event = place.partition(" ")
    return channel, event.partition(" ")[0] or "new"


def queued(
    route: Route, entry: Entry, now: datetime, event: EventKind = "new", *, since: int = 0, batch: str = ""
) -> Delivery:
    """The delivery of an event to a channel. `batch`: what it goes out with, where it is in no digest."""
    feed_id, key, channel = entry.feed_id, entry.key, route.channel
    told = () if event == "new" else (event, str(since))
    id_ = delivery_id(feed_id, key, channel, *told)
    return Delivery(
        id=id_,
        batch=batch_of(route) or batch or id_,
        feed_id=feed_id,
        entry_key=key,
        channel=channel,
        created_at=now,
        due_at=route.due,
        event=event,
        since=since,
        version=entry.version if event == "grown" else 0,
        answers=delivery_id(feed_id, key, channel) if told else "",
    )


def gathered(routing: Routing, feed_id: str, event: EventKind, now: datetime) -> Routing:
    """The same, with all that goes at once as one notice for each channel: that of this quarter of an hour."""
    slot = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + GATHERED
    of = f"{feed_id} {event}"
    routes = (r if r.slot else replace(r, due=max(r.due, slot), slot=slot, of=of) for r in routing.routes)
    return replace(routing, routes=tuple(routes))


def batch_of(route: Route) -> str:
    """What all goes out with that is in a digest at the same time; "" where it is in none.

    By the time when it goes, quiet hours included: what several of them hold back is one message then.
    """
    return hashed(route.channel, f"digest {route.of}".strip(), route.due.isoformat()) if route.slot else ""


def hashed(*parts: str) -> str:
    """Sixteen hex digits that follow from some texts."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class _Judge:
    """Judges one event of one thread by several policies: equal filters once, all within the time that one may take.

    This holds up everything else: once for each of twenty channels, one slow expression took 1.2 s.
    """

    def __init__(self, policies: Iterable[Policy], event: EventKind, entry: Entry, now: datetime) -> None:
        searching = {filters.filters_of(policy) for policy in policies if policy.include or policy.exclude}
        self._seconds = filters.TIME / max(len(searching), 1)
        self._event: EventKind = event
        self._entry = entry
        self._now = now
        self._verdicts: dict[Hashable, filters.Verdict] = {}

    def __call__(self, policy: Policy) -> filters.Verdict:
        """Whether this policy wants it."""
        part = filters.filters_of(policy)
        if part not in self._verdicts:
            self._verdicts[part] = self._verdict(policy)
        return self._verdicts[part]

    def _verdict(self, policy: Policy) -> filters.Verdict:
        entry = self._entry
        language = self._language if policy.languages else ""
        return filters.judge(
            policy, self._event, entry, language=language, now=self._now, whole=entry.whole, seconds=self._seconds
        )

    @cached_property
    def _language(self) -> str:
        return facts_of(self._entry).language


def _open(policy: Policy) -> Policy:
    """A policy that takes every thread."""
    return replace(policy, include=(), exclude=(), min_posts=0, languages=(), max_age=None)


def _timed(channel: str, policy: Policy, event: EventKind, now: datetime) -> Route:
    """When a channel is told: at once, with its next digest; and not in its quiet hours."""
    gathered = policy.gathered(event)
    slot = hours.next_digest(gathered, policy.zone, now) if gathered else None
    due = slot or now
    return Route(channel=channel, due=held_until(policy, due) or due, slot=slot)
