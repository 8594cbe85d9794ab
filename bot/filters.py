"""Whether one event of one thread is wanted by one policy, and if not, why, in words for people.

Pure: the time now and the thread's language are arguments. In doubt a thread is wanted: rather one notice too many
than none. Does not find out what language a thread is in, nor where its notice goes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from math import prod
from typing import TYPE_CHECKING

from bot.language import language_name
from bot.model import Entry, EventKind
from bot.policy import Policy, is_expression, quoted
from bot.text import UNSPACED, clean, one_line, shorten
from bot.times import span

if TYPE_CHECKING:
    from regex import Pattern  # loaded when the first thread is searched: the listings do without

SEARCHED = 150_000
"""How much of a thread is searched, in characters: 500 usual posts. It bounds what the time limit does not: it is
looked at every few hundred steps only, and one step may go over the whole text (0.3 s for `\\s+$` on 1 MB)."""
TIME = 0.06
"""Seconds of the processor for all patterns of one judgement together (regex does not count what others take)."""
SHORTEST_TIME = 0.002
"""What a pattern may take at the least: a usual one takes less than 1 ms on the longest text."""
LONGEST_PATTERN = 500
MOST_PATTERNS = 100
MOST_GROUPS = 100
"""Groups in groups are compiled by a function that calls itself: 400 of them are too many for Python."""
MOST_REPEATS = 10_000
"""What must be found so often is written out when an expression is compiled: (?:\\b{9999}){9999} took all memory."""

_ATTACHED = "\u1100-\u11ff\uac00-\ud7a3"
"""Hangul: words stand apart, but particles are written onto them."""
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
"""Soft hyphens, joiners and blanks without width: they change how a word looks or breaks, not what it says."""
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`reason` is "" for what is wanted. `doubt`: what could not be found out; then it was not held against it."""

    reason: str = ""
    doubt: str = ""


def judge(
    policy: Policy,
    event: EventKind,
    entry: Entry,
    *,
    language: str,
    now: datetime,
    whole: bool = True,
    seconds: float = TIME,
) -> Verdict:
    """Whether `policy` wants this event of this thread. `language`: as ISO 639-1 has it, "" where it is not known.

    `whole` False: only the first posts are there, so what asks for the whole thread is not held against it.
    `seconds`: what all patterns may take together.
    """
    # Of a thread that is gone there may be no copy.
    whole = whole and bool(entry.posts)
    reason = _wrong_event(policy, event) or (_too_old(policy, entry, now) if event == "new" else "")
    if whole:
        reason = reason or _too_short(policy, entry) or _wrong_language(policy, language)
    return Verdict(reason=reason) if reason else _by_patterns(policy, entry, whole, seconds)


def filters_of(policy: Policy) -> Hashable:
    """All of a policy that `judge` looks at: of two policies that have it in common, it says the same."""
    of_thread = (policy.min_posts, policy.languages, policy.max_age, policy.include, policy.exclude)
    return (policy.events, policy.updates, *of_thread)


def _wrong_event(policy: Policy, event: EventKind) -> str:
    if event not in policy.events:
        return f"events: {event} is not wanted"
    return 'updates = "off": growth is not wanted' if event == "grown" and policy.updates == "off" else ""


def _too_old(policy: Policy, entry: Entry, now: datetime) -> str:
    if policy.max_age is None or entry.published is None or now - entry.published <= policy.max_age:
        return ""
    return f"was written {span(now - entry.published)} ago, before max_age = {_spelled(policy.max_age)}"


def _too_short(policy: Policy, entry: Entry) -> str:
    count = len(entry.posts)
    if count >= policy.min_posts:
        return ""
    return f"{count} {'post' if count == 1 else 'posts'}, fewer than min_posts = {policy.min_posts}"


def _wrong_language(policy: Policy, language: str) -> str:
    if not policy.languages or not language or language in policy.languages:
        return ""
    return f"is in {language_name(language) or language}, not in {', '.join(policy.languages)}"


def _spelled(span: timedelta) -> str:
    """A span of time as the settings spell it: `30d`, `90m`."""
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if span.total_seconds() % unit == 0:
            return f"{span.total_seconds() / unit:g}{letter}"
    return f"{span.total_seconds():g}s"


# -- words and expressions ----------------------------------------------------------------------------------


