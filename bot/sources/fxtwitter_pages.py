"""Pure: answers of FxTwitter's API to values: a page of an author's timeline, a thread, a profile.

Asks nothing. An answer is recognised or refused: one that is not understood, and an error in a 200, never looks like an
author without threads. What the server does with `groupthreads` (`userStatuses.ts` and `search.ts` of FxEmbed/FxEmbed):
a conversation that X shows as one row of the profile is one result; it has the first and the last posts of it and, in
`all_status_ids`, the ids of all. A row never straddles two pages; it stands where its newest post belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.model import Author, Json
from bot.sources.fxtwitter_posts import Status, id_of, read_author, read_status
from bot.sources.json_answers import instead_of_json, read_json

_LONGEST_TOKEN: Final = 4_000
_MOST_ROWS: Final = 1_000
"""The API gives 100 at the most."""
_MOST_POSTS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One result of a timeline: a status, or a conversation as far as it is shown. `ids`: of all its posts.

    `conversation`: the id of the post that it begins with, "" for a single status.
    """

    statuses: tuple[Status, ...]
    conversation: str = ""
    ids: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every post of it is shown, and that is said."""
        return bool(self.ids) and set(self.ids) == {one.id for one in self.statuses}

    @property
    def newest(self) -> str:
        """The id of its newest post, whoever wrote it."""
        return max((*self.ids, *(one.id for one in self.statuses)), key=lambda one: (len(one), one))

    def at(self, key: str) -> datetime | None:
        """When the newest post of the author with this `key` was written, which is where it stands; None for a repost,
        which stands at a time that is not told.
        """
        return max((one.at for one in self.statuses if one.at and one.is_own(key)), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of an author's timeline. `below`: the token of the next one. No `author`: it has no row at all."""

    rows: tuple[Row, ...]
    author: Author | None = None
    below: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An author, how many posts they have, and whether these are shown to everybody."""

    author: Author
    posts: int = 0
    is_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation around one post, in its order. Of a post that is not shown there is only its id, "" if unknown."""

    focal: Status
    parts: tuple[Status | str, ...]


def read_page(body: bytes, feed_id: str, author: Author) -> Page:
    """A page of the timeline of `author`, whoever else appears in it."""
    document = read_answer(body, feed_id, "the author's posts")
    results, cursor = document.get("results"), document.get("cursor")
    if not isinstance(results, list) or not isinstance(cursor, dict):
        raise ParseError(feed_id, "the answer is not a list of posts as we know it")
    rows = tuple(filter(None, map(_row, results[:_MOST_ROWS])))
    if results and not rows:
        raise ParseError(feed_id, "none of the author's posts is as we know them")
    below = cursor.get("bottom")
    below = below if isinstance(below, str) and 0 < len(below) <= _LONGEST_TOKEN else ""
    return Page(rows=rows, author=_whose(rows, feed_id, author) if rows else None, below=below if rows else "")


def read_thread(body: bytes, feed_id: str, key: str) -> Thread:
    """The conversation around the post `key`."""
    document = read_answer(body, feed_id, "the thread")
    focal = read_status(document.get("status"))
    if focal is None or focal.id != key:
        raise ParseError(feed_id, f"the answer is not the post {key} as we know it")
    parts = document.get("thread")
    if not isinstance(parts, list):
        # The server sends the post alone where X did not give it the rest.
        raise TemporarySourceError(feed_id, "the service could not read the thread, only one post of it")
    return Thread(focal=focal, parts=tuple(_parts(parts[:_MOST_POSTS])) or (focal,))


def read_writer(body: bytes, feed_id: str, key: str) -> Author:
    """Who wrote the post `key`."""
    status = read_status(read_answer(body, feed_id, "the post").get("status"))
    if status is None or status.id != key:
        raise ParseError(feed_id, f"the answer is not the post {key} as we know it")
    return status.author


def read_profile(body: bytes, feed_id: str) -> Profile:
    """The profile of an author."""
    user = read_answer(body, feed_id, "the author's profile").get("user")
    author = read_author(user)
    if author is None or not isinstance(user, dict):
        raise ParseError(feed_id, "the answer is not a profile as we know it")
    posts = user.get("statuses")
    count = posts if isinstance(posts, int) and not isinstance(posts, bool) else 0
    return Profile(author=author, posts=count, is_protected=user.get("protected") is True)


# -- what every answer has ------------------------------------------------------------------------


def read_answer(body: bytes, feed_id: str, what: str) -> dict[str, Json]:
    """The JSON object of a good answer; what else its `code` says is raised, whatever the status of the answer was."""
    document = _json(body)
    if document is None:
        raise _no_json(body, feed_id, what)
    error = _error_of(feed_id, document.get("code"), document)
    if error is not None:
        raise error
    return document


