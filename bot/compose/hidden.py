"""What an author hides behind a content warning stays hidden in a notice, which tells the warning and the link.

Pure. The kept copy has all of it, and whoever has a thread unrolled reads all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise

from bot.model import Batch, Entry, Post
from bot.text import warning_of


def covered(batch: Batch) -> Batch:
    """The batch without what is hidden."""
    items = (
        replace(item, entry=_covered(item.entry), before=_covered(item.before))
        if item.entry is not None and any(post.warning for post in item.entry.posts)
        else item
        for item in batch.items
    )
    return replace(batch, items=tuple(items))


def _covered(entry: Entry | None) -> Entry | None:
    if entry is None or not entry.posts:
        return entry
    hides = entry.posts[0].warning
    return replace(entry, title=warning_of(entry.posts[0]) if hides else entry.title, posts=tuple(_posts(entry)))


def _posts(entry: Entry) -> Iterator[Post]:
    """The posts, those that are hidden with their warning alone; the same one is said once in a row."""
    for before, post in pairwise(chain((None,), entry.posts)):
        if post is None or not post.warning:
            yield from filter(None, (post,))
            continue
        again = before is not None and before.warning == post.warning
        text = "" if again else warning_of(post)
        yield replace(post, text=text, links=(), media=(), quotes=(), reply_to=(), warning="")
