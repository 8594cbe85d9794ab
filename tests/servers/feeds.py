"""A small site of feeds on loopback: blogs as RSS, Atom and JSON Feed, in pages, with validators; and a mirror of X.

Moves, ends and gets stale when told to. What a site does wrong is served by `tests.sites`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from aiohttp import web

from tests.servers.web import listen

START = datetime(2026, 8, 1, 9, tzinfo=UTC)
TYPES = {"feed.xml": "application/rss+xml", "atom.xml": "application/atom+xml", "feed.json": "application/feed+json"}


@dataclass(frozen=True, kw_only=True)
class Article:
    """One entry of a blog."""

    number: int
    title: str = ""
    html: str = "<p>Words.</p>"
    at: datetime | None = None
    guid: str | None = None
    path: str | None = None

    @property
    def written(self) -> datetime:
        return self.at or START + timedelta(hours=self.number)


@dataclass
class Blog:
    """What a blog serves under `/NAME/`: its feeds, and a page that names them (`names`)."""

    name: str
    title: str = ""
    articles: list[Article] = field(default_factory=list)
    per_page: int = 15
    names: tuple[str, ...] = ("feed.xml", "atom.xml", "feed.json")
    extra_head: str = ""
    channel: str = ""
    """More elements of the RSS channel (`<ttl>60</ttl>`)."""
    expired: bool = False
    names_next: bool = True
    has_validators: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def add(self, number: int, title: str = "", **more: object) -> Article:
        """Write an article; it stands on top."""
        self.articles.insert(0, Article(number=number, title=title or f"Article {number}", **more))  # type: ignore[arg-type]
        return self.articles[0]

    def edit(self, number: int, **changes: object) -> None:
        """Change an article where it stands."""
        self.articles = [replace(a, **changes) if a.number == number else a for a in self.articles]  # type: ignore[arg-type]


@dataclass
class FeedSite:
    """The site. `requests`: path and query of what was asked, in order; `asked` the headers of each."""

    url: str = ""
    blogs: dict[str, Blog] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    """Paths with their queries that are answered 500."""
    requests: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 301

    def blog(self, name: str, articles: int = 0, **more: object) -> Blog:
        """Add a blog with so many articles, numbered from 0, the newest first."""
        made = Blog(name=name, title=f"{name.title()}’s blog", **more)  # type: ignore[arg-type]
        for number in range(articles):
            made.add(number)
        self.blogs[name] = made
        return made

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.requests.append(request.path_qs)
        self.asked.append(dict(request.headers))
        if request.path in self.moved:
            return web.Response(status=self.status, headers={"Location": self.moved[request.path]})
        if request.path_qs in self.failing:
            return web.Response(status=500)
        if request.path in self.gone:
            return web.Response(status=410)
        _, name, *rest = request.path.split("/")
        blog = self.blogs.get(name)
        if blog is None:
            raise web.HTTPNotFound
        file = "/".join(rest)
        if file in ("", "index.html"):
            return web.Response(text=_page(blog), content_type="text/html")
        if file not in TYPES:
            raise web.HTTPNotFound
        return self._feed(request, blog, file)

    def _feed(self, request: web.Request, blog: Blog, file: str) -> web.Response:
        page = int(request.query.get("page", "1"))
        shown = blog.articles[(page - 1) * blog.per_page : page * blog.per_page]
        if not shown and page > 1:
            raise web.HTTPNotFound
        own = f"{self.url}/{blog.name}/"
        # As WordPress does: the last page names one, too, and that is not there.
        more = blog.names_next and len(blog.articles) > blog.per_page
        following = f"{own}{file}?page={page + 1}" if more else ""
        body = {"feed.xml": _rss, "atom.xml": _atom, "feed.json": _json}[file](blog, shown, own, following)
        tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:16]}"'
        headers = {**({"ETag": tag} if blog.has_validators else {}), **blog.headers}
        if blog.has_validators and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body.encode(), content_type=TYPES[file], charset="utf-8", headers=headers)


@asynccontextmanager
async def feed_site() -> AsyncIterator[FeedSite]:
    """Serve until the block ends."""
    made = FeedSite()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    async with listen(app) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made


def _ids(article: Article, own: str) -> tuple[str, str]:
    """The guid and the link of an article; "" where it has none."""
    guid = f"tag:blog,{article.number}" if article.guid is None else article.guid
    path = f"posts/{article.number}" if article.path is None else article.path
    return guid, f"{own}{path}" if path else ""


def _page(blog: Blog) -> str:
    links = "".join(
        f'<link rel="alternate" type="{TYPES[name]}" title="{blog.title} ({label})" href="{name}">'
        for name, label in zip(TYPES, ("RSS 2.0", "Atom", "JSON Feed"), strict=True)
        if name in blog.names
    )
    return (
        f'<!DOCTYPE html><html><head><base href="/{blog.name}/"><title>{blog.title}</title>{links}{blog.extra_head}'
        "</head><body><p>Hello.</p></body></html>"
    )


def _rss(blog: Blog, shown: list[Article], own: str, following: str) -> str:
    return "".join(
        [
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"',
            ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>',
            f"<title>{blog.title}</title><link>{own}</link><description>A blog</description>{blog.channel}",
            f'<atom:link rel="next" href="{escape(following)}"/>' if following else "",
            *(_rss_item(article, own) for article in shown),
            "</channel></rss>",
        ]
    )


def _rss_item(article: Article, own: str) -> str:
    guid, link = _ids(article, own)
    return (
        f"<item><title>{escape(article.title)}</title>"
        + (f"<link>{link}</link>" if link else "")
        + (f'<guid isPermaLink="false">{escape(guid)}</guid>' if guid else "")
        + f"<pubDate>{format_datetime(article.written)}</pubDate>"
        f"<content:encoded><![CDATA[{article.html}]]></content:encoded></item>"
    )


def _atom(blog: Blog, shown: list[Article], own: str, following: str) -> str:
    return "".join(
        [
            '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">',
            f'<title>{blog.title}</title><id>tag:blog,{blog.name}</id><link href="{own}"/>',
            f"<updated>{START.isoformat()}</updated>",
            f'<link rel="next" href="{escape(following)}"/>' if following else "",
            *(_atom_entry(article, own) for article in shown),
            "</feed>",
        ]
    )


def _atom_entry(article: Article, own: str) -> str:
    guid, link = _ids(article, own)
    return (
        f'<entry><title>{escape(article.title)}</title><id>{escape(guid)}</id><link href="{link}"/>'
        f"<published>{article.written.isoformat()}</published><updated>{article.written.isoformat()}</updated>"
        f'<content type="html">{escape(article.html)}</content></entry>'
    )


def _json(blog: Blog, shown: list[Article], own: str, following: str) -> str:
    items = [dict(_json_item(article, own)) for article in shown]
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": blog.title,
        "home_page_url": own,
        "feed_url": f"{own}feed.json",
        "items": items,
        **({"next_url": following} if following else {}),
        **({"expired": True} if blog.expired else {}),
    }
    return json.dumps(document)


def _json_item(article: Article, own: str) -> Iterator[tuple[str, str]]:
    guid, link = _ids(article, own)
    yield from (("id", guid), ("url", link), ("title", article.title), ("content_html", article.html))
    yield "date_published", article.written.isoformat()


# -- Nitter ---------------------------------------------------------------------------------------------

GUID_CHANGED = 2_000_000_000_000_000_000
"""From this id on Nitter gives the id alone as guid."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """One item of a mirror: `prefix` is what stands before the title (`R to @ann: `), `by` who wrote it."""

    id: int
    html: str = "Words."
    prefix: str = ""
    by: str = "annwrites"
    title: str | None = None


def nitter(*statuses: Status, handle: str = "annwrites", host: str = "nitter.example", name: str = "Ann") -> bytes:
    """A feed of one author in Nitter's form, in this order."""
    page = f"https://{host}/{handle}"
    return "".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:atom="http://www.w3.org/2005/Atom"',
            ' xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">\n  <channel>\n',
            f'    <atom:link href="{page}/rss" rel="self" type="application/rss+xml" />\n',
            f"    <title>{name} / @{handle}</title>\n    <link>{page}</link>\n",
            f"    <description>Twitter feed for: @{handle}. Generated by {host}</description>\n",
            "    <language>en-us</language>\n    <ttl>40</ttl>\n",
            f"    <image><title>{name} / @{handle}</title><link>{page}</link><url>https://{host}/pic/a.jpg</url></image>\n",
            *(_status(one, host) for one in statuses),
            "  </channel>\n</rss>",
        ]
    ).encode()


def _status(one: Status, host: str) -> str:
    link = f"https://{host}/{one.by}/status/{one.id}#m"
    guid = f"<guid>{link}</guid>" if one.id < GUID_CHANGED else f'<guid isPermaLink="false">{one.id}</guid>'
    title = one.html if one.title is None else one.title
    return (
        f"<item><title>{escape(one.prefix + title)}</title><dc:creator>@{one.by}</dc:creator>"
        f"<description><![CDATA[<p>{one.html}</p>]]></description>"
        f"<pubDate>Sat, 01 Aug 2026 09:00:00 GMT</pubDate>{guid}<link>{link}</link></item>\n"
    )
