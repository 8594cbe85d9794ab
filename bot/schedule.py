"""When the next poll, the next look at a thread's own page and the next attempt to send are.

Pure: takes the time and chance (`jitter`, 0 <= jitter < 1) as arguments, sleeps nowhere, stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import conditional, rhythm
from bot.errors import (
    ChannelDown,
    ChannelError,
    ChannelRejected,
    DeliveryInDoubt,
    FeedEnded,
    HostDown,
    ParseError,
    SourceError,
    SourceUnreachable,
    WrongAuthor,
)
from bot.model import Batch, ChannelState, Cursor, Delivery, EventKind, Fault, FeedState, Known
from bot.rhythm import Rhythm

LOOK_DELAYS = (timedelta(minutes=2), timedelta(minutes=8), timedelta(minutes=25))
"""When a thread's own page is tried again after it could not be read: three further looks."""
WHOLE_WITHIN = timedelta(hours=1)
"""How long a notice waits at the most for its thread to be read whole."""
UNREACHED_MAX = timedelta(hours=1)
"""The longest back-off while nobody is reached at all."""
SWEEP_EVERY = timedelta(days=1)
"""One deeper page of the listing a day: old threads that are unrolled late stand there (a listing is in
order of the posts' own times, not of unrolling), down to the end of the listing, and then from the top again. About
2 % more requests at the default interval."""
SWEEP_AGAIN = timedelta(hours=1)
SWEEP_TRIES = 5
"""Times a deeper page is tried, 1 h, 2 h … apart."""
GAP_LASTS = timedelta(days=30)
"""How long a page is tried that news may stand on."""
CATCH_UP_AFTER = timedelta(days=1)
"""After a longer time without an answered look, all that is new of an author is one notice."""
DEEPER_PAGES = 40
"""Deeper pages read in one look at the most, where news reaches below the first: 600 threads."""
FIRST_LOOK_LASTS = 10
"""A first look may take so many times as long as any other: a person waits for a backfill of up to 40 deeper pages."""
RELOOKS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))
"""When the page of a thread is looked at again after the thread was found, or was seen to grow: five requests. A real
one was linked by a newsletter while it held half of its posts, and grew for 27 hours."""
GONE_APART = timedelta(hours=1)
"""How far apart the two looks are that do not find a thread's page before it is said to be gone."""
FREE_UPDATES = 2
"""Updates of a thread that are told as soon as it is quiet; each further one waits twice as long for the one before."""
UPDATE_APART = timedelta(hours=1)
UPDATE_APART_MAX = timedelta(days=1)
DIGEST_WITHIN = timedelta(days=9)
"""No delivery waits longer for its time: a week for a digest, and a day for quiet hours round it."""
UNREAD_SETTLES = 3
"""After so many spans of quiet in which its page could not be read again, growth is told as it was seen."""
FIRST_RETRY = timedelta(seconds=10)
DELIVERY_RETRY_MAX = timedelta(hours=1)
CHANNEL_RETRY_MAX = timedelta(minutes=5)
RETRY_AFTER_MAX = conditional.LONGEST_PAUSE
MIN_ATTEMPTS = 24
GIVE_UP_AFTER = timedelta(days=14)
"""A delivery that cannot be sent is dead when it is so old and was tried at least so often: a bot that was off for a
month tries all that waits first. Mail queues give up after about five days; a server may be gone over the holidays."""
TOGETHER = 24
"""Tries in which a message that fails waits no longer than its channel, where others failed beside it: two hours."""
MAX_DOUBTS = 12
"""Tries after which one that may have arrived is the last, about three hours on: a server that takes each message
and answers too late would else have a copy of it for every try."""
KEEP_SENT = timedelta(days=30)
"""How long the outbox remembers what was sent; the threads themselves stay known for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often an author is looked at.

    `price`: what a look is worth, in seconds that posts wait (see `rhythm`); None: every author is looked at each
    `interval`.
    """

    interval: timedelta = timedelta(minutes=30)
    min_interval: timedelta = timedelta(minutes=10)
    max_interval: timedelta = timedelta(hours=12)
    burst: int = 5
    price: float | None = None


