"""What an author hides behind a content warning stays hidden in a notice, which tells the warning and the link.

Pure. The kept copy has all of it, and whoever has a thread unrolled reads all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise

from bot.model import Batch, Entry, Item, Post
from bot.text import warning_of


def covered(batch: Batch) -> Batch:
    """The batch without what is hidden."""
    return replace(batch, items=tuple(map(_covered_item, batch.items)))


def _covered_item(item: Item) -> Item:
    """A thread and what it was before; what is hidden now, or was before, was meant to be."""
    both = [entry for entry in (item.before, item.entry) if entry is not None]
    warnings = {post.id: post.warning for entry in both for post in entry.posts if post.warning}
    if not warnings:
        return item
    return replace(item, entry=_covered(item.entry, warnings), before=_covered(item.before, warnings))


def _covered(entry: Entry | None, warnings: Mapping[str, str]) -> Entry | None:
    if entry is None or not entry.posts:
        return entry
    posts = [replace(post, warning=warnings.get(post.id, "")) for post in entry.posts]
    title = warning_of(posts[0]) or entry.title
    return replace(entry, title=title, posts=tuple(_posts(posts)))


def _posts(posts: Sequence[Post]) -> Iterator[Post]:
    """The posts, those that are hidden with their warning alone; the same one is said once in a row."""
    for before, post in pairwise(chain((None,), posts)):
        if post is None or not post.warning:
            yield from filter(None, (post,))
            continue
        again = before is not None and before.warning == post.warning
        text = "" if again else warning_of(post)
        yield replace(post, text=text, links=(), media=(), quotes=(), reply_to=(), warning="")
