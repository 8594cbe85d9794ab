"""An author's own threads among the posts that a service sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Author, Post
from bot.sources.chains import Said, chain, chains, entry_of, is_wanted

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def said(id_: str, parent: str = "", *, own: bool = True, at: float | None = None, warning: str = "") -> Said:
    when = NOON + timedelta(minutes=float(id_) if at is None and id_.isdecimal() else at or 0)
    return Said(post=Post(id=id_, text=f"post {id_}", warning=warning), parent=parent, own=own, at=when)


def ids(found) -> list[str]:
    return [one.id for one in found]


def test_branches_stand_in_order_of_writing():
    """An author may answer a post of theirs twice."""
    posts = [said("4", "1"), said("1"), said("3", "2"), said("2", "1")]

    assert ids(chain("1", posts)) == ["1", "2", "3", "4"]


def test_what_others_say_is_not_the_author_s():
    """Nor is what the author says below it."""
    posts = [said("1"), said("2", "1", own=False), said("3", "2"), said("4", "1")]

    assert ids(chain("1", posts)) == ["1", "4"]


def test_an_answer_stands_behind_what_it_answers():
    """Whatever their times say."""
    posts = [said("1", at=9), said("2", "1", at=3), said("3", "2", at=1)]

    assert ids(chain("1", posts)) == ["1", "2", "3"]


@pytest.mark.parametrize("root", ["9", "2"])
def test_no_root_no_thread(root):
    """One that is not there, or somebody else's."""
    assert chain(root, [said("1"), said("2", own=False)]) == ()


def test_a_circle_ends():
    posts = [said("1", "3"), said("2", "1"), said("3", "2")]

    assert ids(chain("1", posts)) == ["1", "2", "3"]


def test_each_own_post_that_answers_nobody_begins_a_thread():
    posts = [said("5"), said("4", "3"), said("3"), said("2", own=False), said("1", "0")]

    assert [ids(one) for one in chains(posts)] == [["5"], ["3", "4"]]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 12), st.booleans()), max_size=30))
def test_no_post_is_in_two_threads(made):
    """… and each stands once, behind what it answers."""
    posts = [said(str(id_), "" if parent < 0 else str(parent), own=own) for id_, parent, own in made]
    found = list(chains(posts))
    everything = [one.id for thread in found for one in thread]

    assert len(everything) == len(set(everything))
    for thread in found:
        at = {one.id: number for number, one in enumerate(thread)}
        assert all(at[one.parent] < at[one.id] for one in thread[1:])


@pytest.mark.parametrize(
    ("count", "posts", "least", "wanted"),
    [
        (1, "threads", 2, False),
        (2, "threads", 2, True),
        (2, "threads", 3, False),
        (1, "all", 2, True),
        (0, "all", 2, False),
    ],
)
def test_how_many_posts_are_a_thread(count, posts, least, wanted):
    assert is_wanted(tuple(said(str(n)) for n in range(count)), posts, least) is wanted


def test_the_entry_of_a_chain():
    """Its key and time are the root's, `latest` is the newest post's; a hidden root's title is its warning."""
    entry = entry_of((said("1", warning="spiders"), said("2", "1")), feed_id="f", author=Author(handle="a"), whole=True)

    assert (entry.key, entry.published, entry.latest) == ("1", NOON + timedelta(minutes=1), NOON + timedelta(minutes=2))
    assert (entry.title, entry.post_count, ids(entry.posts)) == ("spiders", 2, ["1", "2"])