# -- polling ------------------------------------------------------------------------------------------------


def spread(delay: timedelta, jitter: float) -> timedelta:
    """Move a delay by up to a tenth either way, so that authors do not come due together."""
    return delay * (0.9 + 0.2 * jitter)


def next_poll(pace: Pace, now: datetime, *, failures: int, jitter: float, not_before: datetime | None) -> datetime:
    """When to look again after `failures` failed looks in a row. A site's own `not_before` always counts."""
    backed_off: timedelta = pace.interval * 2 ** min(max(failures - 1, 0), 16)
    usual = min(max(backed_off, pace.min_interval), pace.max_interval)
    # Spread inward at the bounds, so that authors who all fail do not come due together either.
    soonest, latest = max(usual * 0.9, pace.min_interval), min(usual * 1.1, pace.max_interval)
    delay = soonest + (latest - soonest) * jitter
    return max(now + delay, not_before) if not_before else now + delay


def after_success(
    state: FeedState,
    pace: Pace,
    now: datetime,
    *,
    cursor: Cursor,
    jitter: float,
    not_before: datetime | None = None,
) -> FeedState:
    """The state after a look that was answered, with the bookmark that it left. `not_before`: when the site says that
    there may be something new; it puts the next look off to `max_interval` at the most.
    """
    return replace(
        state,
        cursor=cursor,
        last_polled_at=now,
        last_success_at=now,
        failures=0,
        failing_since=None,
        last_error="",
        fault="",
        held_until=None,
        next_poll_at=_planned(state.rhythm, pace, now, jitter, not_before),
    )


def _planned(known: Rhythm | None, pace: Pace, now: datetime, jitter: float, not_before: datetime | None) -> datetime:
    """When to look again after a look at `now` that was answered."""
    longest = max(pace.max_interval, pace.min_interval)
    if known is None or pace.price is None:
        usual = next_poll(pace, now, failures=0, jitter=jitter, not_before=None)
    else:
        usual = rhythm.next_look(
            known, now, pace.price, shortest=pace.min_interval, longest=longest, jitter=jitter
        )
    return max(usual, min(not_before or usual, now + longest))


def learned(
    state: FeedState,
    pace: Pace,
    now: datetime,
    *,
    before: datetime | None,
    posts: Sequence[datetime | None],
    jitter: float,
    not_before: datetime | None = None,
) -> FeedState:
    """The state after a look at `now` that showed `posts` for the first time, and the next look by what that tells.

    `before`: the look before, None for the first one: then what is there already tells of the author, where it is
    dated. See `rhythm.learned` for the times of posts.
    """
    if before is None or state.rhythm is None:
        dates = [post for post in posts if post is not None]
        known = rhythm.from_history(dates, now) if before is None and dates else rhythm.new(now)
    else:
        known = rhythm.learned(state.rhythm, before, now, posts)
    return replace(state, rhythm=known, next_poll_at=_planned(known, pace, now, jitter, not_before))


def after_failure(state: FeedState, error: SourceError, pace: Pace, now: datetime, *, jitter: float) -> FeedState:
    """The state after a look that failed: later and later, and nothing else changes."""
    failures = state.failures + 1
    due = next_poll(pace, now, failures=failures, jitter=jitter, not_before=error.not_before)
    if isinstance(error, SourceUnreachable):
        # Nobody is spared by waiting longer, and after a night without a network the news should not wait till noon.
        soon = now + max(max(pace.interval, UNREACHED_MAX) * (0.9 + 0.1 * jitter), pace.min_interval)
        due = min(due, soon)
    return replace(
        state,
        last_polled_at=now,
        failures=failures,
        failing_since=(state.failing_since if state.failures else None) or now,
        last_error=error.reason,
        fault=_fault(error),
        held_until=error.not_before,
        next_poll_at=due,
    )


