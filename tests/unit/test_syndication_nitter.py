"""A mirror of X: what of its feed is a thread of the author."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.model import Author
from bot.sources import nitter
from bot.sources.feeds import Document, Item, parse
from tests.servers.feeds import GUID_CHANGED, Status
from tests.servers.feeds import nitter as feed_of
from tests.shared import shared

OLD, NEW = GUID_CHANGED - 100, GUID_CHANGED
ME, BOB, RT, PINNED = "R to @AnnWrites: ", "R to @bob: ", "RT by @annwrites: ", "Pinned: "


def read(*statuses, **options):
    document = parse(feed_of(*statuses), content_type="application/rss+xml", url="https://nitter.example/annwrites/rss")
    return nitter.entries_of(document.items, nitter.author_of(document), feed_id="f", **options)


def threads(*statuses, **options):
    return [[int(post.id) for post in entry.posts] for entry in read(*statuses, **options)]


# -- whose feed it is -----------------------------------------------------------------------------------


def document(body=None):
    return parse(body or feed_of(Status(id=NEW)), content_type="", url="https://nitter.example/annwrites/rss")


def test_author():
    """The feed of one author says who it is."""
    assert nitter.author_of(document()) == Author(handle="annwrites", name="Ann", url="https://x.com/annwrites")


def test_author_without_posts():
    """An author who has written nothing is one still."""
    assert nitter.author_of(document(feed_of())).handle == "annwrites"


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Ann’s blog"},
        {"title": "A list / @annwrites", "url": "https://nitter.example/i/lists/5"},
        {"title": 'Search results for "x"'},
        {"title": "ann | bob"},
        {"description": "Notes", "items": (Item(id="1", url="https://blog.org/1"),)},
    ],
)
def test_other_feeds(changes):
    """Lists, searches, several authors, and a blog whose title looks so, are no author's feed."""
    assert nitter.author_of(replace(document(), **changes)) is None


PLACEHOLDER = b"""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>
<title>RSS reader not yet whitelisted!</title><link>https://mirror.example/annwrites/rss</link><item>
<title>RSS reader not yet whitelisted!</title><description>Please send an email rss [AT] mirror [DOT] example with this
ID to get your RSS feed reader whitelisted: 9db973</description><pubDate>Mon, 01 January 1971 00:00:00 GMT</pubDate>
<guid isPermaLink="false">https://mirror.example/annwrites/rss</guid></item></channel></rss>"""


def test_placeholder():
    """A feed that only says that we may not read it is none; what it says is what a person needs to know."""
    said = nitter.placeholder(document(PLACEHOLDER))

    assert "whitelisted: 9db973" in said
    assert len(said) <= 300


def test_no_placeholder():
    """An author may write of readers and white lists."""
    quoted = Status(id=NEW, html="My RSS reader not yet whitelisted, again")

    assert nitter.placeholder(document(feed_of(quoted, Status(id=NEW - 1)))) == ""
    assert nitter.placeholder(Document(kind="rss")) == ""


# -- which items are whose ------------------------------------------------------------------------------


def test_key_on_both_sides_of_the_change():
    """A post is known by its number, whether the guid is its address or the number alone."""
    found = read(Status(id=NEW + 1), Status(id=OLD), posts="all")

    assert [(entry.key, entry.url) for entry in found] == [
        (str(NEW + 1), f"https://x.com/annwrites/status/{NEW + 1}"),
        (str(OLD), f"https://x.com/annwrites/status/{OLD}"),
    ]


def test_time_is_in_the_id():
    """The time of a post is that of its id, whatever `pubDate` says."""
    (entry,) = read(Status(id=NEW), posts="all")

    assert (entry.published, entry.latest) == (datetime(2025, 12, 14, 0, 28, 52, 860000, UTC),) * 2


