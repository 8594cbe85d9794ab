"""What changed between two readings of a thread."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.growth import Growth, growth
from bot.model import Author, Entry, Media, Post


def thread(*posts: Post | str) -> Entry:
    """A thread of these posts; a letter stands for a post of that id and text."""
    made = tuple(Post(id=post, text=f"words of {post}") if isinstance(post, str) else post for post in posts)
    return Entry(feed_id="fake:ann", key="1", url="https://t.example/1", author=Author(handle="ann"), posts=made)


def ids(posts: tuple[Post, ...]) -> str:
    return "".join(post.id for post in posts)


def changed(old: str, new: str) -> bool:
    """Whether a post whose words were `old` and are `new` counts as edited."""
    return bool(growth(thread(Post(id="a", text=old)), thread(Post(id="a", text=new))).edited)


def test_the_same_thread_has_not_grown() -> None:
    """Nothing changed is false."""
    assert not growth(thread(*"abc"), thread(*"abc"))


def test_posts_behind_the_last_known_one_are_appended() -> None:
    """And those before it inserted."""
    grown = growth(thread(*"bc"), thread(*"abxcyz"))

    assert (ids(grown.inserted), ids(grown.appended)) == ("ax", "yz")


def test_new_posts_keep_the_order_of_the_thread() -> None:
    """Inserted and appended together."""
    assert ids(growth(thread(*"bd"), thread(*"abcde")).new) == "ace"


def test_removed_posts_are_told_as_they_were() -> None:
    """In the order of the thread that had them."""
    grown = growth(thread(*"abcd"), thread(*"ac"))

    assert [post.text for post in grown.removed] == ["words of b", "words of d"]


def test_an_edited_post_is_told_as_it_is_now_and_as_it_was() -> None:
    """Same id, other words."""
    grown = growth(thread(Post(id="a", text="four lessons")), thread(Post(id="a", text="five lessons")))

    assert grown == Growth(edited=(Post(id="a", text="five lessons"),), were=(Post(id="a", text="four lessons"),))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('It\'s "so"!', "It’s “so”"),
        ("It's so", "It´s so"),
        ("a  b\nc", "a b c"),
        ("STOP", "stop"),
        ("see https://t.co/x", "see https://csis.org/analysis/cyber"),
        ("see csis.org/analysis/cyber…", "see https://csis.org/analysis/cyber"),
        ("see (a-b.csis.org/analysis/cyber", "see (https://a-b.csis.org/analysis/cyber"),
        ("1️⃣ one", "1⃣ one"),
        ("café", "cafe\u0301"),
        ("ＡＢ", "AB"),
    ],
)
def test_what_a_site_rewrites_is_no_edit(old: str, new: str) -> None:
    """Quotes, blanks, case, links, and the spelling of one and the same letter."""
    assert not changed(old, new)


@pytest.mark.parametrize(
    ("old", "new"), [("now 4", "now 5"), ("hi", "hi 🎉"), ("👍🏻", "👍🏿"), ("कि", "की"), ("東京", "京都"), ("", "x")]
)
def test_other_words_are_an_edit(old: str, new: str) -> None:
    """Letters, digits, emoji, vowel signs."""
    assert changed(old, new)


@pytest.mark.parametrize(
    ("url", "edited"), [("https://m.example/media/B.jpg", True), ("https://m.example/media/A.jpg?name=thumb", False)]
)
def test_another_picture_is_an_edit_and_another_size_is_not(url: str, edited: bool) -> None:
    """A site shows the same picture under several addresses."""
    old = Post(id="a", text="look", media=(Media(kind="image", url="https://m.example/media/A.jpg"),))
    new = Post(id="a", text="look", media=(Media(kind="image", url=url),))

    assert bool(growth(thread(old), thread(new)).edited) is edited


def test_of_posts_with_one_id_the_first_counts() -> None:
    """A page that shows a post twice has not grown."""
    assert not growth(thread(*"ab"), thread(*"abb", Post(id="a", text="other words")))


def test_without_a_common_id_words_tell() -> None:
    """Positions in place of ids: the same words are the same post."""
    old = thread(Post(id="tweet_1", text="One."), Post(id="tweet_2", text="Two."))
    new = thread(Post(id="7", text="One"), Post(id="8", text="Two"), Post(id="9", text="Three"))

    assert growth(old, new) == Growth(appended=(new.posts[2],), new=(new.posts[2],))


def test_without_a_common_id_equal_words_are_counted() -> None:
    """Three posts "Yes." where there were two: one is new."""
    old = thread(*(Post(id=f"tweet_{n}", text="Yes.") for n in range(2)))
    new = thread(*(Post(id=str(n), text="Yes.") for n in range(3)))

    assert ids(growth(old, new).appended) == "2"


def test_everything_is_new_where_nothing_was_known() -> None:
    """A thread of which only the card was kept."""
    assert ids(growth(thread(), thread(*"ab")).appended) == "ab"


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_every_post_is_told_of_once(old: list[str], new: list[str]) -> None:
    """New, removed, or in both; never two of them."""
    grown = growth(thread(*old), thread(*new))

    assert {p.id for p in grown.removed} == set(old) - set(new)
    assert [p.id for p in grown.new] == [id_ for id_ in new if id_ not in old]
    assert sorted(ids(grown.inserted + grown.appended)) == sorted(ids(grown.new))


NASTY = (
    *("a", "a.", "a/.", "e\u0301\u0316", "`´", "-", "-.", "-a", " -a", "–", " ", "漢", "http://", "http://-"),
    *(f"{'-' * 62}.", f"{'-' * 60}. ", f"{'a' * 63}.", f"({'a' * 63}.a.a.a.a.a", f"{'-' * 300} ", "👩\u200d👩", "ﷺ"),
)


@pytest.mark.parametrize("piece", NASTY)
def test_a_huge_post_does_not_stall(piece: str) -> None:
    """A megabyte of anything takes less than two seconds of the processor."""
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    growth(thread(Post(id="a", text=text)), thread(Post(id="a", text=f"{text}x")))

    assert time.process_time() - start < 2