def not_found(body: bytes, feed_id: str) -> SourceError:
    """What an answer with status 404 means: gone where the API says so, or says nothing; else it is not the API."""
    document = _json(body)
    if not body.strip() or (document is not None and document.get("code") == 404):
        return FeedGone(feed_id, _why_gone(document or {}))
    return ParseError(feed_id, "there is no such API at this address (404)")


def _json(body: bytes) -> dict[str, Json] | None:
    """The object in a body, None if there is none."""
    try:
        document = read_json(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _no_json(body: bytes, feed_id: str, what: str) -> SourceError:
    match instead_of_json(body):
        case "challenge":
            return SourceRefused(feed_id, f"got a challenge for browsers instead of {what}")
        case "login":
            return SourceRefused(feed_id, f"got a login page instead of {what}")
    return ParseError(feed_id, f"the answer is not {what} as we know it")


_CODES: Final[dict[int, tuple[type[SourceError], str]]] = {
    401: (SourceRefused, "the service says that this is private (401)"),
    403: (SourceRefused, "the service refuses us (403)"),
    429: (TemporarySourceError, "the service asks us to slow down (429)"),
}


def _error_of(feed_id: str, code: Json, document: dict[str, Json]) -> SourceError | None:
    """What `code` in a body means, which mirrors the status of the answer, or is all that tells."""
    if not isinstance(code, int) or isinstance(code, bool):
        return ParseError(feed_id, "the answer does not say whether it is one")
    if code == 200:
        return None
    if code == 404:
        return FeedGone(feed_id, _why_gone(document))
    if 500 <= code < 600:
        return TemporarySourceError(feed_id, f"the service has a fault of its own ({code})")
    kind, words = _CODES.get(code, (ParseError, f"the service does not answer what we asked ({str(code)[:9]})"))
    return kind(feed_id, words)


def _why_gone(document: dict[str, Json]) -> str:
    status = document.get("status")
    reason = document.get("reason") or (status.get("reason") if isinstance(status, dict) else None)
    words = {"suspended": "X has suspended the account (404)", "deleted": "the post is deleted (404)"}
    return words.get(reason if isinstance(reason, str) else "", "the service knows no such author or post (404)")


# -- rows -----------------------------------------------------------------------------------------


def _row(value: Json) -> Row | None:
    if not isinstance(value, dict):
        return None
    if value.get("type") != "thread":
        status = read_status(value)
        return Row(statuses=(status,), ids=(status.id,)) if status else None
    listed, ids = value.get("statuses"), value.get("all_status_ids")
    found = [read_status(one) for one in listed[:_MOST_POSTS]] if isinstance(listed, list) else []
    statuses = {one.id: one for one in found if one is not None}
    every = [id_of(one) for one in ids[:_MOST_POSTS]] if isinstance(ids, list) else []
    if not statuses:
        return None
    return Row(
        statuses=tuple(statuses.values()),
        conversation=id_of(value.get("conversation_id")),
        ids=tuple(dict.fromkeys(filter(None, every))),
    )


def _whose(rows: Iterable[Row], feed_id: str, author: Author) -> Author:
    """Who the page is of: the one looked for, under the name that the page has."""
    shown = {one.by.key: one.by for row in reversed(tuple(rows)) for one in reversed(row.statuses)}
    if author.key:
        found = shown.get(author.key)
        namesake = next((one for one in shown.values() if is_handle(one, author.handle)), None)
    else:
        found, namesake = next((one for one in shown.values() if is_handle(one, author.handle)), None), None
    if found is not None:
        return found
    raise wrong_author(feed_id, author, namesake)


def wrong_author(feed_id: str, author: Author, found: Author | None) -> WrongAuthor:
    """Says whose it is instead, as far as that is known."""
    if found is None:
        return WrongAuthor(feed_id, f"the posts are not those of @{author.handle}")
    if author.key and is_handle(found, author.handle):
        words = f"@{author.handle} belongs to somebody else now (id {found.key} instead of {author.key})"
        return WrongAuthor(feed_id, words)
    return WrongAuthor(feed_id, f"this is of @{found.handle}, not of @{author.handle}")


def is_handle(author: Author, handle: str) -> bool:
    """Whether this is the author's handle: X does not tell case apart."""
    return bool(handle) and author.handle.casefold() == handle.casefold()


def _parts(values: Iterable[Json]) -> Iterator[Status | str]:
    for value in values:
        status = read_status(value)
        if status is not None:
            yield status
        elif isinstance(value, dict) and value.get("type") == "tombstone":
            yield id_of(value.get("id"))
