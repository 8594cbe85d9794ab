"""Searching: what is found, which line is shown, and that no text stalls it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Author, Entry, Post
from bot.search import SHOWN, excerpt, fold, found, needles


def thread(*texts: str, **more: Any) -> Entry:
    posts = tuple(Post(id=f"{n}", text=text) for n, text in enumerate(texts))
    return Entry(**{"feed_id": "a:ann", "key": "1", "url": "", "author": Author(handle="ann"), "posts": posts, **more})


def line_of(entry: Entry, text: str) -> str | None:
    hit = found(entry, needles(text))
    return None if hit is None else hit.line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two words", ("two", "words")),
        ('one "quoted  phrase" more', ("one", "quoted phrase", "more")),
        ('Same same "SAME"', ("same",)),
        ('an "unfinished', ("an", "unfinished")),
        ("STRASSE Straße", ("strasse",)),
        ("ＷＩＤＥ", ("wide",)),
        (' "" " " ', ()),
        ("", ()),
    ],
)
def test_words_and_phrases(text: str, expected: tuple[str, ...]) -> None:
    """What is between quotes is one; letter case, width and repeats do not count."""
    assert needles(text) == expected


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("The Quick fox", "quick"),
        ("unquicken", "quick"),
        ("日本語の文章です", "文章"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("100㎒", "100mhz"),
        ("cafe\u0301", "CAFÉ"),
        ("two\nlines", '"two lines"'),
        ("Το ΤΕΛΟΣ", "τελος"),
    ],
)
def test_a_word_is_found_in_any_spelling(text: str, query: str) -> None:
    """Also inside another word, in scripts without spaces, decomposed, and over a line break."""
    assert line_of(thread(text), query) is not None


@pytest.mark.parametrize("query", ["fox dog", "foxes", '"fox quick"', "e\u0301"])
def test_all_words_must_be_there(query: str) -> None:
    """One word that is missing, or a phrase in another order, and the thread is not found."""
    assert line_of(thread("quick fox"), query) is None


def test_words_may_stand_apart() -> None:
    """Title, author and posts count together; a phrase does not run from one post into the next."""
    entry = thread("one", "two", title="three", author=Author(handle="ann", name="Ann Smith"))

    assert line_of(entry, "two one three smith") == "one"
    assert line_of(entry, '"one two"') is None


def test_the_line_that_shows_most() -> None:
    """Of all lines the one with most of the words is shown."""
    assert line_of(thread("a fox\na dog", "intro\nfox and dog\nend"), "dog fox") == "fox and dog"


def test_a_post_is_shown_rather_than_the_title() -> None:
    """The title is made of the first post, and stands in the result anyway."""
    assert line_of(thread("the fox, whole", title="the fox"), "fox") == "the fox, whole"


def test_a_long_line_is_cut_round_the_match() -> None:
    """Between words, with "…" where something is missing, the match in it."""
    line = line_of(thread("before " * 100 + "NEEDLE " + "after " * 100), "needle")

    assert line is not None
    assert len(line) <= SHOWN
    assert line.startswith("…before ")
    assert line.endswith(" after…")
    assert "NEEDLE" in line


def test_the_result_holds_no_posts() -> None:
    """What is found may be many threads: only what is shown of each is kept in memory."""
    entry = thread("a", "b", title="T", whole=True)
    hit = found(entry, ("a",))

    assert hit is not None
    assert (hit.posts, hit.entry) == (2, replace(entry, posts=()))


@given(text=st.text(max_size=60), other=st.text(max_size=60))
def test_what_is_written_is_found(text: str, other: str) -> None:
    """Whatever stands in a post finds it, and the excerpt is never longer than what is shown."""
    wanted = needles('"' + text.replace('"', "") + '"')
    if wanted:
        hit = found(thread(other, text.replace('"', "")), wanted)
        assert hit is not None
        assert len(hit.line) <= SHOWN


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    """A folded text is its own folded form, so that a needle is found as it is compared."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "a\n" * 500_000,
        "a" + "\u0301" * 500_000 + "\u0316" * 500_000,
        "a" + "\u0301\u0316" * 500_000,
        ("a" + "\u0301\u0316" * 15) * 33_000,
        '"' * 1_000_000,
        "\ufdfa" * 60_000,  # each is 18 letters
    ],
    ids=["one word", "lines", "marks", "mixed marks", "short heaps", "quotes", "long signs"],
)
def test_no_text_stalls_the_search(text: str) -> None:
    """A megabyte of anything is searched within a few seconds, as a text and as a query."""
    start = time.process_time()
    assert line_of(thread(f"{text} needle"), "needle") is not None
    needles(text)

    assert time.process_time() - start < 5


def test_an_excerpt_over_lines() -> None:
    """A phrase that stands on two lines shows both."""
    assert excerpt(["first\nsecond  line\nthird"], ("second line third",)) == "first second line third"
