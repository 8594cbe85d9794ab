"""Pure: one status of FxTwitter's API to who wrote it and what it says. Does not decide what is a thread.

Read from the description of the API (`docs/specs/fxtwitter-openapi.json` of FxEmbed/FxEmbed) and from the code that
makes the answers (`packages/atmosphere/src/providers/twitter/processor.ts`). A word of the page that is linked, of the
community, or of whom the author quotes is never taken for the author's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.model import Author, Json, Media, Post
from bot.sources.chains import Said
from bot.sources.x_addresses import HANDLE, time_of
from bot.text import clean, is_web_link, one_line, split_links

SITE: Final = "https://x.com"

_ID = re.compile(r"[0-9]{1,20}")
_HANDLE = re.compile(HANDLE)
_LONGEST_NAME: Final = 200
_MOST_FACETS: Final = 2_000
_MOST_MEDIA: Final = 200
"""A post has 4 at the most, an article some dozens."""
_T_CO = re.compile(r" ?(https?://t\.co/[A-Za-z0-9]++)")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|#39);")
_ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "#39": "'"}
_STATUS = re.compile(r"/status(?:es)?/([0-9]{1,20})")
_MENTION = re.compile(rf"@({HANDLE})")
_SOMEBODY: Final = "0"
"""Stands for the post that is answered where its id is not told: no post has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One status: the post, who wrote it, the id and the author of the post that it answers.

    `by`: who shows it: the author, or who reposted it. `is_whole`: nothing of its words is missing.
    `replies`: how many answers it has, None where that is not told.
    """

    post: Post
    author: Author
    by: Author
    at: datetime | None
    parent: str = ""
    answers: str = ""
    is_repost: bool = False
    is_whole: bool = True
    replies: int | None = None

    @property
    def id(self) -> str:
        """The post's id."""
        return self.post.id

    def said(self, key: str, parent: str | None = None) -> Said:
        """The post as a link of a chain, for the author with this `key`."""
        return Said(
            post=self.post,
            at=self.at,
            parent=self.parent if parent is None else parent,
            own=self.is_own(key),
            url=f"{SITE}/{self.author.handle}/status/{self.id}",
        )

    def is_own(self, key: str) -> bool:
        """Whether the author with this `key` wrote it; what they repost stands at its own time, so it is left out."""
        return self.author.key == key and not self.is_repost


def read_status(value: Json) -> Status | None:
    """One status; None for what is none, or says neither who wrote it nor its id."""
    if not isinstance(value, dict) or value.get("type", "status") != "status":
        return None
    key, author = id_of(value.get("id")), read_author(value.get("author"))
    if not key or author is None:
        return None
    reposter = value.get("reposted_by")
    parent, answers = _answered(value.get("replying_to"))
    replies = value.get("replies")
    return Status(
        post=_post(key, value, is_answer=bool(parent)),
        author=author,
        by=(read_author(reposter) or Author(handle="")) if reposter else author,
        at=time_of(key) or _time(value.get("created_timestamp")),
        parent=parent,
        answers=answers,
        is_repost=bool(reposter),
        is_whole=not _lacks_words(value),
        replies=replies if isinstance(replies, int) and not isinstance(replies, bool) else None,
    )


def read_author(value: Json) -> Author | None:
    """Who has this profile; None where it says no id or no name that X allows."""
    if not isinstance(value, dict):
        return None
    key, handle = id_of(value.get("id")), _text(value.get("screen_name"))
    if not key or not _HANDLE.fullmatch(handle):
        return None
    name = one_line(_text(value.get("name"))[:_LONGEST_NAME])
    return Author(handle=handle, name=name, url=f"{SITE}/{handle}", key=key)


def id_of(value: Json) -> str:
    """An id, "" for what is none."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _answered(value: Json) -> tuple[str, str]:
    """The id of the post that is answered, and whose it is."""
    if not value:
        return "", ""
    if not isinstance(value, dict):
        return _SOMEBODY, ""
    handle = _text(value.get("screen_name"))
    return id_of(value.get("status")) or _SOMEBODY, handle if _HANDLE.fullmatch(handle) else ""


def _time(value: Json) -> datetime | None:
    """A plausible Unix time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return datetime.fromtimestamp(value, UTC) if 0 < value < 1e10 else None


