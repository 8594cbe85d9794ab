"""Marks, and what they say is missing."""

from __future__ import annotations

import pytest

from bot.model import Post
from bot.numbering import LAST, counts_in, incomplete, mark_of, without_number
from tests.made_threads import GAP, MADE


def posts(*texts: str) -> tuple[Post, ...]:
    return tuple(Post(id=str(at), text=text) for at, text in enumerate(texts))


@pytest.mark.parametrize(
    ("text", "kind", "number", "total"),
    [
        ("1/ Bridges hum", "/", 1, 0),
        ("(2/12) Bridges", "/", 2, 12),
        ("[3/7] Bridges", "/", 3, 7),
        ("🧵 3/n Bridges", "/", 3, 0),
        ("1/Values: bridges", "/", 1, 0),
        ("4. Sleep", ".", 4, 0),
        ("(4) Sleep", ".", 4, 0),
        ("1、测量", ".", 1, 0),
        ("1️⃣ Sleep", "keycap", 1, 0),
        ("② Sleep", "①", 2, 0),
        ("Lesson #3 – sleep", "lesson #", 3, 0),
        ("Leçon 1 : écouter", "leçon #", 1, 0),
        ("#3 Sleep", " #", 3, 0),
        ("First, sleep", "ordinal", 1, 0),
        ("The second lesson is: sleep", "ordinal", 2, 0),
        ("One: sleep", "ordinal", 1, 0),
        ("Drittens schlafen", "ordinal", 3, 0),
        ("Deuxièmement dormir", "ordinal", 2, 0),
        ("Во-первых, спать", "ordinal", 1, 0),
        ("第二に、眠ること", "ordinal", 2, 0),
        ("第三，睡觉", "ordinal", 3, 0),
        ("رابعًا، النوم", "ordinal", 4, 0),
        ("दूसरा सबक: नींद", "ordinal", 2, 0),
        ("첫째, 잠", "ordinal", 1, 0),
        ("Finally, sleep", "ordinal", LAST, 0),
        ("Schließlich, schlafen", "ordinal", LAST, 0),
        ("İkincisi, uyku", "ordinal", 2, 0),
        ("Q: Do bridges sleep?", "Q", 0, 0),
        ("- sleep", "•", 0, 0),
        ("🇫🇷 sleep", "•", 0, 0),
    ],
)
def test_marks(text: str, kind: str, number: int, total: int) -> None:
    """What authors count with, in many languages."""
    mark = mark_of(text)

    assert mark is not None
    assert (kind, number, total) == (mark.kind, mark.number, mark.total)


@pytest.mark.parametrize(
    "text",
    [
        "3-5 minutes",
        "10:42 the ship comes in",
        "1/3 of voters",
        "2/3 der Stimmen",
        "Second thoughts help",
        "First lady Jill",
        "Two weeks later, it hummed",
        "One day, it hummed",
        "第一次世界大戦は長い",
        "أولاد الحي",
        "2019 was a year",
        "In 2019 - a year",
        "🔥",
        "- ",
        "",
    ],
)
def test_what_is_no_mark(text: str) -> None:
    """Fractions, times, spans and words that only look like it."""
    assert mark_of(text) is None


def test_within_a_line_only_words_count() -> None:
    """After a sentence "Second," goes on with a list, "2." does not."""
    assert mark_of("Second, sleep", starts_line=False) is not None
    assert mark_of("2. sleep", starts_line=False) is None