def test_reposts_and_others():
    """Reposts, answers to others, and others' posts are not the author's threads."""
    items = [
        Status(id=NEW + 4, prefix=RT, by="bob"),
        Status(id=NEW + 3, prefix=RT),
        Status(id=NEW + 2, prefix=BOB),
        Status(id=NEW + 1, by="bob"),
        Status(id=NEW, prefix="RT: "),
    ]

    assert threads(*items, posts="all") == []


def test_single_posts_only_where_asked_for():
    """A post alone is no thread."""
    assert threads(Status(id=NEW)) == []
    assert threads(Status(id=NEW), posts="all") == [[NEW]]


# -- threads --------------------------------------------------------------------------------------------


def test_answers_to_oneself_go_on_with_a_root():
    """What answers the author follows the root before it, whatever the order of the feed; the newest thread first."""
    items = [
        Status(id=NEW + 9, prefix=ME),
        Status(id=NEW + 8),
        Status(id=NEW + 1),
        Status(id=NEW + 2, prefix=ME),
        Status(id=NEW + 3, prefix=ME),
        Status(id=NEW),
    ]

    assert threads(*items) == [[NEW + 8, NEW + 9], [NEW + 1, NEW + 2, NEW + 3]]


def test_thread():
    """A thread is known by its root, and by its other posts, and ends when the last was written."""
    (entry,) = read(Status(id=NEW + (1 << 22), prefix=ME), Status(id=NEW, html="The root. More."))

    assert (entry.key, entry.aliases, entry.title) == (str(NEW), (str(NEW + (1 << 22)),), "The root.")
    assert (entry.post_count, entry.whole) == (2, True)
    assert (entry.latest - entry.published).total_seconds() == 0.001


def test_answer_to_another_in_between():
    """An answer to somebody else does not end a thread, nor is it in it."""
    assert threads(Status(id=NEW + 2, prefix=ME), Status(id=NEW + 1, prefix=BOB), Status(id=NEW)) == [[NEW, NEW + 2]]


def test_min_posts():
    """Threads shorter than wanted are none."""
    items = [Status(id=NEW + 1, prefix=ME), Status(id=NEW)]

    assert threads(*items, min_posts=3) == []


def test_pinned_is_no_news():
    """A pinned post of long ago has its own time, is nobody's root, and does not say how far back we see."""
    items = [Status(id=OLD - 10**15, prefix=PINNED), Status(id=NEW + 2), Status(id=NEW + 1, prefix=ME)]
    made = parse(feed_of(*items), content_type="", url="https://n.example/annwrites/rss")
    author = nitter.author_of(made)

    assert threads(*items, posts="all") == [[NEW + 2], [OLD - 10**15]]
    assert nitter.reaches(made.items, author) == nitter.time_of(str(NEW + 1))
    assert nitter.newest(made.items, author) == NEW + 2


def test_pinned_in_its_place():
    """A pinned post that is new is the root of its thread."""
    items = [Status(id=NEW + 2, prefix=ME), Status(id=NEW + 1, prefix=PINNED), Status(id=NEW)]

    assert threads(*items) == [[NEW + 1, NEW + 2]]


# -- parts ----------------------------------------------------------------------------------------------


def test_part():
    """What is new of a thread whose root is not in the feed is told of; what was there before is not."""
    items = [
        Status(id=NEW + 3),
        Status(id=NEW + 2, prefix=ME),
        Status(id=NEW + 1, prefix=ME),
        Status(id=NEW, prefix=ME),
    ]

    assert threads(*items, newer_than=NEW) == [[NEW + 1, NEW + 2]]
    assert threads(*items, newer_than=NEW + 3) == []


def test_part_at_the_first_look():
    """At the first look nobody knows what is new."""
    assert threads(Status(id=NEW, prefix=ME)) == []


def test_part_of_a_talk():
    """What goes on with a talk with others is no part of a thread."""
    assert threads(Status(id=NEW + 1, prefix=ME), Status(id=NEW, prefix=BOB), newer_than=1) == []


# -- words ----------------------------------------------------------------------------------------------

