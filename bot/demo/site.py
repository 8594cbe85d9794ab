"""A small unroll site on loopback, in the markup that Thread Reader has in 2026, with threads written for it.

Serves author pages with their deeper pages, thread pages, ETags. Is no model of the real site's faults.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from importlib import resources
from typing import Any, Final

from aiohttp import web

_PER_PAGE: Final = 15
_MORE_FROM: Final = 6
_SNOWFLAKE_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1_288_834_974_657)
_TOKEN = re.compile(r"(https?://[^\s()]+)|(?<!\w)@(\w{1,15})|(?<!\w)#(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAuthor:
    """Who writes on the sample site."""

    handle: str
    name: str
    twitter_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleImage:
    """A picture of a post; its address leads nowhere."""

    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePost:
    """One post in plain text; links, mentions and hashtags in it become what the site makes of them."""

    id: str
    text: str
    images: tuple[SampleImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleThread:
    """A thread of the sample site. Its id is its first post's, unless `id` says another."""

    author: SampleAuthor
    posts: tuple[SamplePost, ...]
    id: str = ""

    @property
    def key(self) -> str:
        """The id that the site knows it by."""
        return self.id or self.posts[0].id

    @property
    def time(self) -> int:
        """When it was written, in the site's own form."""
        return int((_SNOWFLAKE_EPOCH + timedelta(milliseconds=int(self.key) >> 22)).timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The packaged threads: `threads` are there from the start, `upcoming` are to be published while one looks."""

    author: SampleAuthor
    threads: tuple[SampleThread, ...]
    upcoming: tuple[SampleThread, ...]
    longer: SampleThread
    """The first of those, with a post more."""


def snowflake(when: datetime, number: int = 0) -> str:
    """An id as X makes it for something written `when`; `number` tells ids of one moment apart."""
    return str(((when - _SNOWFLAKE_EPOCH) // timedelta(milliseconds=1) << 22) + number)


def samples() -> Samples:
    """Read the packaged threads."""
    data = json.loads(resources.files("bot.demo").joinpath("threads.json").read_text("utf-8"))
    author = SampleAuthor(**data["author"])
    upcoming = tuple(_thread(author, one) for one in data["upcoming"])
    more = {**data["upcoming"][0], "posts": [*data["upcoming"][0]["posts"], *data["later"]]}
    return Samples(
        author=author,
        threads=tuple(_thread(author, one) for one in data["threads"]),
        upcoming=upcoming,
        longer=_thread(author, more),
    )


def _thread(author: SampleAuthor, data: Mapping[str, Any]) -> SampleThread:
    written = datetime.fromisoformat(data["written"])
    posts = tuple(
        SamplePost(
            id=snowflake(written + timedelta(seconds=40) * place, 1),
            text=post["text"],
            images=tuple(SampleImage(**image) for image in post.get("images", ())),
        )
        for place, post in enumerate(data["posts"])
    )
    return SampleThread(author=author, posts=posts)


@dataclass(slots=True)
class UnrollSite:
    """The site. `requests` lists what was asked, in order: path with query."""

    threads: list[SampleThread] = field(default_factory=lambda: list(samples().threads))
    authors: list[SampleAuthor] = field(default_factory=lambda: [samples().author])
    requests: list[str] = field(default_factory=list)
    base_url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Serve on a free port of 127.0.0.1; `base_url` says where."""
        app = web.Application()
        app.router.add_get("/user/{handle}", self._user)
        app.router.add_get(r"/thread/{key:\d+}{suffix:(\.html)?}", self._thread)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close the port and all connections. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def publish(self, thread: SampleThread) -> None:
        """Unroll a thread; one that is there under the same id is replaced (it grew)."""
        self.withdraw(thread.key)
        self.threads.append(thread)
        if thread.author not in self.authors:
            self.authors.append(thread.author)

    def withdraw(self, key: str) -> None:
        """Take a thread away."""
        self.threads = [one for one in self.threads if one.key != key]

    # -- answers ----------------------------------------------------------------------------------

    async def _user(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        handle = request.match_info["handle"].casefold()
        author = next((one for one in self.authors if one.handle.casefold() == handle), None)
        if author is None:
            raise web.HTTPNotFound
        before = int(request.query.get("before", "0")) or None
        threads = [one for one in self._newest_of(author) if before is None or one.time < before][:_PER_PAGE]
        cards = "".join(listed_card(one) for one in threads)
        return _answer(request, cards if request.query.get("ajax") == "true" else author_page(author, cards))

    async def _thread(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        key = request.match_info["key"]
        thread = next((one for one in self.threads if one.key == key), None)
        if thread is None:
            raise web.HTTPNotFound
        more = [one for one in self._newest_of(thread.author) if one.key != key][:_MORE_FROM]
        related = [one for one in self.threads if one.author != thread.author][:3]
        return _answer(request, thread_page(thread, more, related))

    def _newest_of(self, author: SampleAuthor) -> list[SampleThread]:
        own = [one for one in self.threads if one.author.handle == author.handle]
        return sorted(own, key=lambda one: one.time, reverse=True)


def _answer(request: web.Request, page: str) -> web.Response:
    body = page.encode()
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "max-age=0, private, must-revalidate"}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


# -- pages ----------------------------------------------------------------------------------------


def author_page(author: SampleAuthor, cards: str) -> str:
    """`/user/NAME`."""
    return _page(
        f"{author.name}'s Threads – Thread Reader App",
        f'<div class="container about-user">{_head(author)}</div>\n<div class="row" id="cards">\n{cards}</div>\n',
    )


def thread_page(thread: SampleThread, more: Sequence[SampleThread] = (), related: Sequence[SampleThread] = ()) -> str:
    """`/thread/ID.html`."""
    author = thread.author
    posts = "".join(_post(thread, place, post) for place, post in enumerate(thread.posts, 1))
    info = (
        f'<div class="thread-info"><a href="https://twitter.com/{author.handle}/status/{thread.key}" class="time"'
        f'data-time="{thread.time}"title="Read on X" target="_blank">{_day(thread)}</a>'
        f"<span class=dot3>•</span> {len(thread.posts)} tweets <span class=dot3>•</span> 2 min read</div>\n"
    )
    foot = (
        '<div class="col-force-refresh">• • •<br>Missing some Tweet in this thread? You can try to'
        f' <a href="#" class="action-force">force a refresh</a><form id="form-force" method="post"'
        f' action="/refresh/{thread.key}.html"></form></div>\n'
        f'<p>Keep Current with <a href="/user/{author.handle}">{escape(author.name)}</a></p>\n'
    )
    lists = _list(f"More from @{author.handle}", more) + _list("Related threads", related)
    return _page(
        f"Thread by @{author.handle} on Thread Reader App – Thread Reader App",
        f"<article>{_head(author)}{info}<div class=t-main>\n{posts}</div></article>\n{foot}{lists}",
    )


def listed_card(thread: SampleThread) -> str:
    """A thread on its author's page: the address is on the column, not in a link."""
    texts = " ".join(_markup(post) for post in thread.posts[:2])
    return (
        f'<div class="col-12" data-controller="link" data-link-href="/thread/{thread.key}.html"'
        ' data-action="click->link#go">\n<div class="thread-card">\n<div class="thread-info">'
        f'<span class="time" data-time="{thread.time}">{_day(thread)}</span> <span class=dot3>•</span>'
        f" {len(thread.posts)} tweets <span class=dot3>•</span> 2 min read</div>\n"
        f'<div class="card-tweetsv2" dir="auto">{texts}</div>\n</div>\n</div>\n'
    )


def card(thread: SampleThread) -> str:
    """A thread in a list of several authors, and under "More from"."""
    author = thread.author
    texts = "".join(f'<div class="content-tweet">{_markup(post)}</div>\n' for post in thread.posts[:3])
    return (
        '<div class="col-12 col-md-6 col-lg-4" data-controller="link"'
        f' data-link-href="/thread/{thread.key}.html" data-action="click->link#go">\n<div class="thread-card">\n'
        f'{_avatar(author)}<h4 class="twitter_name"><a href="/user/{author.handle}">{escape(author.name)}</a></h4>\n'
        f'<small class="twitter_screen_name"><a href="/user/{author.handle}">@{author.handle}</a></small>\n'
        f'<span class="time" data-time="{thread.time}">{_day(thread)}</span>\n'
        f'<div class="card-tweets" dir="auto">{texts}</div>\n'
        f'<span class="read-more">Read {len(thread.posts)} tweets</span>\n</div>\n</div>\n'
    )


def _list(heading: str, threads: Sequence[SampleThread]) -> str:
    cards = "".join(card(one) for one in threads)
    return (
        f'<div class="row"><h1 class="separator list-content-header">{heading}</h1>\n{cards}</div>\n' if cards else ""
    )


def _page(title: str, content: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n</head>\n<body data-controller=page>\n"
        '<nav class="navbar"><a class="navbar-brand" href="/">Thread Reader</a> <a href="/account">Login</a></nav>\n'
        f'{content}<footer class="footer"><a href="/help">Help</a></footer>\n</body>\n</html>\n'
    )


def _head(author: SampleAuthor) -> str:
    return (
        f"<a href=/user/{author.handle}>{_avatar(author)}</a>\n"
        f'<h4 class="twitter_name"><a href="/user/{author.handle}">{escape(author.name)}</a></h4>\n'
        f'<form method="post" action="/account/subscribe/{author.handle}" class="text-center">'
        '<button type="submit" class="btn">Subscribe</button></form>\n'
        f'<div class="screenName tw-follow"><a href="//twitter.com/{author.handle}">@{author.handle}</a></div>\n'
    )


def _avatar(author: SampleAuthor) -> str:
    twitter_id = f' data-twtrid="{author.twitter_id}"' if author.twitter_id else ""
    return (
        f'<img class="mx-auto rounded-circle" src="/images/avatar.png" alt="{escape(author.name)} Profile picture"'
        f' data-controller="twitter-profile"{twitter_id} data-action="error->twitter-profile#error" >'
    )


def _post(thread: SampleThread, place: int, post: SamplePost) -> str:
    return (
        f'<div id="tweet_{place}" class="content-tweet allow-preview" data-controller="thread"'
        f' data-action="click->thread#showTweet" data-screenname="{thread.author.handle}"'
        f' data-tweet="{post.id}" dir="auto">\n  {_markup(post)} '
        '<sup class="tw-permalink"><i class="fas fa-link"></i></sup>\n</div>\n'
    )


def _markup(post: SamplePost) -> str:
    """A post's text as the site writes it."""
    parts, end = [], 0
    for found in _TOKEN.finditer(post.text):
        parts += [escape(post.text[end : found.start()], quote=False), _token(found)]
        end = found.end()
    text = "".join((*parts, escape(post.text[end:], quote=False))).replace("\n", "<br />\n")
    return text + "".join(_image(image) for image in post.images)


def _token(found: re.Match[str]) -> str:
    url, mention, hashtag = found.groups()
    if mention:
        return f'<a class="entity-mention" href="https://twitter.com/{mention}">@{mention}</a>'
    if hashtag:
        return f'<a class="entity-hashtag" href="/hashtag/{hashtag}">#{hashtag}</a>'
    bare = str(url).split("://", 1)[1]
    shown = bare if len(bare) <= 27 else bare[:26] + "…"
    return f'<a class="entity-url" data-preview="true" href="{escape(url)}">{escape(shown, quote=False)}</a>'


def _image(image: SampleImage) -> str:
    url = escape(image.url)
    return (
        f' <span class="entity-image"><a href="{url}" target="_blank"><img alt="{escape(image.alt) or "Image"}"'
        f' src="/images/1px.png" data-src="{url}"></a></span>'
    )


def _day(thread: SampleThread) -> str:
    when = datetime.fromtimestamp(thread.time, UTC)
    return f"{when:%b} {when.day}"