@pytest.mark.parametrize(
    ("line", "rest"), [("1/ Bridges hum", "Bridges hum"), ("4. Sleep", "Sleep"), ("24 hours", "24 hours"), ("2/", "2/")]
)
def test_a_line_without_its_number(line: str, rest: str) -> None:
    """As titles are made."""
    assert without_number(line) == rest


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Four lessons in 2 parts", {4, 2}),
        ("Cinq leçons", {5}),
        ("四つの教訓", {4}),
        ("三个教训", {3}),
        ("أربعة دروس", {4}),
        ("चार सबक", {4}),
        ("ten times as big, 5 years ago", set()),
        ("in 2019, 45% and 3.5", set()),
    ],
)
def test_counts(text: str, counts: set[int]) -> None:
    """How many things a text promises; measures are none."""
    assert counts_in(text) == counts


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("hook", "1/ a", "2/ b", "3/ c", "5/ d"), "post 4 is missing"),
        (("1/6 a", "2/6 b", "5/6 e", "6/6 f"), "posts 3 and 4 of 6 are missing"),
        (("1/9 a", "2/9 b", "7/9 c", "8/9 d", "9/9 e"), "posts 3 to 6 of 9 are missing"),
        (("1/ a", "3/ c", "5/ e"), "posts 2 and 4 are missing"),
        (("1/ a", "3/ c", "5/ e", "7/ g", "9/ i", "11/ k"), "5 posts are missing"),
        (("1/12 a", "2/12 b", "3/12 c", "5/12 e"), "posts 4 and 6 to 12 of 12 are missing"),
        (("1/9 a", "2/9 b", "4/9 d", "an afterthought"), "posts 3 and 6 to 9 of 9 are missing"),
        (("1/7 a", "4/7 d", "6/7 f", "7/7 g"), "posts 2, 3 and 5 of 7 are missing"),
        (("3/5 c", "4/5 d", "5/5 e"), "posts 1 and 2 of 5 are missing"),
        (("1/12 a", "2/12 b", "3/12 c", "4/12 d", "5/12 e", "6/12 f", "7/12 g"), "7 of 12 posts found"),
        (("a (1/12)", "b"), "2 of 12 posts found"),
        (("a 1/4", "b 2/4", "d 4/4"), "post 3 of 4 is missing"),
        (("@tom 1/ a", "@tom @eva 2/ b", "@tom 4/ c"), "post 3 is missing"),
    ],
)
def test_gaps_are_said(texts: tuple[str, ...], said: str) -> None:
    """By the author's own numbers, at the start or the end of posts."""
    assert incomplete(posts(*texts), len(texts)) == said


@pytest.mark.parametrize(
    "texts",
    [
        ("1/ a", "b", "3/ c"),
        ("hook", "1/7 a", "2/7 b", "3/7", "4/7", "5/7", "6/7", "7/7", "8/7 more"),
        ("1/ a", "2/ b", "2/ c", "2/ d", "3/ e"),
        ("1/ a", "2/ b", "2/ b", "3/ c"),
        ("1/3 a", "2/3 b", "3/3 c", "Update", "1/2 d", "2/2 e"),
        ("1/ a", "3/ c", "2/ b"),
        ("1/3 of voters", "2/3 of seats", "nothing"),
        ("9/11 changed us", "24/7 since then"),
        ("1/ a", "2/ b", "we work 24/7", "4/ d"),
        ("1/12 is a date", "b"),
        ("see you on 1/12", "b"),
        ("1. a", "5. b"),
        ("hook", "1/3 a", "and more", "2/3 b"),
        ("1/ a\n1. x\n5. y", "2/ b"),
        ("1/ a", "100/ b"),
        ("1/5 a", "2/5 b", "3/7 c", "4/7 d", "5/7", "6/7", "7/7"),
    ],
)
def test_no_false_alarms(texts: tuple[str, ...]) -> None:
    """Threads that are whole: repeats, numbers past the end, a new start, posts without any, dates, fractions."""
    assert incomplete(posts(*texts), len(texts)) == ""


def test_what_the_site_counts() -> None:
    """It says 12, seven came."""
    assert incomplete(posts("a", "b"), 12) == "2 of 12 posts found"
    assert incomplete(posts("a", "b"), None) == ""
    assert incomplete((), 12) == ""


@pytest.mark.parametrize(
    ("kept", "removed", "said"),
    [
        (("1/4 a", "2/4 b", "4/4 d"), ("3/4 c",), ""),
        (("1/ a", "2/ b", "5/ e"), ("3/ c",), "post 4 is missing"),
        (("1/3 a", "2/3 b"), ("3/3 c",), ""),
        (("1/5 a", "2/5 b"), ("3/5 c",), "2 of 5 posts found"),
        (("a (1/3)", "b"), ("c",), ""),
    ],
)
def test_what_was_removed_is_not_missing(kept: tuple[str, ...], removed: tuple[str, ...], said: str) -> None:
    """It was told that its author took it back."""
    assert incomplete(posts(*kept), None, removed=posts(*removed)) == said


def test_the_site_may_count_what_was_removed() -> None:
    """Two of three, and one was taken back; not two of four."""
    assert incomplete(posts("a", "b"), 3, removed=posts("c")) == ""
    assert incomplete(posts("a", "b"), 4, removed=posts("c")) == "2 of 4 posts found"


@pytest.mark.parametrize("name", MADE)
def test_whole_threads_are_whole(name: str) -> None:
    """Of the made threads one has a gap."""
    entry = MADE[name]

    assert incomplete(entry.posts, entry.post_count) == ("post 4 is missing" if entry is GAP else "")


def test_marks_do_not_stall() -> None:
    """Texts made to stall patterns are read at once; the test's own time limit is the measure."""
    for piece in ("1/ ", "(", "@a ", " ", "1)", "\n", "first ", "1 / "):
        text = piece * (1_000_000 // len(piece))
        mark_of(text)
        counts_in(text)
        incomplete(posts(text, text), None)
