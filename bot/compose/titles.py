"""The one line by which a notice is recognised: a mail's subject, a message's heading. Pure. Says nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from bot.compose.told import Told
from bot.compose.wording import LONGEST_TITLE, Tamer
from bot.model import Alert, Batch, Entry, Limits
from bot.text import counted, one_line, shorten, title_of_posts

_REPLY = "Re: "
_SHORTEST = 12
"""A title cut shorter than that says less than what stands behind it."""


def title_of(batch: Batch, told: Sequence[Told], tame: Tamer, limits: Limits) -> str:
    """What happened to whose thread; of several, how many, and by whom."""
    if len(told) == 1:
        return _of_one(told[0], tame, limits)
    if not told:
        return shorten(f"keepcurrent: {tame.line(alert_title(batch.alerts), LONGEST_TITLE)}".strip(), limits.title)
    return shorten(_of_several(told, tame), limits.title)


def alert_title(alerts: Sequence[Alert]) -> str:
    """What some alerts tell, in one line; of several, how many of each kind."""
    if len(alerts) == 1:
        return alerts[0].title
    over = sum(alert.over for alert in alerts)
    kinds = ((len(alerts) - over, "trouble", "troubles"), (over, "recovery", "recoveries"))
    return ", ".join(f"{number} {one if number == 1 else many}" for number, one, many in kinds if number)


def thread_title(entry: Entry, tame: Tamer) -> str:
    """A thread's own title, or else what its posts say or show."""
    said = tame.line(entry.title, LONGEST_TITLE)
    return said or tame.line(title_of_posts(entry.posts), LONGEST_TITLE) or "New thread"


def change(told: Told) -> str:
    """What became of a thread since it was told, in a word or two: `+7 posts`, `1 edited`, `removed`."""
    if told.event == "gone":
        return "removed"
    grown = told.growth
    if not grown:
        return "changed"
    if grown.new:
        return f"+{counted(len(grown.new), 'post')}"
    return f"{len(grown.edited)} edited" if grown.edited else f"{counted(len(grown.removed), 'post')} removed"


def _of_one(told: Told, tame: Tamer, limits: Limits) -> str:
    mail = limits.form == "mail"
    if mail and told.event != "new" and told.first and told.first.titled:
        # Gmail takes mails for one conversation only where their subjects agree.
        return shorten(_REPLY + tame(one_line(told.first.titled)).removeprefix(_REPLY), limits.title)
    name = tame.name(told.author)
    title = thread_title(told.entry, tame)
    line = f"{name}: {title}" if name else title
    # A mail's title leaves room for the "Re: " of those that follow it.
    return _with_end(line, _end(told, mail), limits.title - (len(_REPLY) if mail else 0)) or shorten(line, limits.title)


def _end(told: Told, mail: bool) -> str:
    if told.event != "new":
        return f" ({change(told)})"
    return f" ({counted(told.posts, 'post')})" if mail and told.posts else ""


def _with_end(line: str, end: str, limit: int) -> str:
    room = limit - len(end)
    return shorten(line, room) + end if room >= min(_SHORTEST, len(line)) else ""


def _of_several(told: Sequence[Told], tame: Tamer) -> str:
    new = "new " if all(one.event == "new" for one in told) else ""
    threads = counted(len({one.thread for one in told}), f"{new}thread")
    authors = len({one.feed.id for one in told})
    whose = tame.name(told[0].author) if authors == 1 else counted(authors, "author")
    return f"{threads} by {whose}" if whose else threads