_FAULTS: tuple[tuple[type[SourceError], Fault], ...] = (
    (SourceUnreachable, "unreachable"),
    (FeedEnded, "ended"),
    (WrongAuthor, "stranger"),
    (ParseError, "page"),
)


def _fault(error: SourceError) -> Fault:
    return next((fault for kind, fault in _FAULTS if isinstance(error, kind)), "")


def may_be_early(state: FeedState, pace: Pace, now: datetime) -> bool:
    """Whether a feed that is well may be looked at before its time: not just now, nor before the site wants it."""
    if not state.baselined or state.failures or is_held(state, now) or state.last_polled_at is None:
        return False
    since = now - state.last_polled_at
    own = _planned(state.rhythm, pace, state.last_polled_at, 1.0, None)
    put_off = state.next_poll_at is not None and state.next_poll_at > own
    return since >= pace.min_interval and not put_off


def resumed(state: FeedState) -> FeedState:
    """The state of a feed that had ended, once a person wants it to be asked again."""
    return replace(state, fault="", next_poll_at=None) if state.fault == "ended" else state


def catching_up(state: FeedState, pace: Pace, now: datetime) -> bool:
    """Whether the last answered look is so long ago that what is new now comes as one digest, however few it is.

    The bot was off, the author dead or paused, a backup put back; or the clock was wrong then, or is now.
    """
    if state.last_success_at is None:
        return False
    return abs(now - state.last_success_at) > max(CATCH_UP_AFTER, 2 * pace.max_interval)


def held_back(state: FeedState, not_before: datetime | None) -> FeedState:
    """The state where a page of the author's asked for a pause, though the listing was answered."""
    if not_before is None:
        return state
    later = max(state.next_poll_at or not_before, not_before)
    return replace(state, held_until=not_before, next_poll_at=later)


def after_hold(state: FeedState, error: SourceError, now: datetime, *, jitter: float) -> FeedState:
    """The state after a look that was not made, because the whole host is on hold: no failure of this author."""
    until = asked_again(error, now)
    held_until = state.held_until if isinstance(error, HostDown) else until
    return replace(state, held_until=held_until, next_poll_at=until + timedelta(seconds=60 * jitter))


def asked_again(error: SourceError, now: datetime) -> datetime:
    """When a host may be asked again that is on hold: by its own word, or because it did not answer others."""
    return error.until if isinstance(error, HostDown) else error.not_before or now + FIRST_RETRY


def is_held(state: FeedState, now: datetime) -> bool:
    """Whether the site's own Retry-After is in force."""
    return state.held_until is not None and now < state.held_until


def gaps(before: FeedState, below: str) -> Iterator[tuple[str, datetime | None]]:
    """Where to read on, from which page down to what time: `below` a first page that does not reach back to the look
    before, and where an earlier look broke off.
    """
    if below:
        yield below, before.last_success_at
    if before.gap:
        yield before.gap, before.gap_since


def gap_left(state: FeedState, before: FeedState, token: str, now: datetime) -> FeedState:
    """The state after reading down broke off at a page ("": it did not): the next look goes on there.

    What lies below that page, an earlier gap too, is read again on the way. A page that cannot be had for a month is
    given up.
    """
    since = before.gap_since or before.last_success_at
    if not token or (since is not None and now - since > GAP_LASTS):
        return replace(state, gap="", gap_since=None)
    return replace(state, gap=token, gap_since=since)


def sweep_due(state: FeedState, now: datetime) -> bool:
    """Whether a deeper page of the listing is to be read along with this look."""
    return state.baselined and (state.sweep_at is None or state.sweep_at <= now)


def swept(state: FeedState, older: str, now: datetime) -> FeedState:
    """The state after a deeper page was read whose own next page is `older` ("": the end; then from the top again)."""
    return replace(state, sweep=older, sweep_failures=0, sweep_at=now + SWEEP_EVERY)


