"""Pure: an answer of Bluesky's API to values: a page of an author's feed, the tree of a thread, a profile, an error.

Asks nothing. What is none of these is raised as the `SourceError` that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Response
from bot.model import Author, Json
from bot.sources.bluesky_posts import Seen, is_members_only, read_author, read_post
from bot.sources.json_answers import instead_of_json, read_json, time_of
from bot.text import one_line, shorten

_MOST_ITEMS: Final = 1_000
"""A page has 100 at the most."""
_MOST_NODES: Final = 50_000
_LONGEST_TOKEN: Final = 2_000

_ERRORS: Final[Mapping[str, tuple[type[SourceError], str]]] = {
    "AccountTakedown": (FeedGone, "Bluesky has suspended the account"),
    "AccountSuspended": (FeedGone, "Bluesky has suspended the account"),
    "AccountDeactivated": (FeedGone, "the author has deactivated the account; it comes back if they do"),
    "RepoTakendown": (FeedGone, "Bluesky has suspended the account"),
    "RepoSuspended": (FeedGone, "Bluesky has suspended the account"),
    "RepoDeactivated": (FeedGone, "the author has deactivated the account; it comes back if they do"),
    "NotFound": (FeedGone, "Bluesky has no such post"),
    "ProfileNotFound": (FeedGone, "Bluesky has no such author"),
    "HandleNotFound": (FeedGone, "Bluesky has no such author"),
    "BlockedActor": (SourceRefused, "Bluesky does not show the author to us, because of a block"),
    "BlockedByActor": (SourceRefused, "Bluesky does not show the author to us, because of a block"),
    "AuthMissing": (SourceRefused, "the server shows nothing without a login"),
    "AuthRequired": (SourceRefused, "the server shows nothing without a login"),
    "UpstreamFailure": (TemporarySourceError, "a part of Bluesky does not answer now"),
    "UpstreamTimeout": (TemporarySourceError, "a part of Bluesky does not answer now"),
    "InternalServerError": (TemporarySourceError, "Bluesky has a fault of its own"),
    "RateLimitExceeded": (TemporarySourceError, "Bluesky asks us to slow down"),
}
_NOBODY = re.compile(r"(?:profile|actor|account) not found|unable to resolve handle|could not find user", re.IGNORECASE)
"""Said with the code `InvalidRequest`, which is that of every other mistake too: only the words tell them apart."""
_NO_POST = re.compile(r"post not found|could not find post|could not locate record", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One place of a feed. `kind`: an author's post, or what stands there for another reason.

    `placed`: the time by which the server sorts it.
    """

    seen: Seen
    kind: str
    placed: datetime | None

    @property
    def id(self) -> str:
        """What tells this place from others: a post may also be reposted by its author."""
        return f"{self.kind} {self.seen.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of an author's feed, the newest first. `below`: the server's cursor for the next one."""

    items: tuple[Item, ...]
    below: str = ""
    author: Author | None = None

    @property
    def posts(self) -> tuple[Seen, ...]:
        """The author's own posts that stand here for themselves."""
        return tuple(item.seen for item in self.items if item.kind == "post")

    @property
    def reaches(self) -> datetime | None:
        """How far back it shows the author: to the last place whose time is known."""
        placed = [item.placed for item in self.items if item.placed is not None and item.kind != "pin"]
        return placed[-1] if placed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A post of the author and what hangs on it by the author's posts only. `cut`: those below which the server may not
    have looked: they are of the deepest level and have answers, of which none is shown.
    """

    root: Seen
    posts: tuple[Seen, ...]
    cut: tuple[str, ...]


# -- what was answered ----------------------------------------------------------------------------


def read_answer(feed_id: str, answer: Response) -> dict[str, Json]:
    """The JSON of an answer. Raises for a page, and for an error, whatever its status."""
    try:
        raw = read_json(answer.body)
    except ValueError as error:
        raise _no_json(feed_id, answer) from error
    if isinstance(raw, dict) and isinstance(raw.get("error"), str):
        raise _error(feed_id, raw["error"], raw.get("message"))
    if not isinstance(raw, dict) or answer.status != 200:
        raise _unknown(feed_id)
    return raw


def _no_json(feed_id: str, answer: Response) -> SourceError:
    match instead_of_json(answer.body):
        case "challenge":
            return SourceRefused(feed_id, "the server wants a browser to pass its challenge")
        case "login":
            return SourceRefused(feed_id, "the server wants a login")
    return _unknown(feed_id)


def _unknown(feed_id: str) -> ParseError:
    return ParseError(feed_id, "the server does not speak Bluesky's API")


def _error(feed_id: str, code: str, message: Json) -> SourceError:
    said = one_line(message[:1_000]) if isinstance(message, str) else ""
    kind, reason = _ERRORS.get(code, (ParseError, f"the server answers with an error: {said or one_line(code[:100])}"))
    if kind is ParseError and _NOBODY.match(said):
        kind, reason = _ERRORS["ProfileNotFound"]
    elif kind is ParseError and _NO_POST.match(said):
        kind, reason = _ERRORS["NotFound"]
    return kind(feed_id, shorten(reason, 300))


# -- a profile ------------------------------------------------------------------------------------


def read_profile(feed_id: str, raw: Json) -> Author:
    """Who an author is. Raises `SourceRefused` for one who does not want to be shown to the public."""
    author = read_author(raw)
    if author is None:
        raise _unknown(feed_id)
    if is_members_only(raw):
        raise members_only(feed_id)
    return author


def members_only(feed_id: str) -> SourceRefused:
    """The API would show the author; the label is a request to those who ask it, and Bluesky's own feeds heed it."""
    reason = "the author asks that only people who are logged in to Bluesky are shown their posts"
    return SourceRefused(feed_id, reason)