QUOTING = (
    'Look<br>\nhere <a href="https://nitter.example/bob">@bob</a> <a href="https://e.org/a">e.org/a</a></p>'
    '<img src="https://nitter.example/pic/media%2FAbC_1.jpg" style="max-width:250px;" />'
    "<hr/>\n<blockquote>\n<b>Bob (@bob)</b>\n<p>\n<p>Bob’s words https://nitter.example/bob/status/7#m</p>\n</p>\n<footer>\n"
    '— <cite><a href="https://nitter.example/bob/status/99#m">https://nitter.example/bob/status/99#m</a>\n</footer>\n'
    "</blockquote><p>"
)


def post_of(html):
    (entry,) = read(Status(id=NEW, html=html, title="x"), posts="all")
    return entry.posts[0]


def test_quoted_post():
    """A quotation's words are not the author's; where it is, is a link, at X."""
    post = post_of(QUOTING)

    assert "Bob’s words" not in post.text
    assert post.text.startswith("Look\nhere @bob")
    assert post.quotes == ("https://x.com/bob/status/99",)
    assert post.links == ("https://e.org/a", "https://x.com/bob/status/99")


def test_picture_where_x_has_it():
    """Pictures are named where X has them, and not behind the mirror's proxy."""
    assert [media.url for media in post_of(QUOTING).media] == ["https://pbs.twimg.com/media/AbC_1.jpg"]


def test_video():
    """The label above a video's still is not the author's word, and the link round it none of theirs."""
    post = post_of(
        f'Watch</p><a href="https://nitter.example/annwrites/status/{NEW}#m">\n<br>Video<br>\n'
        '<img src="https://nitter.example/pic/amplify_video_thumb%2F1%2Fimg%2Fa.jpg" /></a><p>'
    )

    assert (post.text, post.links) == ("Watch", ())
    assert post.media[0].url == "https://pbs.twimg.com/amplify_video_thumb/1/img/a.jpg"


def test_link_to_a_post():
    """A link to another post leads to X, in the text as well."""
    post = post_of('See <a href="https://nitter.example/bob/status/5#m">https://nitter.example/bob/status/5#m</a>')

    assert "https://x.com/bob/status/5" in post.links
    assert "nitter" not in post.text


# -- hostile --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        Item(),
        Item(id="9" * 10**6),
        Item(url="https://n.example/annwrites/status/" + "9" * 30),
        Item(url="/annwrites/status/", title="R to @" + "x" * 10**6),
        Item(id="1" * 19, title="RT by @" * 10**5, html="<hr/>" * 10**5),
        Item(url=f"http://[::1/annwrites/status/{NEW}", html="<hr/> \n <blockquote>" * 50_000),
        Item(url=f"https://n.example/annwrites/status/{NEW}", html="\ud800<p>" + "https://n.example/" * 50_000),
    ],
)
def test_hostile_items(item):
    """Whatever stands in an item, it is read quickly or passed over."""
    started = time.perf_counter()
    nitter.entries_of([item], Author(handle="annwrites"), feed_id="f", posts="all")

    assert time.perf_counter() - started < 2


# -- recorded -------------------------------------------------------------------------------------------


def test_recorded():
    """The recorded feed of a mirror: three threads of two posts among twelve of the author's own; five reposts."""
    body = shared("real/feeds/feeder/rss_lawnchair.xml").read_bytes()
    made = parse(body, content_type="", url="https://nitter.example/lawnchairapp/rss")
    author = nitter.author_of(made)
    every = nitter.entries_of(made.items, author, feed_id="f", posts="all")
    found = nitter.entries_of(made.items, author, feed_id="f")

    assert (len(made.items), len(nitter.tweets_of(made.items, author)), len(every)) == (20, 15, 12)
    assert [[post.id for post in entry.posts] for entry in found] == [
        ["1557828123173044227", "1557956032533598208"],
        ["1556582782687657984", "1556582896281985024"],
        ["1556029013734350848", "1556029062312763393"],
    ]
    assert not any(entry.url.startswith("http://nitter") for entry in every)
