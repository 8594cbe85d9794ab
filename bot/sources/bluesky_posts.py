"""Pure: one post as Bluesky's API shows it (a `postView`) to who wrote it, when, and what it says.

Does not decide what is a thread. Words of a quoted post, of a card or of whoever is answered are never the author's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.model import Author, Json, Post
from bot.sources.bluesky_addresses import is_did, is_handle, post_url, profile_url, split_uri
from bot.sources.bluesky_embeds import read_embed
from bot.sources.bluesky_text import read_words
from bot.sources.chains import Said
from bot.sources.json_answers import time_of
from bot.text import one_line, shorten

MEMBERS_ONLY: Final = "!no-unauthenticated"
"""The label by which an author asks that only people with an account are shown what they write."""

_WARNINGS: Final = {
    "porn": "Adult content",
    "sexual": "Sexually suggestive",
    "nudity": "Nudity",
    "graphic-media": "Graphic media",
    "gore": "Graphic media",
}
_LONGEST_LABEL: Final = 50
_MOST_LABELS: Final = 20
_LONGEST_NAME: Final = 200
_SOMEBODY: Final = "?"
"""Stands for the post that is answered where it is not told: no post has this id."""
_IMPORTED: Final = timedelta(days=1)
"""The app shows a post as one from an archive where its own date is this much before the day it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One post. `said.id` is the record key of an author's own post, the whole address of anybody else's.

    `placed`: the time by which the server sorts. `replies`: how many answers it has, by anybody.
    `members_only`: its author does not want it to be shown to the public.
    """

    said: Said
    author: Author
    placed: datetime | None = None
    root: str = ""
    replies: int = 0
    members_only: bool = False

    @property
    def id(self) -> str:
        """The post's id."""
        return self.said.id


def read_post(view: Json, did: str) -> Seen | None:
    """A post, as one of the author with this DID or as somebody else's; None for what is none."""
    if not isinstance(view, dict):
        return None
    found, record = split_uri(view.get("uri")), view.get("record")
    if found is None or not isinstance(record, dict):
        return None
    writer, rkey = found
    profile = view.get("author")
    author = read_author(profile) or Author(handle="", key=writer, url=profile_url(writer))
    if author.key != writer:
        return None
    own = writer == did
    created, indexed = time_of(record.get("createdAt")), time_of(view.get("indexedAt"))
    replies = view.get("replyCount")
    parent, root = _answered(record.get("reply"), did)
    return Seen(
        said=Said(
            post=_post(view, record, writer, rkey if own else f"at://{writer}/{rkey}"),
            at=_written(created, indexed),
            parent=parent,
            own=own,
            url=post_url(writer, rkey),
        ),
        author=author,
        placed=min((at for at in (created, indexed) if at is not None), default=None),
        root=root,
        replies=replies if type(replies) is int and 0 < replies < 10**9 else 0,
        members_only=is_members_only(profile),
    )


def read_author(value: Json) -> Author | None:
    """Who has this profile; None where it has no DID. A handle that is not proven to be theirs is left out."""
    did = value.get("did") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(did, str) or not is_did(did):
        return None
    handle, name = value.get("handle"), value.get("displayName")
    handle = handle.casefold() if isinstance(handle, str) else ""
    return Author(
        handle=handle if is_handle(handle) else "",  # "handle.invalid" is none
        name=one_line(name[:_LONGEST_NAME]) if isinstance(name, str) else "",
        url=profile_url(did),
        key=did,
    )


def is_members_only(profile: Json) -> bool:
    """Whether the author asks not to be shown to people without an account."""
    return MEMBERS_ONLY in set(_labels(profile))


def _post(view: dict[str, Json], record: dict[str, Json], writer: str, id_: str) -> Post:
    words = read_words(record.get("text"), record.get("facets"))
    attached = read_embed(view.get("embed"), record.get("embed"))
    links = tuple(dict.fromkeys((*words.links, *attached.links, *attached.quotes)))
    text = words.text or ("" if attached.media else "\n".join(links))  # a post that is nothing but a card
    return Post(
        id=id_,
        text=text,
        links=links,
        media=tuple({media.url: media for media in attached.media}.values()),
        quotes=attached.quotes,
        warning=_warning(view, record, writer),
    )


def _warning(view: dict[str, Json], record: dict[str, Json], writer: str) -> str:
    """The words for what the author says is in the post. What moderators say of it is not the author's."""
    own = record.get("labels")
    values = own.get("values") if isinstance(own, dict) else None
    found = dict.fromkeys((*_labels({"labels": values}), *_labels(view, by=writer)))
    words = (_WARNINGS.get(label, label) for label in found if not label.startswith("!"))
    return ", ".join(dict.fromkeys(words))


def _labels(value: Json, by: str = "") -> Iterator[str]:
    """The labels that are on something, short and on one line; only those that `by` put there."""
    labels = value.get("labels") if isinstance(value, dict) else None
    for label in labels[:_MOST_LABELS] if isinstance(labels, list) else ():
        if not isinstance(label, dict) or label.get("neg") is True or (by and label.get("src") != by):
            continue
        name = label.get("val")
        if isinstance(name, str) and (words := shorten(one_line(name[:1000]), _LONGEST_LABEL)):
            yield words


def _answered(reply: Json, did: str) -> tuple[str, str]:
    """The ids of the post that is answered and of the one where the talk began; "" for a post that answers none."""
    if reply is None:
        return "", ""
    if not isinstance(reply, dict):
        return _SOMEBODY, ""
    return _id(reply.get("parent"), did) or _SOMEBODY, _id(reply.get("root"), did)


def _id(ref: Json, did: str) -> str:
    found = split_uri(ref.get("uri")) if isinstance(ref, dict) else None
    if found is None:
        return ""
    return found[1] if found[0] == did else f"at://{found[0]}/{found[1]}"


def _written(created: datetime | None, indexed: datetime | None) -> datetime | None:
    """When a post was written: the server's time, since `createdAt` is whatever a program says.

    But what was brought here from elsewhere says so by a much earlier date, and is no news.
    """
    if created is None or indexed is None:
        return indexed or created
    return created if indexed - created > _IMPORTED else indexed