# -- a feed ---------------------------------------------------------------------------------------


def read_page(feed_id: str, raw: dict[str, Json], did: str) -> Page:
    """A page of the feed of the author with this DID.

    One odd place among others is left out; where nothing can be read, or nothing is the author's, it is no such page.
    """
    feed, below = raw.get("feed"), raw.get("cursor")
    if not isinstance(feed, list):
        raise _unknown(feed_id)
    if len(feed) > _MOST_ITEMS:
        raise ParseError(feed_id, "the server sends a longer page than we asked for")
    items = [item for one in feed for item in _item(one, did)]
    if feed and not items:
        raise ParseError(feed_id, "nothing on the author's page is a post as we know them")
    own = [item.seen.author for item in items if item.seen.said.own]
    author = max(own, key=lambda one: bool(one.handle), default=None) or _reposter(feed_id, feed, did)
    if items and author is None:
        handle = items[0].seen.author.handle or items[0].seen.author.key
        raise WrongAuthor(feed_id, f"the page that came shows posts of @{handle} and none of the author's")
    if any(item.seen.said.own and item.seen.members_only for item in items):
        raise members_only(feed_id)
    return Page(items=tuple(_once(items)), below=_token(below), author=author)


def _item(value: Json, did: str) -> Iterator[Item]:
    seen = read_post(value.get("post"), did) if isinstance(value, dict) else None
    if not isinstance(value, dict) or seen is None:
        return
    reason = value.get("reason")
    if reason is None:
        yield Item(seen=seen, kind="post" if seen.said.own else "other", placed=seen.placed)
        return
    said = reason.get("$type") if isinstance(reason, dict) else None
    at = time_of(reason.get("indexedAt")) if isinstance(reason, dict) else None
    # A reason that we do not know is no word of the author's either.
    yield Item(seen=seen, kind="pin" if said == "app.bsky.feed.defs#reasonPin" else "repost", placed=at)


def _once(items: list[Item]) -> list[Item]:
    """Each post once, where it stands first; a repost of it is another thing."""
    return list({item.id: item for item in reversed(items)}.values())[::-1]


def _reposter(feed_id: str, feed: list[Json], did: str) -> Author | None:
    """The author, as a page shows them on which they only repost."""
    for one in feed:
        reason = one.get("reason") if isinstance(one, dict) else None
        by = reason.get("by") if isinstance(reason, dict) else None
        author = read_author(by)
        if author is not None and author.key == did:
            return read_profile(feed_id, by)
    return None


def _token(value: Json) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_TOKEN and value.isprintable() else ""


# -- a thread -------------------------------------------------------------------------------------


def read_tree(feed_id: str, raw: dict[str, Json], did: str) -> Tree:
    """A post of the author and what they said below it; raises where the server does not show the post."""
    top = raw.get("thread")
    if not isinstance(top, dict):
        raise _unknown(feed_id)
    if "post" not in top:
        raise _hidden(feed_id, top)
    root = read_post(top.get("post"), did)
    if root is None:
        raise ParseError(feed_id, "the thread does not begin with a post as we know them")
    if not root.said.own:
        raise WrongAuthor(feed_id, f"the thread that came is one of @{root.author.handle or root.author.key}")
    if root.members_only:
        raise members_only(feed_id)
    nodes = list(_own_nodes(top, did))
    deepest = max(depth for _, depth, _ in nodes)
    cut = (seen.id for seen, depth, shown in nodes if depth == deepest and seen.replies and not shown)
    return Tree(root=root, posts=tuple(seen for seen, _, _ in nodes), cut=tuple(cut))


def _own_nodes(top: dict[str, Json], did: str) -> Iterator[tuple[Seen, int, int]]:
    """The author's posts that hang together, with their depth and how many answers are shown, by anybody.

    Not by recursion: a tree may be nested 1,000 deep. What hangs on other people's answers is not looked at.
    """
    open_: list[tuple[dict[str, Json], int]] = [(top, 0)]
    for _ in range(_MOST_NODES):
        if not open_:
            return
        node, depth = open_.pop()
        seen = read_post(node.get("post"), did) if _is_of(node.get("post"), did) else None
        if seen is not None:
            replies = node.get("replies")
            under = [one for one in replies if isinstance(one, dict)] if isinstance(replies, list) else []
            yield seen, depth, len(under)
            open_ += [(one, depth + 1) for one in under]


def _is_of(view: Json, did: str) -> bool:
    """Whether it is the author's post; most nodes of a large tree are not, and are not read for it."""
    uri = view.get("uri") if isinstance(view, dict) else None
    return isinstance(uri, str) and uri.startswith(f"at://{did}/")


def _hidden(feed_id: str, top: dict[str, Json]) -> SourceError:
    said = str(top.get("$type"))[:100]
    if top.get("notFound") is True or said.endswith("#notFoundPost"):
        return FeedGone(feed_id, _ERRORS["NotFound"][1])
    if top.get("blocked") is True or said.endswith("#blockedPost"):
        return SourceRefused(feed_id, "Bluesky does not show the post to us, because of a block")
    return _unknown(feed_id)
