"""How much of a notice fits: the longest form within a limit. Pure. Knows no template, only their outcome's size.

What stands round the words takes at most a third of the room. What does not fit is cut between posts, then between
words, and the notice says how much is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from bot.compose.view import Row, Story, View, Words
from bot.compose.wording import LONGEST_TITLE
from bot.text import counted, shorten

Render = Callable[[View], str]
Size = Callable[[str], int]

_BRIEFER = (LONGEST_TITLE, 40, 0)
"""How long the titles of a list are, in its ever shorter forms: 300 threads fit a mail as links alone."""
_SHORTER = (4_000, 2_000, 1_000, 500, 250)
"""How many characters each thread of a list has, in its ever shorter forms; then the last thread is told no more."""
_SHORTEST_PIECE = 40
"""A post's beginning shorter than this says nothing; then the post is left out whole."""
_BARE = 4


def fit(view: View, render: Render, size: Size, limit: int) -> tuple[str, View]:
    """The longest form of a notice within `limit`, and what it shows; "" if none is."""
    room = _Room(render=render, size=size, limit=limit)
    found = _thread(view, view.story, room) if view.story else _longest(_List(view), room)[0]
    text = render(found)
    return (text, found) if text and size(text) <= limit else ("", View())


def fit_line(line: str, size: Size, limit: int) -> str:
    """As much of a line as fits."""
    shown = shorten(line, limit)
    while shown and size(shown) > limit:
        shown = shorten(line, len(shown) - 1)
    return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """What there is room for."""

    render: Render
    size: Size
    limit: int

    def takes(self, view: View) -> bool:
        return self.needs(view) <= self.limit

    def needs(self, view: View) -> int:
        return self.size(self.render(view))


class _Forms(Protocol):
    """One notice in ever shorter forms, from whole to hardly anything."""

    def __len__(self) -> int: ...

    def __getitem__(self, step: int) -> View: ...


def _longest(forms: _Forms, room: _Room) -> tuple[View, int]:
    """The first form that fits, else the last one; and which it is."""
    if room.takes(forms[0]):  # as most do
        return forms[0], 0
    low, high = 1, len(forms) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if room.takes(forms[middle]) else (middle + 1, high)
    return forms[low], low


# -- one thread ------------------------------------------------------------------------------------------


def _thread(view: View, story: Story, room: _Room) -> View:
    story = _lean(view, story, room)
    found, cuts = _longest(_Thread(view, story), room)
    if cuts > len(story.words) and story.words and story != (bare := _without_surroundings(story)):
        # Some words of the thread are worth more than all that stands round them.
        return _thread(view, bare, room)
    return _with_part(view, story, cuts, room) or found if 0 < cuts <= len(story.words) else found


class _Thread:
    """One thread: its words go one by one from the end, then what stands round them, the byline, the notes."""

    def __init__(self, view: View, story: Story) -> None:
        self._view = view
        self._story = story

    def __len__(self) -> int:
        return len(self._story.words) + 1 + _BARE

    def __getitem__(self, step: int) -> View:
        kept = len(self._story.words) - step
        if kept >= 0:
            return replace(self._view, story=_with_words(self._story, self._story.words[:kept]))
        return replace(self._view, story=_bare_story(self._story, -kept))


def _with_words(story: Story, words: tuple[Words, ...]) -> Story:
    """The thread with these words only, and how much is missing."""
    heading = story.heading or ("" if words else story.title)
    return replace(story, heading=heading, words=words, rest=_rest(story, words))


def _rest(story: Story, words: tuple[Words, ...]) -> str:
    missing = story.total - len({one.post for one in words})
    if not story.words or (missing <= 0 and words == story.words and not story.cut):
        return ""
    if missing <= 0:
        return "… the rest:" if story.rest_at else "…"
    return f"… and {counted(missing, 'more post')}{':' if story.rest_at else ''}"


def _bare_story(story: Story, step: int) -> Story:
    bare = replace(_without_surroundings(story), heading=story.title, words=(), rest="")
    if step >= 2:
        bare = replace(bare, byline="", heading=shorten(bare.heading, 100), news=shorten(bare.news, 100))
    if step >= 3:
        bare = replace(bare, notes=(), news="")
    return bare if step < _BARE else replace(bare, heading="")


def _lean(view: View, story: Story, room: _Room) -> Story:
    """The thread with so much round its words that this takes at most a third of the room."""
    if room.needs(replace(view, story=_with_words(story, ()))) <= room.limit // 3:
        return story
    least = room.needs(replace(view, story=_with_words(_without_surroundings(story), ())))
    for leaner in _leaner(story):
        if room.needs(replace(view, story=_with_words(leaner, ()))) <= least + room.limit // 3:
            return leaner
    return _without_surroundings(story)


