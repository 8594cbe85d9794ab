"""One thread as text, Markdown, HTML or JSON, for `unroll`. Pure.

Author text is text in every form: Markdown and HTML escape it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import tzinfo
from html import escape

from bot.model import Entry, Post
from bot.text import is_web_link, split_links
from bot.times import moment, rfc3339

_MARKDOWN_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#+-!|~"})


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
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_text(entry: Entry, zone: tzinfo) -> str:
    """Plain text, posts separated by blank lines."""
    return "\n\n".join((_heading(entry, zone), *(_with_media(post) for post in entry.posts))) + "\n"


def as_markdown(entry: Entry, zone: tzinfo) -> str:
    """Markdown in which the author's text is literal."""
    title = entry.title.translate(_MARKDOWN_SPECIAL)
    about = f"{entry.author.label.translate(_MARKDOWN_SPECIAL)}, {moment(entry.published, zone)}, <{entry.url}>"
    return "\n\n".join((f"# {title}", about, *(_markdown_post(post) for post in entry.posts))) + "\n"


def as_html(entry: Entry, zone: tzinfo) -> str:
    """One self-contained page, without scripts and without anything loaded from elsewhere."""
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


def _with_media(post: Post) -> str:
    media = (f"[{m.kind}{f': {m.alt}' if m.alt else ''}] {m.url}" for m in post.media)
    return "\n".join((post.text, *media)).strip()


def _markdown_post(post: Post) -> str:
    lines = post.text.split("\n")
    text = "  \n".join("".join(_markdown_piece(*piece) for piece in split_links(line)) for line in lines)
    media = (f"[{m.alt.translate(_MARKDOWN_SPECIAL) or m.kind}](<{m.url}>)" for m in post.media if is_web_link(m.url))
    return "\n\n".join((text, *media)).strip()


def _markdown_piece(text: str, is_link: bool) -> str:
    return f"<{text}>" if is_link else text.translate(_MARKDOWN_SPECIAL)


def _html_text(text: str) -> str:
    return "<br>\n".join("".join(_html_piece(*piece) for piece in split_links(line)) for line in text.split("\n"))


def _html_piece(text: str, is_link: bool) -> str:
    return _link(text) if is_link else escape(text)


def _html_media(post: Post) -> str:
    return "".join(f"\n<p>{escape(m.alt or m.kind)}: {_link(m.url)}</p>" for m in post.media)


def _link(url: str) -> str:
    shown = escape(url)
    return f'<a href="{shown}" rel="noreferrer nofollow">{shown}</a>' if is_web_link(url) else shown
