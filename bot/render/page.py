"""One thread as a page: self-contained, printable, light and dark, right to left where the author writes so. Pure.

The page has no script and loads nothing but pictures that the user allowed. Author text is escaped by the template
engine, and never decides where a link that says something else leads: links say their whole address. Does not decide
how it looks; that is `templates/page.html`.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from bot.model import Entry, Media, Post
from bot.render.look import PICTURE_TYPES, Look
from bot.text import is_web_link, one_line, reading_minutes, shorten, split_links, title_of_posts, words_of
from bot.times import in_words, rfc3339

if TYPE_CHECKING:
    from jinja2 import Template  # loaded when the first page is made: the listings do without

ONLY_BEGINNING = "Only the beginning of this thread could be read."

_LONGEST_TITLE = 300
_LONGEST_NAME = 160
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_HOST = re.compile(r"(https?://)([^/?#]+)(.*)", re.IGNORECASE)
_KINDS = {"image": "Picture", "video": "Video"}


def as_html(entry: Entry, look: Look) -> str:
    """The page for a browser, which finds the direction of each post by itself."""
    return _template().render(view=_view(entry, look, "auto"))


def for_paper(entry: Entry, look: Look) -> str:
    """The same page for a library that prints: the direction of each post is found here, nothing is loaded."""
    return _template().render(view=_view(entry, look, ""))


# -- what is shown -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A picture or video. `source`: where its points come from; "" where it is only named, with its `link`."""

    kind: str
    alt: str
    source: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post:
    """One post. `more`: what it links to and does not say in its own words, with what that is."""

    number: int
    direction: str
    paragraphs: tuple[tuple[str, ...], ...]
    figures: tuple[_Figure, ...]
    more: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What the template shows. Every string is clean; links are made of what `split_links` calls one, or checked."""

    title: str
    direction: str
    lang: str
    name: str
    name_direction: str
    handle: str
    profile: str
    published: str
    published_at: str
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    posts: tuple[_Post, ...]
    source: str
    read: str
    remote_images: bool


def _view(entry: Entry, look: Look, direction: str) -> _View:
    posts = tuple(filter(_says_something, _posts(entry, look, direction)))
    title = _title(entry)
    name = shorten(one_line(entry.author.name), _LONGEST_NAME)
    return _View(
        title=title,
        direction=direction or _direction(title),
        lang=look.lang if _LANGUAGE.fullmatch(look.lang) else "",
        name=name,
        name_direction=direction or _direction(name),
        handle=shorten(one_line(entry.author.handle), _LONGEST_NAME),
        profile=_link(entry.author.url),
        published=in_words(entry.published, look.zone) if entry.published else "",
        published_at=rfc3339(entry.published) or "",
        facts=tuple(_facts(entry)),
        notes=tuple(map(one_line, filter(None, (look.note, "" if entry.whole else ONLY_BEGINNING)))),
        posts=posts,
        source=one_line(entry.url),
        read=in_words(look.read_at, look.zone) if look.read_at else "",
        remote_images=look.remote_images,
    )


def _title(entry: Entry) -> str:
    return shorten(one_line(entry.title), _LONGEST_TITLE) or title_of_posts(entry.posts) or "Thread"


def _facts(entry: Entry) -> Iterator[str]:
    count = len(entry.posts) if entry.whole else max(entry.post_count or 0, len(entry.posts))
    if count:
        yield "1 post" if count == 1 else f"{count} posts"
    if entry.whole and entry.posts:
        yield f"{reading_minutes(' '.join(post.text for post in entry.posts))} min read"


def _posts(entry: Entry, look: Look, direction: str) -> Iterator[_Post]:
    for number, post in enumerate(entry.posts, start=1):
        text = words_of(post, len(post.text))
        yield _Post(
            number=number,
            direction=direction or _direction(text),
            paragraphs=tuple(_paragraphs(text)),
            figures=tuple(_figure(media, look) for media in post.media),
            more=tuple(_more(post, text)),
        )


def _says_something(post: _Post) -> bool:
    return bool(post.paragraphs or post.figures or post.more)


def _paragraphs(text: str) -> Iterator[tuple[str, ...]]:
    """The lines of each paragraph; empty lines part them."""
    for has_words, lines in groupby(text.split("\n"), key=lambda line: bool(line.strip())):
        if has_words:
            yield tuple(lines)


def _figure(media: Media, look: Look) -> _Figure:
    return _Figure(
        kind=_KINDS[media.kind],
        alt=one_line(media.alt),
        source=_source(media, look) if media.kind == "image" else "",
        url=one_line(media.url),
    )


def _source(media: Media, look: Look) -> str:
    """What a picture is drawn from: its points, if we have them, or its address, if the user wants it loaded."""
    picture = look.pictures.get(media.url)
    if picture is not None and picture.mime in PICTURE_TYPES:
        return f"data:{picture.mime};base64,{b64encode(picture.data).decode('ascii')}"
    if look.remote_images and media.url.startswith("https://"):
        return _link(media.url)
    return ""


def _more(post: Post, text: str) -> Iterator[tuple[str, str]]:
    """What the post links to and its words do not show, each once; quoted posts first."""
    seen = {piece for piece, is_link in split_links(text) if is_link} | {media.url for media in post.media}
    said = [("Quotes", url) for url in post.quotes] + [("Links to", url) for url in post.links]
    for what, url in said:
        if url not in seen and _link(url):
            seen.add(url)
            yield what, url


def _link(url: str) -> str:
    return url if is_web_link(url) else ""


def _direction(text: str) -> str:
    """Which way `text` runs: as its first letter does, like `dir="auto"` in a browser."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


# -- how it looks --------------------------------------------------------------------------------------------


def link_parts(url: str) -> Iterable[str]:
    """Scheme, host and the rest of a web address; joined they are the address."""
    found = _HOST.fullmatch(url)
    return found.groups() if found else ("", url, "")


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("bot", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"split_links": split_links, "link_parts": link_parts}
    pages.tests["web_link"] = is_web_link
    return pages.get_template("page.html")