def sweep_from(state: FeedState, token: str, now: datetime, *, failed: bool) -> FeedState:
    """The state after reading deeper broke off: the next sweep goes on at `token`, soon."""
    if not failed:
        return replace(state, sweep=token, sweep_at=now)
    failures = state.sweep_failures + 1
    if failures > SWEEP_TRIES:
        # This page cannot be had: start again below the first page, tomorrow.
        return swept(state, "", now)
    return replace(state, sweep=token, sweep_failures=failures, sweep_at=now + SWEEP_AGAIN * failures)


def quiet_from(latest: datetime | None, first_seen: datetime, settle: timedelta, now: datetime) -> datetime | None:
    """Until when a new thread may still be being written, by the time of its newest post; None: tell of it now.

    A thread that is written for hours is told of all the same; what comes later is growth.
    """
    if latest is None:
        return None
    quiet, deadline = min(latest, now) + settle, first_seen + told_within(settle)
    return quiet if now < quiet <= deadline else None


def told_within(settle: timedelta) -> timedelta:
    """How long a new thread waits at the most before it is told of."""
    return max(WHOLE_WITHIN, 2 * settle)


def next_look(looks: int, now: datetime, jitter: float) -> datetime | None:
    """When to try a thread's own page again after `looks` failed reads; None when there were enough."""
    if looks == 0:
        return now
    return now + spread(LOOK_DELAYS[looks - 1], jitter) if looks <= len(LOOK_DELAYS) else None


# -- threads that are known ---------------------------------------------------------------------------------


def next_relook(since: datetime, now: datetime, jitter: float) -> datetime | None:
    """When a thread that was found, or last changed, at `since` is looked at again; None when that was often enough."""
    # By what has passed, not by a count: after a pause of the bot the looks that were missed are one.
    if since - now > RELOOKS[1]:
        # The clock was wrong then, or is now: how old the thread is nobody knows.
        return now + spread(RELOOKS[-2], jitter)
    since = min(since, now)
    ahead = (delay for delay in RELOOKS if now - since < delay * 0.9)
    return next((since + spread(delay, jitter) for delay in ahead), None)


def quiet_at(known: Known, now: datetime, settle: timedelta) -> datetime:
    """When growth may be told: `settle` after a thread's last change, and not too soon after its last update."""
    return max(min(known.grown_at or now, now) + settle, damped_until(known, now))


def damped_until(known: Known, now: datetime) -> datetime:
    """Until when a thread that was told of before is not told of again, however much it changes."""
    if known.updates < FREE_UPDATES or known.updated_at is None:
        return now
    apart: timedelta = min(UPDATE_APART * 2 ** min(known.updates - FREE_UPDATES, 8), UPDATE_APART_MAX)
    return min(known.updated_at, now) + apart


def after_relook(known: Known, now: datetime, *, settle: timedelta, jitter: float) -> Known:
    """The thread with the time of its next look: when it may be quiet, or as it gets older."""
    if known.told < known.version:
        # At least a minute ahead: with `settle = "0s"` a page must not be asked in a circle.
        return replace(known, look_at=max(quiet_at(known, now, settle), now + timedelta(minutes=1)))
    return replace(known, look_at=next_relook(known.grown_at or known.first_seen, now, jitter))


def relook_failed(known: Known, now: datetime, *, settle: timedelta, jitter: float) -> Known:
    """The same after a look that failed: soon again where growth waits to be told."""
    if known.told < known.version:
        return replace(known, look_at=now + max(settle, RELOOKS[0]))
    later = next_relook(known.grown_at or known.first_seen, now, jitter)
    # The last look of the schedule is made up for, a day later, once.
    missed = later is None and now - (known.grown_at or known.first_seen) < RELOOKS[-1] + timedelta(days=1)
    return replace(known, look_at=now + timedelta(days=1) if missed else later)


def unwatched(known: Known) -> Known:
    """A thread whose source lists it whole: its page is looked at only for what is still to be told."""
    return known if known.state == "waiting" or known.told < known.version else replace(known, look_at=None)


def after_oddity(known: Known, now: datetime) -> Known:
    """A thread that this program failed to look at: later, as what waits for it can."""
    return replace(known, look_at=now + RELOOKS[1])


