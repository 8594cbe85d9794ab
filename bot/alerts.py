"""What is told of trouble: who cannot be read, what cannot be reached, what was given up, who fell silent; and its end.

Pure: looks at what an inspection has read, says what to queue and what to remember. Each trouble is told once, again
at growing distance while it lasts, and once when it is over. Does not read or save anything; knows no channel's words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median

from bot import times
from bot.model import Alert, ChannelState, Delivery, Feed, FeedState, Trouble
from bot.persons import Followed, stand_ins
from bot.routing import delivery_id

NETWORK = "network"
"""The subject of a trouble that all sources share: often it is our own network."""
FEWEST = 3
"""A source is in trouble, or out of it, when at least so many authors in a row show it."""
ENOUGH = 10
"""So many authors in a row are proof, however many there are: while a host is on hold, hardly any other is asked."""
REMINDERS = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""How long after it was told last a trouble is told again; the last one repeats."""
USUAL_GAPS = 4
"""An author is silent after so many times the usual gap between two threads."""
LATEST, FEWEST_KNOWN = 10, 5
"""The usual gap is that of the latest ten threads; with fewer than five nothing is usual."""
REASONS = 5
"""For so many reasons of one channel's dead deliveries there is an alert each; all further ones share another."""
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`after`: failures in a row before it is told. `silence`: the least that is told, 0 = none.

    `interval` is how often an author is looked at; `channels` are those that alerts go to, in their order.
    """

    channels: tuple[str, ...] = ()
    after: int = 3
    silence: timedelta = timedelta(days=7)
    interval: timedelta = timedelta(minutes=30)
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an inspection looks at. `unsent`: the outbox but for what was sent. `patience`: see there, by feed id.
    `followers`: the channels that an author's threads go to, by feed id, of those whose trouble is for good.
    """

    feeds: Sequence[Followed] = ()
    channels: Sequence[ChannelState] = ()
    unsent: Sequence[Delivery] = ()
    troubles: Sequence[Trouble] = ()
    patience: Mapping[str, timedelta | None] = field(default_factory=dict)
    followers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An alert, and the channel that must not be the one to bring it: it is about that channel. `to`: channels that
    hear of it beside those that hear of all: whoever follows an author must know that there will be nothing more.
    """

    alert: Alert
    subject: str
    not_to: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to tell, which troubles to save, and the ids of those that are over."""

    tellings: tuple[Telling, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    over: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tellings or self.troubles or self.over)


def decide(seen: Seen, rules: Rules, now: datetime) -> Decision:
    """What has become of every trouble, told and untold."""
    told = {trouble.id: _mended(trouble, now) for trouble in seen.troubles}
    sites = _sites(feed for feed, _ in seen.feeds)
    steps = list(_of_groups(_groups(seen.feeds, sites), told, rules, now))
    steps += _of_authors(seen, sites, _after(steps, told), rules, now)
    steps += _of_silence(seen, told, rules, now)
    steps += _of_channels(seen, told, rules, now)
    steps += _of_refusals(seen, told, rules, now)
    there = frozenset(_subjects(seen, sites) if told else ())
    steps += (_Step(over=trouble) for trouble in told.values() if _about(trouble) not in there)
    after = _after(steps, told)
    before = {trouble.id: trouble for trouble in seen.troubles}
    return Decision(
        tellings=tuple(step.telling for step in steps if step.telling is not None),
        troubles=tuple(trouble for id_, trouble in after.items() if before.get(id_) != trouble),
        over=tuple(id_ for id_ in before if id_ not in after),
    )