# -- words ----------------------------------------------------------------------------------------


def _post(key: str, status: Mapping[str, Json], *, is_answer: bool) -> Post:
    words = _Words(status)
    quoted = words.quote(status.get("quote"))
    article = status.get("article")
    if isinstance(article, dict):
        words.article(article)
    words.poll(status.get("poll"))
    words.extras(status)
    return Post(
        id=key,
        text=words.text(),
        links=tuple(words.links),
        media=tuple(_media(status)),
        quotes=(quoted,) if quoted else (),
        reply_to=_leading(status) if is_answer else (),
    )


class _Words:
    """Puts one post's text together and writes down what it links to."""

    def __init__(self, status: Mapping[str, Json]) -> None:
        self.links: dict[str, None] = {}
        self._parts = [self._said(status)]

    def text(self) -> str:
        """All of it, clean."""
        return clean("\n\n".join(part for part in self._parts if part)).strip()

    def _said(self, status: Mapping[str, Json]) -> str:
        """What stands in the post itself, with whole links and without those that only stand for its pictures."""
        raw = _mapping(status.get("raw_text"))
        text = raw.get("text")
        if not isinstance(text, str):
            text = _text(status.get("text")).strip()  # links and entities are whole in this one
            self.links |= {piece: None for piece, is_link in split_links(text) if is_link}
            return text
        whole = {_text(one.get("original")): _text(one.get("replacement")) for one in _facets(raw, "url")}
        pictures = {_text(one.get("original")) for one in _facets(raw, "media")}
        # X ends a post with a short link to what is attached to it, and does not always say what for.
        attached = bool(_mapping(status.get("media")) or status.get("article"))

        def expanded(found: re.Match[str]) -> str:
            short = found[1]
            url = whole.get(short, "")
            if short in pictures or (short not in whole and attached):
                return ""
            url = url if is_web_link(url) else short
            self.link(url)
            return found[0][: -len(short)] + url

        return _T_CO.sub(expanded, _unescaped(text)).strip()

    def link(self, url: str) -> None:
        self.links[url] = None

    def quote(self, value: Json) -> str:
        """The address of the post that is quoted, which stands in the text; "" if none is."""
        quoted = _mapping(value)
        key = id_of(quoted.get("id"))
        url = _text(quoted.get("url"))
        if not is_web_link(url):
            url = f"{SITE}/i/status/{key}" if key else ""
        said = next((one for one in self.links if key and (found := _STATUS.search(one)) and found[1] == key), "")
        if url and not said:
            self._apart(url)
        return said or url

    def article(self, article: Mapping[str, Json]) -> None:
        """A long text of the author's own; only its beginning where the blocks did not come along."""
        blocks = list(_blocks(article)) or [_text(article.get("preview_text"))]
        self._parts += [_text(article.get("title")).strip(), *(block.strip() for block in blocks)]
        for quoted in _article_quotes(article):
            self._apart(f"{SITE}/i/status/{quoted}")

    def poll(self, value: Json) -> None:
        """What can be chosen."""
        choices = _list(_mapping(value).get("choices"))
        labels = [one_line(_text(_mapping(one).get("label"))) for one in choices]
        self._parts.append("\n".join(f"- {label}" for label in labels if label))

    def extras(self, status: Mapping[str, Json]) -> None:
        """A broadcast with its title, and the address of a card where the text does not have it."""
        broadcast = _mapping(_mapping(status.get("media")).get("broadcast"))
        self._parts.append(one_line(_text(broadcast.get("title"))))
        for url in (_text(broadcast.get("url")), _text(_mapping(status.get("card")).get("url"))):
            if is_web_link(url) and not _T_CO.fullmatch(url) and url not in self.links:
                self._apart(url)

    def _apart(self, url: str) -> None:
        self._parts.append(url)
        self.link(url)


