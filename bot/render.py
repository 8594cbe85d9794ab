"""One thread as text, Markdown, HTML or JSON, for `unroll`. Pure.

Author text is text in every form: Markdown and HTML escape it, all but JSON, which is exact, are cleaned. Links are
made of web addresses alone and say where they lead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from html import escape

from bot.model import Author, Entry, Media, Post
from bot.text import clean, is_web_link, json_document, one_line, split_links
from bot.times import moment, rfc3339

_MARKDOWN_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#+-!|~&$^"})
_MARKDOWN_LIST = re.compile(r"^(\d{1,9})([.)])")
_MARKDOWN_UNDERLINE = re.compile(r"^(=)")


def as_json(entry: Entry, _zone: tzinfo) -> str:
    """The documented JSON form."""
    posts = [
        {
            "id": post.id,
            "text": post.text,
            "links": list(post.links),
            "media": [{"kind": media.kind, "url": media.url, "alt": media.alt} for media in post.media],
        }
        for post in entry.posts
    ]
    document = {
        "id": entry.key,
        "url": entry.url,
        "author": f"@{entry.author.handle}",
        "author_name": entry.author.name,
        "title": entry.title,
        "published": rfc3339(entry.published),
        "posts": posts,
    }
    return json_document(document)


def as_text(entry: Entry, zone: tzinfo) -> str:
    """Plain text, posts separated by blank lines."""
    entry = _cleaned(entry)
    return "\n\n".join((_heading(entry, zone), *(_with_media(post) for post in entry.posts))) + "\n"


def as_markdown(entry: Entry, zone: tzinfo) -> str:
    """Markdown in which the author's text is literal."""
    entry = _cleaned(entry)
    about = f"{_literal(entry.author.label)}, {moment(entry.published, zone)}, {_markdown_link(entry.url)}"
    return "\n\n".join((f"# {_literal(entry.title)}", about, *(_markdown_post(post) for post in entry.posts))) + "\n"


def as_html(entry: Entry, zone: tzinfo) -> str:
    """One self-contained page, without scripts and without anything loaded from elsewhere."""
    entry = _cleaned(entry)
    body = "\n".join(f"<p>{_html_text(post.text)}</p>{_html_media(post)}" for post in entry.posts)
    title = escape(entry.title)
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<style>:root{color-scheme:light dark}body{max-width:40rem;margin:2rem auto;padding:0 1rem;"
        "font:1.05rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}</style></head>\n"
        f'<body dir="auto"><h1>{title}</h1>\n<p>{escape(entry.author.label)}, {moment(entry.published, zone)}, '
        f"{_link(entry.url)}</p>\n{body}\n</body></html>\n"
    )


FORMATS: Mapping[str, Callable[[Entry, tzinfo], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "html": as_html,
    "json": as_json,
}


def _heading(entry: Entry, zone: tzinfo) -> str:
    about = f"{entry.author.label}, {moment(entry.published, zone)}, {len(entry.posts)} posts"
    return f"{entry.title}\n{about}\n{entry.url}"


def _cleaned(entry: Entry) -> Entry:
    """The thread without what does harm where it is shown; only posts have more than a line."""
    author = Author(handle=one_line(entry.author.handle), name=one_line(entry.author.name))
    posts = tuple(
        replace(post, text=clean(post.text), media=tuple(map(_clean_media, post.media))) for post in entry.posts
    )
    return replace(entry, title=one_line(entry.title), url=one_line(entry.url), author=author, posts=posts)


def _clean_media(media: Media) -> Media:
    return replace(media, url=one_line(media.url), alt=one_line(media.alt))


def _with_media(post: Post) -> str:
    media = (f"[{m.kind}{f': {m.alt}' if m.alt else ''}] {m.url}" for m in post.media)
    return "\n".join((post.text, *media)).strip()


def _literal(line: str) -> str:
    """A line of text as Markdown that shows just that. Blanks at its beginning, which would make code of it, go."""
    return _at_line_start(line.translate(_MARKDOWN_SPECIAL).lstrip())


def _at_line_start(line: str) -> str:
    """An escaped line that begins no list ("1." and "1)") and underlines no heading ("===")."""
    return _MARKDOWN_UNDERLINE.sub(r"\\\1", _MARKDOWN_LIST.sub(r"\1\\\2", line))


def _markdown_post(post: Post) -> str:
    text = "  \n".join(map(_markdown_line, post.text.split("\n")))
    media = (f"{_literal(m.alt or m.kind)}: {_markdown_link(m.url)}" for m in post.media)
    return "\n\n".join((text, *media)).strip()


def _markdown_line(line: str) -> str:
    pieces = [f"<{piece}>" if is_link else piece.translate(_MARKDOWN_SPECIAL) for piece, is_link in split_links(line)]
    return _at_line_start("".join(pieces).lstrip())


def _markdown_link(url: str) -> str:
    return f"<{url}>" if is_web_link(url) else _literal(url)


def _html_text(text: str) -> str:
    return "<br>\n".join("".join(_html_piece(*piece) for piece in split_links(line)) for line in text.split("\n"))


def _html_piece(text: str, is_link: bool) -> str:
    return _link(text) if is_link else escape(text)


def _html_media(post: Post) -> str:
    return "".join(f"\n<p>{escape(m.alt or m.kind)}: {_link(m.url)}</p>" for m in post.media)


def _link(url: str) -> str:
    shown = escape(url)
    return f'<a href="{shown}" rel="noreferrer nofollow">{shown}</a>' if is_web_link(url) else shown