def queued(tellings: Iterable[Telling], channels: Iterable[str], now: datetime) -> tuple[Delivery, ...]:
    """The deliveries that bring alerts to channels: all that a channel hears of at once is one message."""
    tellings = tuple(tellings)
    rows: list[Delivery] = []
    every = tuple(dict.fromkeys(channels))
    for channel in dict.fromkeys((*every, *(channel for telling in tellings for channel in telling.to))):
        hearing = (telling for telling in tellings if channel in every or channel in telling.to)
        mine = [telling for telling in hearing if telling.not_to != channel]
        ids = [delivery_id("", f"alert {telling.subject} {now.isoformat()}", channel) for telling in mine]
        batch = delivery_id("", " ".join(("alerts", *ids)), channel)
        rows += (
            Delivery(
                id=id_,
                batch=batch,
                feed_id="",
                entry_key="",
                channel=channel,
                created_at=now,
                due_at=now,
                alert=telling.alert,
            )
            for id_, telling in zip(ids, mine, strict=True)
        )
    return tuple(rows)


def patience(published: Sequence[tuple[datetime, datetime]], silence: timedelta) -> timedelta | None:
    """How long after their newest thread an author is silent; None where that cannot be said.

    `published`: see `Store.dates`. It cannot be said with few threads, nor where the author had been silent for as long
    when we first saw the newest.
    """
    if len(published) < FEWEST_KNOWN:
        return None
    latest = [at for at, _ in published[:LATEST]]
    gaps = [(later - earlier) / timedelta(seconds=1) for later, earlier in pairwise(latest)]
    span: timedelta = max(silence, USUAL_GAPS * timedelta(seconds=median(gaps)))
    newest, first_seen = published[0]
    return span if first_seen - newest <= span else None


def may_be_silent(feed: Feed, state: FeedState, rules: Rules) -> bool:
    """Whether the author's threads are worth a look: their newest is older than the least silence that is told.

    Measured at the last look that was answered: while nobody looks, nobody is silent.
    """
    return rules.silence > timedelta(0) and not feed.paused and _silent_for(state) > rules.silence


def failing(state: FeedState, rules: Rules) -> bool:
    """Whether so many looks in a row failed that it is told; what will not pass is told at once."""
    return state.failures >= rules.after or is_for_good(state)


def with_final_trouble(feeds: Iterable[Followed], troubles: Iterable[Trouble]) -> list[Feed]:
    """The authors whose trouble is for good, or was told to be."""
    told = {trouble.subject for trouble in troubles if trouble.kind == "final"}
    return [feed for feed, state in feeds if is_for_good(state) or f"feed:{feed.id}" in told]


def is_for_good(state: FeedState) -> bool:
    """Whether an author's trouble will not pass by itself, and is the author's alone."""
    return state.failures > 0 and state.fault in ("stranger", "ended")


# -- one step: what becomes of one trouble -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """Something that is wrong now. `name` and `what` make its title: "@ann", "cannot be read"."""

    trouble: Trouble
    name: str
    what: str
    lines: tuple[str, ...]
    not_to: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    save: Trouble | None = None
    over: Trouble | None = None
    telling: Telling | None = None


def _begun(finding: _Finding, told: Mapping[str, Trouble], *, reminded: bool = True) -> Iterator[_Step]:
    """Tell what was not told before, and what was, at growing distance."""
    now = finding.trouble.told_at
    before = told.get(finding.trouble.id)
    if before is None or before.over_at is not None:
        yield _Step(save=finding.trouble, telling=_telling(finding, f"{finding.name} {finding.what}"))
    elif reminded and now - before.told_at >= REMINDERS[min(before.told, len(REMINDERS)) - 1]:
        again = replace(finding.trouble, since=before.since, told=before.told + 1)
        yield _Step(save=again, telling=_telling(finding, f"{finding.name} still {finding.what}"))


def _telling(finding: _Finding, title: str) -> Telling:
    alert = Alert(title=title, lines=finding.lines)
    return Telling(alert=alert, subject=finding.trouble.id, not_to=finding.not_to, to=finding.to)


def _ended(trouble: Trouble, title: str, rules: Rules, *, not_to: str = "", to: tuple[str, ...] = ()) -> _Step:
    """A trouble is over, and that is told."""
    since = f"The trouble had lasted since {times.moment(trouble.since, rules.zone)}."
    lines = (since, _quoted("It was:", trouble.reason))
    alert = Alert(title=title, lines=tuple(filter(None, lines)), over=True)
    return _Step(over=trouble, telling=Telling(alert=alert, subject=trouble.id, not_to=not_to, to=to))