def _unescaped(text: str) -> str:
    """X escapes these and nothing else, once: what an author wrote as "&amp;lt;" is "&lt;" afterwards."""
    return _ENTITY.sub(lambda found: _ENTITIES[found[1]], text)


def _leading(status: Mapping[str, Json]) -> tuple[str, ...]:
    """The handles before the text that is displayed: X put them there because the post answers somebody."""
    raw = _mapping(status.get("raw_text"))
    span, text = raw.get("display_text_range"), raw.get("text")
    start = span[0] if isinstance(span, list) and span else 0
    if isinstance(start, bool) or not isinstance(start, int) or not isinstance(text, str):
        return ()
    # Only ASCII can stand there, so it does not matter in which unit X counts.
    return tuple(dict.fromkeys(_MENTION.findall(text[: max(0, min(start, 2_000))])))


def _facets(raw: Mapping[str, Json], kind: str) -> Iterator[Mapping[str, Json]]:
    for one in map(_mapping, _list(raw.get("facets"))[:_MOST_FACETS]):
        if one.get("type") == kind and one.get("original"):
            yield one


# -- articles -------------------------------------------------------------------------------------


def _blocks(article: Mapping[str, Json]) -> Iterator[str]:
    """The paragraphs of an article; the text of a block that is only a place for something is one blank."""
    entities = _entities(article)
    for block in map(_mapping, _list(_mapping(article.get("content")).get("blocks"))):
        text = _text(block.get("text"))
        yield text if text.strip() else "\n\n".join(_markdown(block, entities))


def _markdown(block: Mapping[str, Json], entities: dict[str, Mapping[str, Json]]) -> Iterator[str]:
    """What stands in the places of a block, each once: a page could name a long one a thousand times."""
    for one in map(_mapping, _list(block.get("entityRanges"))):
        yield _text(entities.pop(str(one.get("key")), {}).get("markdown"))


def _entities(article: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    found = map(_mapping, _list(_mapping(article.get("content")).get("entityMap")))
    return {str(one.get("key")): _mapping(_mapping(one.get("value")).get("data")) for one in found}


def _article_quotes(article: Mapping[str, Json]) -> Iterator[str]:
    yield from filter(None, (id_of(data.get("tweetId")) for data in _entities(article).values()))


def _lacks_words(status: Mapping[str, Json]) -> bool:
    """Whether an article came with its beginning only, as it does in listings."""
    article = status.get("article")
    return isinstance(article, dict) and not any(_blocks(article))


# -- media ----------------------------------------------------------------------------------------


def _media(status: Mapping[str, Json]) -> Iterator[Media]:
    """Pictures and videos, each once, in the post's order; a mosaic is made of the pictures by the service."""
    media = _mapping(status.get("media"))
    listed = _list(media.get("all")) or [*_list(media.get("photos")), *_list(media.get("videos"))]
    article = _mapping(status.get("article"))
    covers = (article.get("cover_media"), *_list(article.get("media_entities")))
    found = (*map(_medium, listed[:_MOST_MEDIA]), *map(_cover, covers[:_MOST_MEDIA]))
    seen: dict[str, Media] = {}
    for one in filter(None, found):
        seen.setdefault(one.url, one)
    yield from seen.values()


def _medium(value: Json) -> Media | None:
    one = _mapping(value)
    url = _text(one.get("url"))
    if one.get("type") not in ("photo", "gif", "video") or not is_web_link(url):
        return None
    moves = one.get("type") == "video" or ("formats" in one and one.get("type") == "gif") or ".mp4" in url
    return Media(kind="video" if moves else "image", url=url, alt=_alt(one.get("altText")))


def _cover(value: Json) -> Media | None:
    """A picture or video in an article, in X's own shape."""
    info = _mapping(_mapping(value).get("media_info"))
    picture = _text(info.get("original_img_url")) or _text(info.get("media_url_https"))
    return Media(kind="image", url=picture, alt=_alt(info.get("ext_alt_text"))) if is_web_link(picture) else None


def _alt(value: Json) -> str:
    return clean(_text(value)).strip()


# -- shapes ---------------------------------------------------------------------------------------


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
