"""Whether two texts of one person are the same thread."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.likeness import alike, said
from bot.model import Author, Entry, Post

OWLS = "How owls hear a mouse below the snow, told in the order in which it happens. "
BRIDGES = "The long talk about bridges that were never built, and about who was to build them. "


def thread(*texts, whole=True):
    posts = tuple(Post(id=str(n), text=text) for n, text in enumerate(texts))
    author = Author(handle="ann")
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return Entry(feed_id="f", key="k", url="", author=author, posts=posts, published=when, whole=whole)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((OWLS, BRIDGES), (OWLS + BRIDGES,), id="parted otherwise"),
        pytest.param((OWLS + "https://example.org/owls",), (OWLS + "ex.am/owls",), id="a link written out"),
        pytest.param((OWLS + "@kim@some.example",), (OWLS + "@kim_on_x",), id="a mention"),
        pytest.param(("1/2 " + OWLS, "2/2 " + BRIDGES), (OWLS, BRIDGES), id="numbers"),
        pytest.param((OWLS, BRIDGES), (OWLS, BRIDGES + OWLS), id="a post more"),
    ],
)
def test_the_same_in_another_place(one, other):
    assert alike(thread(*one), thread(*other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((OWLS,), (BRIDGES,), id="other words"),
        pytest.param((OWLS * 3 + "Today: hunting by night.",), (OWLS * 3 + "Today: raising the young.",), id="the end"),
        pytest.param((OWLS,), (OWLS, BRIDGES * 3), id="a lead that is quoted"),
        pytest.param(("Good morning",), ("Good morning all",), id="short ones"),
    ],
)
def test_something_else(one, other):
    assert not alike(thread(*one), thread(*other))


def test_a_card_is_a_part_of_its_thread():
    assert alike(thread(OWLS, whole=False), thread(OWLS, BRIDGES * 3))


def test_an_address_without_a_path_is_a_word():
    """`node.js` and `example.org` are said; who writes out a link means the page."""
    assert said(thread("node.js at example.org, see example.org/docs")) == "nodejsatexampleorgsee"
