"""The pages of the stand-in site, made up here: author pages, thread pages and feeds of the same threads.

In the markup that Thread Reader has in 2026, by the makers of the demo's site, at the size of real pages: 70 kB an
author, 36 kB a thread, 20 kB a feed. Serves nothing.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from html import escape
from typing import Final

from bot.demo import site as demo

THREADS: Final = 20
"""On an author's page, and in a feed."""
POSTS: Final = 24
"""Of a thread's own page."""
_SHOWN: Final = 3
_AUTHOR_PAGE, _THREAD_PAGE = 70_000, 36_000
"""Bytes."""
_POST, _POST_OF_FEED = 260, 118
"""Characters."""
NEWS: Final = 100
"""The most threads of an author that may be new."""
_AN_HOUR: Final = timedelta(hours=1)
# One thread an hour, the last of all an hour ago: authors who are not silent, whose news is not being written any more.
# In the environment, so that all processes of one run agree.
_BEGAN = (datetime.now(UTC) - (THREADS + NEWS) * _AN_HOUR).replace(minute=0, second=0, microsecond=0)
_FIRST = datetime.fromisoformat(os.environ.setdefault("BENCHMARK_BEGAN", _BEGAN.isoformat()))
_NUMBER = "777777"
"""Stands in a template where the author's six digits go."""
_TOKEN = "t" * 86
"""Stands where a fresh token goes, as long as the one of a Rails page."""
_LETTERS: Final = "eeeeeetttttaaaaoooiiinnnsshhrrdlucmfwypvbgk"


def handle(number: int) -> str:
    """The name of the author of that number, always as long."""
    return f"author{number:06d}"


def key(number: int, thread: int) -> str:
    """The id of an author's thread; threads are counted from the oldest."""
    return f"{_prefix(thread)}{number:06d}"


@cache
def _prefix(thread: int) -> str:
    # Ten million ids are two milliseconds, so that the author's number does not change the time. The 0 keeps it apart.
    return demo.snowflake(_FIRST + thread * _AN_HOUR)[:-7] + "0"


def author_page(number: int, news: int = 0, token: str = "") -> bytes:
    """`/user/NAME` when so many threads have come since its first round."""
    return _filled(_author_template(news), number, token)


def feed(number: int, news: int = 0) -> bytes:
    """The same threads as RSS 2.0."""
    return _filled(_feed_template(news), number)


def thread_page(number: int, thread: int) -> bytes:
    """`/thread/ID.html`."""
    return _filled(_thread_template(thread), number)


def thread_of(id_: str) -> tuple[int, int] | None:
    """Whose thread an id is, and its place; None for one that there is not."""
    number = int(id_[-6:])
    return next(((number, thread) for thread in range(THREADS + NEWS) if key(number, thread) == id_), None)


def _filled(template: bytes, number: int, token: str = "") -> bytes:
    body = template.replace(_NUMBER.encode(), f"{number:06d}".encode())
    return body.replace(_TOKEN.encode(), token.encode(), 1) if token else body


@lru_cache(maxsize=64)
def _author_template(news: int) -> bytes:
    newest = range(THREADS + news - 1, news - 1, -1)
    cards = "".join(demo.card(_thread(one, _SHOWN, _POST)) for one in newest)
    page = demo.author_page(_author(), cards)
    page = page.replace("<head>", f'<head>\n<meta name="csrf-token" content="{_TOKEN}">', 1)
    return _padded(page.encode(), _AUTHOR_PAGE)


@lru_cache(maxsize=256)
def _thread_template(thread: int) -> bytes:
    more = [_thread(one, _SHOWN, 120) for one in range(max(thread - 6, 0), thread)]
    return _padded(demo.thread_page(_thread(thread, POSTS, _POST), more).encode(), _THREAD_PAGE)


def _padded(page: bytes, size: int) -> bytes:
    """As large as that, by a script such as real pages bring along."""
    line = b"window.site = window.site || []; window.site.push({place: 'top', width: 320, height: 250});\n"
    room = size - len(page) - len(b"<script>\n</script>\n")
    script = b"<script>\n" + (line * (room // len(line) + 1))[:room] + b"</script>\n"
    return page.replace(b"</head>", script + b"</head>", 1)


@lru_cache(maxsize=64)
def _feed_template(news: int) -> bytes:
    items = "".join(_item(one) for one in range(THREADS + news - 1, news - 1, -1))
    name = handle(int(_NUMBER))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{name}</title><link>https://site.example/user/{name}</link><description>Threads</description>\n"
        f"{items}</channel></rss>\n"
    ).encode()


def _item(thread: int) -> str:
    made = _thread(thread, _SHOWN, _POST_OF_FEED)
    written = _FIRST + thread * _AN_HOUR
    title = " ".join(made.posts[0].text[:80].split())
    text = "".join(f'<p>{post.text}<br><a href="https://x.example/{post.id}">link</a></p>' for post in made.posts)
    return (
        f"<item><title>{escape(title)}</title><link>https://site.example/thread/{made.key}.html</link>"
        f'<guid isPermaLink="false">{made.key}</guid><pubDate>{written:%a, %d %b %Y %H:%M:%S +0000}</pubDate>'
        f"<description>{escape(text)}</description></item>\n"
    )


def _author() -> demo.SampleAuthor:
    return demo.SampleAuthor(handle=handle(int(_NUMBER)), name="An Author", twitter_id="9" + _NUMBER)


def _thread(thread: int, posts: int, length: int) -> demo.SampleThread:
    prefix = _prefix(thread)
    made = tuple(demo.SamplePost(id=_post_id(prefix, at), text=_text(thread * 100 + at, length)) for at in range(posts))
    return demo.SampleThread(author=_author(), posts=made)


def _post_id(prefix: str, place: int) -> str:
    return f"{int(prefix) + 10 * place}{_NUMBER}"


@lru_cache(maxsize=4096)
def _text(seed: int, length: int) -> str:
    """Sentences of no language, the same each time; with a line break, and now and then a link or a name."""
    chance = random.Random(seed)
    text = "".join(_sentence(chance) for _ in range(length // 30))[:length].rsplit(" ", 1)[0]
    more = chance.choice(("", "", f" https://site.example/{seed}", " @somebody", " #something"))
    return text.replace(". ", ".\n\n", 1) + more


def _sentence(chance: random.Random) -> str:
    words = ("".join(chance.choices(_LETTERS, k=chance.randint(1, 9))) for _ in range(chance.randint(5, 14)))
    return " ".join(words).capitalize() + ". "