def _leaner(story: Story) -> Iterator[Story]:
    yield story
    yield (story := replace(story, names=""))
    while len(story.links) > 1:
        kept = story.links[: len(story.links) // 2]
        yield (story := replace(story, links=kept, more_links=story.more_links + len(story.links) - len(kept)))
    yield (story := replace(story, picture="", alt="", quotes=(), more_quotes=0))


def _without_surroundings(story: Story) -> Story:
    more = story.more_links + len(story.links)
    return replace(
        story, also=(), pictures="", picture="", alt="", quotes=(), more_quotes=0, links=(), more_links=more, names=""
    )


def _with_part(view: View, story: Story, cuts: int, room: _Room) -> View | None:
    """The thread with as much of the first words that were cut as still fits; None if that says nothing."""
    kept, cut = story.words[: len(story.words) - cuts], story.words[len(story.words) - cuts]

    def with_room(length: int) -> View:
        part = replace(cut, text=shorten(cut.text, length))
        # Counted as missing still: not all of that post is here.
        shown = replace(_with_words(story, (*kept, part)), rest=_rest(story, kept))
        return replace(view, story=shown)

    low, high = 0, min(len(cut.text) - 1, room.limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if room.takes(with_room(middle)) else (low, middle - 1)
    return with_room(low) if low >= _SHORTEST_PIECE and len(shorten(cut.text, low)) > 1 else None


# -- lists -------------------------------------------------------------------------------------------------


class _List:
    """A list of threads or alerts.

    First each thread has less words, then the last ones are only listed; then the facts of each go, the end of its
    title, the title, and only then threads from the end, counted in "… and 37 more".
    """

    def __init__(self, view: View) -> None:
        whole = tuple(_with_words(story, story.words) for story in view.stories)
        self._view = replace(view, stories=whole)
        self._short = len(_SHORTER) if view.stories else 0

    def __len__(self) -> int:
        return 1 + self._short + len(self._view.stories) + len(_BRIEFER) + len(self._view.rows) + _BARE

    def __getitem__(self, step: int) -> View:
        view = self._view
        if step <= self._short:
            return (
                replace(view, stories=tuple(_at_most(one, _SHORTER[step - 1]) for one in view.stories))
                if step
                else view
            )
        step -= self._short
        if step <= len(view.stories):
            return self._told(len(view.stories) - step)
        return self._listed(step - len(view.stories))

    def _told(self, number: int) -> View:
        """With the first stories only."""
        stories = tuple(_at_most(one, _SHORTER[-1]) for one in self._view.stories[:number])
        told = {story.number for story in stories}
        rows = tuple(replace(row, told=row.number in told and row.told) for row in self._view.rows)
        return replace(self._view, stories=stories, rows=rows)

    def _listed(self, step: int) -> View:
        """With no story, ever less of each thread, then of ever less threads."""
        longest = _BRIEFER[min(step, len(_BRIEFER)) - 1]
        rows = tuple(_brief(row, longest) for row in self._view.rows)
        kept = len(rows) - max(step - len(_BRIEFER), 0)
        if kept < 0:
            return self._bare(-kept)
        missing = len(rows) - kept
        more = f"… and {missing} more{':' if self._view.link else ''}" if missing else ""
        return replace(self._view, rows=rows[:kept], stories=(), rest=more)

    def _bare(self, step: int) -> View:
        heading = shorten(self._view.heading, 100 if step >= 2 else 1_000)
        notes = self._view.notes if step < 3 else ()
        return View(heading=heading if step < _BARE else "", link=self._view.link, notes=notes)


def _brief(row: Row, longest: int) -> Row:
    """A row with a title that short; a thread without a link keeps some of it."""
    length = longest or (0 if row.link else _BRIEFER[1])
    return replace(row, facts="", title=shorten(row.title, length), told=False)


def _at_most(story: Story, length: int) -> Story:
    """A thread of which at most so many characters are told."""
    kept: tuple[Words, ...] = ()
    for words in story.words:
        if len(words.text) > length:
            part = shorten(words.text, length) if length >= _SHORTEST_PIECE else ""
            kept += (replace(words, text=part),) if len(part) > 1 else ()
            return _with_words(replace(story, cut=True), kept)
        length -= len(words.text)
        kept += (words,)
    return story
