"""What was said about notices: for a channel, for an author, and together for one author's threads in one channel.

Pure values. Does not read settings (`settings`), judge a thread (`filters`) or know what time it is (`hours`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, time, timedelta, tzinfo
from typing import Literal

from bot.hours import Digest, QuietHours
from bot.model import EVERY_CHANNEL, EventKind, Subscription

Summary = Literal["highlights", "preview", "full"]
Updates = Literal["off", "digest", "now"]

EVERY_EVENT: frozenset[EventKind] = frozenset(("new", "grown", "gone"))
GROWTH_DAILY = Digest(every="daily", at=time(8))
"""When growth is told that is to be gathered (`updates = "digest"`) for a channel that has no digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How notices of one author's threads are made for one channel, and which. Each field is the setting of its name.

    `images`: mail may show pictures that are fetched from elsewhere. `zone`: in which times of day are meant.
    """

    summary: Summary = "highlights"
    budget: int = 600
    events: frozenset[EventKind] = EVERY_EVENT
    updates: Updates = "now"
    settle: timedelta = timedelta(minutes=10)
    digest: Digest | None = None
    quiet_hours: QuietHours | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_posts: int = 0
    languages: tuple[str, ...] = ()
    max_age: timedelta | None = None
    images: bool = False
    zone: tzinfo = UTC

    def gathered(self, event: EventKind) -> Digest | None:
        """The digest that a notice of this kind goes with; None: it goes out by itself."""
        if event == "grown" and self.updates == "digest":
            return self.digest or GROWTH_DAILY
        return self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one [[follow]] says. `feed_ids` are those of its `addresses` that can be told without asking a site.

    `channels` empty = every channel. `said` holds fields of `Policy`. `archive_media` None: as everywhere.
    """

    addresses: tuple[str, ...]
    feed_ids: frozenset[str] = frozenset()
    channels: tuple[str, ...] = ()
    said: Mapping[str, object] = field(default_factory=dict)
    archive_media: bool | None = None

    def means(self, feed_id: str, declared: str) -> bool:
        """Whether it is about that author, whom the settings file declares by that address."""
        return feed_id in self.feed_ids or declared in self.addresses

    def leads_to(self, channel: str) -> bool:
        """Whether it brings threads to that channel."""
        return not self.channels or channel in self.channels

    def over(self, policy: Policy) -> Policy:
        """A channel's policy with what this rule says otherwise."""
        return replace(policy, **self.said)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All that was said. `channels`: the channels' own, by name; `default`: that of a channel which says nothing."""

    channels: Mapping[str, Policy] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    default: Policy = Policy()
    archive_media: bool = False

    def of(self, feed_id: str, channel: str, subscriptions: Iterable[Subscription]) -> tuple[Policy, ...]:
        """Every policy by which an author's threads go to a channel, each once, in order; () if none leads there."""
        leading = [s for s in subscriptions if s.feed_id == feed_id and s.channel in (channel, EVERY_CHANNEL)]
        own = self.channels.get(channel, self.default)
        found = (policy for subscription in leading for policy in self._by(subscription, channel, own))
        return tuple(dict.fromkeys(found))

    def _by(self, subscription: Subscription, channel: str, own: Policy) -> tuple[Policy, ...]:
        rules = self._rules(subscription)
        # A subscription that no rule accounts for: the settings changed, and the store does not follow them yet.
        return tuple(rule.over(own) for rule in rules if rule.leads_to(channel)) or (own,)

    def _rules(self, subscription: Subscription) -> tuple[Rule, ...]:
        if subscription.origin != "settings":
            return ()
        return tuple(rule for rule in self.rules if rule.means(subscription.feed_id, subscription.declared))

    def keeps_media(self, feed_id: str, subscriptions: Iterable[Subscription]) -> bool:
        """Whether pictures and videos of an author's threads are kept; enough that one of several rules says so."""
        mine = [s for s in subscriptions if s.feed_id == feed_id]
        said = [rule.archive_media for s in mine for rule in self._rules(s) if rule.archive_media is not None]
        return any(said) if said else self.archive_media


def remarks(policy: Policy, said: Collection[str], known_languages: Collection[str] = ()) -> Iterator[str]:
    """What is allowed but makes little sense in a policy, and what happens then.

    `said`: the fields that were set at the place which is remarked on; what follows from others only is left to their
    place. `known_languages`: those that can be recognised; empty: not judged.
    """
    if {"include", "exclude"} & set(said):
        for pattern in policy.include:
            if pattern in policy.exclude:
                yield f"{quoted(pattern)} stands in include and in exclude: no thread that holds it is sent"
    if "languages" in said and known_languages:
        for code in sorted(set(policy.languages) - set(known_languages)):
            yield f'languages: "{code}" cannot be recognised: such a thread is sent only where its language is unsure'
    if {"budget", "summary"} <= set(said) and policy.summary != "highlights":
        yield f'budget counts for summary = "highlights" only, not for "{policy.summary}"'
    yield from _remarks_on_growth(policy, said)
    yield from _remarks_on_time(policy, said)


def _remarks_on_growth(policy: Policy, said: Collection[str]) -> Iterator[str]:
    if "updates" not in said:
        return
    if policy.updates == "now" and policy.digest:
        yield f'updates = "now" beside digest = "{policy.digest}": growth goes with the digest, as all does'
    if policy.updates == "digest" and not policy.digest:
        yield f'updates = "digest" without a digest: growth is gathered and goes out "{GROWTH_DAILY}"'
    if policy.updates != "off" and "grown" not in policy.events:
        yield f'updates = "{policy.updates}", but events leaves "grown" out: no growth is told'


def _remarks_on_time(policy: Policy, said: Collection[str]) -> Iterator[str]:
    digest, quiet = policy.digest, policy.quiet_hours
    if not {"digest", "quiet_hours"} & set(said) or digest is None or quiet is None:
        return
    if digest.every != "hourly" and quiet.hold(digest.at):
        yield f'digest = "{digest}" lies in quiet_hours = "{quiet}": it waits until they end, at {quiet.end:%H:%M}'


def quoted(pattern: str) -> str:
    """A pattern as people read it: a word in quotes, an expression in its slashes."""
    return pattern if is_expression(pattern) else f'"{pattern}"'


def is_expression(pattern: str) -> bool:
    """Whether a pattern of a filter is a regular expression: `/…/`."""
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")