def _quoted(lead: str, reason: str) -> str:
    return f"{lead} {reason[:LONGEST_REASON].rstrip('. ')}." if reason else ""


def _mended(trouble: Trouble, now: datetime) -> Trouble:
    """The trouble without a time ahead: the clock was wrong then, and no reminder would come for years."""
    over_at = None if trouble.over_at is None else min(trouble.over_at, now)
    return replace(trouble, told_at=min(trouble.told_at, now), over_at=over_at)


def _subjects(seen: Seen, sites: Mapping[str, str]) -> Iterator[str]:
    """All that a trouble may be about: who is followed, at which sites, and the channels of the settings."""
    yield from (f"feed:{feed.id}" for feed, _ in seen.feeds)
    yield from (f"source:{site}" for site in set(sites.values()))
    yield from (f"channel:{channel.channel}" for channel in seen.channels)
    if len(set(sites.values())) > 1:
        yield NETWORK


def _sites(feeds: Iterable[Feed]) -> dict[str, str]:
    """For each feed the site that it shares with others: its source, or, of a source on many hosts, the host there."""
    places = [(feed, feed.host) for feed in feeds]
    hosts: dict[str, set[str]] = {}
    for feed, host in places:
        hosts.setdefault(feed.source, set()).update(filter(None, (host,)))
    spread = {source for source, there in hosts.items() if len(there) > 1}
    return {
        feed.id: f"{feed.source} at {host}" if feed.source in spread and host else feed.source
        for feed, host in places
    }


def _about(trouble: Trouble) -> str:
    """The subject as it stands among those; a refusal is about its channel."""
    kind, _, name = trouble.subject.partition(":")
    return f"channel:{name.partition(':')[0]}" if kind == "refusal" else trouble.subject


# -- sources ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Authors who are in trouble together: those of a site, or all. Paused ones do not count."""

    subject: str
    name: str
    states: tuple[FeedState, ...]

    @property
    def trouble_id(self) -> str:
        return f"failing {self.subject}"

    def answered(self, now: datetime) -> datetime | None:
        """When anybody was answered last. Not what a wrong clock says was later than now."""
        times_ = (state.last_success_at for state in self.states)
        return max((time for time in times_ if time is not None and time <= now), default=None)


def _groups(feeds: Sequence[Followed], sites: Mapping[str, str]) -> Iterator[_Group]:
    """All authors, where there are several sites, and then each site."""
    sources: dict[str, list[FeedState]] = {}
    for feed, state in feeds:
        if not (feed.paused or is_for_good(state)):
            sources.setdefault(sites[feed.id], []).append(state)
    if len(sources) > 1:
        everyone = tuple(state for states in sources.values() for state in states)
        yield _Group(subject=NETWORK, name="every source", states=everyone)
    for source, states in sources.items():
        yield _Group(subject=f"source:{source}", name=source, states=tuple(states))


def _of_groups(groups: Iterable[_Group], told: Mapping[str, Trouble], rules: Rules, now: datetime) -> Iterator[_Step]:
    alone = True
    for group in groups:
        before = told.get(group.trouble_id)
        failed = _failed_in_a_row(group, rules, now)
        is_open = before is not None and before.over_at is None
        if failed and alone:
            yield from _begun(_group_finding(group, failed, rules, now), told)
        elif before is not None and is_open and _is_back(group):
            well = "all sources can be read again" if group.subject == NETWORK else f"{group.name} can be read again"
            step, ended = _ended(before, well, rules), replace(before, over_at=now)
            yield replace(step, over=None, save=ended) if _waits_behind(ended, group, rules) else step
        elif before is not None and before.over_at is not None and not _waits_behind(before, group, rules):
            yield _Step(over=before)
        if group.subject == NETWORK:
            # What all sources share is told once: then none of them is told.
            alone = not failed and not (is_open and not _is_back(group))


