"""No text makes a notice stall. The bounds are some times what it takes; without its own bounds it takes minutes."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from bot.channels.services import GROUP_PINGS, MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS
from bot.compose import compose
from bot.compose.room import fair_share, weight, within
from bot.model import Batch, Entry, Limits, Message, Post
from bot.policy import Policy
from tests.servers.notices import PARIS, batch, entry, happened

FORMS = {
    "mail": MAIL_LIMITS,
    "matrix": MATRIX_LIMITS,
    "slack": SLACK_LIMITS,
    "markdown": Limits(title=100, text=2_000, markdown=2_000, pings=GROUP_PINGS),
}
PIECES = {
    "han": "漢。",
    "lines": "1. one\n2. two\n",
    "links": "https://a.example/x ",
    "marks": "e\u0301\u0316",
    "only marks": "\u0301",
    "emoji": "👩\u200d👩\u200d👧",
    "words": "Hello world. ",
    "dashes": "-",
}
MEGABYTE = 1_000_000
POLICIES = (Policy(), Policy(summary="full"))


def thread(text: str, length: int, key: str = "t") -> Entry:
    """A megabyte in posts of that length."""
    starts = range(0, len(text), length)
    return entry(key, posts=tuple(Post(id=f"{at}", text=text[at : at + length]) for at in starts))


def seconds(made: Batch, limits: Limits, policy: Policy) -> float:
    """The processor's time for a notice."""
    start = time.process_time()
    told: Message = compose(made, limits, zone=PARIS, policies=[policy] * len(made.items))
    taken = time.process_time() - start
    assert told.text
    return taken


@pytest.mark.parametrize("form", ("mail", "slack"))
@pytest.mark.parametrize("piece", PIECES)
def test_no_thread_of_a_megabyte_holds_up_the_rest(piece: str, form: str) -> None:
    """Of one post or of many, new or another than before, summed up or whole."""
    text = (PIECES[piece] * MEGABYTE)[:MEGABYTE]
    for length in (MEGABYTE, 1_000):
        one = thread(text, length)
        before = replace(one, posts=tuple(replace(post, id=f"x{post.id}", text=f"{post.text}x") for post in one.posts))
        for policy in POLICIES:
            for made in (batch(one), batch(replace(happened(one, "grown"), before=before))):
                assert seconds(made, FORMS[form], policy) < 3


@pytest.mark.parametrize("form", ("mail", "matrix"))
@pytest.mark.parametrize("piece", ("han", "lines", "links", "marks"))
def test_no_digest_of_megabytes_holds_up_the_rest(piece: str, form: str) -> None:
    """Twenty threads of a megabyte each."""
    one = thread((PIECES[piece] * MEGABYTE)[:MEGABYTE], 1_000)
    twenty = batch(*(replace(one, key=str(number)) for number in range(20)))

    for policy in POLICIES:
        assert seconds(twenty, FORMS[form], policy) < 5


def test_small_threads_leave_their_room_to_large_ones() -> None:
    """Only what is larger than an equal share is cut, and all of that alike."""
    assert fair_share([10, 90, 80], 100) == 45
    assert fair_share([10, 20], 100) == 20
    assert fair_share([], 100) == 100
    assert fair_share([50, 50, 50], 30) == 10


@pytest.mark.parametrize("room", [1, 39, 41, 100, 1_000])
@pytest.mark.parametrize("piece", ["a", "a.", ".", "a b c. d\n"])
def test_what_is_looked_at_has_room(piece: str, room: int) -> None:
    """But for the sentence with which it ends; what fits is left as it is."""
    posts = (Post(id="1", text=piece * 50), Post(id="2", text=piece * 500))
    kept = tuple(within(posts, room))

    assert sum(len(post.text) for post in kept) <= room + len(kept)
    assert weight(kept, MEGABYTE) <= room + 2 * 41
    assert tuple(within(posts, MEGABYTE)) == posts