def is_lately(known: Known, event: EventKind, now: datetime) -> bool:
    """Whether a thread was told to have grown, or to be gone, within the last hour."""
    told = known.gone_at if event == "gone" else known.updated_at
    return told is not None and timedelta(0) <= now - told < timedelta(hours=1)


def is_overdue(known: Known, now: datetime, settle: timedelta) -> bool:
    """Whether growth waits so long for a page that cannot be read that it is told as it was seen."""
    if known.told >= known.version or known.grown_at is None:
        return False
    return now - known.grown_at >= max(UNREAD_SETTLES * settle, timedelta(minutes=30))


# -- a clock that was wrong -----------------------------------------------------------------------------------


def mended_state(state: FeedState, pace: Pace, now: datetime) -> FeedState:
    """The state without times further ahead than any that are ever set: the clock was wrong when they were."""
    furthest = now + max(pace.max_interval, RETRY_AFTER_MAX) * 1.1
    known = state.rhythm
    latest = max(known.at, known.last or known.at) if known else now
    if max(state.next_poll_at or now, state.held_until or now, state.sweep_at or now, latest) <= furthest:
        return state
    return replace(
        state,
        rhythm=None if latest > furthest else known,
        next_poll_at=_not_beyond(state.next_poll_at, furthest, now),
        held_until=_not_beyond(state.held_until, furthest, None),
        sweep_at=_not_beyond(state.sweep_at, furthest, now),
    )


def mended_look(known: Known, now: datetime) -> Known:
    """The same for a thread that is to be read again."""
    furthest = RETRY_AFTER_MAX if known.state == "waiting" else RELOOKS[-1]
    return replace(known, look_at=_not_beyond(known.look_at, now + furthest * 1.2, now))


def mended_delivery(delivery: Delivery, now: datetime) -> Delivery:
    """The same for a delivery; one for a weekly digest may wait for days."""
    due = _not_beyond(delivery.due_at, now + DIGEST_WITHIN, now)
    return replace(delivery, due_at=due or now)


def mended_channel(channel: ChannelState, now: datetime) -> ChannelState:
    """The same for a channel."""
    return replace(channel, next_try_at=_not_beyond(channel.next_try_at, now + RETRY_AFTER_MAX * 1.1, None))


def _not_beyond(time: datetime | None, furthest: datetime, instead: datetime | None) -> datetime | None:
    return instead if time is not None and time > furthest else time


# -- sending ------------------------------------------------------------------------------------------------


