import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from bot.model import Author, Entry, Post
from bot.sources.feeds import Document, Item
from bot.sources.html import TooHeavy
from bot.sources.syndication_cursor import REMEMBERED, Bookmark, digest_of, marks_of
from bot.sources.syndication_pages import MOST_LINKS, Link, asks_for_login, choices_of, guesses, links_of
from bot.sources.syndication_paging import MOST_PAGES, Below, below
from bot.sources.syndication_times import Calm

PAGE = URL("https://blog.org/2026/post/")
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def links(head, url=PAGE):
    return [(str(link.url), link.format) for link in links_of(f"<html><head>{head}".encode(), url)]


def link(href="/feed", rel="alternate", type_="application/rss+xml", title=""):
    return f'<link rel="{rel}" type="{type_}" title="{title}" href="{href}">'


# -- what a page names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "format_"),
    [
        ("application/rss+xml", "rss"),
        ("APPLICATION/ATOM+XML; charset=utf-8", "atom"),
        ("application/feed+json", "json"),
        ("application/json", "json"),
        ("text/xml", "rss"),
    ],
)
def test_types(type_, format_):
    """Every type that feeds have is one."""
    assert links(link(href="/feed.json", type_=type_)) == [("https://blog.org/feed.json", format_)]


@pytest.mark.parametrize(
    "head",
    [
        link(type_="text/html"),
        link(rel="stylesheet alternate"),
        link(rel="hub"),
        link(href=""),
        link(href="javascript:alert(1)"),
        link(href="data:application/rss+xml,x"),
        link(href="http://[::1"),
        link(href="https://blog.org/wp-json/wp/v2/posts/1", type_="application/json"),
        link(href="https://blog.org/wp-json/oembed/1.0/embed?format=xml", type_="text/xml"),
        link(href="/pages/1", type_="application/json"),
        "<!-- " + link() + " -->",
    ],
)
def test_no_feeds(head):
    """What is no feed, and no address, is none."""
    assert links(head) == []


def test_relative():
    """A link is relative to the page, or to what the page says that it is."""
    assert links(link("../feed")) == [("https://blog.org/2026/feed", "rss")]
    assert links('<base href="https://other.org/a/">' + link("feed")) == [("https://other.org/a/feed", "rss")]


def test_each_once():
    """A feed that is named twice is one."""
    assert links(link("/feed/") + link("http://blog.org/feed")) == [("https://blog.org/feed/", "rss")]


def test_no_password():
    """A page gives us no name and password."""
    assert links(link("https://ann:secret@blog.org/feed")) == [("https://blog.org/feed", "rss")]


def test_many_links():
    """A page of thousands of feeds is one of a few, read quickly."""
    started = time.perf_counter()
    found = links("".join(link(f"/feed/{n}") for n in range(20_000)))

    assert len(found) == MOST_LINKS
    assert time.perf_counter() - started < 2


def test_heavy_page():
    """A page that would take seconds is refused."""
    with pytest.raises(TooHeavy):
        links("<div>" * 90_000)


def test_login():
    """A page that wants a password is known by its field."""
    assert asks_for_login(b'<form><input type="password"></form>')
    assert not asks_for_login(b"<p>I forgot my password.</p>")


# -- which of them is meant -----------------------------------------------------------------------------


def chosen(*named):
    made = [Link(url=URL(f"https://blog.org/{at}"), title=title, format=kind) for at, (title, kind) in enumerate(named)]
    return [[one.url.path for one in group] for group in choices_of(made)]


def test_better_format():
    """One content in several formats is one choice, the better format first."""
    assert chosen(("Ann (RSS 2.0)", "rss"), ("Ann (JSON Feed)", "json"), ("Ann: Atom", "atom")) == [["/2", "/1", "/0"]]


def test_formats_alone():
    """Titles that only name formats say nothing of the content."""
    assert chosen(("RSS", "rss"), ("Atom 1.0", "atom")) == [["/1", "/0"]]


def test_comments_are_not_meant():
    """A feed of comments is left out, unless there is no other."""
    assert chosen(("Ann » Feed", "rss"), ("Ann » Comments Feed", "rss")) == [["/0"]]
    assert chosen(("Ann » Comments Feed", "rss")) == [["/0"]]


def test_several_contents():
    """Other titles are other contents; two of one title and format are two, too."""
    assert chosen(("Ann", "rss"), ("Pictures", "atom")) == [["/0"], ["/1"]]
    assert chosen(("Ann", "rss"), ("Ann", "rss")) == [["/0"], ["/1"]]