def checked(pattern: str) -> str:
    """A word, a phrase or a `/regular expression/` as a filter takes it. Raises `ValueError` with what is wrong."""
    pattern = pattern.strip()
    shown = f'"{shorten(one_line(pattern), _SHOWN)}"'
    if not _INVISIBLE.sub("", clean(pattern)).strip() or pattern == "//":
        raise ValueError(f"{shown} is empty: it would be found everywhere")
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"{shown} is longer than {LONGEST_PATTERN} characters")
    if re.fullmatch("/.+/[imsux]{1,4}", pattern):
        raise ValueError(f"{shown}: write nothing behind the last /; upper and lower case are the same anyway")
    if is_expression(pattern):
        _check_expression(pattern, shown)
    return pattern


def _check_expression(pattern: str, shown: str) -> None:
    import regex

    least = prod(max(int(times), 1) for times in re.findall(r"\{([0-9]{1,9})", pattern))
    if least > MOST_REPEATS:
        raise ValueError(f"{shown} asks for more than {MOST_REPEATS:,} repeats in repeats")
    if pattern.count("(") > MOST_GROUPS:
        raise ValueError(f"{shown} holds more than {MOST_GROUPS} groups")
    try:
        _compiled(pattern)
    except regex.error as error:
        raise ValueError(f"{shown} is no regular expression: {error}") from error


def found_everywhere(pattern: str) -> bool:
    """Whether an expression is found where there is nothing to be found: `/a*/`, `/a|/`."""
    return is_expression(pattern) and _compiled(pattern).search("", timeout=1) is not None


def _by_patterns(policy: Policy, entry: Entry, whole: bool, seconds: float) -> Verdict:
    include = policy.include if whole else ()
    search = _Search(entry, len(include) + len(policy.exclude), seconds)
    if excluded := search.first(policy.exclude):
        return Verdict(reason=f"holds {_shown(excluded)} (exclude)")
    doubt = search.doubt if policy.exclude else ""
    if not include or search.first(include):
        return Verdict(doubt=doubt)
    if search.doubt:
        return Verdict(doubt=search.doubt)
    return Verdict(reason=f"holds none of {', '.join(map(_shown, include))} (include)")


def _shown(pattern: str) -> str:
    return shorten(quoted(one_line(pattern)), _SHOWN)


class _Search:
    """One thread, searched for several patterns within the time that all of them have together.

    `doubt` says of what was not found why it may be there all the same.
    """

    def __init__(self, entry: Entry, patterns: int, seconds: float) -> None:
        self._whole = "\n".join(filter(None, (entry.title, *(post.text for post in entry.posts))))
        self._time = max(seconds / max(patterns, 1), SHORTEST_TIME)
        self._out_of_time = ""

    @property
    def doubt(self) -> str:
        cut = f"only the first {SEARCHED:,} characters were searched" if len(self._whole) > SEARCHED else ""
        return self._out_of_time or cut

    def first(self, patterns: Iterable[str]) -> str:
        """The first pattern that is found, "" if none is. Words before expressions: they take next to no time."""
        return next(filter(self._finds, sorted(patterns, key=is_expression)), "")

    def _finds(self, pattern: str) -> bool:
        if self._out_of_time:
            return False
        try:
            text = self._text if is_expression(pattern) else self._folded
            return _compiled(pattern).search(text, timeout=self._time) is not None
        except TimeoutError:
            self._out_of_time = f"{_shown(pattern)} took too long on this thread"
            return False

    @cached_property
    def _text(self) -> str:
        return _normal(self._whole[:SEARCHED])

    @cached_property
    def _folded(self) -> str:
        return _folded_thread(self._text)


@lru_cache(maxsize=1)  # the same thread is searched for each channel in turn
def _normal(text: str) -> str:
    # Cleaned first: 40,000 marks on one letter take a second to be put in order.
    return unicodedata.normalize("NFC", clean(text))


@lru_cache(maxsize=1)
def _folded_thread(text: str) -> str:
    return _folded(text)


def _folded(text: str) -> str:
    """`text` without what makes the same words look different: case, forms of one letter, invisible characters."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text).casefold()).replace("’", "'")


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Pattern[str]:
    import regex

    if is_expression(pattern):
        return regex.compile(pattern[1:-1], regex.IGNORECASE | regex.MULTILINE)
    words = _folded(clean(pattern)).split()
    between = r"\s++".join(map(regex.escape, words))
    letter = rf"[\w--[{UNSPACED}{_ATTACHED}]]"
    before = f"(?<!{letter})" if regex.match(letter, words[0], regex.VERSION1) else ""
    after = f"(?!{letter})" if regex.match(letter, words[-1][-1], regex.VERSION1) else ""
    return regex.compile(before + between + after, regex.VERSION1)