def retry_delay(attempts: int, longest: timedelta, jitter: float) -> timedelta:
    """10 s, 20 s, 40 s … up to `longest`, after that many attempts in vain; up to a quarter later by chance."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(max(attempts - 1, 0), 16)
    return min(doubled, longest) * (1 + 0.25 * jitter)


def after_sent(
    batch: Batch, now: datetime, *, title: str = "", receipt: str = ""
) -> tuple[tuple[Delivery, ...], ChannelState]:
    """What becomes of a batch that its channel took, as a message of that `title` and with that id of its own."""
    alone = title if len(batch.items) == 1 else ""
    sent = tuple(
        replace(d, state="sent", sent_at=now, error="", earlier=d.earlier or d.error, titled=alone, receipt=receipt)
        for d in batch.deliveries
    )
    return sent, ChannelState(channel=batch.channel, last_sent_at=now)


def apart(batch: Batch, error: ChannelError, now: datetime) -> tuple[Delivery, ...]:
    """What of a message of several becomes messages of their own, since together they could not be made into one."""
    return tuple(
        replace(d, state="unknown" if d.doubtful else "pending", batch=d.id, due_at=now, error=error.reason)
        for d in batch.deliveries
    )


def put_off(batch: Batch, until: datetime) -> tuple[Delivery, ...]:
    """What was claimed in quiet hours: as it was, and due at their end."""
    return tuple(
        replace(
            d,
            state="unknown" if d.doubtful else "pending",
            due_at=until,
            attempts=d.attempts - 1,
            claimed_at=d.claimed_at if d.attempts > 1 else None,
        )
        for d in batch.deliveries
    )


def after_error(
    batch: Batch, error: ChannelError, channel: ChannelState, now: datetime, *, jitter: float
) -> tuple[tuple[Delivery, ...], ChannelState]:
    """What becomes of a batch that could not be sent, and of its channel.

    A refusal for ever is the delivery's own: dead at once, and the channel goes on. Anything else is the
    channel's: its queue waits as one, in order, for as long as the channel is down. A message that alone fails backs
    off further than its channel does, so that it comes to stand behind those that can be sent.
    """
    if isinstance(error, ChannelRejected):
        return _each(batch, state="dead", error=error.reason), replace(channel, last_error=error.reason)
    failures = channel.failures + 1
    asked = min(timedelta(seconds=error.retry_after or 0), RETRY_AFTER_MAX)
    until = now + max(asked, retry_delay(failures, CHANNEL_RETRY_MAX, jitter))
    waiting = replace(channel, failures=failures, next_try_at=until, last_error=error.reason)
    return tuple(_retried(d, error, waiting, asked, now, jitter) for d in batch.deliveries), waiting


def after_crash(delivery: Delivery, now: datetime) -> Delivery:
    """A delivery whose sender died while sending: it may have arrived, and is tried again soon."""
    began = delivery.claimed_at or now
    return replace(
        delivery,
        state="unknown",
        doubtful=True,
        due_at=min(began, now) + FIRST_RETRY,
        error="the program ended while sending; the notice may have arrived",
    )


def retried_by_hand(delivery: Delivery, now: datetime) -> Delivery:
    """A delivery that a person sends again: due now, with a full span of tries ahead."""
    doubtful = delivery.doubtful or delivery.state in ("sending", "unknown")
    return replace(delivery, state="pending", doubtful=doubtful, doubts=0, due_at=now, attempts=0, error="")


def next_start(last_start: float | None, gap: float, now: float) -> float:
    """Seconds to wait before the next send to a channel may start. All on one monotonic clock, in seconds."""
    return 0.0 if last_start is None else max(0.0, last_start + gap - now)


def earliest(times: Iterable[datetime | None]) -> datetime | None:
    """The first of some times, None if there is none."""
    return min((t for t in times if t is not None), default=None)


def _each(batch: Batch, *, state: str, error: str) -> tuple[Delivery, ...]:
    return tuple(replace(d, state=state, error=error) for d in batch.deliveries)  # type: ignore[arg-type]


def _retried(
    delivery: Delivery, error: ChannelError, channel: ChannelState, asked: timedelta, now: datetime, jitter: float
) -> Delivery:
    in_doubt = isinstance(error, DeliveryInDoubt)
    doubts = delivery.doubts + in_doubt
    if doubts >= MAX_DOUBTS or (delivery.attempts >= MIN_ATTEMPTS and now - delivery.created_at >= GIVE_UP_AFTER):
        return replace(delivery, state="dead", error=f"given up after {delivery.attempts} tries: {error.reason}")
    own = now + max(asked, retry_delay(delivery.attempts, DELIVERY_RETRY_MAX, jitter))
    with_channel = channel.next_try_at if _is_of_channel(delivery, error, channel) else None
    return replace(
        delivery,
        state="unknown" if in_doubt or delivery.doubtful else "pending",
        doubtful=delivery.doubtful or in_doubt,
        doubts=doubts,
        due_at=with_channel or own,
        error=error.reason,
    )


def _is_of_channel(delivery: Delivery, error: ChannelError, channel: ChannelState) -> bool:
    """Whether it is the channel that fails rather than this message: then the queue's first stays its first."""
    if isinstance(error, ChannelDown):
        return True
    others_failed = channel.failures > delivery.attempts
    # In doubt each try may be a copy, so there the message's own and longer back-off counts.
    return others_failed and delivery.attempts < TOGETHER and not isinstance(error, DeliveryInDoubt)