def test_guesses():
    """Feeds are guessed at the site's root, and beside what looks like a person's page; four at the most."""
    assert [url.path for url in guesses(URL("https://h.org/a/b?c"))] == ["/feed", "/rss.xml", "/atom.xml", "/index.xml"]
    assert [url.path for url in guesses(URL("https://h.org/ann"))] == ["/ann/rss", "/feed", "/rss.xml", "/atom.xml"]


# -- the pages below ------------------------------------------------------------------------------------


def document(following, *ids):
    return Document(kind="rss", next_url=following, items=tuple(Item(id=one) for one in ids or ("1",)))


def test_token_is_kept():
    """A token leads to the page that it was made for."""
    page = below(document("https://h.org/2"), "https://h.org/1", {}, mirrored=False)

    assert Below.read(page.token) == page
    assert page.url == "https://h.org/2"


def test_www_is_the_same_site():
    """Some feeds name their next page with www, and some without."""
    assert below(document("https://www.h.org/2"), "http://h.org/1", {}, mirrored=False).url == "https://www.h.org/2"


def test_no_items_no_page():
    """An empty page has none below it."""
    empty = Document(kind="rss", next_url="https://h.org/3")

    assert below(empty, "https://h.org/2", {}, mirrored=False) is None


def test_pages_are_bounded():
    """However many pages a site names, we come to an end."""
    page, at = None, 1
    while page := below(
        document(f"https://h.org/{at + 1}", str(at)), f"https://h.org/{at}", {}, mirrored=False, page=page
    ):
        at += 1

    assert at == MOST_PAGES


def test_min_id_is_a_mirrors():
    """Only of a mirror of X the header is looked at."""
    found = below(document(""), "https://n.org/ann/rss?cursor=x", {"Min-Id": "a=&b"}, mirrored=True)

    assert URL(found.url).query == {"cursor": "a=&b"}
    assert below(document(""), "https://n.org/ann/rss", {"Min-Id": "a"}, mirrored=False) is None
    assert below(document(""), "https://n.org/ann/rss", {"Min-Id": "a" * 5_000}, mirrored=True) is None


# -- the cursor -----------------------------------------------------------------------------------------


def test_bookmark_is_kept():
    """A bookmark survives being stored as JSON."""
    bookmark = Bookmark(
        url="https://h.org/",
        validators={"etag": '"x"'},
        since=NOW,
        digest="d",
        seen=("a", "b"),
        newest=2**62,
        calm=Calm(ttl=timedelta(hours=1)),
        homes=("b.org", "a.org"),
    )

    assert Bookmark.read(json.loads(json.dumps(bookmark.cursor()))) == bookmark


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
fields = st.sampled_from(["url", "validators", "since", "digest", "seen", "newest", "calm", "homes"])


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(fields, json_values, max_size=4))
def test_any_cursor_is_read(cursor):
    """Whatever a cursor holds, it is read, and what is written from it is read the same."""
    bookmark = Bookmark.read(cursor)

    assert Bookmark.read(bookmark.cursor()).seen == bookmark.seen


def test_cursor_is_short():
    """A cursor stays small, however large the feed is."""
    bookmark = Bookmark(seen=marks_of([str(n) for n in range(10_000)])[:REMEMBERED])

    assert len(json.dumps(bookmark.cursor())) < 1_000


def test_meets():
    """Two known entries say that a page reaches back, one does not, unless only one was known."""
    assert Bookmark(seen=("a", "b", "c")).meets(["x", "b", "c"])
    assert not Bookmark(seen=("a", "b", "c")).meets(["a", "x"])
    assert Bookmark(seen=("a",)).meets(["a"])
    assert Bookmark().meets([])


def entry(**changes):
    values = {"key": "1", "url": "https://h.org/1", "title": "T", "posts": (Post(id="1", text="Words."),), **changes}
    return Entry(feed_id="f", author=Author(handle=""), **values)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "U"},
        {"posts": (Post(id="1", text="Other."),)},
        {"key": "2"},
        {"published": NOW},
        {"url": "https://h.org/2"},
    ],
)
def test_digest(changes):
    """Whatever of an entry changes, the look is another one."""
    author = Author(handle="", name="Ann")

    assert digest_of([entry(**changes)], author) != digest_of([entry()], author) == digest_of([entry()], author)
