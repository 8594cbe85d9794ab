"""One thread as text, Markdown or JSON. Pure. Does not show pictures, it names them.

Author text is text in every form: Markdown escapes it, and both forms for reading are cleaned; JSON is exact. Links are
made of web addresses alone and say where they lead.
"""

from __future__ import annotations

from dataclasses import replace

from bot.markdown import link, literal, prose
from bot.model import Author, Entry, Media, Post
from bot.render.look import Look
from bot.text import clean, counted, json_document, one_line, warning_of
from bot.times import moment, rfc3339


def as_json(entry: Entry, look: Look) -> str:
    """The documented JSON form, with `note` where there is something to say of it."""
    posts = [
        {
            "id": post.id,
            "text": post.text,
            "links": list(post.links),
            "media": [{"kind": media.kind, "url": media.url, "alt": media.alt} for media in post.media],
            **({"warning": post.warning} if post.warning else {}),
        }
        for post in entry.posts
    ]
    document = {
        "id": entry.key,
        "url": entry.url,
        "author": entry.author.at,
        "author_name": entry.author.name,
        "title": entry.title,
        "published": rfc3339(entry.published),
        "posts": posts,
        **({"note": look.note} if look.note else {}),
    }
    return json_document(document)


def as_text(entry: Entry, look: Look) -> str:
    """Plain text, posts separated by blank lines."""
    entry = _cleaned(entry)
    note = [f"({one_line(look.note)})"] if look.note else []
    return "\n\n".join((_heading(entry, look), *note, *(_with_media(post) for post in entry.posts))) + "\n"


def as_markdown(entry: Entry, look: Look) -> str:
    """Markdown in which the author's text is literal."""
    entry = _cleaned(entry)
    about = f"{literal(entry.author.label)}, {moment(entry.published, look.zone)}, {link(entry.url)}"
    note = [f"({literal(one_line(look.note))})"] if look.note else []
    posts = (_markdown_post(post) for post in entry.posts)
    return "\n\n".join((f"# {literal(entry.title)}", about, *note, *posts)) + "\n"


def _heading(entry: Entry, look: Look) -> str:
    about = f"{entry.author.label}, {moment(entry.published, look.zone)}, {counted(len(entry.posts), 'post')}"
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
    return "\n".join((warning_of(post), post.text, *media)).strip()


def _markdown_post(post: Post) -> str:
    media = (f"{literal(m.alt or m.kind)}: {link(m.url)}" for m in post.media)
    return "\n\n".join((literal(warning_of(post)), prose(post.text), *media)).strip()
