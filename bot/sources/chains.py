"""Pure: an author's own threads among the posts that a service sends: who answers whom, and what is one thread.

Knows no service: what a post is called, and who wrote it, is said by whoever reads it. Asks nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Literal

from bot.model import Author, Entry, Post
from bot.text import title_of_posts

Wanted = Literal["threads", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One post as a service gives it: `parent` is the id of the post that it answers, "" if it answers none.

    `own`: the author wrote it (a repost is nobody's own). `at`: when, None if that is not known. `url`: its own page.
    """

    post: Post
    at: datetime | None = None
    parent: str = ""
    own: bool = True
    url: str = ""

    @property
    def id(self) -> str:
        """The post's id."""
        return self.post.id


Chain = tuple[Said, ...]
"""The posts of one thread, the root first, then in the order in which they were written."""


def chain(root: str, said: Iterable[Said]) -> Chain:
    """The author's own posts that hang on `root` by own posts only; () if the root is not there, or not the author's.

    What the author says under another person's answer belongs to that talk, not to the thread. An answer never stands
    before what it answers, whatever their times say: those of posts sent together come in any order.
    """
    by_id = {one.id: one for one in said}
    first = by_id.get(root)
    return _hanging_on(first, _answers(by_id)) if first is not None and first.own else ()


def chains(said: Iterable[Said]) -> Iterator[Chain]:
    """Every thread that begins among these posts: each own one that answers nobody, with what hangs on it.

    In the order given.
    """
    by_id = {one.id: one for one in said}
    answers = _answers(by_id)
    return (_hanging_on(one, answers) for one in by_id.values() if one.own and not one.parent)


def _answers(by_id: Mapping[str, Said]) -> dict[str, list[Said]]:
    """The own posts that answer a post which is there, by the id of that one."""
    answers: dict[str, list[Said]] = defaultdict(list)
    for one in by_id.values():
        if one.own and one.parent in by_id:
            answers[one.parent].append(one)
    return answers


def _hanging_on(root: Said, answers: Mapping[str, Sequence[Said]]) -> Chain:
    posts: list[Said] = []
    open_, met = [(_written(root), root)], {root.id}
    while open_:
        _, one = heappop(open_)
        posts.append(one)
        for answer in answers.get(one.id, ()):
            if answer.id not in met:  # a circle leads back to the root, and only there: each post has one parent
                heappush(open_, (_written(answer), answer))
    return tuple(posts)


def is_wanted(found: Chain, posts: Wanted, min_posts: int) -> bool:
    """Whether so many posts are a thread; single posts are only where all are asked for."""
    return len(found) >= max(shortest(posts, min_posts), 1)


def shortest(posts: Wanted, min_posts: int) -> int:
    """The fewest posts that a thread has to have."""
    return 1 if posts == "all" else min_posts


def entry_of(found: Chain, *, feed_id: str, author: Author, whole: bool) -> Entry:
    """The thread that a chain is. `whole`: there is no more of it than this."""
    root = found[0]
    posts = tuple(one.post for one in found)
    return Entry(
        feed_id=feed_id,
        key=root.id,
        url=root.url,
        author=author,
        title=root.post.warning or title_of_posts(posts),
        published=root.at,
        post_count=len(posts),
        posts=posts,
        whole=whole,
        latest=max((one.at for one in found if one.at is not None), default=None),
    )


def _written(one: Said) -> tuple[datetime, str]:
    # Ids of posts grow with time wherever they are numbers or sortable words; length first, so that "9" is before "10".
    return one.at or datetime.max.replace(tzinfo=UTC), f"{len(one.id):04} {one.id}"