def _failed_in_a_row(group: _Group, rules: Rules, now: datetime) -> tuple[FeedState, ...]:
    """The authors who began to fail since anybody was last answered, where they are many and it lasts; else nobody.

    Many: half of all authors, or ten; who failed before that does not count. It lasts: one of them failed often
    enough, or the time for that is over (while the host is on hold, one author is asked now and then, seldom the same).
    """
    answered = group.answered(now)
    failed = tuple(s for s in group.states if s.failures and _since(s.failing_since, answered))
    others = sum(not s.failures for s in group.states)
    many = len(failed) >= max(FEWEST, min((len(failed) + others + 1) // 2, ENOUGH))
    overdue = answered is not None and now - answered >= rules.after * rules.interval
    return failed if many and (overdue or any(failing(s, rules) for s in failed)) else ()


def _since(time: datetime | None, start: datetime | None) -> bool:
    return start is None or (time is not None and time > start)


def _is_back(group: _Group) -> bool:
    """Whether several authors were answered since anybody failed."""
    failed = max((s.last_polled_at for s in group.states if s.failures and s.last_polled_at), default=None)
    answered = [s for s in group.states if not s.failures and s.last_success_at and _since(s.last_success_at, failed)]
    return len(answered) >= min(FEWEST, len(group.states)) > 0


def _waits_behind(trouble: Trouble, group: _Group, rules: Rules) -> bool:
    """Whether an author still bears failures from a trouble that is over."""
    return any(failing(s, rules) and not _asked_after(trouble, s) for s in group.states)


def _asked_after(trouble: Trouble, state: FeedState) -> bool:
    return trouble.over_at is not None and _since(state.last_polled_at, trouble.over_at)


def _after(steps: Iterable[_Step], told: Mapping[str, Trouble]) -> dict[str, Trouble]:
    """Every trouble as it is after these steps."""
    after = dict(told)
    for step in steps:
        if step.save is not None:
            after[step.save.id] = step.save
        if step.over is not None:
            after.pop(step.over.id, None)
    return after


def _is_covered(site: str, state: FeedState, troubles: Mapping[str, Trouble]) -> bool:
    """Whether an author's failures are those of the site, so that they are no trouble of their own."""
    shared = (troubles.get(f"failing {subject}") for subject in (NETWORK, f"source:{site}"))
    return any(trouble is not None and not _asked_after(trouble, state) for trouble in shared)


def _group_finding(group: _Group, failed: Sequence[FeedState], rules: Rules, now: datetime) -> _Finding:
    answered = group.answered(now)
    reason, _ = Counter(state.last_error for state in failed).most_common(1)[0]
    lines = (
        _quoted("Most often:", reason),
        f"The last {len(failed)} authors who were asked, of {len(group.states)}, could not be read.",
        f"{_answered(answered, rules).capitalize()}.",
        _site_may_have_changed(failed),
        "Nobody is reached there: the site is down, or this machine has no network."
        if all(state.fault == "unreachable" for state in failed)
        else "",
        "All of them are tried again; nothing is lost meanwhile. `keepcurrent authors` tells more.",
    )
    trouble = _trouble(group.subject, answered or now, reason, now)
    return _Finding(trouble=trouble, name=group.name, what="cannot be read", lines=tuple(filter(None, lines)))


def _answered(time: datetime | None, rules: Rules) -> str:
    return f"the last answer came {times.moment(time, rules.zone)}" if time else "there never was an answer"


def _site_may_have_changed(states: Iterable[FeedState]) -> str:
    changed = "The page is not one that keepcurrent knows: the site may have changed. A newer version may read it."
    return changed if all(state.fault == "page" for state in states) else ""


def _trouble(subject: str, since: datetime, reason: str, now: datetime) -> Trouble:
    return Trouble(subject=subject, kind="failing", since=since, told_at=now, reason=reason[:LONGEST_REASON])


# -- authors ---------------------------------------------------------------------------------------------------


def _of_authors(
    seen: Seen, sites: Mapping[str, str], told: Mapping[str, Trouble], rules: Rules, now: datetime
) -> Iterator[_Step]:
    """`told` must say already how the sources are."""
    standing_in = stand_ins(seen.feeds)
    for feed, state in seen.feeds:
        before, final = told.get(f"failing feed:{feed.id}"), told.get(f"final feed:{feed.id}")
        if feed.paused:
            continue
        if is_for_good(state):
            finding = _final_finding(feed, state, standing_in.get(feed.id), rules, now)
            yield from _begun(replace(finding, to=seen.followers.get(feed.id, ())), told, reminded=False)
            if before is not None:  # that it cannot be read says less, and ends with it
                yield _Step(over=before)
        elif final is not None:
            if not state.failures and state.last_success_at is not None:
                yield _ended(final, f"{feed.author.at} can be read again", rules, to=seen.followers.get(feed.id, ()))
        elif failing(state, rules):
            if not _is_covered(sites[feed.id], state, told):
                yield from _begun(_author_finding(feed, state, standing_in.get(feed.id), rules, now), told)
        elif before is not None and not state.failures and state.last_success_at is not None:
            yield _ended(before, f"{feed.author.at} can be read again", rules)


def _looks(failures: int) -> str:
    return "The last look" if failures == 1 else f"{failures} looks in a row"


def _stands_in(feed: Feed | None) -> str:
    return f"Meanwhile {feed.author.at} ({feed.source}) is read: what stands there is told." if feed else ""


def _final_finding(feed: Feed, state: FeedState, other: Feed | None, rules: Rules, now: datetime) -> _Finding:
    """Trouble with an author that will not pass by itself."""
    ended = state.fault == "ended"
    lines = (
        _quoted("The reason:", state.last_error),
        f"{_answered(state.last_success_at, rules).capitalize()}.",
        "It is not asked any more; `keepcurrent resume` asks again, `keepcurrent unfollow` forgets it."
        if ended
        else "Nothing of theirs is told. `keepcurrent unfollow` ends this; `follow`, after that, takes them instead.",
        _stands_in(other),
    )
    trouble = _trouble(f"feed:{feed.id}", state.last_success_at or now, state.last_error, now)
    return _Finding(
        trouble=replace(trouble, kind="final"),
        name=feed.author.at,
        what="has ended" if ended else "is somebody else's now",
        lines=tuple(filter(None, lines)),
    )


def _author_finding(feed: Feed, state: FeedState, other: Feed | None, rules: Rules, now: datetime) -> _Finding:
    lines = (
        _quoted("The reason:", state.last_error),
        f"{_looks(state.failures)} failed; {_answered(state.last_success_at, rules)}.",
        _site_may_have_changed((state,)),
        _stands_in(other),
        "It is tried again, later and later. `keepcurrent authors` tells more; `keepcurrent pause` keeps it quiet.",
    )
    return _Finding(
        trouble=_trouble(f"feed:{feed.id}", state.last_success_at or now, state.last_error, now),
        name=feed.author.at,
        what="cannot be read",
        lines=tuple(filter(None, lines)),
    )


def _of_silence(seen: Seen, told: Mapping[str, Trouble], rules: Rules, now: datetime) -> Iterator[_Step]:
    for feed, state in seen.feeds:
        before = told.get(f"silent feed:{feed.id}")
        if before is not None:
            if state.newest_at is not None and state.newest_at > before.since:
                yield _Step(over=before)
            continue
        span = seen.patience.get(feed.id)
        if span is not None and not state.failures and may_be_silent(feed, state, rules) and _silent_for(state) > span:
            yield from _begun(_silence_finding(feed, state, rules, now), told)


def _silent_for(state: FeedState) -> timedelta:
    if state.newest_at is None or state.last_success_at is None:
        return timedelta(0)
    return state.last_success_at - state.newest_at


def _silence_finding(feed: Feed, state: FeedState, rules: Rules, now: datetime) -> _Finding:
    since = state.newest_at or now
    lines = (
        f"The newest thread is of {times.moment(since, rules.zone)}: for this author that is unusually long ago.",
        "The page can be read. Either nothing was written, or it is unrolled elsewhere now.",
    )
    return _Finding(
        trouble=Trouble(subject=f"feed:{feed.id}", kind="silent", since=since, told_at=now),
        name=feed.author.at,
        what="is unusually silent",
        lines=lines,
    )


# -- channels --------------------------------------------------------------------------------------------------


def _of_channels(seen: Seen, told: Mapping[str, Trouble], rules: Rules, now: datetime) -> Iterator[_Step]:
    for channel in seen.channels:
        before = told.get(f"failing channel:{channel.channel}")
        waiting = [row for row in seen.unsent if row.channel == channel.channel and row.state != "dead"]
        if channel.failures >= rules.after and waiting:
            yield from _begun(_channel_finding(channel, waiting, rules, now), told)
        elif before is not None and _since(channel.last_sent_at, before.told_at):
            title = f"channel {channel.channel} is reached again"
            yield _ended(before, title, rules, not_to=channel.channel)
        elif before is not None and not waiting:
            # What waited there was dropped by hand: nobody knows how the channel is, and nobody needs to.
            yield _Step(over=before)


def _channel_finding(channel: ChannelState, waiting: Sequence[Delivery], rules: Rules, now: datetime) -> _Finding:
    since = min(row.created_at for row in waiting)
    notices = len({row.batch for row in waiting})
    lines = (
        _quoted("The reason:", channel.last_error),
        f"{channel.failures} sends in a row failed.",
        f"Waiting there: {notices}, the first since {times.moment(since, rules.zone)}.",
        "All of it is sent when the channel is back. `keepcurrent outbox` tells more.",
    )
    return _Finding(
        trouble=_trouble(f"channel:{channel.channel}", since, channel.last_error, now),
        name=f"channel {channel.channel}",
        what="cannot be reached",
        lines=tuple(filter(None, lines)),
        not_to=channel.channel,
    )


def _of_refusals(seen: Seen, told: Mapping[str, Trouble], rules: Rules, now: datetime) -> Iterator[_Step]:
    """Dead deliveries: once per channel and reason, not once per thread; a wrong token kills them all."""
    present: set[str] = set()
    for channel in seen.channels:
        dead = [row for row in seen.unsent if row.channel == channel.channel and row.state == "dead"]
        for subject, rows in _by_reason(channel.channel, dead).items():
            finding = _refusal_finding(subject, rows, rules, now)
            present.add(finding.trouble.id)
            before = told.get(finding.trouble.id)
            more = before is not None and any(_since(row.claimed_at, before.told_at) for row in rows)
            yield from _begun(finding, told, reminded=more)
    yield from (_Step(over=t) for t in told.values() if t.kind == "refused" and t.id not in present)


def _by_reason(channel: str, dead: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    """Dead deliveries by subject. Numbers in a reason do not make it another.

    Alerts are one subject whatever their reasons are, so that an alert about alerts ends there.
    """
    groups: dict[str, list[Delivery]] = {}
    for row in dead:
        digest = "alerts" if row.alert else delivery_id("", re.sub(r"\d+", "#", row.error), channel)
        subject = f"refusal:{channel}:{digest}"
        if subject not in groups and len(groups) >= REASONS and not row.alert:
            subject = f"refusal:{channel}:others"
        groups.setdefault(subject, []).append(row)
    return groups


def _refusal_finding(subject: str, rows: Sequence[Delivery], rules: Rules, now: datetime) -> _Finding:
    channel, reason = rows[0].channel, rows[-1].error
    since = min(row.claimed_at or row.created_at for row in rows)
    lines = (
        _quoted("The reason:", reason),
        f"Given up: {len({row.batch for row in rows})}, the first {times.moment(since, rules.zone)}.",
        "Mend the cause; then `keepcurrent outbox` names them, and `keepcurrent outbox retry ID` sends them.",
    )
    return _Finding(
        trouble=Trouble(subject=subject, kind="refused", since=since, told_at=now, reason=reason[:LONGEST_REASON]),
        name=f"notices to channel {channel}",
        what="fail for good",
        lines=tuple(filter(None, lines)),
        not_to=channel,
    )
